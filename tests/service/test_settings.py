"""Settings: every unsafe one is refused by name, and the environment is all that is read."""

from pathlib import Path
from typing import Final

import pytest

from service.settings import Settings, SettingsRefused, read_settings, read_worker_settings

PREFIX: Final = "MODEL_CATALOG_"
SAFE: Final = {
    "SECRET_KEY": "Zt8-qWn3_fYpLk20vXcR7bHs9dGmJ4aE1uTi6oQ5",
    "DATABASE_URL": "postgresql://catalog:hunter2@db.example/catalog",
}
REFUSED: Final = {
    "SECRET_KEY": [" " * 40, "k" * 31, "ChangeMe" * 4, "this-is-a-SECRET-of-many-bytes-really"],
    "DATABASE_URL": [
        "catalog", "mysql://h/db", "sqlite:///x.db", "embedded:", "embedded: ",
        "postgresql+asyncpg://h/db", "postgresql://h:hunter2/db", "http://h/db",
    ],
    "BASE_URL": [
        "catalog", "ftp://127.0.0.1", "http://10.0.0.1", "http://catalog", "http://127.1",
        "http://0.0.0.0", "https://", "https://a:hunter2@catalog.example", "https://c.example/?a=1",
        "https://c.example/#a", "http://[::1", "http://127.0.0.1:99999",
        "http://localhost.acme.example", "http://[::ffff:10.0.0.1]",
    ],
    "ALLOWED_HOSTS": ["*", "a,*.b", "http://a", "a:8010", "a b", "a/b"],
    "TRUSTED_PROXIES": [
        "*", "10.0.0.1,*", "0.0.0.0/0", "0.0.0.0/1,128.0.0.0/1", "::/0", "0::0/0", "2000::/3",
        "proxy", "10.0.0.1/8", "10.0.0",
    ],
    "MAX_BODY_BYTES": ["many", "1e6", "1_000_000", "-1", "1.5", "0",
        "67108865", "\u0669\u0669\u0669\u0669", " 2048"],
    "BODY_SECONDS": ["soon", "nan", "inf", "-1", "0", "601", "1e2"],
    "LOG_FORMAT": ["xml", "JSON"],
    "LOG_LEVEL": ["loud", "INFO", "critical"],
}  # fmt: skip


def read(**changed: str) -> Settings:
    """Safe settings, but for these."""
    return read_settings({PREFIX + name: text for name, text in (SAFE | changed).items()})


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in REFUSED.items() for text in texts]
)
def test_read_settings_unsafe(name: str, text: str) -> None:
    """What is unsafe or unreadable is refused with the setting's name, and not repeated."""
    with pytest.raises(SettingsRefused) as refused:
        read(**{name: text})

    assert str(refused.value).startswith(f"{PREFIX}{name} ")
    assert "hunter2" not in str(refused.value)
    assert text.strip() == "" or name != "SECRET_KEY" or text not in str(refused.value)


def test_read_settings_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are needed, the others have defaults; an empty variable is an unset one.

    Only the given environment is read.
    """
    monkeypatch.setenv("MODEL_CATALOG_LOG_LEVEL", "debug")

    settings = read(LOG_FORMAT="", BASE_URL="", TRUSTED_PROXIES="", MAX_BODY_BYTES="")

    assert settings == read()
    assert settings.model_dump(exclude={"secret_key", "database_url"}) == {
        "base_url": "http://127.0.0.1:8010", "allowed_hosts": "", "trusted_proxies": "",
        "max_body_bytes": 1_048_576, "body_seconds": 30, "requests_per_second": 200,
        "requests_burst": 4_000, "hook_body_bytes": 1_048_576, "hook_requests_per_second": 20,
        "hook_requests_burst": 200, "log_format": "json", "log_level": "info",
        "export_signing_key_file": None, "exchanges_per_second": 5, "exchanges_burst": 100,
        "outbound_allow": "", "identity_ca_file": None, "approved_blueprints": "",
        "export_days": 365,
    }  # fmt: skip


@pytest.mark.parametrize("name", SAFE)
def test_read_settings_secret_file(tmp_path: Path, name: str) -> None:
    """A secret may stand in a file, which wins; one that cannot be used is refused by its name."""
    file = tmp_path / "secret"
    variable = f"{name}_FILE"
    file.write_text(f"{SAFE[name]}\n")
    kept = {other: text for other, text in SAFE.items() if other != name}
    assert (
        read_settings({PREFIX + n: t for n, t in (kept | {variable: str(file)}).items()}) == read()
    )
    assert read(**{name: "worse", variable: str(file)}) == read()

    for contents in (b"", b" \n", b"\xff\xfe"):
        file.write_bytes(contents)
        with pytest.raises(SettingsRefused, match=f"^{PREFIX}{variable} names "):
            read(**{variable: str(file)})
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(SettingsRefused, match=f"^{PREFIX}{variable} cannot be read: "):
            read(**{variable: str(path)})


def test_settings_shown() -> None:
    """LEAK-05: secrets are masked by their type, wherever settings are printed."""
    shown = f"{read()!r} {read()} {read().model_dump()} {read().model_dump_json()}"

    assert not [secret for secret in (*SAFE.values(), "hunter2") if secret in shown]


def test_settings_hosts() -> None:
    """It answers under the name of its address and those that are added, in any case."""
    settings = read(
        BASE_URL="https://Catalog.acme.example:8443", ALLOWED_HOSTS="Service, [::1],10.0.0.5"
    )

    assert settings.hosts == {"catalog.acme.example", "service", "::1", "10.0.0.5"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("BASE_URL", "http://localhost:8010"), ("BASE_URL", "http://[::1]:8010"),
        ("BASE_URL", "https://catalog.acme.example/"), ("TRUSTED_PROXIES", "10.0.0.1, fd00::/64"),
        ("DATABASE_URL", "embedded:/var/lib/model catalog"), ("DATABASE_URL", "postgres://h/db"),
        ("BODY_SECONDS", "0.5"),
    ],
)  # fmt: skip
def test_read_settings_safe(name: str, text: str) -> None:
    """What is safe is taken as it is written."""
    assert read(**{name: text}) != read()


def test_read_worker_settings() -> None:
    """The worker needs no secret; without a number of days training runs stay for ever."""
    told = {"MODEL_CATALOG_TRAINING_RUN_DAYS": "365", "MODEL_CATALOG_LOG_FORMAT": "text"}

    assert read_worker_settings({}).model_dump() == {
        "log_format": "json", "log_level": "info", "training_run_days": None,
        "export_signing_key_file": None, "secret_key": None, "outbound_allow": "",
        "base_url": "http://127.0.0.1:8010", "export_days": 365,
    }  # fmt: skip
    assert read_worker_settings(told).training_run_days == 365
    for text in ("0", "-1", "1e3", "for ever"):
        with pytest.raises(SettingsRefused, match="MODEL_CATALOG_TRAINING_RUN_DAYS"):
            read_worker_settings({"MODEL_CATALOG_TRAINING_RUN_DAYS": text})
