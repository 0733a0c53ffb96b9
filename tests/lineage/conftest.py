"""A service with a source of events, a registry, and what posts to it."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.lineage.events import FLOW, REGISTRY, Poster
from tests.support.catalog import make_source
from tests.support.http import Service, opened


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database; it takes as many requests as a test has."""
    make_source(database, FLOW, kind="openlineage")
    make_source(database, REGISTRY)
    with opened(database, requests_per_second=1_000, requests_burst=10_000) as found:
        yield found


@pytest.fixture
def flow(service: Service) -> Poster:
    """Who posts events in the name of `flow`."""
    return Poster(service, FLOW)
