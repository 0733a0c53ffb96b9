"""Somebody asks for a review: the clock would not have opened it, or not yet."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.reviews import OpenReview
from service.catalog.detail import find_model, find_version
from service.catalog.typed import TYPED
from service.errors import Conflict, Invalid
from service.ledger.change import record_changes
from service.risk.acting import Acting, check_role, clock, roles_in
from service.risk.decided_tables import ReviewRow
from service.risk.reviews.plan import HIGH, overlay_of
from service.risk.reviews.reading import is_open
from service.risk.reviews.turn import Turn, begin
from service.risk.rules.active import ActivePolicy, read_policy
from service.risk.tables import ModelRiskRow
from service.risk.touch import touch

KIND: Final = "review"
review, standing = ReviewRow.__table__, ModelRiskRow.__table__
use: Final = TYPED[Kind.USE]


class ReviewOpen(Conflict):
    """A review of this kind is open for this version.

    `GET /api/v1/reviews?model=…` shows it; decide it first, or let an approver cancel it.
    """


def open_review(session: Session, *, asked: OpenReview, by: Acting) -> Turn:
    """Open one. Raises `ModelNotFound`, `VersionNotFound`, `RoleMissing`, `ReviewOpen`."""
    named = _named(asked.model)
    model = find_model(session, named[0], name=named[1], caller=by.caller)
    about = model
    if asked.version is not None:
        about = find_version(session, named, label=asked.version, caller=by.caller)
    elif model["versions"]:
        raise Invalid(FieldProblem(pointer="/version", message="is needed: the model has versions"))
    roles = roles_in(session, by.caller, model=model["id"], namespace=model["namespace"])
    check_role(roles, ("owner", "reviewer"), namespace=model["namespace"])
    same = sa.select(review.c.id).where(
        review.c.version_id == about["id"], review.c.kind == asked.kind, is_open(review)
    )
    if session.execute(same).first() is not None:
        raise ReviewOpen(version=about["id"], kind=asked.kind)
    new = _row(session, asked, model=model["id"], version=about["id"], by=by)
    session.execute(sa.insert(review).values(**new))
    told = {"kind": asked.kind, "version": str(about["id"]), "due_at": new["due_at"]}
    record_changes(session, [by.change(
        "open", KIND, model=model["id"], about=new["id"], reason=asked.reason, new=told
    )])  # fmt: skip
    touch(session, [model["id"]], cause=by.cause)
    return begin(session, new["id"], by=by, lock=False)


def _named(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name:
        raise Invalid(FieldProblem(pointer="/model", message="should read namespace/name"))
    return namespace, name


def _row(
    session: Session, asked: OpenReview, *, model: UUID, version: UUID, by: Acting
) -> dict[str, Any]:
    found = session.execute(sa.select(standing).where(standing.c.model_id == model)).first()
    tier = found.workflow_tier if found else HIGH  # nobody has rated it: as strict as can be
    now = clock(session)
    after = found.next_review_due if found and asked.kind == "PERIODIC" else None
    due = after or _due(asked.kind, tier=tier, policy=read_policy(session), now=now)
    return {
        "id": uuid7(), "model_id": model, "version_id": version,
        "use_id": _use(session, asked, model=model), "kind": asked.kind, "state": "REQUIRED",
        "cause": asked.reason, "opened_at": now, "opened_by": by.name, "due_at": due,
        "workflow_tier": tier, "identified": {}, "on_hold": False, "reminded": 0,
        "valid_from": now,
    }  # fmt: skip


def _due(kind: str, *, tier: str, policy: ActivePolicy, now: datetime) -> datetime | None:
    """By the policy; what comes before production is due when it gets there."""
    if kind == "PRE":
        return None
    after = overlay_of(policy.document, tier).after
    own = after.due_days if kind == "POST" and after else None
    return now + timedelta(days=own or policy.document.clocks.triggered_due_days)


def _use(session: Session, asked: OpenReview, *, model: UUID) -> UUID | None:
    if asked.use is None:
        return None
    named = sa.select(use.c.id).where(use.c.model_id == model, use.c.name == asked.use)
    found: UUID | None = session.execute(named.order_by(use.c.id)).scalars().first()
    if found is None:
        raise Invalid(FieldProblem(pointer="/use", message="is no use of this model"))
    return found
