"""An office whose people ask for bundles: who they are, what they ask, a worker that builds."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from schemas.strict import instant_text
from service.db import Database
from service.exports.jobs.builder import worker_name
from service.exports.jobs.building import build_waiting
from service.exports.jobs.lease import Builder
from service.ledger.notes import Keys
from tests.support.accounts import make_person
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service

PEOPLE: Final[Mapping[str, tuple[tuple[str, str | None], ...]]] = {
    "reader": (("reader", None),),
    "second": (("reader", None),),
    "retail": (("reader", "retail"),),
    "reviewer": (("reviewer", None),),
    "auditor": (("auditor", None),),
    "admin": (("admin", None),),
}


class Office:
    """Two models in two namespaces, and people who read them."""

    def __init__(self, service: Service) -> None:
        """Everybody has an account."""
        self.service, self.database = service, service.database
        wide = make_source(self.database, namespaces={"team-b": "wholesale"},
                           may_name=["retail", "wholesale"])  # fmt: skip
        post(self.database, wide, model(), version(1))
        post(self.database, wide, model("prices", namespace="wholesale"))
        for name, roles in PEOPLE.items():
            make_person(self.database, name, *roles)
        self.tokens = {name: service.token_of(name) for name in PEOPLE}

    def ask(self, method: str, path: str, who: str = "reader", **options: Any) -> Any:
        """Any answer."""
        return self.service.ask(method, path, self.tokens[who], **options)

    def request(self, who: str = "reader", **asked: Any) -> dict[str, Any]:
        """Ask for a bundle, of this very moment unless told otherwise."""
        asked = {"as_of": self.now()} | asked
        answer = self.ask("POST", "exports", who, json=asked)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def now(self) -> str:
        """A moment after all that was written."""
        ((moment,),) = rows(self.database, "SELECT clock_timestamp()")
        return str(instant_text(moment))

    def get(self, export: Mapping[str, Any], who: str = "reader") -> dict[str, Any]:
        """How far a bundle is."""
        return dict(self.service.get(export["url"], self.tokens[who]))

    def build(self, **more: Any) -> int:
        """Let a worker build all that waits."""
        return build_waiting(make_builder(self.database, **more))

    def bundle(self, export: Mapping[str, Any], who: str = "reader") -> bytes:
        """The file."""
        answer = self.ask("GET", f"{export['url']}/bundle.zip", who)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def log(self, reader: str = "reader", **asked: Any) -> list[dict[str, Any]]:
        """The export log as somebody reads it, the newest first."""
        return list(self.service.get("export-log", self.tokens[reader], **asked)["items"])


def make_builder(database: Database, **more: Any) -> Builder:
    """A worker of its own."""
    given: dict[str, Any] = {"keys": Keys(), "days": 365, "worker": worker_name()}
    return Builder(database, **(given | more))


def behind(database: Database, statement: str, **values: Any) -> None:
    """Change something behind the catalog's back."""
    with database.writing() as session:
        session.execute(sa.text(statement), values)


def states(database: Database) -> list[str]:
    """The states of all bundles, the oldest first."""
    return [one for (one,) in rows(database, "SELECT state FROM export ORDER BY id")]


def pieces(database: Database, export: Mapping[str, Any]) -> bytes:
    """What is stored of a bundle."""
    stored = "SELECT bytes FROM export_chunk WHERE export_id = :id ORDER BY number"
    return b"".join(bytes(one) for (one,) in rows(database, stored, id=UUID(export["id"])))


def data_of(bundle: bytes) -> dict[str, bytes]:
    """The files of a bundle that depend on the order alone."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        named = [name for name in archive.namelist() if not name.startswith("manifest.")]
        return {name: archive.read(name) for name in named}
