"""Ingest of 100,000 new versions through the API, against COPY of the rows that this wrote.

Measured: harvests that post new versions (12 facts and 4 references each) and their models in
batches of 1,000 to the real service, from open to close; the requests are written before. Baseline:
`COPY` of the same rows into the same tables of a second database, all constraints, triggers and
indexes on, the same durable server. COPY only stores what it is told. The service validates, finds
out which things are meant, folds, compares and writes the ledger: it may take its time for that,
but not any time.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Final

from uuid_utils.compat import uuid7

from bench.catalog import SOURCE, Running, run_catalog
from bench.cluster import Cluster, run_cluster
from bench.copying import Dumped, dump, load
from bench.result import Form, Result, Stage, timed
from bench.versions import BATCH, Part, parts
from harvesters.sink import HttpSink
from schemas.harvest import CloseHarvest, Coverage, OpenHarvest, Outcome

TARGET: Final = 0.25
VERSIONS, FEW_VERSIONS = 100_000, 2_000
COPIES: Final = 3
NOWHERE: Final = "http://127.0.0.1:1"  # the source's address, which nobody asks


def measure(stage: Stage) -> Result:
    """Ingest with one client, copy what it wrote, ingest with two."""
    versions = FEW_VERSIONS if stage.small else VERSIONS
    with run_cluster() as cluster, tempfile.TemporaryDirectory(prefix="bench-copy-") as folder:
        alone = _ingest(cluster, parts(versions, clients=1))
        dumped = dump(cluster.url_of("ingest"), Path(folder))
        cluster.drop("ingest")
        copied = [_copy(cluster, dumped) for _ in range(1 if stage.small else COPIES)]
        together = _ingest(cluster, parts(versions, clients=2))
        cluster.drop("ingest")
    copy, observations = median(copied), parts(versions, clients=1)[0].observations
    return Result(
        "ingest",
        copy / alone,
        Form.RATE,
        "COPY's rate",
        TARGET,
        (
            f"{versions:,} versions, with models {observations:,} observations, {BATCH:,} a batch",
            f"one client: {alone:.1f} s, {observations / alone:,.0f} observations a second",
            f"two clients: {together:.1f} s, {observations / together:,.0f} observations a second",
            f"with two clients {copy / together:.1%} of COPY's rate",
            timed("COPY", copied),
            "rows copied: " + ", ".join(f"{one.table} {one.rows:,}" for one in dumped),
        ),
    )


def _ingest(cluster: Cluster, shares: list[Part]) -> float:
    """Seconds that the clients need, side by side, one harvest each."""
    bodies = [share.bodies() for share in shares]
    with run_catalog(cluster.fresh("ingest"), uri=NOWHERE) as catalog:
        cluster.settle()
        with ThreadPoolExecutor(len(shares)) as clients:
            begun = time.perf_counter()
            done = [
                clients.submit(_harvest, catalog, requests, scope=f"bench/{number}")
                for number, requests in enumerate(bodies)
            ]
            recorded = sum(one.result() for one in done)
            took = time.perf_counter() - begun
    if recorded != sum(share.observations for share in shares):
        message = f"only {recorded} observations were recorded"
        raise RuntimeError(message)
    return took


def _harvest(catalog: Running, bodies: list[bytes], *, scope: str) -> int:
    """Post all bodies in one harvest; answers how many observations were recorded."""
    sink = HttpSink(catalog.url, catalog.token, source=SOURCE)
    asked = OpenHarvest(
        harvest=uuid7(), scope=scope, coverage=Coverage.DELTA, harvester_version="bench/1"
    )
    with closing(sink.http):
        sink.open(asked, dry_run=False)
        recorded = sum(sink.send(asked.harvest, body).recorded for body in bodies)
        sink.close(asked.harvest, CloseHarvest(outcome=Outcome.COMPLETE))
    return recorded


def _copy(cluster: Cluster, dumped: list[Dumped]) -> float:
    database = cluster.fresh("copied")
    cluster.settle()
    took = load(database, dumped)
    cluster.drop("copied")
    return took
