"""A model with everybody who has a say in it."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.risk.parties import Parties
from tests.support.http import opened


@pytest.fixture
def parties(database: Database) -> Iterator[Parties]:
    """One model of namespace `retail`, and a token for each role."""
    with opened(database) as service:
        yield Parties(service)
