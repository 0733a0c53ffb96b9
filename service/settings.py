"""Settings from the environment, `MODEL_CATALOG_…`; every secret also as `…_FILE`."""

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from outbound.addresses import Allowed

PREFIX: Final = "MODEL_CATALOG_"
SHORTEST_KEY: Final = 32
EXAMPLES: Final = {"change-me", "changeme", "secret", "example"}
SECRETS: Final = ("database_url", "secret_key")
EMBEDDED: Final = "embedded:"
POSTGRESQL: Final = {"postgresql", "postgres", "postgresql+psycopg"}
NARROWEST: Final = {4: 8, 6: 16}  # prefix lengths below hold half the internet: a wildcard
HOST: Final = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
UNSET: Final = {
    "database_url": "give a PostgreSQL URL (postgresql://user@host/db), or embedded:DIR for a "
    "private server in that folder",
    "secret_key": "make one with openssl rand -base64 48",
}


Read = TypeVar("Read", bound=BaseModel)


class SettingsRefused(Exception):  # a refusal to start, not a fault
    """A setting is missing or unsafe; the service does not start."""


def _digits(value: object) -> object:
    """Plain digits only: `1_000`, ` 5` and `1e3` would be read as numbers too."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        raise ValueError("must be a number in plain digits")
    return value


def _long_enough(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if len(text.encode()) < SHORTEST_KEY:
        message = f"must have at least {SHORTEST_KEY} bytes: {UNSET['secret_key']}"
        raise ValueError(message)
    if any(example in text.lower() for example in EXAMPLES):
        message = f"is a documented example: {UNSET['secret_key']}"
        raise ValueError(message)
    return key


def _encrypted_beyond_loopback(text: str) -> str:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        raise ValueError("is no address that can be read") from None
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError("must be an http or https address")
    if "@" in url.netloc or url.query or url.fragment:
        raise ValueError("must be an address alone, without user, query or fragment")
    if url.scheme == "http" and not _is_loopback(url.hostname):
        raise ValueError("may be plain http on loopback only: use https")
    return text


def _ranges(ranges: str) -> str:
    try:
        Allowed(ranges)
    except ValueError:
        raise ValueError("must list addresses or networks, with commas between") from None
    return ranges


SecretKey = Annotated[SecretStr, AfterValidator(_long_enough)]
BaseUrl = Annotated[str, AfterValidator(_encrypted_beyond_loopback)]
Ranges = Annotated[str, AfterValidator(_ranges)]
Days = Annotated[int, BeforeValidator(_digits), Field(ge=1, le=36_500)]
OWN_ADDRESS: Final = "http://127.0.0.1:8010"


class WorkerSettings(BaseModel):
    """What the worker and the periodic jobs are told; without the key no event is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret_key: SecretKey | None = None
    base_url: BaseUrl = OWN_ADDRESS
    outbound_allow: Ranges = ""

    log_format: Literal["json", "text"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    export_signing_key_file: str | None = None
    export_days: Days = 365
    training_run_days: Annotated[int | None, BeforeValidator(_digits), Field(ge=1, le=36_500)] = (
        None
    )


class Settings(BaseModel):
    """What an operator sets. `docs/settings.md` documents each."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr
    secret_key: SecretKey
    base_url: BaseUrl = OWN_ADDRESS
    allowed_hosts: str = ""
    trusted_proxies: str = ""
    max_body_bytes: Annotated[
        int, BeforeValidator(_digits), Field(ge=1_024, le=64 * 1024 * 1024)
    ] = 1024 * 1024
    body_seconds: Annotated[float, BeforeValidator(_digits), Field(gt=0, le=600)] = 30
    requests_per_second: Annotated[float, BeforeValidator(_digits), Field(gt=0, le=100_000)] = 200
    requests_burst: Annotated[int, BeforeValidator(_digits), Field(ge=1, le=1_000_000)] = 4_000
    hook_body_bytes: Annotated[
        int, BeforeValidator(_digits), Field(ge=1_024, le=25 * 1024 * 1024)
    ] = 1024 * 1024
    hook_requests_per_second: Annotated[float, BeforeValidator(_digits), Field(gt=0, le=10_000)] = (
        20
    )
    hook_requests_burst: Annotated[int, BeforeValidator(_digits), Field(ge=1, le=100_000)] = 200
    exchanges_per_second: Annotated[float, BeforeValidator(_digits), Field(gt=0, le=10_000)] = 5
    exchanges_burst: Annotated[int, BeforeValidator(_digits), Field(ge=1, le=100_000)] = 100
    outbound_allow: Ranges = ""
    identity_ca_file: str | None = None
    log_format: Literal["json", "text"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    export_signing_key_file: str | None = None
    export_days: Days = 365
    approved_blueprints: str = ""

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: SecretStr) -> SecretStr:
        check_database_url(url.get_secret_value())
        return url

    @field_validator("identity_ca_file")
    @classmethod
    def _there(cls, path: str | None) -> str | None:
        if path is not None and not Path(path).is_file():
            raise ValueError("names no file")
        return path

    @field_validator("allowed_hosts")
    @classmethod
    def _plain_names(cls, hosts: str) -> str:
        if not all(HOST.fullmatch(name) or _is_address(name) for name in _listed(hosts)):
            raise ValueError("must list host names, without scheme, port or wildcard")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _no_wildcard(cls, proxies: str) -> str:
        for proxy in _listed(proxies):
            _check_proxy(proxy)
        return proxies

    @property
    def blueprints(self) -> tuple[str, ...]:
        """Approved blueprints, `name@version` or `name`; none: none is judged."""
        return tuple(one.strip() for one in self.approved_blueprints.split(",") if one.strip())

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which the service answers: others are refused."""
        named = {name.strip("[]") for name in _listed(self.allowed_hosts)}
        return frozenset({urlsplit(self.base_url).hostname or "", *named})


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises `SettingsRefused`, which names the setting and what to do."""
    given = os.environ if environ is None else environ
    return _read(Settings, given, secrets={name: read_secret(name, given) for name in SECRETS})


def read_worker_settings(environ: Mapping[str, str] | None = None) -> WorkerSettings:
    """Read what the worker is told. Raises `SettingsRefused`."""
    given = os.environ if environ is None else environ
    there = any(given.get(f"{PREFIX}SECRET_KEY{end}", "").strip() for end in ("", "_FILE"))
    key = {"secret_key": read_secret("secret_key", given)} if there else {}
    return _read(WorkerSettings, given, secrets=key)


def _read(kind: type[Read], environ: Mapping[str, str], *, secrets: Mapping[str, str]) -> Read:
    values = {name: environ.get(PREFIX + name.upper()) for name in kind.model_fields}
    try:
        # An empty variable is an unset one: that is how docker compose hands on what nobody set.
        return kind.model_validate({n: text for n, text in {**values, **secrets}.items() if text})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        message = f"{name} {_said(first['msg'])}"
        raise SettingsRefused(message) from None


def read_secret(name: str, environ: Mapping[str, str]) -> str:
    """A secret, from the file that `…_FILE` names or from its variable.

    Raises `SettingsRefused` when it is nowhere, or when the file cannot be read.
    """
    variable = PREFIX + name.upper()
    text = environ.get(variable, "").strip()
    if path := environ.get(f"{variable}_FILE"):
        text = _contents(path, f"{variable}_FILE")
    if not text:
        message = f"{variable} is not set: {UNSET[name]}"
        raise SettingsRefused(message)
    return text


def check_database_url(text: str) -> None:
    """Raises `ValueError` for what is neither a PostgreSQL URL nor `embedded:DIR`."""
    if text.startswith(EMBEDDED) and text.removeprefix(EMBEDDED).strip():
        return
    try:
        written = sa.make_url(text).drivername in POSTGRESQL
    except (sa.exc.ArgumentError, ValueError):  # its words would repeat a part of the URL
        written = False
    if not written:
        message = f"is neither of the two forms: {UNSET['database_url']}"
        raise ValueError(message)


def _check_proxy(text: str) -> None:
    try:
        network = ip_network(text)
    except ValueError:
        raise ValueError("must list addresses or networks, with commas between") from None
    if network.prefixlen < NARROWEST[network.version]:
        raise ValueError("must list addresses; a wildcard lets every client forge its own")


def _contents(path: str, name: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise SettingsRefused(message) from None
    except UnicodeDecodeError:
        message = f"{name} names a file that is not UTF-8 text"
        raise SettingsRefused(message) from None
    if not text:
        message = f"{name} names an empty file"
        raise SettingsRefused(message)
    return text


def _said(message: str) -> str:
    """Pydantic's words as the end of a sentence that begins with the setting's name."""
    return message.removeprefix("Value error, ").replace("Input should", "should", 1)


def _listed(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)
