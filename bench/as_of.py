"""The catalog of the past over HTTP at 100,000 models, against the present of the same run.

A third of the models has changed twice since the catalog was filled, facts and owners too, so that
each of these has two old rows; the moment that is asked for lies between the two changes.
Measured: the median of requests of one client to the real service, by one connection: the first
page of 100 models, with a filter on the namespace, and on a field; one model.
Baseline: the same first page of the present.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from statistics import median
from typing import Any, Final

import psycopg

from bench import reads
from bench.catalog import run_catalog
from bench.cluster import run_cluster
from bench.registry import Size
from bench.result import Form, Result, Stage, timed
from schemas.strict import instant_text
from tests.support.http import bearer

TARGET: Final = 5.0
MOST: Final = 0.050  # seconds, of each list
SIZE, SMALL_SIZE = Size(100_000, 1), Size(300, 1)
ROUNDS, FEW_ROUNDS = 60, 3
NAME: Final = "as_of"
NOWHERE: Final = "http://127.0.0.1:9"  # a source that is declared and not read

CHANGED: Final = f"SELECT {reads.MODEL} AS id FROM {reads.MODELS} WHERE n %% 3 = 0"  # noqa: S608
CHANGES: Final = (  # what a harvest writes when a description and an owner changed
    f"""UPDATE model SET description = description || %(turn)s, lifecycle = 'pilot'
          FROM ({CHANGED}) AS changed WHERE changed.id = model.id""",  # noqa: S608
    f"""UPDATE entry SET last_changed_at = now()
          FROM ({CHANGED}) AS changed WHERE changed.id = entry.id""",  # noqa: S608
    f"""UPDATE link SET role = role
          FROM ({CHANGED}) AS changed WHERE changed.id = link.entry_id""",  # noqa: S608
)


def measure(stage: Stage) -> Result:
    """Fill a catalog, change a third of it twice, and ask for what was between."""
    size = SMALL_SIZE if stage.small else SIZE
    with run_cluster() as cluster:
        database = cluster.fresh(NAME)
        reads.fill(database, models=size.models)
        then = _change(database, models=size.models)
        cluster.settle()
        with run_catalog(database, uri=NOWHERE) as catalog:
            headers = bearer(reads.reader(database))
            asked = _questions(then)
            rounds = FEW_ROUNDS if stage.small else ROUNDS
            (times,) = reads.ask((catalog.url, asked, headers), rounds=rounds, size=size)
    late = [
        f"{what} took {median(took) * 1_000:.1f} ms, more than {MOST * 1_000:.0f}"
        for what, took in times.items()
        if median(took) > MOST and not stage.small
    ]
    return Result(
        NAME,
        median(times["then"]) / median(times["now"]),
        Form.TIME,
        "the same page of the present",
        TARGET,
        (str(size), *(timed(what, took) for what, took in times.items())),
        flaw="; ".join(late),
    )


def _change(database: str, *, models: int) -> str:
    """Change a third of the models twice; answers a moment between."""
    between: list[Any] = []
    with closing(psycopg.connect(database, autocommit=True)) as connection:
        connection.execute(
            "SET session_replication_role = replica"
        )  # versioning fires all the same
        for turn in (".", "!"):
            for statement in CHANGES:
                connection.execute(statement, {"models": models, "turn": turn})
            between += connection.execute("SELECT clock_timestamp()").fetchone() or ()
        connection.execute("VACUUM ANALYZE")
    return instant_text(between[0])


def _questions(then: str) -> Mapping[str, Callable[[int], reads.Asked]]:
    """What is asked, by its name: `now` is the baseline."""
    path, past = "/api/v1/models", {"as_of": then}
    pages: Mapping[str, Mapping[str, str]] = {
        "now": {},
        "then": past,
        "then, of a namespace": past | {"namespace": "retail"},
        "then, by a field": past | {"lifecycle": "validation"},
    }
    return {what: partial(_page, path, asked) for what, asked in pages.items()} | {
        "then, one model": lambda n: reads.Asked(f"{path}/retail/model-{n:05}", {"as_of": then}),
    }


def _page(path: str, asked: Mapping[str, str], _turn: int) -> reads.Asked:
    return reads.Asked(path, {"page_size": "100", **asked})
