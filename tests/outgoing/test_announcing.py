"""`deployment.unregistered`: told once for each reason, as long as it stands."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from service.db import Database
from service.deployments.announcing import announce_unregistered
from tests.deployments.company import DIGEST, Company, runs
from tests.support.catalog import rows
from tests.support.http import opened


@pytest.fixture
def company(database: Database) -> Iterator[Company]:
    """A registry and a cluster of namespace `retail`."""
    with opened(database) as service:
        yield Company(service)


def now() -> str:
    """What is said now outweighs what a harvest saw before."""
    return datetime.now(UTC).isoformat()


def told(company: Company) -> list[Any]:
    """What is announced now, and was not before."""
    before = {row[0] for row in rows(company.database, "SELECT id FROM outgoing_event")}
    number = company.database.transact(announce_unregistered)
    every = rows(company.database, "SELECT id, type, subject, namespace, data FROM outgoing_event")
    new = [row for row in every if row[0] not in before]
    assert len(new) == number
    return new


def test_once(company: Company) -> None:
    """What runs unaccounted for is announced once, with its reasons; what is in order never."""
    company.register(digests=[DIGEST])
    company.run(runs("known", digest=DIGEST), runs("shadow", image="x"))
    [row] = told(company)

    assert row[1:4] == ("deployment.unregistered", "cluster/serving/shadow", "retail")
    assert "unknown_model" in row[4]["causes"]
    assert row[4]["sources"] == ["cluster"]
    assert row[4]["url"] == f"/api/v1/deployments/{row[4]['deployment']}"
    assert told(company) == []


def test_again(company: Company) -> None:
    """A further reason is announced; fewer are not, nor one that comes back meanwhile."""
    company.register()
    company.run(runs("shadow", claimed_model="retail.churn"))
    [first] = told(company)
    assert "unknown_version" in first[4]["causes"]
    company.run(runs("shadow", at=now(), image="x"))  # it names no model any more
    [second] = told(company)
    assert "unknown_model" in second[4]["causes"]
    company.run(runs("shadow", at=now(), claimed_model="retail.churn"))

    assert told(company) == []


def test_ended(company: Company) -> None:
    """What is accepted, or ends, is forgotten: should it be open again, it is told again."""
    company.run(runs("shadow", image="x"))
    assert len(told(company)) == 1
    reviewer = company.person("reviewer")
    [row] = company.rows()
    accepted = company.resolve(row, "accept", reviewer, expires_at="2026-12-20T00:00:00Z",
                               evidence=row["evidence"])  # fmt: skip
    assert accepted.status_code == 200, accepted.text
    assert told(company) == []
    [row] = company.rows(state="accepted")
    assert company.resolve(row, "reopen", reviewer).status_code == 200

    assert len(told(company)) == 1
