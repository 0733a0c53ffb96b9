"""The steps of waivers, exceptions, overrides and exemptions: granted, refused, renewed, ended."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.concessions import ApproveConcession, AskExemption, AskOverride, RenewConcession
from schemas.findings import NotedStep
from service.etag import check_match
from service.risk.acting import (
    Acting,
    NotIndependent,
    StepImpossible,
    broken,
    check_role,
    clock,
    roles_in,
)
from service.risk.concessions.asking import exempt_use, override_use
from service.risk.concessions.ends import TABLES
from service.risk.concessions.lists import find_concession, tagged
from service.risk.concessions.machine import (
    MOST_RENEWALS,
    STEPS,
    Action,
    Sort,
    possible,
    who_may,
)
from service.risk.concessions.rules import (
    MOST_DAYS,
    check_exception,
    check_exemption,
    check_floors,
    check_lasting,
    read_use,
    read_version,
)
from service.risk.concessions.writing import (
    SCOPES,
    Done,
    Request,
    end_standing,
    keep_request,
    write_step,
)
from service.risk.reviews.content import has_digest
from service.risk.rules.active import read_policy
from service.risk.telling import Ended, announce_ended

OF_SORT: Final[Mapping[Sort, tuple[str, ...]]] = {  # what a renewal takes over
    "waiver": ("control", "item", "compensating"),
    "exception": ("version_id", "version_digest", "limits", "monitoring", "informed"),
}


def take_step(
    session: Session, sort: Sort, *, given: str, action: Action, asked: NotedStep, by: Acting
) -> UUID:
    """Grant, refuse, renew or end one; answers which one to look at then.

    Raises `ConcessionNotFound`, `RoleMissing`, `TagNeeded`, `TagStale`, `StepImpossible`,
    `NotIndependent`, `RuleBroken`, in this order.
    """
    row = find_concession(session, sort, given=given, caller=by.caller, lock=True)
    have = roles_in(session, by.caller, model=row["model_id"], namespace=row["namespace"])
    check_role(have, who_may(sort, action), namespace=row["namespace"])
    check_match(by.match, tagged(row))
    if (row["shown_state"], action) not in STEPS:
        steps = ", ".join(possible(row["shown_state"])) or "none"
        raise StepImpossible(detail=f"It is {row['shown_state']}; its steps are: {steps}.")
    return TAKE[action](session, sort, row=row, asked=asked, by=by, have=have)


def _approve(
    session: Session,
    sort: Sort,
    *,
    row: sa.RowMapping,
    asked: NotedStep,
    by: Acting,
    have: frozenset[str],
) -> UUID:
    """Whoever asked may not grant it; no owner may either, who might have let somebody ask."""
    if row["requested_by"] == by.name:
        raise NotIndependent(detail="approver_is_not_requester: you asked for it.")
    if "owner" in have:
        detail = "approver_is_not_requester: you own the model, for which it was asked."
        raise NotIndependent(detail=detail)
    now = clock(session)
    check_lasting(row["expires_at"], now=now, days=MOST_DAYS)
    _check_again(session, sort, row=row, now=now)
    changed = {"state": "IN_FORCE", "approved_by": by.name, "granted_at": now}
    if sort == "waiver" and not row["compensating"]:
        changed["compensating"] = _compensating(asked)
    end_standing(session, sort, same=_same(sort, row), by=by, now=now, new=row["id"])
    write_step(session, sort, row=row, done=Done("approve", changed, asked.reason), by=by)
    found: UUID = row["id"]
    return found


def _compensating(asked: NotedStep) -> str:
    said = asked.compensating if isinstance(asked, ApproveConcession) else None
    if said is None:
        fix = "Say with the approval what keeps the risk low meanwhile."
        raise broken("compensating", "the request names none", at="/compensating", fix=fix)
    return said


def _same(sort: Sort, row: sa.RowMapping) -> sa.ColumnElement[bool]:
    """What is in force of the same scope."""
    table = TABLES[sort]
    return sa.and_(*(
        table.c[name].is_not_distinct_from(row["written_on" if name == "model_id" else name])
        for name in SCOPES[sort]
    ))  # fmt: skip


def _check_again(session: Session, sort: Sort, *, row: sa.RowMapping, now: datetime) -> None:
    """Do the rules still allow what was asked for? Raises `RuleBroken`, `UseNotFound`."""
    if sort == "exception":
        about = read_version(session, row["version_id"])
        if not has_digest(about["digests"] or (), row["version_digest"]):
            raise broken("version_moved", "it has another digest than what was asked for",
                         at="/version", fix="Have it asked for anew.")  # fmt: skip
        check_exception(session, about, now=now)
    if sort in {"override", "exemption"}:
        use = read_use(session, row["model_id"], row["use_id"])
        if sort == "override":
            check_floors(use, row["tier"])
        else:
            check_exemption(use, until=row["expires_at"], now=now)


def _reject(
    session: Session, sort: Sort, *, row: sa.RowMapping, asked: NotedStep, by: Acting, **_: Any
) -> UUID:
    return _ended(session, sort, row=row, state="REJECTED", asked=asked, by=by)


def _revoke(
    session: Session, sort: Sort, *, row: sa.RowMapping, asked: NotedStep, by: Acting, **_: Any
) -> UUID:
    return _ended(session, sort, row=row, state="REVOKED", asked=asked, by=by)


def _ended(
    session: Session, sort: Sort, *, row: sa.RowMapping, state: str, asked: NotedStep, by: Acting
) -> UUID:
    changed = {"state": state, "ended_by": by.name, "ended_at": clock(session),
               "end_reason": asked.reason}  # fmt: skip
    action: Action = "reject" if state == "REJECTED" else "revoke"
    write_step(session, sort, row=row, done=Done(action, changed, asked.reason), by=by)
    if state == "REVOKED":
        one = Ended(row["id"], row["model_id"], state, row["expires_at"])
        announce_ended(session, sort, rows=[one])
    found: UUID = row["id"]
    return found


def _renew(
    session: Session, sort: Sort, *, row: sa.RowMapping, asked: NotedStep, by: Acting, **_: Any
) -> UUID:
    """A request of its own; the old one holds until it is granted, or its time is over."""
    if row["renewals"] >= MOST_RENEWALS:
        fix = "Ask anew: the request shows what came before it."
        raise broken("one_renewal", "it was renewed once already", fix=fix)
    if not isinstance(asked, RenewConcession):
        raise TypeError(asked)
    if sort in {"override", "exemption"}:
        return _renew_of_use(session, sort, row=row, asked=asked, by=by)
    now, rules = clock(session), read_policy(session).document
    days = rules.waiver.max_days if sort == "waiver" else rules.exception.max_days
    check_lasting(asked.expires_at, now=now, days=days)
    _check_again(session, sort, row=row, now=now)
    about = {name: row[name] for name in OF_SORT[sort]}
    request = Request(sort, row["written_on"], about, asked.reason, asked.evidence,
                      asked.expires_at, row)  # fmt: skip
    return keep_request(session, request, by=by, now=now)


def _renew_of_use(
    session: Session, sort: Sort, *, row: sa.RowMapping, asked: RenewConcession, by: Acting
) -> UUID:
    use = read_use(session, row["model_id"], row["use_id"])
    said = {name: getattr(asked, name) for name in ("reason", "evidence", "expires_at")}
    if sort == "exemption":
        return exempt_use(session, use, asked=AskExemption(**said), by=by, renews=row)
    again = AskOverride(tier=row["tier"], **said)
    return override_use(session, use, asked=again, by=by, renews=row)


TAKE: Final[Mapping[Action, Callable[..., UUID]]] = {
    "approve": _approve,
    "reject": _reject,
    "renew": _renew,
    "revoke": _revoke,
}
