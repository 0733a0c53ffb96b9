"""A harvester that speaks HTTP: the protocol request by request, without a reader."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx2
from pydantic import SecretStr
from starlette.testclient import TestClient
from uuid_utils.compat import uuid7

from service.access.tokens import create_token
from service.app import create_app
from service.db import Database
from service.settings import Settings
from tests.support.catalog import OPERATOR

BASE = "http://127.0.0.1:8010"
KEY = "0123456789abcdef0123456789abcdef"
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, Any]
Ask = Callable[[], Answer]


def make_settings(url: str) -> Settings:
    """Settings of a service on a database."""
    return Settings(database_url=SecretStr(url), secret_key=SecretStr(KEY), base_url=BASE)


def make_token(database: Database, source: str) -> str:
    """A token that speaks for a source."""
    return database.transact(
        lambda session: create_token(
            session, kind="r", role="source", actor=OPERATOR, source_name=source
        )[0]
    )


def make_admin_token(database: Database) -> str:
    """A token that may do what an admin may."""
    return database.transact(
        lambda session: create_token(session, kind="p", role="admin", actor=OPERATOR)[0]
    )


@contextmanager
def served(database: Database) -> Iterator[TestClient]:
    """The whole application on a database, without a socket."""
    app = create_app(make_settings(str(database.url)), database)
    with TestClient(app, base_url=BASE) as client:
        yield client


class Harvester:
    """Posts as one source. Every method answers (status, body)."""

    def __init__(self, client: TestClient | httpx2.Client, token: str, source: str) -> None:
        """Speak with a token."""
        self.client, self.source = client, source
        self.headers = {"Authorization": f"Bearer {token}"}

    def open(
        self,
        harvest: UUID | None = None,
        *,
        scope: str = "registry/default",
        coverage: str = "full",
        query: str = "",
    ) -> Answer:
        """Open a harvest."""
        asked = {
            "harvest": str(harvest or uuid7()), "scope": scope, "coverage": coverage,
            "harvester_version": "tests",
        }  # fmt: skip
        return self.post(f"/sources/{self.source}/harvests{query}", asked)

    def sight(self, harvest: UUID, *sightings: Any) -> Answer:
        """Say what was seen."""
        return self.post(f"/harvests/{harvest}/sightings", {"sightings": list(sightings)})

    def send(self, harvest: UUID, *documents: Any) -> Answer:
        """Send observations."""
        return self.post(f"/harvests/{harvest}/observations", {"observations": list(documents)})

    def push(self, *documents: Any) -> Answer:
        """Send observations without a harvest."""
        return self.post(f"/sources/{self.source}/observations", {"observations": list(documents)})

    def beat(self, harvest: UUID) -> Answer:
        """Keep a harvest alive."""
        return self.post(f"/harvests/{harvest}:heartbeat", {})

    def close(self, harvest: UUID, outcome: str = "complete", **asked: Any) -> Answer:
        """Close a harvest."""
        return self.post(f"/harvests/{harvest}:close", {"outcome": outcome} | asked)

    def post(self, path: str, document: Any) -> Answer:
        """Post a document."""
        return self.post_bytes(path, json.dumps(document).encode())

    def post_bytes(self, path: str, body: bytes) -> Answer:
        """Post any bytes as if they were JSON."""
        answer = self.client.post(f"/api/v1{path}", content=body, headers=self.headers | JSON)
        return answer.status_code, answer.json()

    def get(self, path: str) -> Answer:
        """Read."""
        answer = self.client.get(f"/api/v1{path}", headers=self.headers)
        return answer.status_code, answer.json()
