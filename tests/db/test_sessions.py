"""Sessions of routes: committed before the answer is sent, and read-only where they only read."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from service.db import Database, ReadSession, WriteSession
from service.errors import CatalogError
from tests.conftest import Statements

NOTES = """
CREATE TABLE note (text text, UNIQUE (text) DEFERRABLE INITIALLY DEFERRED);
GRANT SELECT, INSERT ON note TO catalog_app
"""
WRITE = sa.text("INSERT INTO note VALUES (:text)")


@pytest.fixture
def client(database: Database, owner_database: Database) -> Iterator[TestClient]:
    """A small application on the real sessions."""
    with owner_database.writing() as session:
        session.execute(sa.text(NOTES))
    app = FastAPI()
    app.state.database = database

    @app.exception_handler(CatalogError)
    def answer(_request: object, error: Any) -> JSONResponse:
        return JSONResponse({}, error.status)

    @app.post("/notes/{text}", status_code=201)
    def write(text: str, session: WriteSession) -> None:
        session.execute(WRITE, {"text": text})

    @app.get("/notes")
    def read(session: ReadSession) -> list[str]:
        return list(session.execute(sa.text("SELECT text FROM note")).scalars())

    @app.get("/notes/{text}")
    def write_in_a_read(text: str, session: ReadSession) -> None:
        session.execute(WRITE, {"text": text})

    with TestClient(app) as opened:
        yield opened


def test_write_session_commits_first(client: TestClient) -> None:
    """A commit that fails is answered as a failure: 201 means stored."""
    answers = [client.post("/notes/a").status_code for _ in range(2)]

    assert answers == [201, 409]
    assert client.get("/notes").json() == ["a"]


def test_read_session_refuses_writes(client: TestClient) -> None:
    """A reading route cannot change anything, whatever it tries."""
    assert client.get("/notes/b").status_code == 500
    assert client.get("/notes").json() == []


def test_read_session_statements(client: TestClient, statements: Statements) -> None:
    """Reading read-only costs no statement beside the query."""
    with statements() as said:
        client.get("/notes")

    assert said == ["SELECT text FROM note"]


def test_dispose_in_use(database_url: str) -> None:
    """A connection that is in use when its pool is closed is closed when it comes back."""
    opened = Database(database_url, pool=1)
    with opened.reading() as session:
        connection = session.connection().connection.dbapi_connection
        opened.dispose()
        assert session.execute(sa.text("SELECT 1")).scalar_one() == 1

    assert getattr(connection, "closed", None) is True
    opened.dispose()


def test_dispose_forgotten(database_url: str) -> None:
    """A database that nobody holds any more leaves no connection open."""
    opened = Database(database_url, pool=1)
    with opened.reading() as session:
        connection = session.connection().connection.dbapi_connection

    del opened, session
    gc.collect()

    assert getattr(connection, "closed", None) is True
