"""What tests of the way in share: a harvester and an admin on the whole application."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.support.catalog import make_source
from tests.support.harvester import Harvester, make_admin_token, make_token, served


@pytest.fixture
def harvester(database: Database) -> Iterator[Harvester]:
    """A harvester of `mlflow-prod`, on the whole application."""
    make_source(database)
    with served(database) as client:
        yield Harvester(client, make_token(database, "mlflow-prod"), "mlflow-prod")


@pytest.fixture
def admin(harvester: Harvester, database: Database) -> Harvester:
    """An admin on the same application."""
    return Harvester(harvester.client, make_admin_token(database), "mlflow-prod")
