"""The reviews of a sample's draws: opened, opened again when they fell away, counted, let go."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.policies import PolicyDocument
from schemas.strict import instant_text
from service.db import Timestamp
from service.ledger.change import Change, record_changes
from service.recordset import among, recordset
from service.risk.acting import BY_CLOCK, SOFTWARE
from service.risk.decided_tables import OPEN_REVIEWS, DecisionRow, ReviewRow
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.looking import read_pictures
from service.risk.reviews.plan import overlay_of
from service.risk.sample_tables import SampleDrawRow
from service.risk.tables import ModelRiskRow
from service.risk.touch import touch

SAMPLE: Final = "SAMPLE"
REVIEW: Final = "review"
LEFT: Final = "it left production: another draw takes its place"
SEVERITY: Final = "medium"
CLOSED: Final = ("DECIDED", "CANCELLED", "SUPERSEDED")

review, decision, drawn, standing = (
    table.__table__ for table in (ReviewRow, DecisionRow, SampleDrawRow, ModelRiskRow)
)
COLUMNS: Final[dict[str, Any]] = {
    "id": sa.Uuid(), "model_id": sa.Uuid(), "version_id": sa.Uuid(), "kind": sa.Text(),
    "state": sa.Text(), "cause": sa.Text(), "opened_at": Timestamp, "opened_by": sa.Text(),
    "due_at": Timestamp, "workflow_tier": sa.Text(), "identified": review.c.identified.type,
    "on_hold": sa.Boolean(), "reminded": sa.Integer(),
}  # fmt: skip


def open_samples(
    session: Session, models: Collection[UUID], *, row: Any, rules: PolicyDocument, now: datetime
) -> None:
    """Open a review of each one's newest live version, or take the one that is open.

    A model without a version stays drawn without a review, and is looked at again the next time.
    """
    pictures = read_pictures(session, models) if models else {}
    versions = {one: found.reviewed[-1].id for one, found in pictures.items()}
    if not versions:
        return
    new = _rows(versions, row=row, rules=rules, now=now)
    before = _due_before(session, versions, row=row)
    new = [one | before.get(UUID(one["model_id"]), {}) for one in new]
    given = recordset(new, **COLUMNS)
    columns = [*COLUMNS, "valid_from"]
    opening = insert(review).from_select(columns, sa.select(given, sa.func.now()))
    opened = session.execute(
        opening.on_conflict_do_nothing(
            index_elements=["kind", "version_id"], index_where=sa.text(OPEN_REVIEWS)
        ).returning(review.c.id)
    ).scalars()
    made = set(opened)
    record_changes(session, [_told(one) for one in new if UUID(one["id"]) in made])
    _link(session, versions, row=row)
    touch(session, versions, cause=BY_CLOCK)


def _due_before(session: Session, models: Collection[UUID], *, row: Any) -> dict[UUID, Any]:
    """When the cancelled reviews of draws were due: to cancel one wins no time."""
    rows = session.execute(
        sa.select(drawn.c.model_id, review.c.due_at)
        .join(review, review.c.id == drawn.c.review_id)
        .where(drawn.c.cycle_id == row.id, among(drawn.c.model_id, models),
               review.c.state == "CANCELLED", review.c.due_at.is_not(None))
    )  # fmt: skip
    return {one.model_id: {"due_at": instant_text(one.due_at)} for one in rows}


def count_decisions(session: Session, row: Any, *, now: datetime) -> int:
    """Draws whose review is decided; a tier that was not confirmed is a finding."""
    newest = (
        sa.select(decision.c.review_id, decision.c.tier_confirmed, decision.c.version_id)
        .ext(distinct_on(decision.c.review_id))
        .order_by(decision.c.review_id, decision.c.decided_at.desc(), decision.c.id.desc())
        .join(review, review.c.id == decision.c.review_id)
        .where(review.c.state == "DECIDED", decision.c.review_id.in_(_reviews_of(row)))
        .subquery("newest")
    )
    counted = session.execute(
        sa.update(drawn)
        .where(drawn.c.cycle_id == row.id, drawn.c.state == "DRAWN")
        .where(drawn.c.review_id == newest.c.review_id)
        .values(state="DECIDED", tier_confirmed=newest.c.tier_confirmed)
        .returning(drawn.c.model_id, drawn.c.tier_confirmed, newest.c.version_id)
    ).all()
    wrong = [one for one in counted if not one.tier_confirmed]
    open_findings(session, [_finding(one, row=row) for one in wrong], cause=BY_CLOCK, now=now)
    touch(session, [one.model_id for one in wrong], cause=BY_CLOCK)
    return len(counted)


def without_review(session: Session, row: Any) -> Sequence[UUID]:
    """Draws that nobody reviews: none was opened, or it was cancelled. No sample gets thinner."""
    fell_away = sa.or_(review.c.id.is_(None), review.c.state == "CANCELLED")
    query = (
        sa.select(drawn.c.model_id)
        .outerjoin(review, review.c.id == drawn.c.review_id)
        .where(drawn.c.cycle_id == row.id, drawn.c.state == "DRAWN", fell_away)
        .order_by(drawn.c.model_id)
    )
    return session.execute(query).scalars().all()


def let_go(session: Session, reviews: Collection[UUID]) -> None:
    """Cancel what is still open of these."""
    ended = session.execute(
        sa.update(review)
        .where(among(review.c.id, reviews), review.c.kind == SAMPLE, sa.text(OPEN_REVIEWS))
        .values(state="CANCELLED", closed_at=sa.func.clock_timestamp())
        .returning(review.c.id, review.c.model_id)
    ).all()
    record_changes(session, [
        Change("cancel", REVIEW, BY_CLOCK.actor, entry=one.model_id, field=str(one.id),
               new={"state": "CANCELLED"}, reason=LEFT)
        for one in sorted(ended)
    ])  # fmt: skip
    touch(session, [one.model_id for one in ended], cause=BY_CLOCK)


def _rows(
    versions: dict[UUID, UUID], *, row: Any, rules: PolicyDocument, now: datetime
) -> list[dict[str, Any]]:
    after = overlay_of(rules, row.tier).after
    due = instant_text(now + timedelta(days=after.due_days if after else 0))
    return [
        {
            "id": str(uuid7()), "model_id": str(model), "version_id": str(version),
            "kind": SAMPLE, "state": "REQUIRED", "cause": f"drawn by chance in {row.cycle}",
            "opened_at": instant_text(now), "opened_by": SOFTWARE, "due_at": due,
            "workflow_tier": row.tier, "identified": {}, "on_hold": False, "reminded": 0,
        }
        for model, version in sorted(versions.items())
    ]  # fmt: skip


def _told(one: dict[str, Any]) -> Change:
    new = {name: one[name] for name in ("kind", "cause", "due_at")} | {"version": one["version_id"]}
    return Change(
        "open", REVIEW, BY_CLOCK.actor, entry=UUID(one["model_id"]), field=one["id"], new=new
    )


def _link(session: Session, versions: dict[UUID, UUID], *, row: Any) -> None:
    """Each draw knows the open review of its version, whoever opened that."""
    given = recordset(
        [{"model_id": one, "version_id": version} for one, version in versions.items()],
        model_id=sa.Uuid(), version_id=sa.Uuid(),
    )  # fmt: skip
    session.execute(
        sa.update(drawn)
        .where(drawn.c.cycle_id == row.id, drawn.c.model_id == given.c.model_id)
        .where(review.c.version_id == given.c.version_id, review.c.kind == SAMPLE)
        .where(review.c.state.not_in(CLOSED))
        .values(review_id=review.c.id)
    )


def _reviews_of(row: Any) -> sa.Select[Any]:
    return sa.select(drawn.c.review_id).where(drawn.c.cycle_id == row.id)


def _finding(one: Any, *, row: Any) -> WantedFinding:
    return WantedFinding(
        model=one.model_id, version=one.version_id, source="review",
        cause=f"sample:{row.cycle}", category="tier", severity=SEVERITY,
        title=f"Its tier {row.tier} was not confirmed when it was drawn in {row.cycle}",
        description="State what its tier rests on, or ask for an override.",
    )  # fmt: skip
