"""Damage: whatever somebody changed behind the service's back is listed, repaired, and gone."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import PlannedChange
from service.db import Database
from service.ingest import rebuild
from service.ingest.rebuild import reconcile_all
from service.tables import METADATA
from tests.support.catalog import OPERATOR, entries, last_change, make_source, post, rows, written
from tests.support.world import KINDS, SOURCES, facts, first_words, said

WORLDS = 8
Damage = Callable[[Session, Any], tuple[str, str]]


@pytest.fixture
def filled(database: Database) -> Database:
    """A catalog of every kind, with links, references, conflicts and narrowed values."""
    for number, source in enumerate(SOURCES):
        asked = make_source(database, source, precedence=40 + number)
        told = [document for world in range(WORLDS) for of, document in first_words(f"w{world}-")
                if of == source]  # fmt: skip
        told += [
            said((source, 1, kind, False,
                  {name: len(values) - 1 - number for name, values in
                   facts(kind, "w", source).items() if len(values) > 1}, False), f"w{world}-")[1]
            for world in range(WORLDS) for kind in KINDS
        ]  # fmt: skip
        assert post(database, asked, *told).refused == ()
    return database


def listed(database: Database, *, dry_run: bool = True) -> list[PlannedChange]:
    """What rebuilding finds."""
    return list(reconcile_all(database, actor=OPERATOR, dry_run=dry_run))


def places(database: Database, found: list[PlannedChange]) -> list[tuple[str, str]]:
    """(entry, field) of differences, which name an entry by what it was first known by."""
    query = "SELECT kind || ':' || scheme || ':' || value, entry_id::text FROM subject"
    ids = {str(name): str(entry) for name, entry in rows(database, query)}
    return sorted((ids[str(one.entry)], str(one.field)) for one in found)


def set_column(session: Session, entry: Any, *, column: str, value: Any) -> tuple[str, str]:
    """Overwrite one value of the typed row."""
    session.execute(
        sa.text(f'UPDATE "{entry.kind}" SET {column} = {value} WHERE id = :id'),  # noqa: S608
        {"id": entry.id},
    )
    return str(entry.id), column


def forge_value(session: Session, entry: Any) -> tuple[str, str]:
    """Overwrite one fact."""
    column = {"model": "description", "version": "status", "use": "purpose",
              "dataset": "description", "owner": "display_name", "repository": "description",
              "training_run": "status", "deployment": "status", "build": "status"}  # fmt: skip
    return set_column(session, entry, column=column[entry.kind], value="'forged'")


def drop_provenance(session: Session, entry: Any) -> tuple[str, str]:
    """Remove one key: stated becomes not stated."""
    name = next(iter(sorted(entry.provenance)))
    set_column(session, entry, column="provenance", value=f"provenance - '{name}'")
    return str(entry.id), f"provenance/{name}"


def add_provenance(session: Session, entry: Any) -> tuple[str, str]:
    """Invent a key: not stated becomes stated."""
    set_column(session, entry, column="provenance",
               value="provenance || '{\"forged\": [0]}'::jsonb")  # fmt: skip
    return str(entry.id), "provenance/forged"


def forge_statements(session: Session, entry: Any) -> tuple[str, str]:
    """Blame somebody else."""
    return set_column(session, entry, column="statements", value="'[]'::jsonb")


def forge_conflicts(session: Session, entry: Any) -> tuple[str, str]:
    """Claim that sources disagree where they do not."""
    return set_column(session, entry, column="conflicts", value="'[\"forged\"]'::jsonb")


def forge_parent(session: Session, entry: Any, *, column: str, value: str) -> tuple[str, str]:
    """Overwrite one value of the parent row."""
    session.execute(
        sa.text(f"UPDATE entry SET {column} = {value} WHERE id = :id"),  # noqa: S608
        {"id": entry.id},
    )
    return str(entry.id), column


def retire(session: Session, entry: Any) -> tuple[str, str]:
    """Retire what is live."""
    return forge_parent(session, entry, column="gone_since", value="now()")


def flag(session: Session, entry: Any) -> tuple[str, str]:
    """Turn over the mark of what may be decided otherwise in time."""
    return forge_parent(session, entry, column="by_time", value="NOT by_time")


def redirect(session: Session, entry: Any) -> tuple[str, str]:
    """Let a link say another role than its fact does."""
    forged = session.execute(
        sa.text(
            "UPDATE link SET role = 'forged' WHERE entry_id = :id AND key = "
            "(SELECT min(key) FROM link WHERE entry_id = :id) RETURNING field"
        ),
        {"id": entry.id},
    )
    return str(entry.id), f"links/{forged.scalar_one()}"


def show(session: Session, entry: Any) -> tuple[str, str]:
    """Let a namespace see what nothing shows it."""
    session.execute(
        sa.text(
            "INSERT INTO entry_namespace (entry_id, namespace, granted_by) "
            "VALUES (:id, 'forged', :id)"
        ),
        {"id": entry.id},
    )
    return str(entry.id), "grants"


ANYWHERE: list[Damage] = [forge_value, drop_provenance, add_provenance, forge_statements,
                          forge_conflicts, retire, flag, redirect, show]  # fmt: skip


def damaged(database: Database, number: int, seed: int) -> Iterator[tuple[str, str]]:
    """Damage this many entries, each in one way; yields (entry, field) that has to be listed."""
    chance = random.Random(seed)  # noqa: S311  # a test's choice
    parent = METADATA.tables["entry"]
    typed = sa.union_all(
        *(sa.select(*METADATA.tables[kind].c["id", "provenance"]) for kind in KINDS)
    ).subquery()
    linked = sa.exists().where(METADATA.tables["link"].c.entry_id == parent.c.id)
    query = (
        sa.select(parent.c.id, parent.c.kind, typed.c.provenance, linked.label("linked"))
        .join(typed, typed.c.id == parent.c.id)
        .order_by(parent.c.kind, parent.c.id)
    )
    with database.writing() as session:
        chosen = chance.sample(list(session.execute(query)), number)
        for position, entry in enumerate(chosen):
            possible: dict[Damage, Any] = {
                drop_provenance: entry.provenance,
                redirect: entry.linked,
            }
            ways = [way for way in ANYWHERE if possible.get(way, True)]
            yield ways[position % len(ways)](session, entry)


def test_reconcile_all_damage(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 random damages `--dry-run` lists exactly those, `--all` repairs them, then is empty.

    Fields, links, grants, provenance keys, statements, conflicts, parent rows; in small steps too.
    """
    monkeypatch.setattr(rebuild, "STEP", 20)
    before = entries(filled)
    assert listed(filled) == []
    expected = sorted(damaged(filled, 50, seed=7))
    hurt = written(filled)

    assert places(filled, listed(filled)) == expected
    assert rows(filled, "SELECT count(*) FROM change WHERE canon LIKE '%repair%'") == [(0,)]
    after = last_change(filled)
    repaired = listed(filled, dry_run=False)
    assert places(filled, repaired) == expected
    assert entries(filled) == before
    assert rows(filled, "SELECT count(*) FROM change WHERE id > :after", after=after) == [(50,)]
    assert hurt != (settled := written(filled))
    assert listed(filled, dry_run=False) == []
    assert written(filled) == settled


