"""Writes waivers, exceptions, overrides and exemptions: a new request, a step, with the ledger."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.findings import Proof
from schemas.strict import instant_text
from service.errors import Conflict
from service.ledger.change import record_changes
from service.risk.acting import Acting, broken
from service.risk.concessions.ends import TABLES, open_after_exceptions
from service.risk.concessions.machine import MOST_RENEWALS, Action, Sort
from service.risk.concessions.reading import IN_FORCE
from service.risk.findings.acts import kept_proofs
from service.risk.touch import touch

ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:about, 2))")
SCOPES: Final[Mapping[Sort, tuple[str, ...]]] = {  # what at most one of a sort holds for
    "waiver": ("model_id", "control", "item"),
    "exception": ("version_id",),
    "override": ("use_id",),
    "exemption": ("use_id",),
}
TOLD: Final = ("control", "item", "version_id", "use_id", "direction", "tier")


class AlreadyAsked(Conflict):
    """The same is asked for already, or is in force.

    Decide the request that waits; renew what is in force, or have it revoked first.
    """


class Request(NamedTuple):
    """What is asked for, as the row that it becomes."""

    sort: Sort
    model: UUID
    about: Mapping[str, Any]  # its scope, and what only its sort has
    reason: str
    evidence: tuple[Proof, ...]
    expires_at: datetime
    renews: sa.RowMapping | None = None  # what it renews; else the latest before it is the chain's

    @property
    def table(self) -> sa.Table:
        """Where it is kept."""
        return TABLES[self.sort]

    @property
    def same(self) -> sa.ColumnElement[bool]:
        """Rows of the same scope."""
        scope = dict(self.about) | {"model_id": self.model}
        columns = self.table.c
        return sa.and_(*(
            columns[name].is_not_distinct_from(scope[name]) for name in SCOPES[self.sort]
        ))  # fmt: skip


class Done(NamedTuple):
    """A step that was taken: what changes, and why."""

    action: Action
    changed: Mapping[str, Any]
    reason: str | None


def keep_request(
    session: Session, asked: Request, *, by: Acting, now: datetime, at_once: bool = False
) -> UUID:
    """Write a request, or what needs nobody else's word. Raises `AlreadyAsked`."""
    about = " ".join(str(dict(asked.about).get(name)) for name in SCOPES[asked.sort])
    session.execute(ALONE, {"about": f"{asked.sort} {asked.model} {about}"})
    before = _before(session, asked, now=now, at_once=at_once)
    made = uuid7()
    table = asked.table
    state = {"state": IN_FORCE, "granted_at": now} if at_once else {"state": "REQUESTED"}
    if at_once:
        end_standing(session, asked.sort, same=asked.same, by=by, now=now, new=made)
    session.execute(sa.insert(table).values(
        id=made, model_id=asked.model, reason=asked.reason,
        evidence=kept_proofs(asked.evidence, by=by, now=now), requested_by=by.name,
        requested_at=now, expires_at=asked.expires_at, valid_from=now,
        renews=before, renewals=0 if asked.renews is None else asked.renews["renewals"] + 1,
        **asked.about, **state,
    ))  # fmt: skip
    new = {name: _plain(value) for name, value in asked.about.items() if name in TOLD}
    new |= {"state": state["state"], "expires_at": instant_text(asked.expires_at)}
    op = "renew" if asked.renews is not None else "set" if at_once else "ask"
    record_changes(session, [by.change(op, asked.sort, model=asked.model, about=made, new=new,
                                       reason=asked.reason)])  # fmt: skip
    touch(session, [asked.model], cause=by.cause)
    return made


def _before(session: Session, asked: Request, *, now: datetime, at_once: bool) -> UUID | None:
    """The one that it follows in the chain. Raises `AlreadyAsked`."""
    table = asked.table
    rows = session.execute(
        sa.select(*table.c["id", "state", "expires_at", "granted_at", "renewals"])
        .where(asked.same)
        .order_by(table.c.id)
    ).all()
    if not at_once and any(row.state == "REQUESTED" for row in rows):
        raise AlreadyAsked
    renewable = any(
        row.state == IN_FORCE and row.expires_at > now and row.renewals < MOST_RENEWALS
        for row in rows
    )
    if renewable and asked.renews is None and asked.sort != "override":
        raise AlreadyAsked
    if asked.sort == "exception" and any(
        row.granted_at is not None and row.renewals >= MOST_RENEWALS for row in rows
    ):
        raise broken("one_renewal", "this version had its exception and its renewal",
                     fix="Have it approved, or take it out of production.")  # fmt: skip
    granted = [row.id for row in rows if row.granted_at is not None]
    if asked.renews is not None:
        found: UUID = asked.renews["id"]
        return found
    return granted[-1] if granted else None


def end_standing(
    session: Session,
    sort: Sort,
    *,
    same: sa.ColumnElement[bool],
    by: Acting,
    now: datetime,
    new: UUID,
) -> None:
    """What is in force of the same scope gives way to another one."""
    table = TABLES[sort]
    ended = session.execute(
        sa.update(table)
        .where(same, table.c.state == IN_FORCE)
        .values(
            state=sa.case((table.c.expires_at <= now, "LAPSED"), else_="REVOKED"),
            ended_by=by.name, ended_at=now, end_reason=f"replaced by {new}",
        )
        .returning(table.c.id, table.c.model_id, table.c.state)
    ).all()  # fmt: skip
    record_changes(session, [
        by.change("replace", sort, model=row.model_id, about=row.id, old={"state": IN_FORCE},
                  new={"state": row.state, "by": str(new)})
        for row in sorted(ended)
    ])  # fmt: skip


def write_step(session: Session, sort: Sort, *, row: sa.RowMapping, done: Done, by: Acting) -> None:
    """Write a step of one, with its ledger row; its model is evaluated again."""
    table, changed = TABLES[sort], done.changed
    session.execute(sa.update(table).where(table.c.id == row["id"]).values(**changed))
    new = {name: _plain(changed[name]) for name in ("state", "granted_at") if name in changed}
    change = by.change(done.action, sort, model=row["model_id"], about=row["id"],
                       old={"state": row["shown_state"]}, new=new, reason=done.reason)  # fmt: skip
    record_changes(session, [change])
    if sort == "exception" and changed["state"] == "REVOKED":
        open_after_exceptions(session, [row["id"]], now=changed["ended_at"])
    touch(session, [row["model_id"]], cause=by.cause)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return str(value) if isinstance(value, UUID) else value
