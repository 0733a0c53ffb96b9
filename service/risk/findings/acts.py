"""What people do with findings: a reviewer records one, owners answer it, others close it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.findings import (
    AcceptRisk,
    AssignFinding,
    ExtendFinding,
    NotedStep,
    Proof,
    RecordFinding,
    SubmitFinding,
)
from schemas.problem import FieldProblem
from schemas.strict import instant_text
from service.catalog.detail import find_model, find_version
from service.errors import Invalid
from service.etag import check_match
from service.ledger.change import record_changes
from service.risk.acting import (
    Acting,
    NotIndependent,
    StepImpossible,
    broken,
    check_account,
    check_role,
    clock,
    roles_in,
)
from service.risk.decided_tables import FindingRow as Stored
from service.risk.findings.lists import find_finding, tagged
from service.risk.findings.machine import (
    LONGEST_ACCEPTANCE,
    REVIEWS,
    STEPS,
    Action,
    due_in,
    possible,
    who_may,
)
from service.risk.touch import touch

finding = Stored.__table__
KIND: Final = "finding"
MENDED: Final[Action] = "submit"
Values = dict[str, Any]


class Taken(NamedTuple):
    """A step that is being taken: of which finding, with what, by whom, when."""

    row: sa.RowMapping
    asked: NotedStep
    by: Acting
    roles: frozenset[str]
    now: datetime

    def proofs(self, sent: tuple[Proof, ...]) -> list[Values]:
        """All evidence, with what is sent now."""
        return [*self.row["evidence"], *kept_proofs(sent, by=self.by, now=self.now, step=MENDED)]


def kept_proofs(
    sent: tuple[Proof, ...], *, by: Acting, now: datetime, step: str = "open"
) -> list[Values]:
    """Evidence as it is kept: by whom, when, and with which step."""
    stamp = {"by": by.name, "at": instant_text(now), "step": step}
    return [one.model_dump(mode="json") | stamp for one in sent]


def record_finding(session: Session, *, asked: RecordFinding, by: Acting) -> str:
    """Open a finding, and say under which id. Raises `ModelNotFound`, `RoleMissing`, `Invalid`."""
    namespace, _, name = asked.model.partition("/")
    model = find_model(session, namespace, name=name, caller=by.caller)
    have = roles_in(session, by.caller, model=model["id"], namespace=model["namespace"])
    check_role(have, REVIEWS, namespace=model["namespace"])
    version = None
    if asked.version is not None:
        label = asked.version
        version = find_version(session, (namespace, name), label=label, caller=by.caller)["id"]
    if asked.assignee is not None:
        check_account(session, asked.assignee, at="/assignee")
    now, about = clock(session), uuid7()
    due = now + due_in(asked.severity)
    session.execute(sa.insert(finding).values(
        id=about, model_id=model["id"], version_id=version, source="person",
        cause=f"person:{about}", category=asked.category, severity=asked.severity, state="OPEN",
        title=asked.title, description=asked.description, assignee=asked.assignee,
        opened_by=by.name, opened_at=now, original_due=due, due_at=due, extensions=0,
        evidence=kept_proofs(asked.evidence, by=by, now=now), valid_from=now,
    ))  # fmt: skip
    new = {"state": "OPEN", "source": "person", "due_at": instant_text(due)}
    new |= {name: getattr(asked, name) for name in ("category", "severity", "assignee")}
    record_changes(session, [by.change("open", KIND, model=model["id"], about=about, new=new)])
    touch(session, [model["id"]], cause=by.cause)
    return str(about)


def take_step(
    session: Session, given: str, *, action: Action, asked: NotedStep, by: Acting
) -> None:
    """Take one step of a finding.

    Raises `FindingNotFound`, `RoleMissing`, `TagNeeded`, `TagStale`, `StepImpossible`,
    `NotIndependent`, `RuleBroken`, in this order.
    """
    row = find_finding(session, given, caller=by.caller, lock=True)
    have = roles_in(session, by.caller, model=row["model_id"], namespace=row["namespace"])
    if by.caller.may("risk:act") and row["assignee"] == by.name:
        have |= {"assignee"}
    check_role(have, who_may(action), namespace=row["namespace"])
    check_match(by.match, tagged(row))
    step = STEPS.get((row["shown_state"], action))
    if step is None:
        raise StepImpossible(detail=_says(row["shown_state"]))
    check_role(have, step.by, namespace=row["namespace"])
    taken = Taken(row, asked, by, have, clock(session))
    changed = {"accepted_until": None, "accepted_by": None, "state": step.to}
    changed |= EFFECTS.get(action, _nothing)(taken)
    if isinstance(asked, AssignFinding):
        check_account(session, asked.assignee, at="/assignee")
    _write(session, taken, action=action, changed=changed)


def _says(state: str) -> str:
    steps = ", ".join(possible(state)) or "none"  # type: ignore[arg-type]  # a state of the table
    return f"It is {state}; its steps are: {steps}."


def _write(session: Session, taken: Taken, *, action: Action, changed: Values) -> None:
    """Write it, with its ledger row; its model is evaluated again."""
    row, by = taken.row, taken.by
    session.execute(sa.update(finding).where(finding.c.id == row["id"]).values(**changed))
    told = {name: value for name, value in changed.items() if _is_told(name, value)}
    new = {name: _plain(value) for name, value in told.items()}
    old = {name: _plain(row["shown_state"] if name == "state" else row[name]) for name in told}
    change = by.change(action, KIND, model=row["model_id"], about=row["id"], old=old, new=new,
                       reason=taken.asked.reason)  # fmt: skip
    record_changes(session, [change])
    touch(session, [row["model_id"]], cause=by.cause)


def _is_told(name: str, value: Any) -> bool:
    return name == "state" or (value is not None and name != "evidence")


def _plain(value: Any) -> Any:
    return instant_text(value) if isinstance(value, datetime) else value


def _nothing(_taken: Taken) -> Values:
    return {}


def _acknowledge(taken: Taken) -> Values:
    """Whoever takes it on without being asked has it."""
    return {"assignee": taken.row["assignee"] or taken.by.name}


def _submit(taken: Taken) -> Values:
    sent = taken.asked.evidence if isinstance(taken.asked, SubmitFinding) else ()
    return {"evidence": taken.proofs(sent), "assignee": taken.row["assignee"] or taken.by.name}


def _close(taken: Taken) -> Values:
    """By somebody else than who has it, and than who sent what shows that it is mended."""
    _check_another(taken)
    if not any(_mends(one) for one in taken.row["evidence"]):
        raise broken("closed_with_evidence", "nothing shows that it is mended")
    return _end(taken)


def _withdraw(taken: Taken) -> Values:
    """Owners rebut it: none of them says that they are right."""
    _check_another(taken)
    _check_no_owner(taken, "withdrawn_by_another")
    return _end(taken)


def _end(taken: Taken) -> Values:
    return {"closed_by": taken.by.name, "closed_at": taken.now}


def _accept(taken: Taken) -> Values:
    """Neither its owner nor who has it decides that it may stay as it is."""
    _check_another(taken)
    _check_no_owner(taken, "accepted_by_another")
    until = taken.asked.until if isinstance(taken.asked, AcceptRisk) else taken.now
    if not taken.now < until <= taken.now + LONGEST_ACCEPTANCE:
        raise _wrong_time("/until", "must lie in the future, at most 366 days from now")
    return {"accepted_until": until, "accepted_by": taken.by.name}


def _extend(taken: Taken) -> Values:
    _check_another(taken)
    later = taken.asked.due_at if isinstance(taken.asked, ExtendFinding) else taken.now
    if later <= max(taken.now, taken.row["due_at"]):
        raise _wrong_time("/due_at", "must lie in the future, after the time until when it is due")
    return {"due_at": later, "extensions": taken.row["extensions"] + 1}


def _assign(taken: Taken) -> Values:
    asked = taken.asked
    return {"assignee": asked.assignee} if isinstance(asked, AssignFinding) else {}


def _check_another(taken: Taken) -> None:
    """Neither who has it, nor who sent evidence. Raises `NotIndependent`."""
    sent = (one.get("by") for one in taken.row["evidence"] if _mends(one))
    involved = {taken.row["assignee"], *sent}
    if taken.by.name in involved:
        raise NotIndependent(detail="closed_by_another: you work on it.")


def _check_no_owner(taken: Taken, rule: str) -> None:
    if "owner" in taken.roles:
        raise NotIndependent(detail=f"{rule}: you own the model.")


def _mends(proof: Mapping[str, Any]) -> bool:
    """Was it sent to show that the finding is mended?"""
    return proof.get("step") == MENDED


def _wrong_time(at: str, says: str) -> Invalid:
    return Invalid(FieldProblem(pointer=at, message=says, fix="Give another time."))


EFFECTS: Final[Mapping[Action, Callable[[Taken], Values]]] = {
    "acknowledge": _acknowledge,
    "submit": _submit,
    "close": _close,
    "withdraw": _withdraw,
    "accept_risk": _accept,
    "extend": _extend,
    "assign": _assign,
}
