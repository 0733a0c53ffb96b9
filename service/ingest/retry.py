"""Tries refused records again: when what reads or judges them is another, or a person says so."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.observation import Refusal, contract_version
from schemas.quarantine import QuarantineRow, Retried, RetryQuery
from service.db import Moved
from service.errors import Conflict
from service.ingest import quarantine
from service.ingest.harvests import SourceDisabled
from service.ingest.ingest import record_batch
from service.ingest.release import AlreadyResolved, Decision
from service.ingest.sources import SourceFacts, get_source, list_sources
from service.ingest.tables import HarvestRow
from service.ingest.waiting import get_item
from service.ledger.change import Actor, Cause, Change, record_changes
from service.recordset import among, recordset

MOST: Final = 500  # records that one transaction tries
ACTOR: Final = Actor("software", "retry")
DISPLACED: Final = ("name_collision", "contested_claim", "model_not_described")
NEW_CONTRACT: Final = "what may be stated has changed"

item, harvest = quarantine.table, HarvestRow.__table__
RETRIABLE: Final = sa.and_(item.c.what == "refused", item.c.resolved_at.is_(None), item.c.retriable)
FAILED: Final = {
    "id": sa.BigInteger(), "subject": sa.Text(), "pointer": sa.Text(), "code": sa.Text(),
    "message": sa.Text(), "digest": sa.Text(), "facts_version": sa.Integer(),
    "harvester_version": sa.Text(),
}  # fmt: skip


class NotRetriable(Conflict):
    """This item cannot be tried again.

    Its payload was cut or holds masked secrets, it says that something is gone, or it is no record
    but a plan. Mend it in its source: the next harvest sends it anew.
    """


class Kept(NamedTuple):
    """A refused record as it is kept."""

    id: int
    source_id: int
    digest: str
    payload: str
    harvester_version: str | None


def retry_refused(
    session: Session, source: SourceFacts, *, subjects: Iterable[Identifier], cause: Cause
) -> Retried:
    """Try again what was refused about some subjects: after a decision that lets them in."""
    named = [quarantine.subject_text(one) for one in subjects]
    return _retry(session, source, where=among(item.c.subject, named), cause=cause)


def retry_displaced(session: Session, source: SourceFacts, *, cause: Cause) -> Retried:
    """Try again what another thing stood in the way of, or was not there for: that has changed."""
    return _retry(session, source, where=item.c.code.in_(DISPLACED), cause=cause)


def retry_item(session: Session, item_id: int, *, decision: Decision) -> QuarantineRow:
    """Try one refused record again; answers what became of it.

    Raises `ItemNotFound`, `AlreadyResolved`, `NotRetriable`, `SourceDisabled`.
    """
    found = get_item(session, item_id)
    if found.resolution is not None:
        raise AlreadyResolved(detail=f"It was {found.resolution}.", item=item_id)
    if not found.retriable:
        raise NotRetriable(item=item_id)
    source = _enabled(session, found.source)
    cause = decision.cause(source.name, None)
    done = _retry(session, source, where=item.c.id == item_id, cause=cause)
    told = {"id": item_id, "code": found.code, "subject": found.subject}
    _tell(session, told | done.model_dump(), cause=cause)
    return get_item(session, item_id)


def retry_many(session: Session, asked: RetryQuery, *, decision: Decision) -> Retried:
    """Try again what a source had refused, so many a request, in the order it was first refused."""
    source = _enabled(session, asked.source)
    where = item.c.id > int(asked.after)
    if asked.code is not None:
        where &= item.c.code.in_(asked.code)
    cause = decision.cause(source.name, None)
    done = _retry(session, source, where=where, cause=cause)
    if done.tried:
        _tell(session, done.model_dump(exclude={"next"}), cause=cause)
    return done


def retry_of_scope(session: Session, source: SourceFacts, *, opened: UUID, cause: Cause) -> Retried:
    """Another version of a harvester reads a scope: try again what an older one had refused."""
    this, before = harvest.alias("this"), harvest.alias("before")
    older = sa.exists().where(
        this.c.id == opened,
        before.c.id == item.c.harvest_id,
        before.c.scope_id == this.c.scope_id,
        item.c.harvester_version.is_distinct_from(this.c.harvester_version),
    )
    version = sa.select(this.c.harvester_version).where(this.c.id == opened).scalar_subquery()
    return _retry(session, source, where=older, cause=cause, version=version)


def retry_outdated(session: Session) -> int:
    """Try again what was refused by another contract than today's, the oldest first; how many."""
    sources = list_sources(session)
    enabled = [one.id for one in sources.values() if one.enabled]
    outdated = item.c.facts_version.is_distinct_from(contract_version())
    rows = session.execute(
        sa.select(item.c.id, item.c.source_id)
        .where(RETRIABLE, outdated, among(item.c.source_id, enabled))
        .order_by(item.c.source_id, item.c.id)
        .limit(MOST)
    ).all()
    for source_id, of_source in groupby(rows, attrgetter("source_id")):
        source = sources[source_id]
        where = among(item.c.id, [row.id for row in of_source])
        cause = Cause(ACTOR, source.name, reason=NEW_CONTRACT)
        _retry(session, source, where=where, cause=cause)
    return len(rows)


