"""The catalog's figures, read from the database when monitoring asks: a few short queries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from threading import Lock
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlmodel import Session

from service.catalog import timing
from service.db import Database
from service.deployments.counts import count_ghosts, open_causes
from service.errors import CatalogError

log = structlog.get_logger()

BOUNDED: Final = sa.text("SELECT set_config('statement_timeout', '3s', true)")  # a scrape waits 10
WINDOW: Final = timedelta(days=1)  # the longest harvest whose end is still counted
LATELY: Final = timedelta(days=7)  # events whose way into the catalog is told
GAUGES: Final = {  # name → (help, labels)
    "models": ("Models, by tier, UNRATED without one, and lifecycle.", ("tier", "lifecycle")),
    "harvest_last_complete_timestamp_seconds": (
        "When the latest complete harvest of an enabled source ended; 0: never.", ("source",),
    ),
    "source_expected_interval_seconds": ("How often a source is to be read.", ("source",)),
    "harvest_failures": ("Harvests of the worker that failed in a row.", ("source",)),
    "quarantine_items": ("Refused records and held-back plans not settled.", ("source", "what")),
    "ledger_size": ("Changes that are sealed.", ()),
    "ledger_unsealed_age_seconds": (
        "Age of the oldest change that is not sealed, which no feed shows yet.", (),
    ),
    "time_to_catalog_seconds": (
        "From an event at its source to its entry, of the last seven days.",
        ("source_kind", "kind", "quantile"),
    ),
    "unregistered_deployments": (
        "Open deployments that are not accounted for, or are and are wrong, of each cause.",
        ("cause",),
    ),
    "ghosts": ("Things said to be in production that no serving source sees.", ()),
    "outgoing_deliveries": (
        "Events for a receiver that wait, and those that were given up.", ("receiver", "state"),
    ),
    "outgoing_failing_since_timestamp_seconds": (
        "Since when nothing arrives at an enabled receiver; 0: all is well.", ("receiver",),
    ),
}  # fmt: skip

# Pushed sources and people are read by nobody: it is no fault that none was read completely. Of
# several scopes the one that is furthest behind counts, as long as anything of it is there. The
# oldest unsealed change is looked for one by one, not far below the last that was sealed: ids are
# taken in about the order in which changes are sealed, and `ledger verify` looks everywhere.
FIGURES: Final = sa.text("""
SELECT 'models', ARRAY[
         CASE WHEN status <> 'PROVISIONAL' THEN tier ELSE 'UNRATED' END,
         coalesce(lifecycle, 'unknown')], count(*)::float8
  FROM model JOIN entry USING (id) LEFT JOIN model_risk ON model_id = entry.id
 WHERE gone_since IS NULL AND merged_into IS NULL AND replaced_by IS NULL GROUP BY 2
UNION ALL
SELECT 'harvest_last_complete_timestamp_seconds', ARRAY[source.name],
       coalesce(extract(epoch FROM coalesce(
           min(coalesce(greatest(full_closed_at, delta_closed_at), to_timestamp(0)))
             FILTER (WHERE EXISTS (SELECT FROM sighting WHERE scope_id = scope.id)),
           max(greatest(full_closed_at, delta_closed_at)))), 0)
  FROM source LEFT JOIN scope ON source_id = source.id WHERE enabled GROUP BY source.name, kind
HAVING kind NOT IN ('ci', 'person') OR count(coalesce(full_closed_at, delta_closed_at)) > 0
UNION ALL
SELECT 'source_expected_interval_seconds', ARRAY[name], expected_interval_seconds
  FROM source WHERE enabled
UNION ALL
SELECT 'harvest_failures', ARRAY[name], failures
  FROM turn JOIN source ON id = source_id WHERE enabled
UNION ALL
SELECT 'quarantine_items', ARRAY[name, what], count(*)
  FROM quarantine JOIN source ON source.id = source_id
 WHERE resolved_at IS NULL GROUP BY 2
UNION ALL
SELECT 'outgoing_deliveries', ARRAY[name, what.state],
       count(*) FILTER (WHERE outgoing_delivery.state = upper(what.state))
  FROM receiver CROSS JOIN (VALUES ('waiting'), ('failed')) AS what (state)
  LEFT JOIN outgoing_delivery
    ON receiver_id = receiver.id AND outgoing_delivery.state = upper(what.state)
 WHERE enabled GROUP BY 2
UNION ALL
SELECT 'outgoing_failing_since_timestamp_seconds', ARRAY[name],
       coalesce(extract(epoch FROM failing_since), 0)
  FROM receiver WHERE enabled
