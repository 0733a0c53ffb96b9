"""Who looks, how lately, and whether everything that could see something has looked completely.

A look is complete when every source that can see such a thing closed its last full harvest
complete, with nothing held back, no longer ago than two of its intervals.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import Outcome
from schemas.sources import REPOSITORIES, SERVING, SourceKind
from service.catalog.lateness import MISSED, lasting
from service.ingest.tables import HarvestRow, QuarantineRow, ScopeRow, SourceRow
from service.risk.picture import Looks, Source

SEES: Final = {  # what may be missing, and the kinds of sources that would show it
    "deployments": frozenset(str(kind) for kind in SERVING),
    "consumers": frozenset(str(kind) for kind in REPOSITORIES),
    "registries": frozenset({str(SourceKind.MLFLOW), *(str(kind) for kind in REPOSITORIES)}),
    "builds": frozenset(
        str(kind)
        for kind in (SourceKind.GITHUB, SourceKind.GITLAB, SourceKind.JENKINS, SourceKind.AZURE)
    ),
}

BADLY: Final = 3  # failures in a row
COUNTED: Final = 10  # of the last harvests of a scope: failures beyond that make nothing worse

source, scope, harvest, quarantine = (
    table.__table__ for table in (SourceRow, ScopeRow, HarvestRow, QuarantineRow)
)


class Seen(NamedTuple):
    """Every source that is read or pushed to, by name, and what has been looked for completely.

    A source is read well while its last complete harvest is no older than two of its intervals, and
    fewer than three have failed since.
    """

    sources: Mapping[str, Source]
    looks: Looks
    well: Mapping[str, bool]


def read_seen(session: Session) -> Seen:
    """Who looks, and whether everything was looked for completely, now. One statement."""
    of_source, interval = (
        scope.c.source_id == source.c.id,
        lasting(source.c.expected_interval_seconds),
    )
    late = sa.func.coalesce(scope.c.full_closed_at + MISSED * interval < sa.func.now(), sa.true())
    held = sa.exists().where(
        quarantine.c.source_id == source.c.id,
        quarantine.c.what == "held_back",
        quarantine.c.resolved_at.is_(None),
    )
    last = sa.select(sa.func.max(scope.c.full_closed_at)).where(of_source).scalar_subquery()
    in_time = sa.select(sa.func.bool_and(~late)).where(of_source).scalar_subquery()
    rows = session.execute(
        sa.select(
            *source.c["name", "kind", "expected_interval_seconds"], last.label("last"),
            _failures().label("failures"),
            sa.and_(sa.func.coalesce(in_time, sa.false()), ~held).label("complete"),
            sa.func.coalesce(sa.func.now() - last <= MISSED * interval, sa.false()).label("lately"),
        )
        .where(source.c.enabled)
        .order_by(source.c.name)
    ).all()  # fmt: skip
    found = {what: _complete(rows, kinds) for what, kinds in SEES.items()}
    looks = Looks(**found, observed=any(row.kind in SEES["consumers"] for row in rows))
    sources = {
        row.name: Source(row.name, row.kind, row.expected_interval_seconds, row.last, row.failures)
        for row in rows
    }
    return Seen(sources, looks, {row.name: row.lately and row.failures < BADLY for row in rows})


def read_sources(session: Session) -> Mapping[str, Source]:
    """Every source that is read or pushed to, by name."""
    return read_seen(session).sources


def read_looks(session: Session) -> Looks:
    """What has been looked for completely, now."""
    return read_seen(session).looks


def _failures() -> sa.ScalarSelect[int]:
    """Failed harvests of a source since its last complete one; of each scope, of the last ones."""
    last = (
        sa.select(*harvest.c["outcome", "closed_at"])
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run, harvest.c.outcome.is_not(None))
        .order_by(harvest.c.opened_at.desc())
        .limit(COUNTED)
        .correlate(scope)
        .lateral("last")
    )
    complete = sa.func.max(last.c.closed_at).filter(last.c.outcome == Outcome.COMPLETE.value)
    each = (
        sa.select(last.c.outcome, (last.c.closed_at > complete.over()).label("since"))
        .join_from(scope, last, sa.true())
        .where(scope.c.source_id == source.c.id)
        .correlate(source)
        .subquery("each")
    )
    failed = sa.and_(
        each.c.outcome == Outcome.FAILED.value, sa.func.coalesce(each.c.since, sa.true())
    )
    return sa.select(sa.func.count()).select_from(each).where(failed).scalar_subquery()


def _complete(rows: Iterable[Any], kinds: frozenset[str]) -> bool:
    """Nobody who could see it is not a complete look either."""
    complete = [row.complete for row in rows if row.kind in kinds]
    return bool(complete) and all(complete)
