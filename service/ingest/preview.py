"""Says what a batch would change: it is pushed for real, looked at, and taken back whole."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import decode_segment
from schemas.identifiers import Identifier, Kind
from schemas.observation import Receipt, Refusal
from schemas.preview import Preview
from service.access.policy import Caller
from service.catalog.tables import SubjectRow
from service.db import Database
from service.endings import finish
from service.errors import Unavailable
from service.ingest import known
from service.ingest.batch import Item, read_batch
from service.ingest.ingest import push_batch
from service.ingest.preview_answer import answer
from service.ingest.preview_rows import (
    Rows,
    Tiers,
    joined_into,
    read_rows,
    standing,
    tiers_of,
    uses_of,
)
from service.ingest.preview_sight import hidden
from service.ingest.sources import SourceFacts, SourceNotFound, get_source
from service.ingest.tables import SourceRow
from service.ledger.change import Actor, Cause
from service.ledger.tables import ChangeRow
from service.recordset import recordset

MOST: Final = 100  # observations
SHOWN: Final = 1_000  # entries: a new name may reach thousands of versions
SHORT: Final = sa.text(
    "SELECT set_config('statement_timeout', '5s', true), set_config('lock_timeout', '300ms', true)"
)

TURN: Final = sa.text(  # of two: harvests need the other lanes
    "SELECT pg_try_advisory_xact_lock(hashtext('model-catalog:preview'), 1)"
    " OR pg_try_advisory_xact_lock(hashtext('model-catalog:preview'), 2)"
)

change, subject, declared = ChangeRow.__table__, SubjectRow.__table__, SourceRow.__table__


class PreviewsBusy(Unavailable):
    """Enough previews are made at the moment.

    Nothing was changed. Try again in a few seconds.
    """


class Planned(NamedTuple):
    """What the batch did before it was taken back."""

    receipt: Receipt
    told: Mapping[UUID, Identifier]  # entries of the batch's subjects
    rows: Rows
    uses: Rows
    tiers: Tiers
    joined: Mapping[UUID, UUID]  # merged away → where to
    more: bool  # than are shown
    undeclared: tuple[str, ...]  # registries that no source is called by


def preview(
    store: Database, caller: Caller, *, source: str, documents: Sequence[Any], trace: str
) -> Preview:
    """What pushing a batch as a source would do. Raises what the push would, `SourceNotFound`.

    All of it is rolled back before anything is compared: no lock outlives the plan.
    """

    def unit(session: Session) -> Preview:
        session.execute(SHORT)
        if not session.execute(TURN).scalar_one():
            raise PreviewsBusy
        speaking = visible_source(session, caller, name=source)
        planned = _plan(session, caller, source=speaking, documents=documents, trace=trace)
        session.rollback()
        ids = [*planned.rows, *planned.joined]
        before = read_rows(session, caller, ids=ids)
        there, tiers = standing(session, ids), tiers_of(session, before)
        found = answer(
            planned.receipt, planned.told, before=before, there=there, after=planned.rows,
            uses=planned.uses, joined=planned.joined, bound=caller.namespaces is not None,
            tiers=(tiers, planned.tiers),
        )  # fmt: skip
        beside = {"more": planned.more, "undeclared": planned.undeclared}
        return found.model_copy(update=beside)

    return store.transact(unit)


def visible_source(session: Session, caller: Caller, *, name: str) -> SourceFacts:
    """A source of whose facts the caller may see all. Raises `SourceNotFound`."""
    source = get_source(session, name)
    speaks_in = {source.namespace, *source.namespaces.values(), *source.may_name}
    if caller.namespaces is not None and not speaks_in <= caller.namespaces:
        raise SourceNotFound(source=name)
    return source


def _plan(
    session: Session,
    caller: Caller,
    *,
    source: SourceFacts,
    documents: Sequence[Any],
    trace: str,
) -> Planned:
    items, _ = read_batch(documents, source)
    unseen = hidden(session, caller, items=items)
    refused = {refusal.index for refusal in unseen}
    kept = [index for index in range(len(documents)) if index not in refused]
    last = session.execute(sa.select(sa.func.coalesce(sa.func.max(change.c.id), 0))).scalar_one()
    cause = Cause(Actor("source", source.name), source.name, request=trace)
    receipt = push_batch(session, source, documents=[documents[i] for i in kept], cause=cause)
    finish(session)
    whole = _whole(receipt, kept=kept, unseen=unseen)
    refused = {refusal.index for refusal in whole.refused}
    told = _told(session, [item.subject for item in items if item.position not in refused])
    others = sorted(_touched(session, last) - told.keys())
    rows = read_rows(session, caller, ids=[*told, *others[:SHOWN]])
    uses = uses_of(session, caller, models=rows)
    return Planned(
        whole, told, rows, uses,
        tiers_of(session, rows), joined_into(session, rows), len(others) > SHOWN,
        _undeclared(session, caller, items=items),
    )  # fmt: skip


def _undeclared(session: Session, caller: Caller, *, items: Sequence[Item]) -> tuple[str, ...]:
    """Registries that models are called by, and that are none of the sources."""
    if caller.namespaces is not None:
        return ()
    claims = (one for item in items for one in item.claims)
    models = (one for one in claims if one.kind is Kind.MODEL and one.scheme == "mlflow")
    named = {decode_segment(one.value.partition("/")[0]) for one in models}
    if not named:
        return ()
    there = session.scalars(sa.select(declared.c.name).where(declared.c.name.in_(named)))
    return tuple(sorted(named.difference(there)))


def _whole(receipt: Receipt, *, kept: Sequence[int], unseen: Sequence[Refusal]) -> Receipt:
    """The receipt of the whole batch, what was not planned included."""
    refused = [one.model_copy(update={"index": kept[one.index]}) for one in receipt.refused]
    both = sorted([*refused, *unseen], key=lambda one: one.index)
    return receipt.model_copy(update={"refused": tuple(both)})


def _touched(session: Session, last: int) -> set[UUID]:
    """Entries that this transaction wrote changes about."""
    own = sa.literal_column("change.xmin = pg_current_xact_id()::xid", sa.Boolean)
    found = session.execute(
        sa.select(change.c.entry_id)
        .where(change.c.id > last, change.c.entry_id.is_not(None), own)
        .distinct()
    )
    return set(found.scalars())


def _told(session: Session, subjects: Sequence[Identifier]) -> dict[UUID, Identifier]:
    """The entries that the batch speaks about, each with the first subject that does."""
    rows = [{"i": i, **known.as_key(one)} for i, one in enumerate(subjects)]
    if not rows:
        return {}
    given = recordset(rows, i=sa.Integer(), **known.KEY)
    found = session.execute(
        sa.select(given.c.i, subject.c.entry_id)
        .join_from(given, subject, known.is_subject(subject, given))
        .where(subject.c.entry_id.is_not(None))
        .order_by(given.c.i.desc())
    )
    return {entry: subjects[i] for i, entry in found}
