"""How many requests a caller may send, and how many batches are worked on."""

import asyncio
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.limits import (
    BATCHES,
    MOST_RUNNING,
    MOST_WAITING,
    REMEMBERED,
    Buckets,
    Limited,
    Overloaded,
    TooManyRequests,
)
from service.limits import Limits as Counted

RATE: Final = 10.0
BURST: Final = 20


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_bucket_bounds(pauses: list[float]) -> None:
    """However requests are spread, in no stretch of time are more let through than promised."""
    buckets, now, passed = Buckets(RATE, BURST), 0.0, list[float]()
    for pause in pauses:
        now += pause
        if buckets.take(1, now=now):
            passed.append(now)

    for first, began in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= BURST + RATE * (passed[last] - began) + 1e-6


def test_bucket_refills() -> None:
    """Who waits a second may send again; others never notice."""
    buckets = Buckets(RATE, BURST)
    assert [buckets.take(1, now=0) for _ in range(BURST + 1)] == [True] * BURST + [False]

    assert buckets.take(2, now=0)
    assert buckets.take(1, now=1)


def test_bucket_forgets() -> None:
    """Only so many callers are remembered, the latest."""
    buckets = Buckets(RATE, 1)
    for caller in range(REMEMBERED + 1):
        assert buckets.take(caller, now=0)

    assert not buckets.take(REMEMBERED, now=0)
    assert buckets.take(0, now=0)


def test_batches_wait_in_lanes() -> None:
    """Four run, sixteen wait, the next one is refused; when one ends another begins."""

    async def act() -> tuple[int, int]:
        limits, going, most = Counted(RATE, BURST), asyncio.Event(), 0
        running = 0

        async def batch() -> None:
            nonlocal running, most
            async with limits.batch():
                running += 1
                most = max(most, running)
                await going.wait()
                running -= 1

        tasks = [asyncio.create_task(batch()) for _ in range(BATCHES + MOST_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batch()
        going.set()
        await asyncio.gather(*tasks)
        return most, limits.batches

    assert asyncio.run(act()) == (BATCHES, 0)


def test_overload() -> None:
    """Beyond so many requests at once each is refused, but that the process lives is answered."""
    limits, answered = Counted(RATE, BURST), list[str]()

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        answered.append(scope["path"])

    async def ask(path: str) -> None:
        await Limited(app, limits)({"type": "http", "path": path, "headers": []}, None, None)

    limits.running = MOST_RUNNING
    with pytest.raises(Overloaded):
        asyncio.run(ask("/api/v1/models"))
    asyncio.run(ask("/livez"))

    assert (answered, limits.refused) == (["/livez"], {"rate": 0, "overload": 1})
    assert TooManyRequests.headers["Retry-After"] == "1"
    assert Overloaded.headers["Retry-After"] == "5"
