"""Reviewers who are away: who stands in finds their reviews in the own queue, by the same rules."""

from typing import Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.problem import FieldProblem
from schemas.review_rules import Absence, AbsenceQuery, StateAbsence
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.errors import Invalid, NotFound
from service.ledger.change import Change, record_changes
from service.risk.acting import Acting, RoleMissing, check_account, clock
from service.risk.decided_tables import ReviewerAbsenceRow

KIND: Final = "absence"
OTHERS: Final = "approvals:grant"  # approvers say so for others too
ME: Final = "me"
absence = ReviewerAbsenceRow.__table__


class AbsenceNotFound(NotFound):
    """There is no such absence.

    `GET /api/v1/absences` lists those that are not over.
    """


def absences(asked: AbsenceQuery, *, caller: Caller) -> Keyset:
    """Who is away, the earliest first."""
    query = sa.select(absence)
    if asked.past != "true":
        query = query.where(absence.c.until_at > sa.func.now())
    if asked.account is not None:
        names = [caller.id if one == ME else one for one in asked.account]
        query = query.where(absence.c.account.in_(names))
    return Keyset(query, (Key(absence.c.from_at), Key(absence.c.id)), absence_row)


def absence_row(row: sa.RowMapping) -> Absence:
    """One as everybody sees it."""
    return Absence(**{name: row[name] for name in Absence.model_fields})


def state_absence(session: Session, *, asked: StateAbsence, by: Acting) -> Absence:
    """Say that somebody is away. Raises `RoleMissing`, `AccountUnknown`, `Invalid`."""
    about = asked.account or by.name
    _check_right(about, by=by)
    now = clock(session)
    if asked.until_at <= now:
        raise Invalid(FieldProblem(pointer="/until_at", message="must lie in the future"))
    for pointer, name in (("/account", about), ("/delegate", asked.delegate)):
        if name is not None:
            check_account(session, name, at=pointer)
    if asked.delegate == about:
        raise Invalid(FieldProblem(pointer="/delegate", message="is the one who is away"))
    given = asked.model_dump() | {"account": about}
    new = given | {"stated_by": by.name, "stated_at": now}
    stored = sa.insert(absence).values(**new).returning(*absence.c)
    row = session.execute(stored).mappings().one()
    _tell(session, "create", row=row, by=by, new=asked.model_dump(mode="json"))
    return absence_row(row)


def end_absence(session: Session, given: int, *, reason: str, by: Acting) -> Absence:
    """Somebody is back. Raises `AbsenceNotFound`, `RoleMissing`."""
    standing = sa.select(absence).where(absence.c.id == given, absence.c.until_at > sa.func.now())
    row = session.execute(standing.with_for_update()).mappings().first()
    if row is None:
        raise AbsenceNotFound(absence=given)
    _check_right(row["account"], by=by)
    now = clock(session)
    if row["from_at"] >= now:  # it never began
        session.execute(sa.delete(absence).where(absence.c.id == given))
        ended = {**row}
    else:
        over = sa.update(absence).where(absence.c.id == given).values(until_at=now)
        ended = {**session.execute(over.returning(*absence.c)).mappings().one()}
    _tell(session, "end", row=row, by=by, new={"reason": reason})
    return Absence(**{name: ended[name] for name in Absence.model_fields})


def _check_right(about: str, *, by: Acting) -> None:
    everywhere = by.caller.within(OTHERS) is None
    if about != by.name and not everywhere:
        raise RoleMissing(detail="Approvers of all namespaces alone say it for others.")


def _tell(
    session: Session, op: str, *, row: sa.RowMapping, by: Acting, new: dict[str, object]
) -> None:
    told = {"account": row["account"], "delegate": row["delegate"], **new}
    change = Change(
        op, KIND, by.caller.actor, field=str(row["id"]), new=told, request=by.trace,
        reason=str(new.get("reason") or "") or None,
    )  # fmt: skip
    record_changes(session, [change])
