"""What people do with reviews: each act is one step of the machine, one row of the ledger.

Whoever decides says what they decide about: by the digests that they have read. Where these have
moved, or somebody reviews what they built, nothing is stored.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.problem import FieldProblem
from schemas.reviews import (
    REVIEWERS,
    AssignReview,
    Commented,
    Decide,
    IdentifyBuilder,
    Reasoned,
)
from schemas.strict import instant_text
from service.access.tables import AccountRow, RoleGrantRow
from service.errors import Invalid
from service.ledger.change import record_changes
from service.risk.acting import Acting, broken, check_account
from service.risk.decided_tables import ReviewRow
from service.risk.reviews.deciding import decide
from service.risk.reviews.independence import judge, names_of, told_by_others
from service.risk.reviews.machine import Action
from service.risk.reviews.turn import Turn, begin, check_tag, moved
from service.risk.touch import touch

KIND: Final = "review"
review, account, grant = (table.__table__ for table in (ReviewRow, AccountRow, RoleGrantRow))
Values = dict[str, Any]


def act(session: Session, given: UUID, *, action: Action, asked: Any, by: Acting) -> Turn:
    """Take a step; answers the review as it is then.

    Raises `ReviewNotFound`, `RoleMissing`, `StepImpossible`, `ReviewOnHold`, `TagNeeded`,
    `TagStale`, and what the step raises.
    """
    turn = begin(session, given, by=by)
    step = turn.step(action)
    check_tag(turn)
    values = ACTS[action](turn, asked)
    if step.to is not None:
        values["state"] = step.to.value
    _tell(turn, action, values=values, asked=asked)
    session.execute(sa.update(review).where(review.c.id == given).values(**values))
    touch(session, [turn.model], cause=by.cause)
    return begin(session, given, by=by, lock=False)


def _tell(turn: Turn, action: Action, *, values: Mapping[str, Any], asked: Any) -> None:
    """A decision has told of itself already."""
    if action is Action.DECIDE:
        return
    shown = [name for name in ("state", "reviewer", "independence", "on_hold", "content_digest")
             if name in values and values[name] != turn.row[name]]  # fmt: skip
    said = getattr(asked, "reason", None) or getattr(asked, "comment", None)
    change = turn.by.change(
        action.value, KIND, model=turn.model, about=turn.row["id"], reason=said,
        old={name: turn.row[name] for name in shown},
        new={name: values[name] for name in shown} | turn.noted,
    )  # fmt: skip
    record_changes(turn.session, [change])


def _assign(turn: Turn, asked: AssignReview) -> Values:
    name = asked.reviewer or turn.by.name
    check_account(turn.session, name, at="/reviewer")
    _check_reviewer(turn, name)
    return {"reviewer": name, "independence": turn.check_independent(name)}


def _check_reviewer(turn: Turn, name: str) -> None:
    """Only who holds the role may be asked."""
    where = sa.or_(grant.c.namespace.is_(None), grant.c.namespace == turn.row["namespace"])
    held = (
        sa.select(grant.c.id)
        .join(account, account.c.id == grant.c.account_id)
        .where(account.c.name == name, grant.c.role == "reviewer", where)
    )
    if turn.session.execute(held.limit(1)).first() is None:
        raise broken("review.reviewer", "does not have the role reviewer here", at="/reviewer",
                     fix="Name a reviewer of the model's namespace.")  # fmt: skip


def _start(turn: Turn, _asked: None) -> Values:
    return _mine(turn) | _frozen(turn)


def _frozen(turn: Turn) -> Values:
    """What is shown from now on."""
    shown = turn.shown
    return {"content": shown.content, "content_digest": shown.content_digest,
            "version_digest": shown.version_digest}  # fmt: skip


def _mine(turn: Turn) -> Values:
    """Whoever stands in for the reviewer is the reviewer, by the same rules."""
    name = turn.by.name
    found: Values = {"independence": turn.check_independent(name)}
    if turn.row["reviewer"] != name:
        turn.noted["stands_in_for"] = turn.row["reviewer"]
        found["reviewer"] = name
    return found


def _request_changes(turn: Turn, _asked: Commented) -> Values:
    return _mine(turn)


def _answer(turn: Turn, _asked: Commented) -> Values:
    return _frozen(turn)


def _recommend(turn: Turn, asked: Decide) -> Values:
    if asked.outcome not in REVIEWERS:
        raise broken("review.outcome", "is an approver's outcome", at="/outcome",
                     fix=f"A reviewer says {', '.join(REVIEWERS)}.")  # fmt: skip
    shown = turn.shown
    if (asked.version_digest, asked.content_digest) != (shown.version_digest, shown.content_digest):
        raise moved(turn, frozen=turn.row["content"])
    said = asked.model_dump(mode="json")
    turn.noted["outcome"] = asked.outcome
    given = {"by": turn.by.name, "at": instant_text(turn.now)}
    return _mine(turn) | _frozen(turn) | {"recommended": said | given}


def _return(_turn: Turn, _asked: Reasoned) -> Values:
    return {"recommended": None}


def _hold(_turn: Turn, asked: Reasoned) -> Values:
    return {"on_hold": True, "hold_reason": asked.reason}


def _release(_turn: Turn, _asked: Reasoned) -> Values:
    return {"on_hold": False, "hold_reason": None}


def _cancel(turn: Turn, _asked: Reasoned) -> Values:
    return {"closed_at": turn.now}


def _identify(turn: Turn, asked: IdentifyBuilder) -> Values:
    """Somebody says who it is, and stands for that in the ledger; not of what mappings resolve."""
    about = next((one for one in turn.builders if one.identity == asked.identity), None)
    says = ""
    if about is None:
        says = "had no part in this"
    elif about.resolved and not about.stated:
        says = "is known: a mapping says whose it is"
    elif turn.by.name in {*about.accounts, *names_of(asked.identity)}:
        says = "is yours, as it seems: somebody else says whose it is"
    if says:
        fix = "`builders` of the review names those whom nobody knows."
        raise Invalid(FieldProblem(pointer="/identity", message=says, fix=fix))
    if asked.account is not None:
        check_account(turn.session, asked.account, at="/account")
    said = {"account": asked.account, "person": asked.person, "by": turn.by.name,
            "at": instant_text(turn.now), "reason": asked.reason}  # fmt: skip
    identified = turn.row["identified"] | {asked.identity: said}
    turn.noted["identified"] = {asked.identity: asked.account or asked.person}
    found: Values = {"identified": identified}
    if turn.row["reviewer"] is not None:
        stated = [
            one._replace(accounts=(asked.account,) if asked.account else (), resolved=True,
                         stated=True)
            if one.identity == asked.identity else one
            for one in turn.builders
        ]  # fmt: skip
        name = turn.row["reviewer"]
        found["independence"] = judge(told_by_others(stated, identified, person=name), person=name)
    return found


ACTS: Final[Mapping[Action, Callable[[Turn, Any], Values]]] = {
    Action.ASSIGN: _assign,
    Action.START: _start,
    Action.IDENTIFY: _identify,
    Action.REQUEST_CHANGES: _request_changes,
    Action.ANSWER: _answer,
    Action.RECOMMEND: _recommend,
    Action.RETURN: _return,
    Action.DECIDE: decide,
    Action.HOLD: _hold,
    Action.RELEASE: _release,
    Action.CANCEL: _cancel,
}
