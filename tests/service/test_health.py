"""Whether it lives, is ready, and what it is: the routes that probes and monitors ask."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from service import migrations
from service.db import Database
from tests.support.http import opened

HEAD = migrations.revisions()[-1]


def answered(database: Database, path: str) -> tuple[int, Any]:
    """Status and JSON, asked without a token."""
    with opened(database) as service:
        answer = service.http.get(path)
        return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("revision", "status"),
    [(HEAD, 200), ("9999_of_a_newer_release", 200), (None, 503)],
)
def test_readiness_schema(
    database: Database, owner_database: Database, revision: str | None, status: int
) -> None:
    """Ready on this release's schema and on a newer one; else 503 that names the command."""
    with owner_database.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
        if revision:
            insert = sa.text("INSERT INTO alembic_version VALUES (:revision)")
            connection.execute(insert, {"revision": revision[:32]})

    code, said = answered(database, "/readyz")

    assert code == status
    if status == 200:
        assert said == {"status": "ready", "schema": HEAD}
    else:
        assert said["code"] == "schema_differs"
        assert said["detail"].startswith(f"It has none, this release needs {HEAD}.")
        assert "`model-catalog db upgrade`" in said["detail"]


def test_health_anonymous(database: Database) -> None:
    """LEAK-07: without a token no version is told, no address of the database, no name."""
    with opened(database) as service:
        answers = {path: service.http.get(path) for path in ("/livez", "/readyz", "/version")}

    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/livez": 200, "/readyz": 200, "/version": 401,
    }  # fmt: skip
    said = json.dumps([answer.text + str(dict(answer.headers)) for answer in answers.values()])
    assert not [word for word in ("postgres", "uvicorn", "0.1.0") if word in said.lower()]
