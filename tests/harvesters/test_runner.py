"""The runner: batches within the limits, one page ahead, closed on every way out."""

import json
import threading
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters import runner
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable
from harvesters.sink import AlreadyRunning, CatalogUnavailable
from schemas.facts import ModelFacts
from schemas.harvest import (
    CloseHarvest,
    Coverage,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
    Outcome,
)
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation, Receipt, Sighting, Wanted

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_observation(number: int = 0, *, description: str = "") -> Observation:
    """An observation of a model."""
    value = f"mlflow-prod/default/m{number}"
    return Observation(
        subject=Identifier(kind=Kind.MODEL, scheme="mlflow", value=value),
        observed_at=NOON,
        facts=ModelFacts(description=description),
    )


class Source:
    """Yields what it is told; a page is a number of observations."""

    scope: str = "all"
    coverage: Coverage = Coverage.FULL
    version: str = "tests/1"

    def __init__(self, *pages: int) -> None:
        """So many observations a page."""
        self.sizes, self.read = pages, 0
        self.counts: Mapping[str, int] = {"left_out": 1}
        self.failing: BaseException | None = None

    def pages(self, cursor: str | None) -> Iterator[range]:
        """Consecutive numbers."""
        assert cursor == "0"
        for size in self.sizes:
            start, self.read = self.read, self.read + size
            yield range(start, self.read)
        if self.failing:
            raise self.failing

    def observe(self, page: range) -> Iterator[Observation | RecordUnreadable]:
        """One each."""
        yield from (make_observation(number) for number in page)

    def cursor_after(self, page: range) -> str | None:
        """The number of the last one."""
        return str(page[-1]) if page else None

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Observation | RecordUnreadable]:
        """Nothing is there."""
        for known in unseen:
            yield Observation(subject=known.subject, observed_at=NOON, gone=True)


class Sink:
    """Wants everything and remembers it."""

    def __init__(self, **limits: int) -> None:
        """With these limits."""
        self.limits = Limits(**limits)
        self.said: list[tuple[str, Any]] = []
        self.failing: dict[str, BaseException] = {}
        self.beats = threading.Semaphore(0)

    def full_cursor(self, _scope: str) -> str | None:
        """None yet."""
        return None

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin."""
        self.note("open", asked.scope)
        return HarvestOpened(
            harvest=asked.harvest, cursor="0", limits=self.limits, lease_until=NOON, dry_run=dry_run
        )

    def sight(self, _harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """All are wanted."""
        self.note("sight", len(sightings))
        return Wanted(wanted=tuple(range(len(sightings))))

    def send(self, _harvest: UUID, batch: bytes) -> Receipt:
        """All are new."""
        documents = json.loads(batch)["observations"]
        self.note("send", len(documents))
        return Receipt(recorded=len(documents), unchanged=0)

    def unseen(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Nothing."""
        yield from ()

    def known(self, _harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Nothing."""
        yield from ()

    def heartbeat(self, _harvest: UUID) -> None:
        """Count it."""
        self.beats.release()
        if "beat" in self.failing:
            raise self.failing["beat"]

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End."""
        self.note("close", asked)
        return HarvestReport(
            harvest=harvest, source="s", scope="all", coverage=Coverage.FULL, outcome=asked.outcome,
            opened_at=NOON, closed_at=NOON, seconds=0.0,
        )  # fmt: skip

    def note(self, step: str, what: Any) -> None:
        """Remember, or fail."""
        self.said.append((step, what))
        if step in self.failing:
            raise self.failing.pop(step)

    def steps(self, *named: str) -> list[Any]:
        """What was said at these steps."""
        return [what for step, what in self.said if step in named]


TEXTS: Final = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=400)


