"""What is done from time to time: harvests expire, what nobody needs any more is thrown away."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.harvest import Outcome
from service.access.ci.exchange import forget_assertions
from service.access.idempotency import forget_answers
from service.access.tables import TokenRow
from service.db import Database
from service.deployments.announcing import announce_unregistered
from service.deployments.lapsing import end_decisions
from service.exports.jobs.keeping import expire_bundles
from service.exports.jobs.scheduling import queue_due
from service.hooks.keeping import drop_bodies, forget_deliveries, forget_hints
from service.hooks.process import process_deliveries
from service.ingest.harvests import forget
from service.ingest.refold import continue_refolds
from service.ingest.retry import retry_outdated
from service.ingest.tables import HarvestRow, QuarantineRow
from service.operation.retention import forget_training_runs
from service.outgoing.keeping import event, forget_events
from service.people.expiry import expire_pins
from service.risk.concessions.summary import lapse
from service.risk.evaluating import evaluate_due
from service.risk.findings.opened import end_acceptances
from service.risk.reviews.legal_holds import standing
from service.risk.rules.jobs import follow_rules
from service.risk.samples.cycles import run_samples

TOKENS_SHOWN: Final = timedelta(days=30)  # after their end
SETTLED_SHOWN: Final = timedelta(days=90)  # refused records that somebody has settled
REPORTS_WHOLE: Final = timedelta(days=90)  # then without what was skipped and planned
MOST_QUARANTINED: Final = 10_000  # of one source; the oldest go
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")
ALONE: Final = sa.text("SELECT pg_try_advisory_xact_lock(hashtext('model-catalog:jobs'))")

harvest, token, quarantine = (table.__table__ for table in (HarvestRow, TokenRow, QuarantineRow))


def run_jobs(
    database: Database, *, training_run_days: int | None, dry_run: bool = False
) -> dict[str, int]:
    """Do each job once, in a transaction of its own; answers how much each found to do.

    Whoever comes while another does a job leaves it to that one.
    """
    found = {}
    for name, job in JOBS.items():

        def alone(session: Session, job: Callable[[Session], int] = job) -> int:
            session.execute(LONGER)
            done = job(session) if session.execute(ALONE).scalar_one() else 0
            if dry_run:
                session.rollback()
            return done

        found[name] = database.transact(alone)
    found["deliveries_read"] = process_deliveries(database, dry_run=dry_run).deliveries
    found["pins_expired"] = expire_pins(database, dry_run=dry_run)
    found["deployment_decisions_ended"] = end_decisions(database, dry_run=dry_run)
    found["refolded"] = continue_refolds(database, dry_run=dry_run)
    found |= follow_rules(database, dry_run=dry_run)
    found["models_evaluated"] = evaluate_due(database, dry_run=dry_run)
    if training_run_days is not None:
        after = timedelta(days=training_run_days)
        found["training_runs"] = forget_training_runs(database, after=after, dry_run=dry_run)
    return found


def expire_harvests(session: Session) -> int:
    """A harvest that was never closed failed when its lease ended: nothing retired, cursor kept.

    One that somebody has locked is in use, and lives.
    """
    idle = sa.select(harvest.c.id).where(
        harvest.c.closed_at.is_(None), harvest.c.lease_until < sa.func.clock_timestamp()
    )
    over = (
        sa.update(harvest)
        .where(harvest.c.id.in_(idle.with_for_update(skip_locked=True)))
        .values(closed_at=harvest.c.lease_until, outcome=Outcome.FAILED.value)
        .returning(harvest.c.id)
    )
    expired = session.execute(over).scalars().all()
    for one in expired:
        forget(session, one)
    return len(expired)


def drop_tokens(session: Session) -> int:
    """Tokens that ended a while ago; the ledger keeps who made them for whom."""
    ended = sa.func.least(token.c.expires_at, token.c.revoked_at)
    return _count(session, sa.delete(token).where(ended < sa.func.now() - TOKENS_SHOWN))


def drop_settled(session: Session) -> int:
    """Refused records and held-back plans that were settled a while ago."""
    old = quarantine.c.resolved_at < sa.func.now() - SETTLED_SHOWN
    return _count(session, sa.delete(quarantine).where(old))


def bound_quarantine(session: Session, most: int = MOST_QUARANTINED) -> int:
    """What a source had refused beyond the newest so many; never a plan that waits for somebody."""
    newest_first = sa.func.row_number().over(
        partition_by=quarantine.c.source_id,
        order_by=(quarantine.c.last_at.desc(), quarantine.c.id.desc()),
    )
    plans = sa.and_(quarantine.c.what == "held_back", quarantine.c.resolved_at.is_(None))
    ranked = sa.select(quarantine.c.id, newest_first.label("rank")).where(~plans).subquery()
    beyond = sa.select(ranked.c.id).where(ranked.c.rank > most)
    return _count(session, sa.delete(quarantine).where(quarantine.c.id.in_(beyond)))


def shorten_reports(session: Session) -> int:
    """Old reports keep their figures, not the long lists of what was skipped or planned."""
    lists = [harvest.c.report[name] for name in ("skipped", "plan")]
    long = sa.or_(*(sa.func.jsonb_array_length(listed) > 0 for listed in lists))
    old = harvest.c.closed_at < sa.func.now() - REPORTS_WHOLE
    empty = sa.cast({"skipped": [], "plan": []}, JSONB)
    shorter = harvest.c.report.op("||", return_type=JSONB)(empty)
    changed = sa.update(harvest).where(old, harvest.c.report.is_not(None), long)
    return _count(session, changed.values(report=shorter))


def _count(session: Session, statement: Any) -> int:
    done: Any = session.execute(statement)
    return int(done.rowcount)


def lapse_concessions(session: Session) -> int:
    """Waivers, exceptions, overrides and exemptions whose time is over."""
    return lapse(session, _clock(session))


def end_accepted(session: Session) -> int:
    """Findings whose risk was accepted until now are open again."""
    return end_acceptances(session, now=_clock(session))


def forget_old_events(session: Session) -> int:
    """Events that are old, but for those of models under a legal hold."""
    return forget_events(session, held=sa.exists(standing(event.c.model_id)))


def _clock(session: Session) -> datetime:
    now: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now


JOBS: Final[Mapping[str, Callable[[Session], int]]] = {
    "harvests_expired": expire_harvests,
    "tokens_dropped": drop_tokens,
    "answers_forgotten": forget_answers,
    "assertions_forgotten": forget_assertions,
    "refused_retried": retry_outdated,
    "settled_dropped": drop_settled,
    "quarantine_bounded": bound_quarantine,
    "reports_shortened": shorten_reports,
    "hook_bodies_dropped": drop_bodies,
    "deliveries_forgotten": forget_deliveries,
    "hints_forgotten": forget_hints,
    "concessions_lapsed": lapse_concessions,
    "acceptances_ended": end_accepted,
    "unregistered_announced": announce_unregistered,
    "samples_moved": run_samples,
    "events_forgotten": forget_old_events,
    "bundles_expired": expire_bundles,
    "bundles_scheduled": queue_due,
}
