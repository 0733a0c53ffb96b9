"""Rules come into force: previewed lately, by somebody else than their author, now or later."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.rule_sets import ActivateRules, RuleSetShown
from service.db import Database, Moved
from service.errors import Conflict, InsufficientScope
from service.etag import check_match
from service.ledger.change import Actor, Change, record_changes
from service.risk.rules.active import read_policy
from service.risk.rules.previews import OPEN
from service.risk.rules.revaluation import ask_revaluation, is_open
from service.risk.rules.rule_sets import (
    PACKS,
    POLICIES,
    By,
    Rules,
    find_rules,
    newest_preview,
    show_rules,
)

SOFTWARE: Final = Actor("software", "activation")
ACTIVE: Final = "ACTIVE"


class ActivatedByAuthor(Conflict):
    """Whoever wrote rules does not put them in force.

    Ask another approver.
    """


class PreviewNeeded(Conflict):
    """There is no preview of these very rules against those in force that is young enough.

    Preview them, look at what changes, and put them in force then.
    """


class AlreadyDecided(Conflict):
    """These rules are, or were, in force.

    Upload them under a new version to bring them back.
    """


class RevaluationRunning(Conflict):
    """Everything is still being evaluated by the rules that came into force last.

    Wait until that is done; `model-catalog evaluate` does it at once.
    """


class StartsTooEarly(Conflict):
    """The rules themselves say that they begin later.

    Choose a moment that is not before, or leave it out.
    """


def activate(
    session: Session,
    rules: Rules,
    *,
    given: str,
    asked: ActivateRules,
    by: By,
    match: Iterable[str],
) -> RuleSetShown:
    """Put a version in force, now or from a moment on.

    Raises `InsufficientScope`, `RulesNotFound`, `TagNeeded`, `TagStale`, `AlreadyDecided`,
    `ActivatedByAuthor`, `PreviewNeeded`, `StartsTooEarly`, `RevaluationRunning`.
    """
    caller = by.caller
    if caller.within("approvals:grant") is not None:
        raise InsufficientScope(detail="An approver of all namespaces puts rules in force.")
    base = _lock(session, rules)
    row = find_rules(session, rules, given=given, lock=True)
    check_match(tuple(match), show_rules(session, rules, given=given))
    if row.state not in OPEN:
        raise AlreadyDecided(state=row.state)
    if row.author == caller.id:
        raise ActivatedByAuthor
    _check_preview(session, rules, row=row, base=base)
    now: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    begins = _begins(rules, row=row, asked=asked, now=now)
    told = _told(row) | {"effective_from": begins}
    change = by.change("activate", rules.word, new=told, reason=asked.reason)
    table = rules.table
    if begins > now:
        waiting = sa.and_(table.c.state.in_(sorted(OPEN)), table.c.activated_by.is_not(None))
        nobody = {"activated_by": None, "effective_from": None}
        session.execute(sa.update(table).where(waiting).values(nobody))  # the latest word counts
        values = {"activated_by": caller.id, "effective_from": begins, "state": "PREVIEWED"}
        session.execute(sa.update(table).where(table.c.id == row.id).values(values))
        record_changes(session, [change])
    else:
        if is_open(session, rules.word):
            raise RevaluationRunning
        _put_in_force(session, rules, row=row, by=caller.id, change=change)
    return show_rules(session, rules, given=given)


def begin_scheduled(database: Database, *, dry_run: bool = False) -> int:
    """Rules whose moment has come begin to hold; how many did."""
    if dry_run:
        return 0

    def begin(session: Session) -> int:
        return sum(_begin(session, rules) for rules in (POLICIES, PACKS))

    return database.transact(begin)


def _begin(session: Session, rules: Rules) -> int:
    """A preview that has become void meanwhile takes the decision back, and the ledger says so."""
    base, table = _lock(session, rules), rules.table
    row = session.execute(
        sa.select(table)
        .where(table.c.state == "PREVIEWED", table.c.activated_by.is_not(None),
               table.c.effective_from <= sa.func.clock_timestamp())
        .with_for_update()
    ).one_or_none()  # fmt: skip
    if row is None or is_open(session, rules.word):
        return 0
    preview = newest_preview(session, rules, rules_id=row.id)
    if preview is None or preview.base_id != base:
        nobody = {"activated_by": None, "effective_from": None, "state": "DRAFT"}
        session.execute(sa.update(table).where(table.c.id == row.id).values(nobody))
        why = "other rules came into force since its preview: preview it again"
        change = Change("withdraw", rules.word, SOFTWARE, new=_told(row), reason=why)
        record_changes(session, [change])
        return 0
    told = _told(row) | {"effective_from": row.effective_from}
    change = Change("begin", rules.word, SOFTWARE, new=told)
    _put_in_force(session, rules, row=row, by=row.activated_by, change=change)
    return 1


def _lock(session: Session, rules: Rules) -> int:
    """One after the other: answers which rules are in force."""
    active = sa.select(rules.table.c.id).where(rules.table.c.state == ACTIVE)
    found: int | None = session.execute(active.with_for_update()).scalar_one_or_none()
    if found is None:  # others came into force while this one waited
        raise Moved
    return found


def _check_preview(session: Session, rules: Rules, *, row: sa.Row[Any], base: int) -> None:
    preview = newest_preview(session, rules, rules_id=row.id)
    valid = timedelta(days=read_policy(session).document.clocks.preview_valid_days)
    oldest = session.execute(sa.select(sa.func.clock_timestamp() - valid)).scalar_one()
    if preview is None or preview.done_at is None:
        raise PreviewNeeded
    if preview.digest != row.digest or preview.base_id != base or preview.done_at < oldest:
        raise PreviewNeeded


def _begins(rules: Rules, *, row: sa.Row[Any], asked: ActivateRules, now: datetime) -> datetime:
    said = rules.effective(row.document)
    if asked.effective_from is not None and said is not None and asked.effective_from < said:
        raise StartsTooEarly(said=said)
    return max(filter(None, (asked.effective_from, said, now)))


def _put_in_force(
    session: Session, rules: Rules, *, row: sa.Row[Any], by: str, change: Change
) -> None:
    """The rules in force end, these begin, and everything is evaluated again."""
    table, now = rules.table, sa.func.clock_timestamp()
    before = session.execute(
        sa.update(table)
        .where(table.c.state == ACTIVE)
        .values(state="SUPERSEDED", superseded_at=now)
        .returning(table.c.name, table.c.version, table.c.digest)
    ).one()
    session.execute(
        sa.update(table)
        .where(table.c.id == row.id)
        .values(state=ACTIVE, activated_by=by, activated_at=now,  # sooner than it was planned, too
                effective_from=sa.func.least(table.c.effective_from, now))
    )  # fmt: skip
    ended = change._replace(op="supersede", new=None, old=_told(before))
    record_changes(session, [ended, change])
    ask_revaluation(session, rules.word, rules_id=row.id, by=by)


def _told(row: sa.Row[Any]) -> dict[str, Any]:
    return {"name": row.name, "version": row.version, "digest": row.digest}
