"""A bank behind a running service."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.risk.reviews.bank import Bank
from tests.support.http import opened


@pytest.fixture
def bank(database: Database) -> Iterator[Bank]:
    """One model of namespace `retail`, one version, people of every role."""
    with opened(database) as service:
        yield Bank(service)
