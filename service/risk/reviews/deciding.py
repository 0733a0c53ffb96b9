"""Decides a review: about exactly what was read, by people who did not build it, once."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from schemas.reviews import APPROVERS, REVIEWERS, Decide
from schemas.strict import instant_text
from service.errors import Conflict
from service.ledger.change import record_changes
from service.outgoing.outbox import Event, announce
from service.risk.acting import NotIndependent, broken
from service.risk.decided_tables import ConditionRow, DecisionRow
from service.risk.reviews.independence import Result, unresolved, worst
from service.risk.reviews.machine import State
from service.risk.reviews.turn import Turn, moved

KIND: Final = "decision"
decision, condition = DecisionRow.__table__, ConditionRow.__table__
Values = dict[str, Any]


class IdentityUnknown(Conflict):
    """Nobody says who had a part in this, so nobody can say that you had none.

    `detail` names the identities. A reviewer says who they are (`:identify`), or an admin maps
    them to accounts; where nobody at all is known to have built it, the sources say too little.
    """


def decide(turn: Turn, asked: Decide) -> Values:
    """Store the decision with its conditions; answers what the review is then.

    Raises `ContentMoved`, `NotIndependent`, `IdentityUnknown`, `RuleBroken`.
    """
    approving = turn.row["state"] == State.RECOMMENDED.value
    _check_outcome(asked, approving=approving)
    _check_digests(turn, asked, approving=approving)
    reviewer = turn.row["reviewer"] if approving else turn.by.name
    independence = _independence(turn, reviewer, approving=approving)
    values: Values = {
        "reviewer": reviewer, "independence": independence, "closed_at": turn.now,
        "content": turn.shown.content, "content_digest": turn.shown.content_digest,
        "version_digest": turn.shown.version_digest,
    }  # fmt: skip
    if approving:
        values["approver"] = turn.by.name
    _store(turn, asked, values=values)
    _announce(turn, asked)
    return values


def _check_outcome(asked: Decide, *, approving: bool) -> None:
    allowed = APPROVERS if approving else REVIEWERS
    if asked.outcome not in allowed:
        raise broken("review.outcome", "is not an outcome of this step", at="/outcome",
                     fix=f"It is one of {', '.join(allowed)}.")  # fmt: skip


def _check_digests(turn: Turn, asked: Decide, *, approving: bool) -> None:
    """What was read is what is shown now, and what the reviewer recommended about."""
    shown = turn.shown
    now = (shown.version_digest, shown.content_digest)
    recommended = turn.row["recommended"] or {}
    about = (recommended.get("version_digest"), recommended.get("content_digest"))
    if (asked.version_digest, asked.content_digest) != now or (approving and about != now):
        raise moved(turn, frozen=turn.row["content"])


def _independence(turn: Turn, reviewer: str, *, approving: bool) -> Result:
    """Of both, where two people decide. Raises `NotIndependent`, `IdentityUnknown`."""
    people = {reviewer, turn.by.name}
    if approving:
        asker = turn.row["opened_by"]
        if turn.by.name in {reviewer, asker}:
            said = "reviewed it" if turn.by.name == reviewer else "asked for the review"
            raise NotIndependent(detail=f"{turn.by.name} {said}.")
    found = worst(turn.check_independent(one) for one in sorted(people))
    if found == "UNKNOWN" and turn.two_people:
        names = ", ".join(unresolved(turn.builders)) or "nobody is known to have built it"
        raise IdentityUnknown(detail=f"Not resolved: {names}.")
    return found


def _store(turn: Turn, asked: Decide, *, values: Values) -> UUID:
    about = turn.row
    said = {"outcome": asked.outcome, "version": str(about["version_id"]),
            "version_digest": values["version_digest"], "content_digest": values["content_digest"],
            "tier_confirmed": asked.tier_confirmed, "independence": values["independence"],
            "conditions": [one.text for one in asked.conditions]}  # fmt: skip
    if about["reviewer"] != values["reviewer"]:
        said["stands_in_for"] = about["reviewer"]
    [change] = record_changes(turn.session, [turn.by.change(
        "decide", KIND, model=turn.model, about=about["id"], new=said, reason=asked.comment,
        old={"state": about["state"]},
    )])  # fmt: skip
    found = uuid7()
    tier = (turn.standing or {}).get("tier", turn.tier)
    turn.session.execute(sa.insert(decision).values(
        id=found, review_id=about["id"], model_id=turn.model, version_id=about["version_id"],
        use_id=about["use_id"], outcome=asked.outcome, reviewer=values["reviewer"],
        approver=values.get("approver"), decider_kind=turn.by.caller.kind,
        independence=values["independence"],
        builders=[one._asdict() for one in turn.builders],
        version_digest=values["version_digest"], content_digest=values["content_digest"],
        content=values["content"], workflow_tier=turn.tier, tier=tier,
        tier_confirmed=asked.tier_confirmed, comment=asked.comment,
        conditions=len(asked.conditions),
        evidence=[one.model_dump(mode="json") for one in asked.evidence],
        decided_at=turn.now, change_id=change,
    ))  # fmt: skip
    _drop_older(turn, kept=found)
    if asked.conditions:
        turn.session.execute(sa.insert(condition), [
            {"id": uuid7(), "decision_id": found, "model_id": turn.model, "text": one.text,
             "due_at": one.due_at, "state": "OPEN", "evidence": [], "valid_from": turn.now}
            for one in asked.conditions
        ])  # fmt: skip
    return found


def _drop_older(turn: Turn, *, kept: UUID) -> None:
    """A new decision takes the place of the one before it, with what that asked for."""
    about = turn.row
    older = sa.select(decision.c.id).where(
        decision.c.version_id == about["version_id"],
        decision.c.use_id.is_not_distinct_from(about["use_id"]),
        decision.c.id != kept,
    )
    dropped = turn.session.execute(
        sa.update(condition)
        .where(condition.c.decision_id.in_(older), condition.c.state.in_(("OPEN", "MET")))
        .values(state="DROPPED")
        .returning(condition.c.id)
    ).scalars()
    record_changes(turn.session, [
        turn.by.change("drop", "condition", model=turn.model, about=one,
                       reason="another decision took the place of its own")
        for one in sorted(dropped)
    ])  # fmt: skip


def _announce(turn: Turn, asked: Decide) -> None:
    row = turn.row
    data = {
        "review": str(row["id"]), "kind": row["kind"], "outcome": asked.outcome,
        "version": row["version_name"] or str(row["version_id"]),
        "tier_confirmed": asked.tier_confirmed, "conditions": len(asked.conditions),
        "decided_at": instant_text(turn.now),
    }  # fmt: skip
    subject = row["model_name"] or str(turn.model)
    announce(turn.session, [Event("review.decided", subject, row["namespace"], turn.model, data)])
