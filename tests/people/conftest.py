"""The service, and people who enter things."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.support.http import Service, opened


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@pytest.fixture
def reviewer(service: Service) -> str:
    """A reviewer of two namespaces."""
    return service.token("reviewer", namespaces=["retail", "wholesale"])
