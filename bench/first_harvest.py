"""The first harvest of a server into an empty catalog, against bare paging of the same server.

Measured: `model-catalog harvest` from its first request to its last, with the real service and a
durable PostgreSQL behind it, each round into an empty catalog. Baseline: the same endpoints read
in the largest pages by one connection, decoded and forgotten. Nobody can harvest faster than that,
so what lies above 1 is what observing, sending, storing and folding cost. Both are measured in
turn, so that a busy machine slows both.
"""

from statistics import median
from typing import Final

from bench.catalog import Clocked, run_catalog
from bench.cluster import Cluster, run_cluster
from bench.registry import PAGES, SMALL, Paging, Size, page_barely, run_registry
from bench.result import Form, Result, Stage, timed
from harvesters.mlflow.client import MODELS_A_PAGE, RUNS_A_PAGE, VERSIONS_A_PAGE

TARGET: Final = 1.5
ROUNDS: Final = 5


def measure(stage: Stage) -> Result:
    """Harvest into empty catalogs, and page barely before each."""
    size = SMALL if stage.small else Size()
    bare: list[Paging] = []
    ours: list[Clocked] = []
    with run_registry(stage, size) as uri, run_cluster() as cluster:
        page_barely(uri, size)  # its first answer is slow
        for _ in range(1 if stage.small else ROUNDS):
            bare.append(page_barely(uri, size))
            ours.append(_harvest(cluster, uri, size=size))
    return Result(
        "first_harvest",
        median(one.seconds for one in ours) / median(one.seconds for one in bare),
        Form.TIME,
        "bare paging",
        TARGET,
        (
            f"{size}; bare paging: {PAGES}",
            f"the harvester's: {MODELS_A_PAGE:,}, {VERSIONS_A_PAGE:,} and {RUNS_A_PAGE:,} of these",
            timed("bare paging", [one.seconds for one in bare]),
            timed("of this models and versions", [one.registry_seconds for one in bare]),
            timed("harvest from its first request", [one.seconds for one in ours]),
            timed("the command, start and imports included", [one.with_start for one in ours]),
        ),
    )


def _harvest(cluster: Cluster, uri: str, *, size: Size) -> Clocked:
    database = cluster.fresh("first")
    with run_catalog(database, uri=uri) as catalog:
        cluster.settle()
        harvested = catalog.harvest()
    seen = {str(one["scope"]).partition("/")[0]: one["seen"] for one in harvested.reports}
    told = size.runs + size.runs + size.datasets  # training runs, what they say of versions
    if (seen["registry"], seen["experiments"]) != (size.models + size.runs, told):
        message = f"the harvest of {size} saw another number of things: {seen}"
        raise RuntimeError(message)
    return harvested
