"""A service with two sources that may send webhooks, and their secrets in its environment."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.hooks.senders import GITHUB, GITLAB, PREFIX, SECRET, TOKEN
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
def service(hooked: Database) -> Iterator[Service]:
    """The whole service on that catalog."""
    with opened(hooked, hook_requests_burst=1_000) as found:
        yield found