UNION ALL
SELECT 'ledger_size', '{}', coalesce(max(seq), 0) FROM ledger_leaf
UNION ALL
SELECT 'ledger_unsealed_age_seconds', '{}', coalesce(extract(epoch FROM clock_timestamp() - (
  SELECT recorded_at FROM change
   WHERE id > coalesce((SELECT change_id FROM ledger_leaf ORDER BY seq DESC LIMIT 1), 0) - 10000
     AND (SELECT seq FROM ledger_leaf WHERE change_id = change.id) IS NULL
   ORDER BY id LIMIT 1)), 0)
""")
HARVESTS: Final = sa.text("""
SELECT harvest.id, source.name, outcome, greatest(seen - unchanged, 0), unchanged, refused
  FROM scope JOIN source ON source.id = source_id JOIN harvest ON scope_id = scope.id
 WHERE opened_at > clock_timestamp() - CAST(:window AS interval) AND closed_at IS NOT NULL
   AND NOT dry_run
""")


class DatabaseFigures:
    """A collector: what it finds belongs to the catalog, whichever replica is asked."""

    def __init__(self, database: Database, *, blueprints: Sequence[str] = ()) -> None:
        """Harvests that had ended before are history; `blueprints` are the approved ones."""
        self.database, self.tally, self._one = database, Tally(), Lock()
        self.blueprints = tuple(blueprints)

    def collect(self) -> Iterator[Metric]:
        """Every figure; without the database, that it is away."""
        families = {
            name: GaugeMetricFamily(f"model_catalog_{name}", said, labels=labels)
            for name, (said, labels) in GAUGES.items()
        }
        away = False
        try:
            with self._one, self.database.reading() as session:
                self._read(session, families)
        except CatalogError as error:
            log.warning("figures_not_read", code=error.code(), facts=error.facts)
            away = True
        if not away:
            self._judge(families)
        up = GaugeMetricFamily("model_catalog_database_up", "1 when its figures can be read.")
        up.add_metric((), 0 if away else 1)
        yield from (up, *([] if away else families.values()), *self.tally.families())

    def _judge(self, families: dict[str, GaugeMetricFamily]) -> None:
        """What of deployments is wrong: where it takes too long, these alone are left out."""
        try:
            with self.database.reading() as session:
                session.execute(BOUNDED)
                causes = open_causes(session, approved=self.blueprints)
                unseen = count_ghosts(session)
        except CatalogError as error:
            log.warning("deployments_not_judged", code=error.code(), facts=error.facts)
            del families["unregistered_deployments"], families["ghosts"]
            return
        for cause, number in causes.items():
            families["unregistered_deployments"].add_metric((cause,), number)
        families["ghosts"].add_metric((), unseen)

    def _read(self, session: Session, families: dict[str, GaugeMetricFamily]) -> None:
        session.execute(BOUNDED)
        now = session.execute(sa.select(sa.func.now())).scalar_one()
        for name, labels, value in session.execute(FIGURES):
            families[name].add_metric(labels, value)
        timed = families["time_to_catalog_seconds"]
        for row in session.execute(timing.select_lately(now - LATELY)).mappings():
            for quantile, name in zip(timing.QUANTILES, timing.NAMES, strict=True):
                timed.add_metric((row["source_kind"], row["kind"], str(quantile)), row[name])
        self.tally.take(session.execute(HARVESTS, {"window": WINDOW}))


class Tally:
    """Harvests that ended, and what they read, counted since this process began.

    Each is counted once, however often and late it is seen: those of the last day are remembered.
    """

    def __init__(self) -> None:
        """Nothing was looked at."""
        self._counted: set[UUID] | None = None
        self.harvests: Counter[tuple[str, str]] = Counter()
        self.observations: Counter[tuple[str, str]] = Counter()

    def take(self, ended: Iterable[Any]) -> None:
        """Count what is new among the harvests of the last day."""
        first, seen = self._counted is None, set[UUID]()
        for harvest, source, outcome, *figures in ended:
            seen.add(harvest)
            known = first or harvest in (self._counted or ())
            self.harvests[source, outcome] += not known
            for result, figure in zip(("recorded", "unchanged", "refused"), figures, strict=True):
                self.observations[source, result] += 0 if known else figure
        self._counted = seen

    def families(self) -> Iterator[Metric]:
        """The two counters."""
        for name, said, label, counted in (
            ("harvests", "Harvests that ended.", "outcome", self.harvests),
            ("observations", "What harvests read.", "result", self.observations),
        ):
            family = CounterMetricFamily(f"model_catalog_{name}", said, labels=("source", label))
            for labels, count in sorted(counted.items()):
                family.add_metric(labels, count)
            yield family
