"""However things were merged, un-merged and spoken of meanwhile: undone, nothing of it is left."""

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.db import Database
from service.errors import Conflict
from tests.conftest import MakeDatabase
from tests.support.catalog import entries, make_source, post, rows, version
from tests.support.identity import about, decide, filed, find_id, manifest, model, same, settled

NAMES = ("a", "b", "c", "d")
ONE = "mlflow-prod/default"
Step = tuple[Any, ...]

SAYS = st.tuples(
    st.just("say"), st.sampled_from(NAMES), st.integers(1, 3), st.sampled_from(["x", "y"])
)
MERGES = st.tuples(
    st.sampled_from(["merge", "unmerge"]), st.sampled_from(NAMES), st.sampled_from(NAMES)
)


def first_words() -> list[Any]:
    """Every model is known before anything is decided."""
    return [model(name) for name in NAMES]


def words(step: Step, turn: int) -> dict[str, list[Any]]:
    """What the sources say in one step: a version, a model's facts, a manifest, a deployment.

    All manifests stand in one repository: of two, the second would contest what the first holds.
    """
    _, name, number, text = step
    at = f"2026-11-21T12:{turn:02}:00Z"
    said = version(number, name, at=at, description=text)
    served = {
        "subject": about("deployment", f"cluster/{name}{number}", "k8s"),
        "observed_at": at,
        "facts": {"version": said["subject"], "environment": text},
    }
    stated = filed(manifest(name, at=at, license=text), name)
    return {
        "mlflow-prod": [model(name, at=at, description=f"{name}{text}"), said, served],
        "git": [same(stated, model(name))] if number == 3 else [],
    }


def play(database: Database, steps: list[Step], *, decide_too: bool) -> None:
    """Do the steps; where `decide_too` is false, only what sources say."""
    sources = {
        "mlflow-prod": make_source(database),
        "git": make_source(database, "git", kind="ci", precedence=70),
    }
    post(database, sources["mlflow-prod"], *first_words())
    for turn, step in enumerate(steps):
        if step[0] == "say":
            for source, said in words(step, turn).items():
                assert not said or post(database, sources[source], *said).refused == ()
        elif decide_too:
            _decide(database, *step)


def _decide(database: Database, verb: str, one: str, other: str) -> None:
    try:
        decide(database, "model", f"mlflow:{ONE}/{one}", f"mlflow:{ONE}/{other}", verb=verb,
               lift=True)  # fmt: skip
    except Conflict:  # nothing to merge, or nothing to un-merge
        return
    settled(database)


def undo(database: Database) -> None:
    """Un-merge until nothing is merged."""
    query = "SELECT id FROM entry WHERE merged_into IS NOT NULL AND kind = 'model' ORDER BY id"
    while merged := rows(database, query):
        decide(database, "model", merged[0][0], merged[0][0], verb="unmerge")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(steps=[("say", "d", 3, "x"), ("merge", "a", "d"), ("say", "a", 3, "x")])
@given(steps=st.lists(st.one_of(SAYS, MERGES), min_size=4, max_size=12))
def test_everything_undone(make_database: MakeDatabase, steps: list[Step]) -> None:
    """Random merges, un-merges and batches, then all un-merged: equal to never merged."""
    with make_database() as one, make_database() as other:
        play(one, steps, decide_too=True)
        undo(one)
        settled(one)
        play(other, steps, decide_too=False)

        assert entries(one) == entries(other)
        assert {find_id(one, f"{ONE}/{name}") for name in NAMES} == {
            entry for (entry,) in rows(one, "SELECT id FROM entry WHERE kind = 'model'")
        }
