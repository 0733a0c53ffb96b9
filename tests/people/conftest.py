"""The service, and people who enter things."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.db import Database
from tests.support.accounts import make_owner
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service, opened
from tests.support.pins import OWNED, Owner


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@pytest.fixture
def reviewer(service: Service) -> str:
    """A reviewer of two namespaces."""
    return service.token("reviewer", namespaces=["retail", "wholesale"])


@pytest.fixture
def ann(service: Service) -> Owner:
    """Ann owns the model that two sources describe."""
    strong = make_source(service.database, precedence=80, may_grant_ownership=True)
    weak = make_source(service.database, "mlflow-other")
    said: dict[str, Any] = {
        "description": "strong",
        "tags": ["a"],
        "disclosed": ["x"],
        "owners": OWNED,
    }
    post(service.database, strong, model(**said), version(1, status="READY"))
    post(service.database, weak, model(source="mlflow-other", description="weak", disclosed=["y"]))
    return Owner(service, make_owner(service, "ann", "handle:user:ann"))
