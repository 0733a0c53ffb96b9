"""The service, with sources that register, deploy and serve."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.deployments.company import Company
from tests.support.http import opened


@pytest.fixture
def company(database: Database) -> Iterator[Company]:
    """A registry, a cluster and a CI of namespace `retail`."""
    with opened(database, approved_blueprints="batch-scoring@2, online") as service:
        yield Company(service)
