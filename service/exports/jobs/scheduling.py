"""Schedules of bundles: declared, and queued once a period, as soon as its end is settled."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.exports import ExportWanted, PutSchedule, ScheduleShown
from service.access.accounts import Deed
from service.access.holders import Narrowing
from service.access.policy import Caller
from service.access.tables import AccountRow
from service.catalog.keyset import Keyset
from service.catalog.moments import read_settled
from service.catalog.sorting import Key
from service.errors import Conflict, NotFound
from service.exports.jobs.asking import Asker, asker_of, check_wanted, clock, queue
from service.exports.jobs.log import EVERYBODYS, Exported, record_export
from service.exports.jobs.periods import Period, period_of
from service.exports.jobs.rights import ENDING, export
from service.exports.jobs.tables import ExportScheduleRow
from service.exports.review.reading import Moments
from service.ledger.change import Actor

ACTOR: Final = Actor("software", "exports")
schedule, account = ExportScheduleRow.__table__, AccountRow.__table__
BY_NAME: Final = (Key(schedule.c.name.collate("C")),)
MOST_SCHEDULES: Final = 20  # of one account
WANTED: Final = ("profile", "dialect", "filters")


class ScheduleNotFound(NotFound):
    """No schedule has this name, or it is somebody else's.

    `GET /api/v1/export-schedules` lists yours; auditors and admins see all.
    """


class TooManySchedules(Conflict):
    """You have as many schedules as one account may have: twenty.

    Remove one that is needed no more: `DELETE /api/v1/export-schedules/{name}`.
    """


class ScheduleTaken(Conflict):
    """Somebody else's schedule has this name.

    Choose another name: a schedule stays with the account whose rights its bundles have.
    """


def select_schedules(*, caller: Caller) -> Keyset:
    """The schedules that the caller may see, by name."""
    last = (
        sa.select(export.c.id)
        .where(export.c.schedule == schedule.c.name)
        .order_by(export.c.as_of.desc())
        .limit(1)
        .correlate(schedule)
        .scalar_subquery()
    )
    seen = sa.true() if caller.may(EVERYBODYS) else schedule.c.account_id == caller.account
    rows = (
        sa.select(schedule, account.c.name.label("account"), last.label("last_export"))
        .join(account, account.c.id == schedule.c.account_id)
        .where(seen)
    )
    return Keyset(rows, BY_NAME, schedule_row)


def get_schedule(session: Session, name: str, *, caller: Caller) -> ScheduleShown:
    """One schedule. Raises `ScheduleNotFound`."""
    query = select_schedules(caller=caller).query.where(schedule.c.name == name)
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise ScheduleNotFound
    return schedule_row(found)


def put_schedule(
    session: Session, name: str, *, asked: PutSchedule, caller: Caller, request: str | None
) -> ScheduleShown:
    """Declare a schedule, or change it; from then on it has the rights of this token.

    One that is new, was disabled or has other periods begins with the present one. Raises
    `ScheduleTaken`, `TooManySchedules`, `Invalid`, `InsufficientScope`.
    """
    asker = asker_of(session, caller)
    check_wanted(session, asked, caller=caller)
    before = _find(session, name)
    if before is None:
        _check_few(session, caller)
    now = session.execute(sa.select(clock())).scalar_one()
    period = period_of(asked.every, now)
    if before is not None and before.enabled and before.every == asked.every:  # it goes on
        period = Period(before.next_from, before.due_at, "")
    values = {
        **asker.columns, **asked.model_dump(include={*WANTED, "every", "enabled"}),
        "next_from": period.begin, "due_at": period.end,
    }  # fmt: skip
    stored = session.execute(
        insert(schedule)
        .values(name=name, **values)
        .on_conflict_do_update(
            index_elements=["name"], set_=values, where=schedule.c.account_id == caller.account
        )
        .returning(schedule.c.name)
    ).first()
    if stored is None:  # it is somebody else's
        raise ScheduleTaken
    about = Exported(name, {**asked.filters, "every": asked.every}, period.end)
    record_export(session, "schedule", by=Deed(caller.actor, request=request), about=about)
    return get_schedule(session, name, caller=caller)


def _check_few(session: Session, caller: Caller) -> None:
    mine = sa.select(sa.func.count()).where(schedule.c.account_id == caller.account)
    if session.execute(mine).scalar_one() >= MOST_SCHEDULES:
        raise TooManySchedules


def remove_schedule(session: Session, name: str, *, caller: Caller, request: str | None) -> None:
    """End a schedule; its bundles stay. Raises `ScheduleNotFound`."""
    found = _find(session, name)
    if found is None or (found.account_id != caller.account and not caller.may(ENDING)):
        raise ScheduleNotFound
    session.execute(sa.delete(schedule).where(schedule.c.name == name))
    about = Exported(name, found.filters, found.due_at)
    record_export(session, "unschedule", by=Deed(caller.actor, request=request), about=about)


def queue_due(session: Session) -> int:
    """Queue a bundle for each period that is over and settled; answers how many.

    What was missed, since no worker ran, is made up for, period by period.
    """
    settled, now = read_settled(session)
    if settled is None:
        return 0
    due = (
        sa.select(schedule, account.c.name.label("account"))
        .join(account, account.c.id == schedule.c.account_id)
        .where(schedule.c.enabled, schedule.c.due_at < settled)
        .order_by(schedule.c.name)
        .with_for_update(of=schedule, skip_locked=True)
    )
    queued = 0
    for row in session.execute(due).all():
        period = period_of(row.every, row.next_from)
        while period.end < settled:
            queued += _queue(session, row, period=period, known_at=now)
            period = period_of(row.every, period.end)
        moved = {"next_from": period.begin, "due_at": period.end}
        session.execute(sa.update(schedule).where(schedule.c.name == row.name).values(moved))
    return queued


def schedule_row(row: sa.RowMapping) -> ScheduleShown:
    """A row as it is shown."""
    return ScheduleShown(
        name=row["name"],
        url=f"/api/v1/export-schedules/{row['name']}",
        **{name: row[name] for name in (*WANTED, "every", "enabled", "account", "due_at")},
        next_period=period_of(row["every"], row["next_from"]).name,
        last_export=row["last_export"],
    )


def _find(session: Session, name: str) -> sa.Row[Any] | None:
    query = sa.select(schedule).where(schedule.c.name == name).with_for_update()
    return session.execute(query).one_or_none()


def _queue(session: Session, row: sa.Row[Any], *, period: Period, known_at: datetime) -> int:
    """Once a period, whoever is at it. It tells what changed in the period, too."""
    name = f"{row.name}_{period.name}.zip"
    narrowing = Narrowing(row.role, row.scopes, row.namespaces)
    made = queue(
        session, Asker(row.account_id, row.account, narrowing),
        wanted=ExportWanted(**{one: getattr(row, one) for one in WANTED}),
        moments=Moments(period.end, known_at, period.begin), file_name=name,
        of=(row.name, period.name),
    )  # fmt: skip
    if made is None:
        return 0
    actor = ACTOR._replace(on_behalf_of=row.account)
    about = Exported(name, row.filters, period.end, made)
    record_export(session, "request", by=Deed(actor), about=about)
    return 1
