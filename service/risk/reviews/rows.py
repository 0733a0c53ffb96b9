"""Reads what stands about the reviews of models: a constant number of statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.recordset import among
from service.risk.concessions.summary import Concessions, read_concessions
from service.risk.decided_tables import (
    OPEN_REVIEWS,
    ChangeClassRow,
    ConditionRow,
    DecisionRow,
    FindingRow,
    ReviewRow,
)
from service.risk.findings.opened import INCIDENT
from service.risk.reviews.content import Classed, has_digest
from service.risk.reviews.state import REFUSED

Row = dict[str, Any]
UNMET: Final = ("OPEN", "MET")  # nobody has verified that they are

review, decision, condition, finding, entry, classed = (
    table.__table__
    for table in (ReviewRow, DecisionRow, ConditionRow, FindingRow, Entry, ChangeClassRow)
)
version: Final = TYPED[Kind.VERSION]
IS_OPEN: Final = sa.text(OPEN_REVIEWS)


@dataclass
class Stored:
    """Of some models: open reviews, what was decided, what that still asks for."""

    open: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    cancelled: dict[tuple[str, UUID], datetime | None] = field(default_factory=dict)  # due dates
    decisions: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    contents: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)  # by decision
    classed: Mapping[Classed, str] = field(default_factory=dict)
    conditions: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    incidents: dict[UUID, datetime] = field(default_factory=dict)  # when the last one was opened
    granted: Concessions = field(default_factory=Concessions)

    def latest(self, model: UUID) -> Row | None:
        """The last decision about a model, whichever the version."""
        return max(self.decisions[model], key=lambda one: one["decided_at"], default=None)

    def about(self, model: UUID, *, version: UUID) -> list[Row]:
        """What was decided about a version as it is; a refusal stands until people decide anew."""
        return [
            one for one in self.decisions[model]
            if one["version_id"] == version and (
                one["outcome"] in REFUSED or has_digest(one["digests"] or (), one["version_digest"])
            )
        ]  # fmt: skip


def read_stored(
    session: Session, models: Iterable[UUID], *, live: Iterable[UUID], now: datetime,
    memory: timedelta, granted: Concessions | None = None,
) -> Stored:  # fmt: skip
    """Everything that the reviews of these models follow from; merged ones count for their model.

    Contents are read of the decisions about live versions, and of each model's last one. What was
    `granted` is read where nobody has done that yet.
    """
    ids = set(models)
    found = Stored(granted=granted or read_concessions(session, ids, now=now))
    for row in _read_open(session, ids):
        found.open[row["model_id"]].append(row)
    _read_cancelled(session, found, models=ids, since=now - memory)
    for row in _read_decisions(session, ids):
        found.decisions[row["model_id"]].append(row)
    _read_contents(session, found, models=ids, live=set(live))
    _read_conditions(session, found)
    found.incidents = _read_incidents(session, ids)
    return found


def _of(models: set[UUID]) -> sa.ColumnElement[bool]:
    return sa.or_(among(entry.c.id, models), among(entry.c.merged_into, models))


def _at_home(table: sa.Table, *columns: Any) -> sa.Select[Any]:
    """Rows with the model and the version that theirs are, or were merged into."""
    served = entry.alias("served")
    return (
        sa.select(
            *(one for one in columns if one.name not in {"model_id", "version_id"}),
            sa.func.coalesce(entry.c.merged_into, entry.c.id).label("model_id"),
            sa.func.coalesce(served.c.merged_into, served.c.id).label("version_id"),
            version.c.number_key, version.c.number,
        )
        .join_from(table, entry, entry.c.id == table.c.model_id)
        .join(served, served.c.id == table.c.version_id)
        .outerjoin(version, version.c.id == sa.func.coalesce(served.c.merged_into, served.c.id))
    )  # fmt: skip


def _read_open(session: Session, models: set[UUID]) -> Sequence[Row]:
    columns = [one for one in review.c if one.name != "content"]
    query = _at_home(review, *columns).where(_of(models), IS_OPEN)
    rows = session.execute(query.order_by(review.c.opened_at, review.c.id)).mappings()
    return [dict(row) for row in rows]


def _read_cancelled(session: Session, found: Stored, *, models: set[UUID], since: datetime) -> None:
    """Reviews that lately fell away: one that is needed again keeps its date."""
    rows = session.execute(
        _at_home(review, *review.c["kind", "due_at"])
        .where(_of(models), review.c.state == "CANCELLED", review.c.closed_at > since,
               review.c.due_at.is_not(None))
        .order_by(review.c.due_at.desc())
    )  # fmt: skip
    for row in rows:
        found.cancelled[row.kind, row.version_id] = row.due_at


def _read_decisions(session: Session, models: set[UUID]) -> Sequence[Row]:
    """The newest about each version and use, without what was shown."""
    columns = [one for one in decision.c if one.name not in {"content", "builders", "evidence"}]
    beside = (review.c.kind.label("kind"), review.c.due_at.label("due_at"), version.c.digests)
    query = (
        _at_home(decision, *columns, *beside)
        .join(review, review.c.id == decision.c.review_id)
        .where(_of(models))
        .ext(distinct_on(decision.c.version_id, decision.c.use_id))
        .order_by(decision.c.version_id, decision.c.use_id, decision.c.decided_at.desc())
    )
    return [dict(row) for row in session.execute(query).mappings()]


def _read_contents(session: Session, found: Stored, *, models: set[UUID], live: set[UUID]) -> None:
    wanted = {
        one["id"]
        for model in models
        for one in found.decisions[model]
        if one["version_id"] in live or one is found.latest(model)
    }
    if wanted:
        rows = session.execute(
            sa.select(*decision.c["id", "content"]).where(among(decision.c.id, wanted))
        )
        found.contents = {row.id: row.content for row in rows}
        found.classed = read_classed(session, wanted)


def read_classed(session: Session, decisions: Iterable[UUID]) -> dict[Classed, str]:
    """How reviewers class what differs from these decisions; the last word counts."""
    rows = session.execute(
        sa.select(classed)
        .where(among(classed.c.decision_id, decisions))
        .order_by(classed.c.classed_at, classed.c.id)
    )
    return {(row.version_id, row.path, row.digest): row.change_class for row in rows}


def _read_conditions(session: Session, found: Stored) -> None:
    ids = {one["id"] for many in found.decisions.values() for one in many if one["conditions"]}
    if ids:
        rows = session.execute(
            sa.select(condition)
            .where(among(condition.c.decision_id, ids), condition.c.state.in_(UNMET))
            .order_by(condition.c.due_at, condition.c.id)
        ).mappings()
        for row in rows:
            found.conditions[row["decision_id"]].append(dict(row))


def _read_incidents(session: Session, models: set[UUID]) -> dict[UUID, datetime]:
    home = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    rows = session.execute(
        sa.select(home.label("home"), sa.func.max(finding.c.opened_at).label("at"))
        .join_from(finding, entry, entry.c.id == finding.c.model_id)
        .where(_of(models), finding.c.category == INCIDENT, finding.c.severity == "high",
               finding.c.state.not_in(("CLOSED", "WITHDRAWN")))
        .group_by(home)
    )  # fmt: skip
    return {row.home: row.at for row in rows}