@settings(max_examples=60)
@given(
    st.lists(TEXTS, max_size=40),
    st.integers(min_value=1, max_value=7),
    st.integers(min_value=250, max_value=2_000),
)
def test_batches_limits(texts: list[str], most: int, size: int) -> None:
    """No request is over either limit; each observation travels once, in order, or is reported."""
    given_ = [make_observation(n, description=text) for n, text in enumerate(texts)]
    large: list[RecordUnreadable] = []

    made = list(
        runner.batches(given_, Limits(observations=most, bytes=size), too_large=large.append)
    )

    sent = [one["subject"]["value"] for batch in made for one in json.loads(batch)["observations"]]
    refused = {str(one.subject) for one in large}
    assert all(len(batch) <= size for batch in made)
    assert all(1 <= len(json.loads(batch)["observations"]) <= most for batch in made)
    assert sent == [o.subject.value for o in given_ if str(o.subject) not in refused]
    assert len(sent) + len(large) == len(given_)
    assert {one.code for one in large} <= {"too_large"}


def test_harvest_complete() -> None:
    """Sightings go first and within their limit; the end carries cursor and counts."""
    sink = Sink(sightings=3, observations=2)

    assert runner.harvest(Source(4, 1), sink).outcome is Outcome.COMPLETE

    assert sink.said == [
        ("open", "all"), *[("sight", 2), ("send", 2)] * 2, ("sight", 1), ("send", 1),
        ("close", CloseHarvest(outcome=Outcome.COMPLETE, cursor="4", counts={"left_out": 1})),
    ]  # fmt: skip


class Rereading(Source):
    """Reads changes, or without a cursor everything."""

    coverage: Coverage = Coverage.DELTA
    read_all: bool = False

    def pages(self, cursor: str | None) -> Iterator[range]:
        """One page."""
        self.read_all = cursor is None
        yield range(1)


@pytest.mark.parametrize("full", [False, True])
def test_harvest_reads_all_again(*, full: bool) -> None:
    """A harvester of changes that has read all asks for what it lacked; `full` makes it do so."""
    known = KnownSubject(subject=make_observation(7).subject, digest="x")
    sink = Sink()
    sink.unseen = lambda _harvest: iter([[known]])  # type: ignore[method-assign]  # one is missing

    runner.harvest(Rereading(), sink, full=full)

    assert sink.steps("send") == ([1, 1] if full else [1])


def test_harvest_one_page_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a page is sent the next one is read, and no more: memory is that of two pages."""
    source, sink = Source(*[1] * 50), Sink(sightings=1)
    ahead: list[int] = []

    def sight(_harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        time.sleep(0.002)
        ahead.append(source.read - len(ahead))
        return Wanted(wanted=tuple(range(len(sightings))))

    monkeypatch.setattr(sink, "sight", sight)
    runner.harvest(source, sink)

    assert len(ahead) == 50
    assert max(ahead) <= 2


def test_harvest_memory() -> None:
    """What is kept does not grow with the source: ten times the pages, the same peak."""

    def peak(pages: int) -> int:
        sink = Sink(sightings=25, observations=10)
        tracemalloc.start()
        runner.harvest(Source(*[25] * pages), sink)
        kept = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return kept

    peak(40)  # identifiers stay in a bounded cache
    assert peak(40) < 2 * peak(4)


@pytest.mark.parametrize("step", ["open", "sight", "send", "close"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), CatalogUnavailable("down")])
def test_harvest_fails_anywhere(step: str, error: BaseException) -> None:
    """Whatever request is interrupted, the harvest is closed as failed: it would block the next."""
    sink = Sink()
    sink.failing[step] = error

    with pytest.raises(type(error)):
        runner.harvest(Source(2), sink)

    assert sink.steps("close")[-1] == CloseHarvest(
        outcome=Outcome.FAILED, error=f"{type(error).__name__}: {error}"
    )


def test_harvest_already_running() -> None:
    """Another's harvest is left alone."""
    sink = Sink()
    sink.failing["open"] = AlreadyRunning("already running", status=409, code="harvest_running")

    with pytest.raises(AlreadyRunning):
        runner.harvest(Source(2), sink)

    assert sink.steps("close") == []


