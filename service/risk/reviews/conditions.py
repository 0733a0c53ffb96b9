"""Conditions of decisions: the owner meets them, somebody else looks whether they are met."""

from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.reviews import Commented, ConditionChanged, MeetCondition
from service.errors import NotFound
from service.etag import check_match
from service.ledger.change import record_changes
from service.risk.acting import (
    Acting,
    NotIndependent,
    StepImpossible,
    Tagged,
    at_home,
    check_role,
    clock,
    roles_in,
    seen_by,
    told_to,
)
from service.risk.decided_tables import ConditionRow, DecisionRow
from service.risk.reviews.view import as_condition
from service.risk.touch import touch

KIND: Final = "condition"
condition, decision = ConditionRow.__table__, DecisionRow.__table__


class ConditionNotFound(NotFound):
    """There is no such condition that you may see.

    `GET /api/v1/reviews/{id}` lists those of its decision for whoever may read its notes.
    """


class Step(NamedTuple):
    """From which state to which, and by whom."""

    before: str
    to: str
    by: tuple[str, ...]


STEPS: Final = {
    "meet": Step("OPEN", "MET", ("owner",)),
    "verify": Step("MET", "VERIFIED", ("reviewer", "approver")),
    "reopen": Step("MET", "OPEN", ("reviewer", "approver")),
}


def step(
    session: Session, given: UUID, *, action: str, asked: MeetCondition | Commented, by: Acting
) -> ConditionChanged:
    """Meet, verify or reopen it. Raises `ConditionNotFound`, `RoleMissing`, `StepImpossible`, …."""
    find_condition(session, given, by=by)
    session.execute(sa.select(condition.c.id).where(condition.c.id == given).with_for_update())
    row = find_condition(session, given, by=by)
    taken = STEPS[action]
    roles = roles_in(session, by.caller, model=row["model_id"], namespace=row["namespace"])
    check_role(roles, taken.by, namespace=row["namespace"])
    check_match(by.match, tag_of_condition(row))
    if row["state"] != taken.before:
        raise StepImpossible(detail=f"It is {row['state']}.")
    if action == "verify" and ("owner" in roles or row["met_by"] == by.name):
        raise NotIndependent(detail="Somebody else than its owner looks whether it is met.")
    values = _values(session, action, asked=asked, by=by) | {"state": taken.to}
    record_changes(session, [by.change(
        action, KIND, model=row["model_id"], about=given, reason=asked.comment,
        old={"state": row["state"]}, new={"state": taken.to},
    )])  # fmt: skip
    session.execute(sa.update(condition).where(condition.c.id == given).values(**values))
    touch(session, [row["model_id"]], cause=by.cause)
    return as_changed(find_condition(session, given, by=by))


def _values(
    session: Session, action: str, *, asked: MeetCondition | Commented, by: Acting
) -> dict[str, Any]:
    now = clock(session)
    if isinstance(asked, MeetCondition):
        evidence = [one.model_dump(mode="json") for one in asked.evidence]
        return {"met_by": by.name, "met_at": now, "evidence": evidence}
    if action == "verify":
        return {"verified_by": by.name, "verified_at": now}
    return {"met_by": None, "met_at": None}


def find_condition(session: Session, given: UUID, *, by: Acting) -> dict[str, Any]:
    """A condition, for whoever may read the notes of its review. Raises `ConditionNotFound`."""
    query = (
        at_home(condition, decision.c.review_id)
        .join(decision, decision.c.id == condition.c.decision_id)
        .where(condition.c.id == given, seen_by(by.caller), told_to(by.caller))
    )
    found = session.execute(query).mappings().first()
    if found is None:
        raise ConditionNotFound(condition=given)
    return dict(found)


def get_condition(session: Session, given: UUID, *, by: Acting) -> ConditionChanged:
    """A condition. Raises `ConditionNotFound`."""
    return as_changed(find_condition(session, given, by=by))


def tag_of_condition(row: dict[str, Any]) -> Tagged:
    """What its tag stands for."""
    return Tagged(id=row["id"], changed_at=row["valid_from"], state=row["state"])


def as_changed(row: dict[str, Any]) -> ConditionChanged:
    """A condition with the review that it comes from."""
    said = as_condition(row)
    return ConditionChanged(
        **dict(said), review=row["review_id"], model=row["model"] or str(row["model_id"])
    )
