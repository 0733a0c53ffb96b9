"""What an operator should know of a catalog's database: each finding says what to do."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import Outcome
from service import migrations
from service.access.tables import AccountRow, TokenRow
from service.catalog.lateness import MISSED as LATE
from service.catalog.lateness import first_opened, is_late, lasting
from service.catalog.lateness import last_complete as ended
from service.db import Database
from service.ingest.tables import (
    HarvestRow,
    QuarantineRow,
    ScopeRow,
    SightingRow,
    SourceRow,
)
from service.operation.tables import TurnRow
from service.operation.turns import last_complete
from service.rights import faults, single_role

OLDEST_SERVER: Final = 150_000
SKEW: Final = timedelta(seconds=5)
SOON: Final = timedelta(days=7)
MANY_QUARANTINED: Final = 1_000
EXTENSIONS: Final = ("pg_trgm",)

LATELY: Final = timedelta(days=7)  # a scope that nobody reads any more is no fault

source, scope, harvest, token, account, quarantine, turn, sighting = (
    table.__table__
    for table in (
        SourceRow, ScopeRow, HarvestRow, TokenRow, AccountRow, QuarantineRow, TurnRow, SightingRow,
    )
)  # fmt: skip


class Finding(NamedTuple):
    """One line: `state` is ok, warn or fail; `fix` says what to do."""

    state: str
    what: str
    said: str
    fix: str = ""


def check_server(database: Database) -> Iterator[Finding]:
    """The server's version, its extensions and its clock."""
    with database.reading() as session:
        number = int(session.execute(sa.text("SHOW server_version_num")).scalar_one())
        shown = session.execute(sa.text("SHOW server_version")).scalar_one()
        there = set(session.execute(sa.text("SELECT name FROM pg_available_extensions")).scalars())
        began = datetime.now(UTC)
        theirs = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        ours = began + (datetime.now(UTC) - began) / 2
    old = number < OLDEST_SERVER
    upgrade = "PostgreSQL 15 or newer is needed: upgrade the server." if old else ""
    yield Finding("fail" if old else "ok", "server", f"PostgreSQL {shown}", upgrade)
    for name in EXTENSIONS:
        lacks = name not in there
        fix = "Install PostgreSQL's contrib package on the server." if lacks else ""
        said = "not available" if lacks else "available"
        yield Finding("fail" if lacks else "ok", f"extension {name}", said, fix)
    skew = abs(theirs - ours)
    yield Finding("warn" if skew > SKEW else "ok", "clock",
                  f"{skew.total_seconds():.1f} s from the database's",
                  "Keep both machines' clocks with NTP: what is observed in the future counts as "
                  "observed now." if skew > SKEW else "")  # fmt: skip


def check_schema(database: Database) -> Iterator[Finding]:
    """The schema's revision; only if it is ours, whether it is untouched and its roles hold."""
    found = migrations.status(database)
    if found.newer:
        yield Finding("warn", "schema", f"{found.current}, of a newer release",
                      "Finish rolling the newer release out.")  # fmt: skip
        return
    if not found.ready:
        yield Finding("fail", "schema", f"{found.current or 'none'}, needed is {found.expected}",
                      "Run `model-catalog db upgrade`.")  # fmt: skip
        return
    yield Finding("ok", "schema", found.expected)
    wrong = [str(one) for one in migrations.differences(database)] + faults(database)
    for one in wrong[:20]:
        yield Finding("fail", "tables", one, "Run `model-catalog db roles`, then `db check`.")
    if single_role(database):
        yield Finding(
            "warn", "roles", "single-role mode",
            "The service could change the ledger and its history, since it owns them: run "
            "`model-catalog db roles` with a login that may create roles.",
        )  # fmt: skip
    elif not wrong:
        yield Finding("ok", "roles", "separate; the ledger can only be appended to")


def check_sources(database: Database) -> Iterator[Finding]:
    """Sources that were never read, or are late, or fail."""
    with database.reading() as session:
        query = (
            sa.select(
                source.c.name, source.c.expected_interval_seconds.label("interval"),
                last_complete().label("complete"), sa.func.coalesce(turn.c.failures, 0),
                sa.func.now(), source.c.kind,
            )
            .outerjoin_from(source, turn, turn.c.source_id == source.c.id)
            .where(source.c.enabled)
            .order_by(source.c.name)
        )  # fmt: skip
        rows = session.execute(query).all()
        failing = session.execute(_failing()).all()
        late = session.execute(_late()).all()
    for name, interval, complete, failures, now, kind in rows:
        if kind == "mlflow" or complete is not None:
            yield _source(name, complete, interval=timedelta(seconds=interval), now=now,
                          failures=failures)  # fmt: skip
    for name, scope_name, complete, now in late:
        yield Finding("fail", f"scope {scope_name} of {name}",
                      f"read completely {_age(now - complete)} ago; its facts are stale",
                      f"`model-catalog harvest {name}` says why.")  # fmt: skip
    for name, scope_name in failing:
        yield Finding("warn", f"scope {scope_name} of {name}", "its last harvest failed",
                      f"`model-catalog harvest {name}` says why.")  # fmt: skip
    if not rows:
        yield Finding("warn", "sources", "none is declared",
                      "Declare one: `model-catalog source apply FILE`.")  # fmt: skip


