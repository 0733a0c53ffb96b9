"""Reviews as readers see them: lists and queues, one review, what differs, what was written."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Kind, fold_name
from schemas.reviews import ReviewFilters, ReviewRow
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.catalog.sorting import Key
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.catalog.view import label_of
from service.db import Timestamp
from service.errors import NotFound
from service.ledger.tables import ChangeRow
from service.risk.acting import SOFTWARE, at_home, home, seen_by, told_to
from service.risk.decided_tables import (
    ConditionRow,
    DecisionRow,
    ReviewerAbsenceRow,
)
from service.risk.decided_tables import (
    ReviewRow as Stored,
)

review, decision, condition, absence, change, entry = (
    table.__table__
    for table in (Stored, DecisionRow, ConditionRow, ReviewerAbsenceRow, ChangeRow, Entry)
)
use = TYPED[Kind.USE]
served = entry.alias("served")
ME: Final = "me"
NEVER: Final = sa.literal_column("'infinity'::timestamptz", Timestamp)
CLOSED: Final = ("DECIDED", "CANCELLED", "SUPERSEDED")
WRITTEN: Final = ("review", "decision")
APART: Final = {"model_id", "content", "recommended", "identified", "hold_reason", "cause"}
ASKED_FOR: Final = "somebody asked for it"


class ReviewNotFound(NotFound):
    """There is no such review that you may see.

    `GET /api/v1/reviews` lists those that are open.
    """


def reviews(session: Session, asked: ReviewFilters, *, caller: Caller) -> Keyset:
    """What matches, the earliest due first; what waits for its first production comes last.

    Raises `Invalid`.
    """
    check_names(session, asked, caller=caller)
    query = _select(caller).where(seen_by(caller), *_asked(asked, caller))
    due = sa.func.coalesce(review.c.due_at, NEVER, type_=Timestamp)
    return Keyset(query, (Key(due), Key(review.c.id)), review_row)


def find_review(session: Session, given: UUID, *, caller: Caller) -> dict[str, Any]:
    """A review that the caller may see, with all its columns. Raises `ReviewNotFound`."""
    whole = _select(caller).add_columns(
        review.c.content, review.c.recommended, review.c.identified, review.c.hold_reason,
        told_to(caller).label("told"),
    )  # fmt: skip
    found = session.execute(whole.where(review.c.id == given, seen_by(caller))).mappings().first()
    if found is None:
        raise ReviewNotFound(review=given)
    return dict(found)


def _select(caller: Caller) -> sa.Select[Any]:
    """Rows with the names of model, version and use, the decision, and who stands in.

    Why a person asked for it is a note, and told to those who may read notes.
    """
    told = sa.or_(review.c.opened_by == SOFTWARE, told_to(caller))
    table = review
    query = at_home(table).with_only_columns(
        *(one for one in review.c if one.name not in APART),
        sa.case((told, review.c.cause), else_=ASKED_FOR).label("cause"),
        home.c.id.label("model_id"), home.c.natural_key.label("model_name"), home.c.namespace,
        served.c.natural_key.label("version_name"), label_of(served.c.id).label("version_label"),
        label_of(home.c.id).label("model_label"),
        use.c.name.label("use_name"),
        sa.and_(is_open(review), review.c.due_at <= sa.func.now()).label("is_overdue"),
        decision.c.outcome, decision.c.tier_confirmed, decision.c.decided_at,
        sa.func.coalesce(decision.c.conditions, 0).label("conditions"),
        decision.c.id.label("decision_id"), _stands_in().label("stands_in"),
    )  # fmt: skip
    return (
        query.join(served, served.c.id == review.c.version_id)
        .outerjoin(use, use.c.id == review.c.use_id)
        .outerjoin(decision, decision.c.review_id == review.c.id)
    )


def is_open(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """Is it still to be decided?"""
    return of.c.state.not_in(CLOSED)


def _away(*, now: sa.ColumnElement[datetime]) -> tuple[sa.ColumnElement[bool], ...]:
    return absence.c.from_at <= now, absence.c.until_at > now


def _stands_in() -> sa.ColumnElement[Any]:
    """Who does it for a reviewer who is away."""
    return (
        sa.select(absence.c.delegate)
        .where(absence.c.account == review.c.reviewer, absence.c.delegate.is_not(None),
               *_away(now=sa.func.now()))
        .order_by(absence.c.id.desc())
        .limit(1)
        .correlate(review)
        .scalar_subquery()
    )  # fmt: skip


def _asked(asked: ReviewFilters, caller: Caller) -> Iterator[sa.ColumnElement[bool]]:
    yield review.c.state.in_(asked.state) if asked.state else is_open(review)
    if asked.reviewer is not None:
        yield _of_reviewers(asked.reviewer, caller)
    for column, wanted in (
        (review.c.approver, asked.approver), (review.c.kind, asked.kind),
        (review.c.workflow_tier, asked.workflow_tier),
    ):  # fmt: skip
        if wanted is not None:
            yield column.in_([caller.id if one == ME else one for one in wanted])
    if asked.namespace is not None:
        yield home.c.namespace.in_([fold_name(one) for one in asked.namespace])
    if asked.model is not None:
        yield home.c.natural_key == fold_name(asked.model)
    if asked.due_before is not None:
        yield review.c.due_at < asked.due_before
    if asked.overdue is not None:
        late = sa.and_(is_open(review), review.c.due_at <= sa.func.now())
        yield sa.func.coalesce(late, sa.false()) == (asked.overdue == "true")
    if asked.on_hold is not None:
        yield review.c.on_hold == (asked.on_hold == "true")


def _of_reviewers(wanted: tuple[str, ...], caller: Caller) -> sa.ColumnElement[bool]:
    """Theirs, and those of whom they stand in for."""
    names = [caller.id if one == ME else one for one in wanted]
    for_others = sa.select(absence.c.account).where(
        absence.c.delegate.in_(names), *_away(now=sa.func.now())
    )
    return sa.or_(review.c.reviewer.in_(names), review.c.reviewer.in_(for_others))


def review_row(row: sa.RowMapping) -> ReviewRow:
    """One as everybody sees it."""
    return ReviewRow(**members_of(row))


def members_of(row: Any) -> dict[str, Any]:
    """The members of a row as everybody sees it."""
    shown = {name: row[name] for name in ReviewRow.model_fields.keys() & row.keys()}
    return shown | {
        "url": f"/api/v1/reviews/{row['id']}",
        "model": row["model_name"] or row["model_label"] or str(row["model_id"]),
        "version": row["version_name"] or row["version_label"] or str(row["version_id"]),
        "use": row["use_name"],
        "overdue": bool(row["is_overdue"]),
        "successor": row["successor_id"],
    }


class Written(NamedTuple):
    """What people wrote about a review, in full."""

    decision: dict[str, Any] | None
    conditions: list[dict[str, Any]]
    steps: list[dict[str, Any]]


def read_written(session: Session, row: dict[str, Any]) -> Written:
    """The decision, its conditions, and every step. Three statements."""
    decided = session.execute(sa.select(decision).where(decision.c.review_id == row["id"]))
    found = decided.mappings().first()
    asked = sa.select(condition).where(
        condition.c.decision_id == row["decision_id"]
    ).order_by(condition.c.due_at, condition.c.id)  # fmt: skip
    conditions = session.execute(asked).mappings().all() if found else []
    return Written(
        dict(found) if found else None, [dict(one) for one in conditions], _steps(session, row)
    )


def _steps(session: Session, row: dict[str, Any]) -> list[dict[str, Any]]:
    said = sa.cast(change.c.canon, JSONB)
    opened_under = sa.select(review.c.model_id).where(review.c.id == row["id"]).scalar_subquery()
    rows = session.execute(
        sa.select(
            said["op"].astext.label("op"), change.c.recorded_at.label("at"),
            said["actor"]["id"].astext.label("by"), said["reason"].astext.label("said"),
        )
        .where(
            sa.or_(change.c.entry_id == row["model_id"], change.c.entry_id == opened_under),
            change.c.field == str(row["id"]), change.c.kind.in_(WRITTEN),
        )
        .order_by(change.c.id)
    ).mappings()  # fmt: skip
    return [dict(one) for one in rows]
