"""Settings from the environment, `MODEL_CATALOG_…`; every secret also as `…_FILE`."""

import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "MODEL_CATALOG_"
SHORTEST_KEY: Final = 32
EXAMPLES: Final = {"change-me", "changeme", "secret", "example"}
SECRETS: Final = ("SECRET_KEY", "DATABASE_URL")


class SettingsRefused(Exception):  # noqa: N818  # a refusal to start, not a fault
    """A setting is missing or unsafe; the service does not start."""


class Settings(BaseSettings):
    """What an operator sets. `docs/settings.md` documents each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    database_url: SecretStr
    secret_key: SecretStr
    base_url: str = "http://127.0.0.1:8010"
    allowed_hosts: str = ""
    trusted_proxies: str = ""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=64 * 1024 * 1024)] = 1024 * 1024
    body_seconds: Annotated[float, Field(gt=0, le=600)] = 30
    log_format: Annotated[str, Field(pattern="^(json|text)$")] = "json"
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if len(text.encode()) < SHORTEST_KEY:
            message = f"must have at least {SHORTEST_KEY} bytes: openssl rand -base64 48"
            raise ValueError(message)
        if any(example in text.lower() for example in EXAMPLES):
            raise ValueError("is a documented example; make your own: openssl rand -base64 48")
        return key

    @field_validator("trusted_proxies")
    @classmethod
    def _no_wildcard(cls, proxies: str) -> str:
        if "*" in proxies or "0.0.0.0/0" in proxies or "::/0" in proxies:
            raise ValueError("must list addresses; a wildcard lets every client forge its own")
        return proxies

    @model_validator(mode="after")
    def _encrypted_beyond_loopback(self) -> Self:
        url = urlsplit(self.base_url)
        if url.scheme not in {"http", "https"} or not url.hostname:
            raise ValueError("BASE_URL must be an http or https address")
        if url.scheme == "http" and not _is_loopback(url.hostname):
            raise ValueError("BASE_URL may be plain http on loopback only; use https")
        return self

    @property
    def hosts(self) -> frozenset[str]:
        """The names under which the service answers: others are refused."""
        named = {name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip()}
        return frozenset({urlsplit(self.base_url).hostname or "", *named})


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises `SettingsRefused`, which names the setting and what to do."""
    given = dict(os.environ if environ is None else environ)
    values: dict[str, Any] = {}
    for name in SECRETS:
        if path := given.get(f"{PREFIX}{name}_FILE"):
            values[name.lower()] = _first_line(path, f"{PREFIX}{name}_FILE")
    for name in Settings.model_fields:
        if (text := given.get(PREFIX + name.upper())) is not None:
            values.setdefault(name, text)
    missing = [name for name in ("database_url", "secret_key") if not values.get(name)]
    if missing:
        raise SettingsRefused(_missing(missing[0]))
    try:
        return Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else PREFIX + "…"
        message = f"{name} {first['msg'].removeprefix('Value error, ')}"
        raise SettingsRefused(message) from None


def _missing(name: str) -> str:
    if name == "database_url":
        return (
            f"{PREFIX}DATABASE_URL is not set: give a PostgreSQL URL (postgresql://user@host/db), or "
            "embedded:DIR for a private server in that folder"
        )
    return f"{PREFIX}SECRET_KEY is not set: make one with openssl rand -base64 48"


def _first_line(path: str, name: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}"
        raise SettingsRefused(message) from None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
