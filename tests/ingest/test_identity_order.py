"""Whatever the order and splitting: the same things are one, and nothing is left to reconcile."""

import random
import threading
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.db import Busy, Database
from tests.conftest import MakeDatabase
from tests.support.catalog import entries, make_source, post, rows
from tests.support.identity import filed, groups, keys, manifest, model, same, settled, version

NAMES = ("a", "b", "c")
BOUNDED = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def at(minute: int) -> str:
    """A moment of the tests' day."""
    return f"2026-11-20T12:{minute:02}:00Z"


@st.composite
def said(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """What three sources say of a few models; each subject is described once, with its claims.

    No file makes one of two that a registry knows as two: which of them it joins then waits for a
    person, or is the one that was known first (`test_files_of_models`).
    """
    observations: list[tuple[str, Any]] = []
    for source in ("mlflow-prod", "mlflow-staging"):
        for name in draw(st.sets(st.sampled_from(NAMES), min_size=1)):
            tagged = draw(st.sampled_from(NAMES)) if source == "mlflow-staging" else name
            named = model(name, source=source, at=at(1), description=source)
            named["facts"] |= {"name": f"{tagged}{name}" if tagged != name else name}
            observations.append((source, named))
            observations += [
                (source, version(number, name, source=source, at=at(1), status="READY"))
                for number in draw(st.sets(st.integers(1, 2), max_size=2))
            ]
    for name in draw(st.sets(st.sampled_from((*NAMES, "d")), max_size=3)):
        other = name if name in NAMES else draw(st.sampled_from(NAMES))
        where = draw(st.sets(st.sampled_from(("mlflow-prod", "mlflow-staging"))))
        observations.append(
            (f"git-{name}", same(filed(manifest(name, at=at(1), task="ranking"), name),
                         *(model(other, source=source) for source in sorted(where))))
        )  # fmt: skip
    return observations


def settle_all(database: Database, order: list[tuple[str, Any]], cuts: list[int]) -> None:
    """Post in this order, runs of one source cut into batches; twice, so that all names are known.

    A name that two things claim goes to the one that comes first, until both are known.
    """
    sources = {
        "mlflow-prod": make_source(database),
        "mlflow-staging": make_source(database, "mlflow-staging"),
    }
    sources |= {
        f"git-{name}": make_source(database, f"git-{name}", kind="ci", precedence=70)
        for name in (*NAMES, "d")
    }
    bounds = sorted({0, len(order), *(cut % (len(order) + 1) for cut in cuts)})
    for start, end in pairwise(bounds):
        for name, source in sources.items():
            if batch := [document for by, document in order[start:end] if by == name]:
                assert post(database, source, *batch).refused == ()
    settled(database)


@BOUNDED
@given(observations=said(), seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 20)))
def test_merges_commute(
    make_database: MakeDatabase, observations: list[tuple[str, Any]], seed: int, cuts: list[int]
) -> None:
    """The same identifiers are one thing in whatever order their sources speak."""
    shuffled = random.Random(seed).sample(observations, len(observations))  # noqa: S311  # an order
    with make_database() as one, make_database() as other:
        settle_all(one, observations, [])
        settle_all(other, shuffled, cuts)

        assert groups(other) == groups(one)
        assert groups(other, "version") == groups(one, "version")


def test_batches_beside_each_other(database: Database) -> None:
    """Eight writers over the same models: no deadlock, and what one after the other would give."""
    sources = [
        make_source(database, f"mlflow-{number}", may_name=["retail"]) for number in range(4)
    ]
    sources += [
        make_source(database, f"git-{number}", kind="ci", precedence=70) for number in range(4)
    ]
    failed: list[BaseException] = []

    def write(position: int) -> None:
        source, order = sources[position], random.Random(position)  # noqa: S311  # an order
        try:
            for turn in range(12):
                post_with_patience(database, source, _said(source.name, turn, order=order))
        except BaseException as error:  # noqa: BLE001  # shown by the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=write, args=(position,)) for position in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    name = database.engine.url.database
    assert rows(database, "SELECT deadlocks FROM pg_stat_database WHERE datname = :n", n=name) == [
        (0,)
    ]
    everyone = [f"mlflow-{number}/default/{name}" for name in NAMES for number in range(4)]
    assert groups(database) == {
        frozenset(
            [value for value in everyone if value.endswith(f"/{name}")]
            + [f"models#{name}{number}/model.yaml" for number in range(4)]
        )
        for name in NAMES
    }
    assert len(keys(database)) == len(NAMES) * 4 * 3
    settled(database)


def _said(source: str, turn: int, *, order: random.Random) -> list[Any]:
    """A batch about all models in some order."""
    batch: list[Any] = []
    for name in order.sample(NAMES, len(NAMES)):
        if source.startswith("mlflow"):
            batch.append(model(name, source=source, at=at(turn), description=str(turn)))
            batch.append(version(turn % 3, name, source=source, at=at(turn), status=str(turn)))
        else:
            file = f"{name}{source[-1]}"
            said_so = filed(manifest(name, at=at(turn), description=str(turn)), file)
            batch.append(same(said_so, model(name, source=f"mlflow-{source[-1]}")))
    return batch


def post_with_patience(database: Database, source: Any, batch: list[Any]) -> None:
    """As a harvester would: again while too many others are in the way."""
    for _ in range(40):
        try:
            assert post(database, source, *batch).refused == ()
        except Busy:
            continue
        return
    raise AssertionError("never got through")


def test_entries_are_equal_after_repetition(database: Database) -> None:
    """The same batch again changes nothing, decisions included."""
    source = make_source(database)
    batch = [model("a"), same(model("b"), model("a")), version(1, "a"), version(1, "b")]
    post(database, source, *batch)
    before = entries(database)
    decided = rows(database, "SELECT op, entry_id, other_id FROM identity_decision")
    for _ in range(2):
        post(database, source, *batch)

    assert entries(database) == before
    assert rows(database, "SELECT op, entry_id, other_id FROM identity_decision") == decided
