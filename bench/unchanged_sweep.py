"""The harvest of a server on which nothing changed, against bare paging of the same server.

Measured: `model-catalog harvest` as in `first_harvest`, into the catalog that has it all, and the
rows that this wrote: none, or the catalog would grow with time instead of with change. Baseline:
the same endpoints read in the largest pages by one connection, decoded and forgotten. Of training
runs a harvest reads again only the last ones, so what models and versions alone take is shown too.
"""

from statistics import median
from typing import Final

from bench.catalog import Clocked, run_catalog
from bench.cluster import Cluster, run_cluster
from bench.registry import PAGES, SMALL, Paging, Size, page_barely, run_registry
from bench.result import Form, Result, Stage, timed
from service.db import Database
from tests.support.catalog import written

TARGET: Final = 1.5
ROUNDS: Final = 5
NAME: Final = "unchanged"


def measure(stage: Stage) -> Result:
    """Harvest once, then sweep again and again; count the rows that the sweeps wrote."""
    size = SMALL if stage.small else Size()
    bare: list[Paging] = []
    ours: list[Clocked] = []
    with run_registry(stage, size) as uri, run_cluster() as cluster:
        database = cluster.fresh(NAME)
        with run_catalog(database, uri=uri) as catalog:
            catalog.harvest()
            first = rows_written(cluster, database)
            for _ in range(1 if stage.small else ROUNDS):
                bare.append(page_barely(uri, size))
                ours.append(catalog.harvest())
            rows = rows_written(cluster, database) - first
    if first < size.models * size.versions:
        message = f"PostgreSQL counted {first} rows of a first harvest of {size}"
        raise RuntimeError(message)
    return Result(
        "unchanged_sweep",
        median(one.seconds for one in ours) / median(one.seconds for one in bare),
        Form.TIME,
        "bare paging",
        TARGET,
        (
            f"{size}; bare paging: {PAGES}",
            f"rows written by {len(ours)} sweeps: {rows:,}; by the first harvest: {first:,}",
            timed("bare paging", [one.seconds for one in bare]),
            timed("of this models and versions", [one.registry_seconds for one in bare]),
            timed("sweep from its first request", [one.seconds for one in ours]),
        ),
        flaw=f"{rows:,} rows were written" if rows else "",
    )


def rows_written(cluster: Cluster, database: str) -> int:
    """Inserts, updates and deletes so far in every table that only change may touch.

    An idle connection tells its figures up to ten seconds late, one that ends tells them at once.
    """
    cluster.disconnect(NAME)
    opened = Database(database, role=None, pool=1)
    counted = sum(sum(of_table) for of_table in written(opened).values())
    opened.dispose()
    return counted
