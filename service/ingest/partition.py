"""Works out again what is one thing, by what is said now and what was decided; only reports."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Kind
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.db import Database
from service.ingest.addresses import are_numbered_apart
from service.ingest.called import names_of
from service.ingest.placed import NAMESPACED
from service.ingest.supported import claiming, is_stated, was_stated
from service.ingest.tables import IdentityDecision

LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")
PARTED: Final = ("separated", "rejected")  # by people
APART: Final = (*PARTED, "replaced")

entry, subject, decision = (table.__table__ for table in (Entry, SubjectRow, IdentityDecision))


def compare_identities(database: Database) -> Iterator[PlannedChange]:
    """Each difference between how things are joined and how they would be today."""
    with database.reading() as session:
        session.execute(LONGER)
        yield from _astray(session)
        yield from _unmet(session)
        yield from _unsupported(session)


def _astray(session: Session) -> Iterator[PlannedChange]:
    """Subjects that do not stand where their home is merged into: only damage makes any."""
    at, home = entry.alias("at"), entry.alias("home")
    root = sa.func.coalesce(home.c.merged_into, home.c.id)
    rows = session.execute(
        sa.select(*subject.c["kind", "scheme", "value"], at.c.id, root)
        .join_from(subject, at, at.c.id == subject.c.entry_id)
        .join(home, home.c.id == sa.func.coalesce(subject.c.home_id, subject.c.entry_id))
        .where(at.c.id != root)
        .order_by(subject.c.id)
    )
    for kind, scheme, value, is_at, belongs in rows.all():
        yield PlannedChange(
            entry=f"{kind}:{scheme}:{value}", kind=kind, field="stands", old=str(is_at),
            new=str(belongs),
        )  # fmt: skip


def _unmet(session: Session) -> Iterator[PlannedChange]:
    """Entries that a current statement calls the same, and that nothing keeps apart."""
    one, named, query = claiming("claiming")
    mine, theirs = entry.alias("mine"), entry.alias("theirs")
    known = (
        sa.select(1)
        .where(decision.c.op.in_((*APART, "proposed")), decision.c.lifted_at.is_(None))
        .where(_between(mine, theirs) | _between(theirs, mine))
    )
    rows = session.execute(
        query.with_only_columns(mine.c.id, mine.c.kind, mine.c.namespace, theirs.c.id,
                                theirs.c.namespace)
        .join(mine, mine.c.id == one.c.entry_id)
        .join(theirs, theirs.c.id == named.c.entry_id)
        .where(
            mine.c.id != theirs.c.id, ~known.exists(), ~_are_below_parted(mine, theirs),
            ~are_numbered_apart(mine, theirs),
        )
        .distinct()
        .order_by(mine.c.id, theirs.c.id)
    ).all()  # fmt: skip
    names = names_of(session, {one for row in rows for one in (row[0], row[3])})
    for first, kind, namespace, second, other in rows:
        apart = kind in NAMESPACED and namespace != other
        yield PlannedChange(
            entry=names[first], kind=kind, field="propose" if apart else "merge", old=None,
            new=names[second],
        )  # fmt: skip


def _are_below_parted(one: sa.FromClause, two: sa.FromClause) -> sa.ColumnElement[bool]:
    """Does a person keep the models apart below which the two stand?"""
    mine, theirs = (_model_of(side).lateral() for side in (one, two))
    about_both = _between(mine, theirs) | _between(theirs, mine)
    return sa.exists(
        sa.select(1)
        .select_from(mine.join(theirs, sa.true()).join(decision, about_both))
        .where(decision.c.op.in_(PARTED), decision.c.lifted_at.is_(None))
    )


def _model_of(child: sa.FromClause) -> sa.CompoundSelect[Any]:
    """The model of a version or use, as its only row."""
    models = [
        sa.select(typed.c.model_id.label("id")).where(typed.c.id == child.c.id)
        for typed in (TYPED[Kind.VERSION], TYPED[Kind.USE])
    ]
    return sa.union_all(*(one.correlate(child) for one in models))


def _between(one: sa.FromClause, two: sa.FromClause) -> sa.ColumnElement[bool]:
    """A decision about two entries, or about what is merged into them."""
    sides = ((decision.c.entry_id, one), (decision.c.other_id, two))
    members = []
    for column, root in sides:
        member = entry.alias()
        here = sa.or_(member.c.id == root.c.id, member.c.merged_into == root.c.id)
        members.append(column.in_(sa.select(member.c.id).where(here).correlate(one, two)))
    return sa.and_(*members)


def _unsupported(session: Session) -> Iterator[PlannedChange]:
    """Merges that an observation made, and that nothing states any more; they stand."""
    one = entry.alias("one")
    root = sa.func.coalesce(one.c.merged_into, one.c.id)
    rows = session.execute(
        sa.select(decision.c.other_id, one.c.kind, decision.c.entry_id)
        .join(one, one.c.id == decision.c.entry_id)
        .where(decision.c.op == "merge", decision.c.lifted_at.is_(None))
        .where(was_stated(one), ~is_stated(root))
        .order_by(decision.c.id)
    ).all()
    names = names_of(session, {one for row in rows for one in (row[0], row[2])})
    for joined, kind, stays in rows:
        yield PlannedChange(
            entry=names[joined], kind=kind, field="unsupported", old=names[stays], new=None
        )