def _late() -> sa.Select[Any]:
    """Scopes that are late while others of their source are in time, and of which anything stands.

    Where all of a source is late, the source itself says so.
    """
    interval, now = source.c.expected_interval_seconds, sa.func.now()
    seen = sa.exists().where(sighting.c.scope_id == scope.c.id)
    whole = last_complete() + LATE * lasting(interval) < now
    late = is_late(ended(), first_opened(), interval=interval, when=now)
    return (
        sa.select(source.c.name, scope.c.name, sa.func.coalesce(ended(), first_opened()), now)
        .join_from(scope, source, source.c.id == scope.c.source_id)
        .where(source.c.enabled, late, ~sa.func.coalesce(whole, sa.true()), seen)
        .order_by(source.c.name, scope.c.name)
    )


def _failing() -> sa.Select[tuple[str, str]]:
    """Scopes whose latest harvest failed: those of the same source beside them may be well."""
    latest = (
        sa.select(harvest.c.outcome)
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run)
        .where(harvest.c.closed_at.is_not(None), harvest.c.opened_at > sa.func.now() - LATELY)
        .order_by(harvest.c.opened_at.desc())
        .limit(1)
        .correlate(scope)
        .scalar_subquery()
    )
    return (
        sa.select(source.c.name, scope.c.name)
        .join_from(scope, source, source.c.id == scope.c.source_id)
        .where(source.c.enabled, latest == Outcome.FAILED.value)
        .order_by(source.c.name, scope.c.name)
    )


def _source(
    name: str, complete: datetime | None, *, interval: timedelta, now: datetime, failures: int
) -> Finding:
    what, by_hand = f"source {name}", f"`model-catalog harvest {name}` says why."
    if complete is None:
        return Finding("fail", what, "never read completely",
                       f"Run a worker, or put it into cron; {by_hand}")  # fmt: skip
    age = now - complete
    said = f"read completely {_age(age)} ago"
    if failures:
        return Finding("warn", what, f"{said}; {failures} failures since", by_hand)
    if age > LATE * interval:
        fix = f"It is expected every {_age(interval)}: {by_hand}"
        return Finding("fail", what, said, fix)
    return Finding("ok", what, said)


def check_upkeep(database: Database) -> Iterator[Finding]:
    """Tokens that end soon, and what waits in quarantine."""
    with database.reading() as session:
        yield from _tokens(session)
        waiting: Mapping[str, int] = dict(
            session.execute(
                sa.select(quarantine.c.what, sa.func.count())
                .where(quarantine.c.resolved_at.is_(None))
                .group_by(quarantine.c.what)
            ).all()
        )
    refused, held = waiting.get("refused", 0), waiting.get("held_back", 0)
    many = held or refused > MANY_QUARANTINED
    yield Finding("warn" if many else "ok", "quarantine",
                  f"{refused} refused records, {held} held-back harvests",
                  "Look at `GET /api/v1/quarantine`." if many else "")  # fmt: skip


def _tokens(session: Session) -> Iterator[Finding]:
    """Only those that were used lately, and that nobody has a successor for."""
    used = token.c.last_used_at > sa.func.now() - SOON
    query = (
        sa.select(token.c.public_id, token.c.expires_at, source.c.name, account.c.name)
        .outerjoin_from(token, source, source.c.id == token.c.source_id)
        .outerjoin(account, account.c.id == token.c.account_id)
        .where(token.c.revoked_at.is_(None), used, token.c.created_by != "software:worker")
        .where(token.c.expires_at.between(sa.func.now(), sa.func.now() + SOON))
        .where(token.c.expires_at - token.c.created_at > SOON)
        .order_by(token.c.expires_at)
    )
    found = session.execute(query).all()
    for public_id, ends, name, owner in found:
        holder = f"source {name}" if name else owner or "nobody"
        yield Finding("warn", f"token {public_id}", f"of {holder} ends {ends:%Y-%m-%d %H:%M} UTC",
                      "Make another (`model-catalog token create`) and replace it.")  # fmt: skip
    if not found:
        yield Finding("ok", "tokens", "none in use ends within a week")


def declared(database: Database) -> list[dict[str, Any]]:
    """Enabled sources, as far as whoever reads them needs to know."""
    with database.reading() as session:
        query = sa.select(*source.c["name", "kind", "credential", "settings"])
        rows = session.execute(query.where(source.c.enabled).order_by(source.c.name)).mappings()
        return [dict(row) for row in rows]


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:  # noqa: PLR2004  # two hours
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2_880 else f"{minutes // 1_440} days"  # noqa: PLR2004
