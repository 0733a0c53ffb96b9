"""A provider of identities, a source that is bound to a repository there, and the service."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.db import Database
from tests.support.catalog import make_source
from tests.support.http import Service, opened
from tests.support.identity_provider import LOOPBACK, IdentityProvider, github_identity, provided

SOURCE = "ci-retail"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """A running provider, which GitHub's and GitLab's tokens come from alike."""
    with provided() as found:
        yield found


@pytest.fixture
def service(database: Database, provider: IdentityProvider) -> Iterator[Service]:
    """The service; source `ci-retail` is bound to repository 486325809 at the provider."""
    bind(database, github_identity(provider))
    with opened(database, outbound_allow=LOOPBACK) as found:
        yield found


def bind(database: Database, *identities: Any, **settings: Any) -> None:
    """Let these jobs speak for the source."""
    told = {"settings": {"identities": list(identities)}} if identities else {}
    make_source(database, SOURCE, **{"kind": "ci", **told, **settings})


def exchanged(service: Service, token: str, source: str = SOURCE) -> Any:
    """What an exchange answers."""
    body = {"source": source, "identity_token": token}
    return service.ask("POST", "tokens:exchange", json=body)
