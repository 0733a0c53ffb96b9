"""The clock of PROVISIONAL uses in production, and the workflow tier that it leads to."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy_scale import Tier
from service.risk.tiering import rate
from service.risk.tiers.grace import NO_CLOCK, Grace, moved, workflow_tier
from service.risk.tiers.rollup import settled
from tests.risk.strategies import default_policy, vectors

CLOCKS = default_policy().document.clocks
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


def day(number: float) -> datetime:
    """A moment so many days after the start."""
    return START + timedelta(days=number)


def after(*steps: tuple[float, str]) -> Grace:
    """A clock after ratings on some days: p(rovisional) or f(irm), P and F in production."""
    clock = NO_CLOCK
    for number, state in steps:
        clock = moved(
            clock,
            provisional=state in "pP",
            in_production=state in "PF",
            now=day(number),
            clocks=CLOCKS,
        )
    return clock


def test_moved_begins() -> None:
    """Since PROVISIONAL and in production, fourteen days; whichever comes last begins it."""
    running = Grace(day(3), None, day(17))

    assert after((3, "P")) == running
    assert after((0, "p"), (3, "P")) == running
    assert after((0, "F"), (3, "P")) == running
    assert running.running


def test_moved_outside_production() -> None:
    """Outside production no clock runs, and none that never ran is remembered."""
    assert after((0, "p")) == after((0, "f")) == after((0, "F")) == NO_CLOCK
    assert after((0, "P"), (5, "p")) == Grace(day(0), day(5), None)
    assert not after((0, "P"), (5, "p")).running


def test_moved_answer_restarts_nothing() -> None:
    """Still PROVISIONAL after an answer, or long after the end: the same clock."""
    assert after((0, "P"), (5, "P"), (13, "P")) == after((0, "P"))
    assert after((0, "P"), (90, "P")) == after((0, "P"))


def test_moved_flapping() -> None:
    """Back to PROVISIONAL within thirty days goes on with the old clock, over and over."""
    assert after((0, "P"), (5, "F"), (9, "P")) == Grace(day(0), None, day(14))
    assert after((0, "P"), (5, "F"), (35, "P")) == Grace(day(0), None, day(14))
    assert after((0, "P"), (5, "F"), (30, "P"), (31, "F"), (61, "P")).grace_end == day(14)
    assert after((0, "P"), (5, "p"), (9, "P")) == Grace(day(0), None, day(14))


def test_moved_forgets() -> None:
    """Later than that a new clock begins; ratings in between prolong no memory."""
    assert after((0, "P"), (5, "F"), (35.01, "P")) == Grace(day(35.01), None, day(49.01))
    assert after((0, "P"), (5, "F"), (20, "F"), (34, "f"), (36, "P")).grace_end == day(50)


STATES = st.lists(
    st.tuples(st.integers(0, 25), st.sampled_from("pPfF")), min_size=1, max_size=12
).map(lambda steps: [(sum(n for n, _ in steps[: at + 1]), s) for at, (_, s) in enumerate(steps)])


@settings(max_examples=200)
@given(STATES)
def test_moved_any(steps: list[tuple[int, str]]) -> None:
    """It runs just in PROVISIONAL production; rating again changes nothing; no flapping helps."""
    clock, at = after(*steps), steps[-1]

    assert clock.running is (at[1] == "P")
    assert (clock.grace_end is not None) is clock.running
    assert after(*steps, at) == clock
    if clock.running:
        began = clock.provisional_since or START
        assert clock.grace_end == began + timedelta(days=14)
        assert not _provisional_within(steps, before=began)


def _provisional_within(steps: list[tuple[int, str]], *, before: datetime) -> bool:
    """Was it PROVISIONAL in production in the thirty days before a clock began?"""
    for at, (number, state) in enumerate(steps):
        if state == "P" and day(number) < before:
            left = day(steps[at + 1][0])
            if before - timedelta(days=30) <= left:
                return True
    return False


def vector(name: str) -> dict[str, object]:
    """The facts of a vector."""
    facts: dict[str, object] = next(one["facts"] for one in vectors() if one["name"] == name)
    return facts


@pytest.mark.parametrize(
    ("name", "override", "now", "tier"),
    [
        ("churn propensity", None, 0, "LOW"),
        ("churn propensity", None, 20, "LOW"),
        ("churn propensity", "HIGH", 0, "HIGH"),
        ("nothing stated at all", None, 0, "MEDIUM"),
        ("nothing stated at all", None, 13.9, "MEDIUM"),
        ("nothing stated at all", None, 14, "HIGH"),
        ("nothing stated at all", "HIGH", 0, "HIGH"),
        ("dataset sensitivity only known to be at least personal", None, 20, "MEDIUM"),
        ("inherent unknown decides between MEDIUM and HIGH", None, 0, "MEDIUM"),
        ("inherent unknown decides between MEDIUM and HIGH", None, 20, "HIGH"),
    ],
)
def test_workflow_tier(name: str, override: Tier | None, now: float, tier: Tier) -> None:
    """The tier; for a range MEDIUM until the grace ends, then the upper end."""
    use = settled(rate(default_policy(), vector(name)), override)  # type: ignore[arg-type]  # JSON

    assert workflow_tier(use, grace_end=day(14), now=day(now), clocks=CLOCKS) == tier


def test_workflow_tier_without_clock() -> None:
    """Outside production the grace has not begun, however long that takes."""
    use = settled(rate(default_policy(), {}))

    assert workflow_tier(use, grace_end=None, now=day(900), clocks=CLOCKS) == "MEDIUM"


@pytest.mark.parametrize(
    ("tier", "name", "expected"),
    [
        ("HIGH", "dataset sensitivity only known to be at least personal", "MEDIUM"),
        ("LOW", "inherent unknown decides between MEDIUM and HIGH", "MEDIUM"),
        ("LOW", "nothing stated at all", "LOW"),
    ],
)
def test_workflow_tier_in_range(tier: Tier, name: str, expected: Tier) -> None:
    """Another policy's grace tier never leads out of the range."""
    clocks = CLOCKS.model_copy(update={"grace_workflow_tier": tier})
    use = settled(rate(default_policy(), vector(name)))  # type: ignore[arg-type]  # JSON

    assert workflow_tier(use, grace_end=day(14), now=day(0), clocks=clocks) == expected
