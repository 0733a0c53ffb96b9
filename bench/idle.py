"""The memory of a service that waits: at most 200 MB resident."""

from typing import Final

import psutil  # type: ignore[import-untyped]  # no stubs; comes with the server's wheel

from bench.catalog import run_catalog
from bench.cluster import run_cluster
from bench.result import Form, Result, Stage

ALLOWED: Final = 200  # MB
MB: Final = 1_000_000


def measure(stage: Stage) -> Result:
    """Start the real service, ask it once for each thing that readers ask, and look."""
    del stage  # there is nothing smaller than nothing
    with run_cluster() as cluster:
        url = cluster.fresh("idle")
        with run_catalog(url, uri="http://127.0.0.1:1"):
            (service,) = (p for p in psutil.Process().children() if "serve" in p.cmdline())
            resident = service.memory_info().rss / MB
    return Result(
        "idle", resident / ALLOWED, Form.TIME, f"the {ALLOWED} MB that it may hold", 1.0,
        (f"{resident:.0f} MB resident after its first requests",),
    )  # fmt: skip