def _retry(
    session: Session,
    source: SourceFacts,
    *,
    where: sa.ColumnElement[bool],
    cause: Cause,
    version: sa.ScalarSelect[Any] | None = None,
) -> Retried:
    """Record what is kept by the ordinary route. Raises `Moved` when others decided meanwhile.

    Nothing is locked before: entries come first in the order of locks.
    """
    columns = [
        *item.c[Kept._fields[:-1]],
        (item.c.harvester_version if version is None else version),
    ]
    query = sa.select(*columns).where(RETRIABLE, item.c.source_id == source.id, where)
    rows = [Kept(*row) for row in session.execute(query.order_by(item.c.id).limit(MOST + 1))]
    kept = rows[:MOST]
    if not kept:
        return Retried(tried=0, recorded=0, refused=0)
    documents = [json.loads(one.payload) for one in kept]
    receipt = record_batch(session, documents, source=source, cause=cause, again=True).receipt
    refused = {refusal.index: refusal for refusal in receipt.refused}
    recorded = [one.id for index, one in enumerate(kept) if index not in refused]
    _resolve(session, recorded, resolution="retried", cause=cause)
    _keep_refused(session, source, kept=kept, refused=refused, documents=documents)
    return Retried(
        tried=len(kept),
        recorded=len(recorded),
        refused=len(refused),
        next=kept[-1].id if len(rows) > MOST else None,
    )


def _keep_refused(
    session: Session,
    source: SourceFacts,
    *,
    kept: Sequence[Kept],
    refused: Mapping[int, Refusal],
    documents: Sequence[Any],
) -> None:
    """They stay, with today's reason; one that stands there already is not kept twice."""
    digests = {index: quarantine.fault(one, documents[index]) for index, one in refused.items()}
    others = _holders(session, source, digests=digests.values()) if digests else {}
    rows, twice = [], []
    for index, digest in digests.items():
        one = kept[index]
        if others.setdefault(digest, one.id) != one.id:
            twice.append(one.id)
            continue
        row = quarantine.as_row(refused[index], documents[index])
        versions = {"digest": digest, "id": one.id, "harvester_version": one.harvester_version}
        rows.append({name: value for name, value in (row | versions).items() if name in FAILED})
    _resolve(session, twice, resolution="superseded")
    if rows:
        given = recordset(rows, **FAILED)
        again = {name: given.c[name] for name in FAILED if name != "id"}
        stays = sa.update(item).where(item.c.id == given.c.id, item.c.resolved_at.is_(None))
        _check_all(session.execute(stays.values(again).returning(item.c.id)), len(rows))


def _holders(session: Session, source: SourceFacts, *, digests: Iterable[str]) -> dict[str, int]:
    """Which item stands under each digest already."""
    held = sa.select(*item.c["digest", "id"]).where(
        item.c.source_id == source.id, among(item.c.digest, digests)
    )
    return {row.digest: row.id for row in session.execute(held)}


def _resolve(
    session: Session, items: Sequence[int], *, resolution: str, cause: Cause | None = None
) -> None:
    if not items:
        return
    by = {} if cause is None else {"resolved_by": cause.actor.id, "reason": cause.reason}
    over = (
        sa.update(item)
        .where(among(item.c.id, items), item.c.resolved_at.is_(None))
        .values(by | {"resolved_at": sa.func.now(), "resolution": resolution})
        .returning(item.c.id)
    )
    _check_all(session.execute(over), len(items))


def _check_all(done: sa.Result[Any], expected: int) -> None:
    """Somebody dropped one of them, or it was settled: do it again with those that are left."""
    if len(done.all()) != expected:
        raise Moved


def _enabled(session: Session, name: str) -> SourceFacts:
    source = get_source(session, name)
    if not source.enabled:
        raise SourceDisabled(source=name)
    return source


def _tell(session: Session, told: dict[str, Any], *, cause: Cause) -> None:
    row = Change(
        "retry", "quarantine", cause.actor, new=told, reason=cause.reason, request=cause.request,
        source=cause.source,
    )  # fmt: skip
    record_changes(session, [row])
