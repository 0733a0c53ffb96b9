"""CSV of 1,000,000 models through the API, against COPY of the same columns as they are stored.

Measured: `GET /api/v1/models.csv` of the real service, from the request to the last byte, and the
highest resident memory of its process meanwhile. Baseline: the same selection, joined and ordered
the same way, its columns as they are stored, with `COPY … TO STDOUT` to a client that counts bytes.
What lies between the two is what writing safe cells and HTTP cost. Both are measured in turn, so
that a busy machine slows both.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median
from typing import Final, NamedTuple

import httpx2
import psutil  # type: ignore[import-untyped]  # no stubs; comes with the server's wheel
import psycopg

from bench.catalog import Running, run_catalog
from bench.cluster import run_cluster
from bench.csv_models import fill
from bench.result import Form, Result, Stage, timed
from service.db import Database
from tests.support.http import bearer, make_token

TARGET: Final = 0.5
MODELS, FEW_MODELS = 1_000_000, 5_000
ROUNDS: Final = 3
ALLOWED: Final = 150  # MB
MB: Final = 1_000_000
NAME: Final = "csv"
STORED: Final = """
COPY (
SELECT now(), entry.id, entry.natural_key, display_name, description, asset_kind, lifecycle, task,
       origin, vendor_name, model_class, license, base_model, data_sensitivity, exposure, tags,
       linked.owner, linked.developers, linked.repositories, linked.datasets, created_at,
       counted.versions, counted.newest_version, risk.tier, risk.status, risk.tier_low,
       risk.tier_high, risk.workflow_tier, risk.review_state, risk.next_review_due, warnings,
       statements, conflicts, entry.stub, first_seen_at, last_changed_at, gone_since
  FROM index_card JOIN entry ON entry.id = index_card.id JOIN model ON model.id = index_card.id
  LEFT JOIN (
    SELECT entry_id,
           string_agg(attributes->'owner'->>'value', '; ')
             FILTER (WHERE field = 'owners' AND role = 'accountable') AS owner,
           string_agg(attributes->'owner'->>'value', '; ')
             FILTER (WHERE field = 'owners' AND role = 'developer') AS developers,
           string_agg(attributes->'repository'->>'value', '; ')
             FILTER (WHERE field = 'repositories') AS repositories,
           string_agg(attributes->'dataset'->>'value', '; ')
             FILTER (WHERE field = 'datasets') AS datasets
      FROM link WHERE field IN ('owners', 'repositories', 'datasets') GROUP BY entry_id
  ) AS linked ON linked.entry_id = entry.id
  LEFT JOIN (
    SELECT model_id, count(*) AS versions,
           (array_agg(number ORDER BY number_key DESC NULLS LAST, version.id))[1] AS newest_version
      FROM version JOIN entry AS child ON child.id = version.id
     WHERE child.gone_since IS NULL AND child.merged_into IS NULL AND child.replaced_by IS NULL
     GROUP BY model_id
  ) AS counted ON counted.model_id = entry.id
  LEFT JOIN model_risk AS risk ON risk.model_id = entry.id
 WHERE index_card.kind = 'model'
 ORDER BY index_card.sort_key, index_card.id
) TO STDOUT
"""


class Sent(NamedTuple):
    """A whole answer: its time, and its size."""

    seconds: float
    bytes: int

    @property
    def written(self) -> str:
        """Its size for people."""
        return f"{self.bytes / MB:,.0f} MB"


def measure(stage: Stage) -> Result:
    """Fill a catalog, copy and export it in turn."""
    models = FEW_MODELS if stage.small else MODELS
    copied: list[Sent] = []
    ours: list[Sent] = []
    with run_cluster() as cluster:
        database = cluster.fresh(NAME)
        fill(database, models=models)
        cluster.settle()
        opened = Database(database, pool=1)
        token = make_token(opened)
        opened.dispose()
        with run_catalog(database, uri="http://127.0.0.1:1") as catalog, watched() as peak:
            for _ in range(1 if stage.small else ROUNDS):
                copied.append(_copy(database, models=models))
                ours.append(_export(catalog, token, models=models))
    return Result(
        "csv_export",
        median(one.seconds for one in copied) / median(one.seconds for one in ours),
        Form.RATE,
        "COPY's rate",
        TARGET,
        (
            f"{models:,} models; {copied[0].written} by COPY, {ours[0].written} of CSV",
            timed("COPY", [one.seconds for one in copied]),
            timed("CSV over HTTP", [one.seconds for one in ours]),
            f"{peak[0]:.0f} MB resident at most, {ALLOWED} allowed; idle {peak[1]:.0f}",
        ),
        flaw=f"{peak[0]:.0f} MB were resident" if peak[0] > ALLOWED else "",
    )


@contextmanager
def watched() -> Iterator[list[float]]:
    """The highest memory of the service meanwhile, and that at the beginning."""
    (service,) = (p for p in psutil.Process().children() if "serve" in p.cmdline())
    resident = service.memory_info().rss / MB
    peak, done = [resident, resident], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak[0] = max(peak[0], service.memory_info().rss / MB)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _copy(database: str, *, models: int) -> Sent:
    begun, read = time.perf_counter(), 0
    with closing(psycopg.connect(database)) as connection, connection.cursor() as cursor:
        with cursor.copy(STORED) as lines:
            for line in lines:
                read += len(line)
        _check(cursor.rowcount, models)
    return Sent(time.perf_counter() - begun, read)


def _export(catalog: Running, token: str, *, models: int) -> Sent:
    begun, read, records = time.perf_counter(), 0, -1  # the header is none
    url = f"{catalog.url}/api/v1/models.csv"
    with httpx2.stream("GET", url, headers=bearer(token), timeout=600, trust_env=False) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_raw():
            read += len(chunk)
            records += chunk.count(b"\n")  # these models have none inside a text
    _check(records, models)
    return Sent(time.perf_counter() - begun, read)


def _check(rows: int, models: int) -> None:
    if rows != models:
        message = f"{rows} rows came for {models} models"
        raise RuntimeError(message)
