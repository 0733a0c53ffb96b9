"""What tests of identity say, and how they look at who became one with whom."""

from typing import Any, cast
from uuid import UUID

from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.identity import IdentityChange
from service.access.policy import Caller, capabilities
from service.db import Database
from service.ingest.called import Called, Decider, find_called
from service.ingest.merge import merge
from service.ingest.rebuild import reconcile_all
from service.ingest.unmerge import unmerge
from tests.support.catalog import NOON, OPERATOR, make_source, model, rows, version

__all__ = ["about", "decide", "find_id", "groups", "keys", "make_admin", "make_source",
           "manifest", "model", "same", "settled", "version"]  # fmt: skip


def about(kind: str, value: str, scheme: str = "mlflow") -> dict[str, str]:
    """An identifier."""
    return {"kind": kind, "scheme": scheme, "value": value}


def same(observation: Any, *others: Any) -> Any:
    """The observation, saying that its subject is also called otherwise."""
    named = [one.get("subject", one) for one in others]
    return observation | {"same_as": named}


def manifest(
    name: str, *, file: str = "", namespace: str = "retail", at: str = NOON, **facts: Any
) -> Any:
    """An observation of a manifest; `file` tells two of one name apart."""
    value = f"https://github.com/acme/{file or name}#model.yaml"
    return {
        "subject": about("model", value, "manifest"),
        "observed_at": at,
        "facts": {"namespace": namespace, "name": name} | facts,
    }


def filed(observation: Any, file: str) -> Any:
    """A manifest of the one repository: those of several contest each other's names."""
    value = f"https://github.com/acme/models#{file}/model.yaml"
    return observation | {"subject": observation["subject"] | {"value": value}}


def groups(database: Database, kind: str = "model") -> set[frozenset[str]]:
    """Which identifiers are one thing, natural names left out."""
    found: dict[Any, set[str]] = {}
    for entry, value in rows(
        database,
        "SELECT entry_id, value FROM subject WHERE kind = :kind AND scheme NOT IN "
        "('name', 'number') AND entry_id IS NOT NULL",
        kind=kind,
    ):
        found.setdefault(entry, set()).add(value.removeprefix("https://github.com/acme/"))
    return set(map(frozenset, found.values()))


def keys(database: Database, kind: str = "version") -> list[str | None]:
    """The natural keys that stand for themselves, in order."""
    return [
        key
        for (key,) in rows(
            database,
            "SELECT natural_key FROM entry WHERE kind = :kind AND merged_into IS NULL "
            "AND replaced_by IS NULL ORDER BY natural_key",
            kind=kind,
        )
    ]


def settled(database: Database) -> None:
    """Folding everything again finds nothing to do."""
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=True)) == []
    dangling = rows(
        database,
        "SELECT value FROM subject JOIN entry ON entry.id = entry_id WHERE merged_into IS NOT NULL",
    )
    assert dangling == []
    pointing = rows(
        database,
        "SELECT one.id FROM entry one JOIN entry two ON two.id = one.merged_into "
        "WHERE two.merged_into IS NOT NULL",
    )
    assert pointing == []


def find_id(database: Database, value: str) -> UUID:
    """The entry that stands for an identifier."""
    query = "SELECT entry_id FROM subject WHERE value = :value AND entry_id IS NOT NULL"
    found: UUID = rows(database, query, value=value)[0][0]
    return found


def decide(database: Database, kind: str, one: Any, other: Any, **asked: Any) -> IdentityChange:
    """Merge two entries as an admin of everything, or un-merge them."""
    verb, lifting = asked.pop("verb", "merge"), asked.pop("lift", False)
    by = Decider(make_admin(), asked.pop("reason", "tests"))

    def work(session: Session) -> IdentityChange:
        found = [
            find_called(session, Kind(kind), given=str(given), caller=by.caller) if given else None
            for given in (one, other)
        ]
        if verb == "unmerge":
            assert found[0] is not None
            return unmerge(session, found[0], other=found[1], by=by)
        return merge(session, cast("tuple[Called, Called]", tuple(found)), by=by, lifting=lifting)

    return database.transact(work)


def make_admin(namespaces: frozenset[str] | None = None) -> Caller:
    """Someone who may decide about identity."""
    held = capabilities("admin", frozenset({"entries:read", "access:admin"}))
    return Caller("person", "account:admin", "admin", "admin", held, namespaces)
