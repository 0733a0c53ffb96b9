"""Catalogs whose files are read."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.risk.reviews.bank import Bank
from tests.support.http import Service, opened


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@pytest.fixture
def bank(service: Service) -> Bank:
    """One model of namespace `retail`, one version, people of every role."""
    return Bank(service)