@pytest.mark.parametrize(
    ("damage", "field"),
    [
        ("DELETE FROM link WHERE entry_id = :id", "datasets"),
        ("UPDATE link SET attributes = '{}' WHERE entry_id = :id AND field = 'datasets'",
         "datasets"),
        ("UPDATE link SET target_id = :id WHERE entry_id = :id AND field = 'datasets'",
         "links/datasets"),
        ("UPDATE link SET key = 'x' || key WHERE entry_id = :id", "links/datasets"),
        ("DELETE FROM entry_namespace WHERE granted_by = :id", "grants"),
        ("UPDATE entry_namespace SET namespace = 'other' WHERE granted_by = :id", "grants"),
        ("UPDATE model SET narrowed = '{\"origin\": [\"in_house\"]}' WHERE id = :id", "origin"),
        ("UPDATE version SET model_id = NULL WHERE model_id = :id", "model_id"),
        ("UPDATE version SET number_key = 'x' WHERE model_id = :id", "number_key"),
        ("UPDATE entry SET natural_key = 'retail/forged' WHERE id = :id", "natural_key"),
        ("UPDATE entry SET namespace = 'wholesale' WHERE id = :id", "namespace"),
    ],
)  # fmt: skip
def test_reconcile_all_other_damage(filled: Database, damage: str, field: str) -> None:
    """Links, references, narrowed values and names are found and repaired."""
    before = entries(filled)
    with filled.writing() as session:
        found = session.execute(sa.text("SELECT id FROM model WHERE name = 'w3-'")).scalar_one()
        session.execute(sa.text(damage), {"id": found})

    assert field in {change.field for change in listed(filled)}
    listed(filled, dry_run=False)
    assert entries(filled) == before
    assert listed(filled) == []


def test_reconcile_all_lost_rows(filled: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed rows that were deleted come back, each before what refers to it."""
    monkeypatch.setattr(rebuild, "STEP", 30)
    before = entries(filled)
    with filled.writing() as session:
        for kind in reversed(KINDS):
            session.execute(sa.text(f'DELETE FROM "{kind}"'))  # noqa: S608
    assert len(listed(filled)) == len(before)

    listed(filled, dry_run=False)
    assert entries(filled) == before
    assert listed(filled) == []
