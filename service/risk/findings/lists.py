"""Findings as people read them: lists, files, and one with what was done with it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import fold_name, natural_name
from schemas.findings import (
    FindingDetail,
    FindingFilters,
    FindingOutline,
    FindingRow,
    FindingStep,
)
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.named import ME, check_names
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.catalog.typed import TYPED
from service.errors import Invalid, NotFound
from service.ledger.tables import ChangeRow
from service.risk.acting import Tagged, at_home, home, seen_by, told_to
from service.risk.decided_tables import FindingRow as Stored
from service.risk.findings.machine import ENDED, STATES, possible
from service.risk.tables import ControlResultRow

finding, change, result = (t.__table__ for t in (Stored, ChangeRow, ControlResultRow))
version: Final = TYPED[Kind.VERSION]
FULL: Final = "told"
CONTROL: Final = "control:"


class FindingNotFound(NotFound):
    """No finding of a model that you may see has this id.

    `GET /api/v1/findings` lists them.
    """


def select_findings(caller: Caller) -> sa.Select[Any]:
    """Every finding of the models that the caller may see; `told` where all of it may be read."""
    now = sa.func.clock_timestamp()
    state = sa.case(
        (sa.and_(finding.c.state == "RISK_ACCEPTED", finding.c.accepted_until <= now), "OPEN"),
        else_=finding.c.state,
    )
    past_due = sa.and_(
        sa.func.greatest(finding.c.due_at, finding.c.accepted_until) <= now,
        finding.c.state.not_in(sorted(ENDED)),
    )
    passes = sa.select(result.c.result.in_(("PASS", "WAIVED", "NOT_APPLICABLE"))).where(
        result.c.model_id == home.c.id, CONTROL + result.c.control == finding.c.cause
    )
    mine = sa.func.coalesce(finding.c.assignee == caller.id, sa.false())
    return (
        at_home(
            finding,
            version.c.number.label("version"),
            state.label("shown_state"),
            past_due.label("past_due"),
            sa.func.coalesce(passes.scalar_subquery(), sa.false()).label("cause_passes"),
            sa.or_(told_to(caller), mine).label(FULL),
        )
        .outerjoin(version, version.c.id == finding.c.version_id)
        .where(seen_by(caller))
    )


def findings(session: Session, asked: FindingFilters, *, caller: Caller) -> Keyset:
    """What matches, the newest first. Raises `Invalid`."""
    named = asked.model_copy(update={"source": None})  # of a finding that is no source's name
    check_names(session, named, caller=caller)
    if caller.account is None and "me" in (asked.assignee or ()):
        problem = FieldProblem(pointer="?assignee", message="the token belongs to nobody", fix=ME)
        raise Invalid(problem)
    each = select_findings(caller).subquery("found")
    query = sa.select(each).where(*_asked(each, asked, caller=caller))
    order = (Key(each.c.opened_at, descending=True), Key(each.c.id, descending=True))
    return Keyset(query, order, finding_row)


def _asked(
    each: sa.FromClause, asked: FindingFilters, *, caller: Caller
) -> Iterator[sa.ColumnElement[bool]]:
    yield each.c.shown_state.in_(asked.state or [one for one in STATES if one not in ENDED])
    if asked.severity is not None:
        yield each.c.severity.in_(asked.severity)
    if asked.past_due is not None:
        yield each.c.past_due.is_(asked.past_due == "true")
    if asked.namespace is not None:
        yield each.c.namespace.in_([fold_name(one) for one in asked.namespace])
    if asked.model is not None:
        yield each.c.model.in_(model_keys(asked.model))
    if asked.assignee is not None:
        named = [caller.id if one == "me" else one for one in asked.assignee]
        yield sa.and_(each.c[FULL], each.c.assignee.in_(named))
    for name in ("category", "source"):
        if (wanted := getattr(asked, name)) is not None:
            yield sa.and_(each.c[FULL], each.c[name].in_(wanted))


def model_keys(names: Sequence[str]) -> list[str]:
    """Models by `namespace/name`, as they are compared."""
    return [natural_name(*one.split("/", 1)) for one in names if "/" in one]


def find_finding(session: Session, given: str, *, caller: Caller, lock: bool = False) -> Any:
    """One by its id; locked, if it is to change. Raises `FindingNotFound`."""
    try:
        query = select_findings(caller).where(finding.c.id == UUID(given))
    except ValueError:
        raise FindingNotFound from None
    if lock:
        query = query.with_for_update(of=finding)
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise FindingNotFound
    return found


def finding_row(row: sa.RowMapping) -> FindingRow | FindingOutline:
    """A finding as its reader may see it."""
    shape = FindingRow if row[FULL] else FindingOutline
    return shape.model_validate({name: _member(row, name) for name in shape.model_fields})


def _member(row: sa.RowMapping, name: str) -> Any:
    if name == "url":
        return f"{API}/findings/{row['id']}"
    if name == "accepted_until":
        return _until(row)
    return row["shown_state" if name == "state" else name]


def _until(row: sa.RowMapping) -> Any:
    return row["accepted_until"] if row["shown_state"] == "RISK_ACCEPTED" else None


def get_finding(
    session: Session, given: str, *, caller: Caller
) -> tuple[FindingDetail | FindingOutline, Tagged]:
    """One finding, and what its tag stands for. Raises `FindingNotFound`."""
    row = find_finding(session, given, caller=caller)
    return finding_detail(session, row), tagged(row)


def finding_detail(session: Session, row: sa.RowMapping) -> FindingDetail | FindingOutline:
    """It, with what was done with it, for whoever may read that."""
    shown = finding_row(row)
    if not isinstance(shown, FindingRow):
        return shown
    return FindingDetail(
        **dict(shown), steps=steps_of(session, row), possible=possible(shown.state)
    )


def tagged(row: sa.RowMapping) -> Tagged:
    """What the tag of a finding stands for."""
    return Tagged(id=row["id"], changed_at=row["valid_from"], state=row["shown_state"])


def steps_of(session: Session, row: sa.RowMapping) -> tuple[FindingStep, ...]:
    """What the ledger has of it, the first first."""
    found = session.execute(
        sa.select(change.c.recorded_at, change.c.canon)
        .where(
            change.c.entry_id.in_((row["model_id"], row["written_on"])),
            change.c.kind == "finding",
            change.c.field == str(row["id"]),
        )
        .order_by(change.c.id)
    )
    return tuple(_step(row.recorded_at, json.loads(row.canon)) for row in found)


def _step(at: Any, told: dict[str, Any]) -> FindingStep:
    new = told["new"] if isinstance(told["new"], dict) else {}
    return FindingStep(
        at=at, op=told["op"], by=told["actor"]["id"], reason=told["reason"], state=new.get("state")
    )
