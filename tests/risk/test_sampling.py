"""Whom a sample draws and what that proves, held against other ways of computing it."""

import hashlib
import math
import random
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom  # type: ignore[import-untyped]  # mlflow brings it along

from service.risk.samples.drawing import (
    at_most,
    cycle_of,
    draw,
    frame_digest,
    hash_of,
    proved,
    ranked,
    sample_size,
    share_size,
    upper_bound,
)

SURE = 0.95
FRAMES = st.lists(st.uuids().map(str), min_size=1, max_size=30, unique=True)


def test_size() -> None:
    """110 exclude a rate of 2.7 %; of fewer models all are drawn."""
    sizes = {n: sample_size(n, confidence=SURE, tolerable_rate=0.027) for n in (0, 1, 110, 9_999)}

    assert sizes == {0: 0, 1: 1, 110: 110, 9_999: 110}
    assert (1 - 0.027) ** 110 < 1 - SURE < (1 - 0.027) ** 109


@pytest.mark.parametrize("rate", [1e-17, 1e-300, 5e-324])
def test_size_for_a_rate_that_floats_lose(rate: float) -> None:
    """A policy may ask for any rate above zero: nothing but all models excludes such a one."""
    assert sample_size(9_999, confidence=SURE, tolerable_rate=rate) == 9_999


def test_share() -> None:
    """A twentieth, rounded up; that floats make a little more than 7 of 0.07 x 100 draws nobody."""
    assert [share_size(n, 0.05) for n in (0, 1, 20, 21, 140, 141)] == [0, 1, 1, 2, 7, 8]
    assert math.ceil(0.07 * 100) == 8
    assert share_size(100, 0.07) == 7


@pytest.mark.parametrize(("found", "percent"), [(0, 2.69), (1, 4.24), (2, 5.61), (3, 6.90)])
def test_bound_of_110(found: int, percent: float) -> None:
    """The rates that 110 decisions leave possible."""
    assert round(100 * upper_bound(found, 110, confidence=SURE), 2) == percent


@given(st.integers(1, 300), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_bound(size: int, data: st.DataObject, confidence: float) -> None:
    """As Clopper and Pearson's interval has it, by the quantiles of the beta distribution."""
    found = data.draw(st.integers(0, size))
    bound = upper_bound(found, size, confidence=confidence)
    expected = 1.0 if found == size else beta.ppf(confidence, found + 1, size - found)

    assert bound == pytest.approx(expected, abs=1e-9)


@given(st.integers(1, 200), st.data(), st.floats(0, 1))
def test_at_most(size: int, data: st.DataObject, rate: float) -> None:
    """The binomial distribution."""
    found = data.draw(st.integers(0, size))

    assert at_most(found, size, rate=rate) == pytest.approx(binom.cdf(found, size, rate), abs=1e-9)


def test_proved() -> None:
    """Of a frame that was looked at whole nothing is left to chance."""
    assert proved(0, 40, population=40, confidence=SURE) == 0
    assert proved(2, 40, population=40, confidence=SURE) == 0.05
    assert proved(0, 110, population=111, confidence=SURE) == pytest.approx(0.02686, abs=1e-5)


@given(FRAMES, st.randoms(use_true_random=False))
def test_reproduced(frame: list[str], chance: random.Random) -> None:
    """The order follows from seed and ids alone, whoever computes it and in whatever order."""
    seed = hashlib.sha256(frame[0].encode()).hexdigest()
    shuffled = chance.sample(frame, len(frame))
    expected = [
        model
        for _, model in sorted(
            (hashlib.sha256(seed.encode() + model.encode()).digest(), model) for model in frame
        )
    ]

    assert ranked(seed, shuffled) == expected
    assert frame_digest(shuffled) == frame_digest(frame)
    lines = "\n".join(sorted(frame)) + "\n"
    assert frame_digest(frame) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


@given(FRAMES, st.data())
def test_draw(frame: list[str], data: st.DataObject) -> None:
    """As many as wanted stand, in order, without a gap; who has left is drawn and replaced."""
    target = data.draw(st.integers(0, len(frame) + 2))
    present = set(data.draw(st.lists(st.sampled_from(frame), unique=True)))
    found = draw(frame, drawn=0, standing=0, target=target, present=present)

    assert [(one.model, one.rank) for one in found] == list(
        zip(frame, range(1, len(found) + 1), strict=False)
    )
    assert all(one.left == (one.model not in present) for one in found)
    stand = sum(not one.left for one in found)
    assert stand == min(target, len(present))
    if found and stand == target:
        assert not found[-1].left  # nobody is drawn beyond what is wanted


@given(FRAMES, st.data())
def test_draw_in_steps(frame: list[str], data: st.DataObject) -> None:
    """Drawing some and then more is as drawing all at once."""
    first, more = (data.draw(st.integers(0, len(frame))) for _ in range(2))
    everybody = set(frame)
    begun = draw(frame, drawn=0, standing=0, target=first, present=everybody)
    then = draw(frame, drawn=len(begun), standing=len(begun), target=first + more,
                present=everybody)  # fmt: skip

    assert begun + then == draw(frame, drawn=0, standing=0, target=first + more, present=everybody)


def test_seed_decides() -> None:
    """Another seed draws others: nobody who knows the frame alone knows the sample."""
    frame = [str(uuid4()) for _ in range(200)]
    first, second = (set(ranked(seed, frame)[:20]) for seed in ("a" * 64, "b" * 64))

    assert first != second
    assert hash_of("a" * 64, frame[0]) != hash_of("a" * 63 + "b", frame[0])


def test_cycles() -> None:
    """The name of a cycle, at both of its ends."""
    moments = [datetime(2026, *at, tzinfo=UTC) for at in ((1, 1), (3, 31), (4, 1), (12, 31))]

    assert [cycle_of(at, "quarter") for at in moments] == ["2026Q1", "2026Q1", "2026Q2", "2026Q4"]
    assert [cycle_of(at, "month") for at in moments] == ["2026-01", "2026-03", "2026-04", "2026-12"]
    assert {cycle_of(at, "year") for at in moments} == {"2026"}
