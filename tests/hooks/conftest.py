"""A service with two sources that may send webhooks, and their secrets in its environment."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.hooks.senders import (
    AZURE,
    GITHUB,
    GITLAB,
    JENKINS,
    MLFLOW,
    PASSWORD,
    PREFIX,
    RAW,
    SECRET,
    TOKEN,
)
from tests.support.catalog import make_source
from tests.support.http import Service, opened


@pytest.fixture
def hooked(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A catalog whose sources have secrets."""
    for name, kind, secret in ((GITHUB, "github", SECRET), (GITLAB, "gitlab", TOKEN)):
        variable = f"{kind.upper()}_ACME"
        make_source(database, name, kind=kind, webhook_secret=variable)
        monkeypatch.setenv(f"{PREFIX}{variable}", secret)
    return database


@pytest.fixture
def senders(hooked: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """That, with a source of every other kind that may send."""
    others = ((MLFLOW, "mlflow", RAW), (JENKINS, "jenkins", PASSWORD), (AZURE, "azure", PASSWORD))
    for name, kind, secret in others:
        variable = f"{kind.upper()}_ACME"
        settings = {"url": "https://ci.example.com"} if kind == "jenkins" else {}
        make_source(hooked, name, kind=kind, webhook_secret=variable, settings=settings)
        monkeypatch.setenv(f"{PREFIX}{variable}", secret)
    return hooked


@pytest.fixture
def everybody(senders: Database) -> Iterator[Service]:
    """The whole service on that catalog."""
    with opened(senders, hook_requests_burst=1_000) as found:
        yield found


@pytest.fixture
def service(hooked: Database) -> Iterator[Service]:
    """The whole service on that catalog."""
    with opened(hooked, hook_requests_burst=1_000) as found:
        yield found
