"""The runner: batches within the limits, one page ahead, what is known said in short."""

import json
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters import runner
from harvesters.base import Told
from harvesters.errors import RecordUnreadable
from schemas.harvest import CloseHarvest, Coverage, KnownSubject, Limits, Outcome
from schemas.hooks import Hint
from schemas.identifiers import Identifier
from schemas.observation import Sighting, Wanted
from tests.support.running import NOON, Sink, Source, make_observation

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
    large = list[RecordUnreadable]()

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


class Remembering(Source):
    """Looks first at what is known, and says again what did not change."""

    def __init__(self, *pages: int) -> None:
        """Nothing is remembered."""
        super().__init__(*pages)
        self.known = dict[Identifier, KnownSubject]()
        self.hints: list[Hint] = []
        self.settled: Sequence[int] = ()

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """By subject."""
        self.known |= {one.subject: one for one in known}

    def hint(self, hints: Sequence[Hint]) -> None:
        """Before anything else."""
        assert not self.known
        self.hints += hints

    def pages(self, cursor: str | None) -> Iterator[range]:
        """All hints are followed."""
        yield from super().pages(cursor)
        self.settled = [one.id for one in self.hints]

    def observe(self, page: range) -> Iterator[Told]:
        """What is known is not read."""
        for number in page:
            read = make_observation(number)
            yield self.known.get(read.subject, read)


def test_harvest_remembers() -> None:
    """What is known is seen by its digest; what became another one meanwhile is reported."""
    one, other = (make_observation(number) for number in (0, 1))
    sink = Sink()
    sink.kept = {one.subject: one.digest(), other.subject: other.digest()}
    source = Remembering(3)

    def meanwhile(harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        sink.kept[other.subject] = f"sha256:{'0' * 64}"
        return Sink.sight(sink, harvest, sightings)

    sink.sight = meanwhile  # type: ignore[assignment,method-assign]  # the catalog hears of it elsewhere
    runner.harvest(source, sink)

    (closed,) = sink.steps("close")
    assert (sink.steps("sight"), sink.steps("send")) == ([3], [1])
    assert [(s.code, s.subject) for s in closed.skipped] == [("changed_meanwhile", other.subject)]


def test_harvest_settles_hints() -> None:
    """Hints come before anything else; those that were followed are settled by the end."""
    sink = Sink()
    sink.left = [Hint(id=n, event="push", received_at=NOON) for n in (4, 9)]

    runner.harvest(Remembering(1), sink)

    (closed,) = sink.steps("close")
    assert closed.hints == (4, 9)


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