def test_harvest_source_fails() -> None:
    """What the source raises in its own thread comes out, with the reason in the report."""
    source, sink = Source(2), Sink()
    source.failing = SourceRefused("no")

    with pytest.raises(SourceRefused, match="no"):
        runner.harvest(source, sink)

    assert [one.error for one in sink.steps("close")] == ["SourceRefused: no"]


class Unreadable(Source):
    """Observes one thing; says of it, or of others, what could not be read."""

    def __init__(self, count: int, *, same: bool, length: int) -> None:
        """So many records, with messages of that length."""
        super().__init__(1)
        self.count, self.same, self.length = count, same, length

    def observe(self, page: range) -> Iterator[Observation | RecordUnreadable]:
        """One observation, then the records."""
        yield from super().observe(page)
        for number in range(self.count):
            subject = make_observation(0 if self.same else number + 1).subject
            yield RecordUnreadable("no", "x" * self.length, "/tags", subject)


@pytest.mark.parametrize(("count", "length"), [(10_001, 1), (9_000, 500)])
def test_harvest_long_report(count: int, length: int) -> None:
    """A report is bounded in number and bytes; how many remarks are missing in it is counted."""
    sink = Sink()

    runner.harvest(Unreadable(count, same=True, length=length), sink)

    [closed] = sink.steps("close")
    assert closed.counts == {"left_out": 1, "skipped_beyond_report": count - len(closed.skipped)}
    assert closed.counts["skipped_beyond_report"] > 0
    assert len(closed.model_dump_json(exclude_unset=True)) < 6 * 1024 * 1024


@pytest.mark.parametrize("coverage", [Coverage.FULL, Coverage.DELTA])
def test_harvest_unreadable_beyond_report(coverage: Coverage) -> None:
    """What a report has no room for was there all the same: a full harvest then retires nothing."""
    source, sink = Unreadable(10_001, same=False, length=1), Sink()
    source.coverage = coverage

    if coverage is Coverage.DELTA:
        runner.harvest(source, sink)
    else:
        with pytest.raises(SourceRefused, match="nothing counts as absent"):
            runner.harvest(source, sink)

    expected = Outcome.FAILED if coverage is Coverage.FULL else Outcome.COMPLETE
    assert [one.outcome for one in sink.steps("close")] == [expected]


def test_harvest_source_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that never comes is given up, and its thread keeps nobody waiting."""
    monkeypatch.setattr(runner, "PAGE_SECONDS", 0.05)
    source, sink, over = Source(), Sink(), threading.Event()

    def pages(_cursor: str | None) -> Iterator[range]:
        yield range(1)
        over.wait(60)

    monkeypatch.setattr(source, "pages", pages)
    with pytest.raises(SourceUnavailable, match=r"longer than 0\.05 seconds"):
        runner.harvest(source, sink)

    assert all(t.daemon for t in threading.enumerate() if t is not threading.main_thread())
    assert [one.outcome for one in sink.steps("close")] == [Outcome.FAILED]
    over.set()


def test_harvest_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the source is slow the lease is kept, also through a short absence of the catalog."""
    monkeypatch.setattr(runner, "HEARTBEAT_SECONDS", 0.001)
    source, sink = Source(), Sink()
    sink.failing["beat"] = CatalogUnavailable("for a moment")

    def pages(_cursor: str | None) -> Iterator[range]:
        assert all(sink.beats.acquire(timeout=30) for _ in range(3))
        yield range(1)

    monkeypatch.setattr(source, "pages", pages)
    assert runner.harvest(source, sink).outcome is Outcome.COMPLETE


def test_harvest_leaves_though_close_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that hangs keeps nobody from leaving."""
    monkeypatch.setattr(runner, "LEAVING_SECONDS", 0.05)
    source, sink, over = Source(), Sink(), threading.Event()
    source.failing = SourceRefused("no")
    monkeypatch.setattr(sink, "close", lambda *_: over.wait(60))

    with pytest.raises(SourceRefused, match="no"):
        runner.harvest(source, sink)
    over.set()
