"""A catalog with rated models."""

import pytest

from bench.fleet import FEW_PROFILES, fill_fleet
from service.db import Database

MODELS = 300


@pytest.fixture
def fleet(database: Database, owner_database: Database) -> Database:
    """Some hundred rated models: in production or not, of one use or two, some consuming others."""
    fill_fleet(owner_database, models=MODELS, profiles=FEW_PROFILES)
    return database
