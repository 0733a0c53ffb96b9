"""Adding up what events say: whatever their order and repetition, the sum is one."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.lineage.heard import (
    MOST_WARNINGS,
    NOTHING,
    Heard,
    Known,
    add,
    read_times,
    write_times,
)
from service.lineage.stating import identify

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUN = identify(Kind.TRAINING_RUN, "openlineage", value="flow/ea041791-68bc-4ae1-bd89-4c8106a157e4")
DATA = identify(Kind.DATASET, "uri", value="s3://lake/a")


def link(name: str, version: str | None = None) -> dict[str, Any]:
    """A link to a dataset."""
    value = {"kind": "dataset", "scheme": "uri", "value": f"s3://lake/{name}"}
    return {"dataset": value} | ({"version": version} if version else {})


@st.composite
def events(draw: st.DrawFn) -> Heard:
    """Anything that an event may say of a run."""
    at = NOON + timedelta(minutes=draw(st.integers(0, 5)))
    facts: dict[str, Any] = {"name": draw(st.sampled_from("ab")), "job": "x/a"}
    kind = draw(st.sampled_from(["START", "RUNNING", "FINISHED", "FAILED", "OTHER"]))
    if kind in {"START", "RUNNING"}:
        facts["status"] = "RUNNING"
    if kind == "START":
        facts["started_at"] = instant_text(at)
    if kind in {"FINISHED", "FAILED"}:
        facts |= {"status": kind, "ended_at": instant_text(at)}
    if draw(st.booleans()):
        facts["source_commit"] = draw(st.sampled_from("cd")) * 40
    names = st.lists(st.builds(link, st.sampled_from("abc"), st.sampled_from([None, "1", "2"])))
    for fact in ("datasets", "outputs"):
        if listed := draw(names):
            facts[fact] = listed
    return Heard(RUN, at, facts, (DATA,) if draw(st.booleans()) else ())


def total(heard: list[Heard]) -> Known:
    """What is known at the end, where each step goes through what the database keeps."""

    def step(known: Known, one: Heard) -> Known:
        after = add(known, one)
        return after._replace(times=read_times(write_times(after.times)))

    return reduce(step, heard, NOTHING)


@given(st.lists(events(), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_add_any_order(heard: list[Heard], random: Random) -> None:
    """Order and repetition of events change nothing of what is known."""
    shuffled = random.sample(heard, k=len(heard)) + random.choices(heard, k=3)

    assert total(shuffled) == total(heard)


@given(st.lists(events(), min_size=1, max_size=8))
def test_add_loses_nothing(heard: list[Heard]) -> None:
    """Each dataset that an event named is linked; the first start and the last end stand."""
    known = total(heard)

    named = {one["dataset"]["value"] for event in heard for one in event.facts.get("datasets", ())}
    assert {one["dataset"]["value"] for one in known.facts.get("datasets", ())} == named
    starts = [one.facts["started_at"] for one in heard if "started_at" in one.facts]
    ends = [one.facts["ended_at"] for one in heard if "ended_at" in one.facts]
    assert known.facts.get("started_at") == min(starts, default=None)
    assert known.facts.get("ended_at") == max(ends, default=None)


def test_add_end_before_start() -> None:
    """A START that comes later, even by its own clock, does not reopen a run that has ended."""
    ended = Heard(RUN, NOON, {"status": "FINISHED", "ended_at": instant_text(NOON)})
    late = NOON + timedelta(hours=1)
    started = Heard(RUN, late, {"status": "RUNNING", "started_at": instant_text(late)})

    assert total([ended, started]).facts["status"] == "FINISHED"
    assert total([started, ended]).facts["status"] == "FINISHED"


def test_add_group_whole() -> None:
    """Facts that belong together come from one event: no commit of one beside another's branch."""
    first = Heard(RUN, NOON, {"source_commit": "a" * 40, "source_branch": "main"})
    second = Heard(RUN, NOON + timedelta(minutes=1), {"source_commit": "b" * 40})

    assert total([second, first]).facts == {"source_commit": "b" * 40}


def test_add_versions() -> None:
    """A link with a version displaces the same one without."""
    known = total([
        Heard(RUN, NOON, {"datasets": [link("a"), link("b")]}),
        Heard(RUN, NOON, {"datasets": [link("a", "1"), link("a", "2")]}),
    ])  # fmt: skip

    assert known.facts["datasets"] == [link("a", "1"), link("a", "2"), link("b")]


def test_add_warnings_bounded() -> None:
    """However many warnings a stream of events brings, an entry keeps a few."""
    heard = [Heard(RUN, NOON, {"warnings": [f"{n:03}"]}) for n in range(100)]

    assert len(total(heard).facts["warnings"]) == MOST_WARNINGS


def test_times_of_others() -> None:
    """A marker that somebody else left says nothing, and breaks nothing."""
    assert read_times(None) == read_times("9f86d081 x= =1 y=z²") == {}
    assert read_times(f"a={'9' * 400} b=-1") == {}
