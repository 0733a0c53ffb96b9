"""The office that asks for bundles."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.exports.jobs.office import Office
from tests.support.http import opened


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    """A served catalog, and people who read it."""
    with opened(database) as service:
        yield Office(service)
