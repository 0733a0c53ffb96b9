"""The runner closes its harvest on every way out, with a report that is bounded and true."""

import threading
from collections.abc import Iterator

import pytest

from harvesters import runner
from harvesters.base import Told
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable
from harvesters.sink import AlreadyRunning, CatalogUnavailable
from schemas.harvest import CloseHarvest, Coverage, Outcome
from tests.support.running import Sink, Source, make_observation


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

    def observe(self, page: range) -> Iterator[Told]:
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
