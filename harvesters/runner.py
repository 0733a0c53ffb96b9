"""Reads one scope once and sends what it says: the only loop. Every way out closes the harvest."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from harvesters.base import (
    ChangeReader,
    Following,
    Harvester,
    Hinted,
    Proving,
    Remembering,
    Rereader,
    Selective,
    Vouching,
)
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable, shown
from harvesters.recording import Tape
from harvesters.sink import AlreadyRunning, CatalogRefused, CatalogUnavailable, Sink, as_json
from schemas.harvest import (
    CloseHarvest,
    Coverage,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
    Outcome,
    Skipped,
)
from schemas.hooks import About
from schemas.observation import Observation, Sighting

HEARTBEAT_SECONDS: Final = 60.0
PAGE_SECONDS: Final = 600.0  # a source that drips never times out by itself
LEAVING_SECONDS: Final = 8.0  # to close what failed; a supervisor kills after ten
MOST_SKIPPED: Final = 10_000
LARGEST_SKIPPED: Final = 4 * 1024 * 1024  # bytes: half of what closing a harvest may send
OPENING, CLOSING = b'{"observations":[', b"]}"
Page = TypeVar("Page")


def harvest(
    harvester: Harvester[Page],
    sink: Sink,
    *,
    dry_run: bool = False,
    full: bool = False,
    tape: Tape | None = None,
) -> HarvestReport:
    """Read one scope once; the report says what came of it.

    `full`: also where a harvester would read only changes this time. `tape` may record it.
    Raises what the harvester or the sink raised, after closing the harvest as failed.
    """
    _prepare(harvester, sink, full=full)
    asked = OpenHarvest(
        harvest=uuid7(),
        scope=harvester.scope,
        coverage=harvester.coverage,
        harvester_version=harvester.version,
        follows=_follows(harvester),
    )
    skipped: list[Skipped] = []
    tape = tape or Tape()
    try:
        opened = sink.open(asked, dry_run=dry_run)
        tape.begin(harvester, asked.harvest)
        sending = _Sending(sink, opened, skipped=skipped)
        cursor = None if full and isinstance(harvester, Rereader) else opened.cursor
        with _heartbeat(sink, opened.harvest):
            _remember(harvester, sink, sending=sending)
            cursor = _read(harvester, cursor, sending=sending, tape=tape)
            _look_closer(harvester, sink, opened=opened, sending=sending, tape=tape)
            _vouch(harvester, sending=sending)
        report = sink.close(asked.harvest, sending.closing(harvester, cursor=cursor))
    except AlreadyRunning:
        raise  # nothing was opened
    except BaseException as error:  # Ctrl-C too: an open harvest blocks the next
        tape.end(error)
        _close_failed(sink, asked.harvest, error=error, skipped=skipped)
        raise
    tape.end()
    return report


def _read(
    harvester: Harvester[Any], cursor: str | None, *, sending: "_Sending", tape: Tape
) -> str | None:
    """All pages; answers the cursor. Of a source that breaks off, what was read is kept."""
    try:
        for page in _ahead(harvester.pages(cursor)):
            sending.add(tape.observe(harvester, page))
            cursor = harvester.cursor_after(page) or cursor
    except SourceUnavailable:
        with suppress(CatalogRefused, CatalogUnavailable):
            sending.flush()
        raise
    sending.flush()
    return cursor


def _prepare(harvester: Harvester[Any], sink: Sink, *, full: bool) -> None:
    """What is decided before a harvest is opened: what it follows, and how much it reads."""
    if isinstance(harvester, Hinted):
        harvester.hint(sink.hints())
    if isinstance(harvester, ChangeReader):
        harvester.choose(None if full else sink.full_cursor(harvester.scope))


def _follows(harvester: Harvester[Any]) -> tuple[About, ...] | None:
    """Which hints a harvester follows; None where it does not say."""
    if isinstance(harvester, Selective):
        return tuple(harvester.follows)
    return None if isinstance(harvester, Hinted) else ()


def _remember(harvester: Harvester[Any], sink: Sink, *, sending: "_Sending") -> None:
    if isinstance(harvester, Following):
        for commits in sink.commits():
            harvester.follow(commits)
    if isinstance(harvester, Remembering):
        for known in sink.known(sending.opened.harvest):
            harvester.remember(known)
            sending.markers.update((one.subject, one.marker) for one in known)


class _Sending:
    """Collects observations and sends them, sightings first: what is current does not travel."""

    def __init__(self, sink: Sink, opened: HarvestOpened, *, skipped: list[Skipped]) -> None:
        self.sink, self.opened, self.skipped = sink, opened, skipped
        # One request of each kind: it is stored while the source makes its next page.
        self.enough = min(opened.limits.sightings, opened.limits.observations)
        self.waiting: list[Observation | KnownSubject] = []
        self.refused: set[Any] = set()  # subjects
        self.markers: dict[Any, str | None] = {}  # as the catalog holds them
        self.room, self.passed_over = LARGEST_SKIPPED, 0
        self.observed: Any = None  # the last one's subject
        self.untold = False  # is anything that was not observed missing in the report?
        self.count = 0

    def add(self, observed: Iterable[Observation | RecordUnreadable | KnownSubject]) -> None:
        """Take what a page says; what cannot be read is reported, never lost in silence."""
        for one in observed:
            if isinstance(one, RecordUnreadable):
                self._skip(one)
                continue
            self.count, self.observed = self.count + 1, one.subject
            self.waiting.append(one)
            if len(self.waiting) >= self.enough:
                self.flush()

    def flush(self, *, asked_for: bool = False) -> None:
        """Send what waits: what was asked for by name is sent as it is."""
        waiting, self.waiting = self.waiting, []
        stated = self._asked(waiting) if asked_for else self._wanted(waiting)
        for batch in batches(stated, self.opened.limits, too_large=self._skip):
            receipt = self.sink.send(self.opened.harvest, batch)
            for refusal in receipt.refused:
                self.refused.add(refusal.subject)
                self._skip(
                    RecordUnreadable(
                        refusal.code, refusal.message, refusal.pointer, refusal.subject
                    )
                )

    def closing(self, harvester: Harvester[Any], *, cursor: str | None) -> CloseHarvest:
        """How a harvest ends that read everything.

        What is neither seen nor reported would count as absent: a full harvest concludes nothing.
        """
        if self.untold and harvester.coverage is Coverage.FULL:
            message = "too much could not be read to report it all, so nothing counts as absent"
            raise SourceRefused(message)
        counts = dict(harvester.counts) | (
            {"skipped_beyond_report": self.passed_over} if self.passed_over else {}
        )
        return CloseHarvest(
            outcome=Outcome.COMPLETE,
            cursor=cursor,
            skipped=tuple(self.skipped),
            counts=counts,
            hints=tuple(harvester.settled) if isinstance(harvester, Hinted) else (),
        )

    def _wanted(self, waiting: Sequence[Observation | KnownSubject]) -> list[Observation]:
        wanted: list[Observation | KnownSubject] = []
        most = self.opened.limits.sightings
        for start in range(0, len(waiting), most):
            part = waiting[start : start + most]
            sightings = [Sighting(subject=one.subject, digest=_digest(one)) for one in part]
            answer = self.sink.sight(self.opened.harvest, sightings)
            asked = set(answer.wanted)
            wanted += [
                one for index, one in enumerate(part) if index in asked or self._is_remarked(one)
            ]
        return self._new(wanted)

    def _is_remarked(self, one: Observation | KnownSubject) -> bool:
        """It says the same, read from something else: the next harvest would read it again."""
        if not isinstance(one, Observation) or one.subject not in self.markers:
            return False
        return one.marker != self.markers[one.subject]

    def _asked(self, told: Sequence[Observation | KnownSubject]) -> list[Observation]:
        known = self._wanted([one for one in told if not isinstance(one, Observation)])
        return known + [one for one in told if isinstance(one, Observation)]

    def _new(self, told: Iterable[Observation | KnownSubject]) -> list[Observation]:
        """What is said anew. What was known and is another by now was told by somebody else."""
        stated: list[Observation] = []
        for one in told:
            if isinstance(one, Observation):
                stated.append(one)
            else:
                self.refused.add(one.subject)
                message = "it changed in the catalog while its source was read"
                self._skip(RecordUnreadable("changed_meanwhile", message, "", one.subject))
        return stated

    def _skip(self, record: RecordUnreadable) -> None:
        skipped = record.skipped()
        self.room -= len(skipped.model_dump_json().encode())
        if len(self.skipped) < MOST_SKIPPED and self.room >= 0:
            self.skipped.append(skipped)
        else:  # a remark on what was just observed may be missing
            self.passed_over += 1
            self.untold |= record.subject not in {None, self.observed}


def _digest(told: Observation | KnownSubject) -> str:
    return told.digest() if isinstance(told, Observation) else told.digest


def batches(
    observations: Iterable[Observation], limits: Limits, *, too_large: Any
) -> Iterator[bytes]:
    """Requests of at most so many observations and bytes, in order; nothing is dropped silently."""
    batch: list[bytes] = []
    size = empty = len(OPENING) + len(CLOSING)
    for observation in observations:
        written = as_json(observation)
        if empty + len(written) > limits.bytes:
            message = f"its {len(written)} bytes are more than one request takes"
            too_large(RecordUnreadable("too_large", message, "", observation.subject))
            continue
        if batch and (len(batch) >= limits.observations or size + 1 + len(written) > limits.bytes):
            yield OPENING + b",".join(batch) + CLOSING
            batch, size = [], empty
        size += len(written) + bool(batch)
        batch.append(written)
    if batch:
        yield OPENING + b",".join(batch) + CLOSING


def _look_closer(
    harvester: Harvester[Any],
    sink: Sink,
    *,
    opened: HarvestOpened,
    sending: _Sending,
    tape: Tape,
) -> None:
    """A listing proves presence, never absence: ask by name for what it lacked."""
    if harvester.coverage is not Coverage.FULL:
        if isinstance(harvester, ChangeReader):
            for page in sink.known(opened.harvest):
                sending.add(tape.answers(_ahead(harvester.compare(page))))
            sending.flush(asked_for=True)
        if not (isinstance(harvester, Rereader) and harvester.read_all):
            return
    proven = isinstance(harvester, Proving) and harvester.proves_empty
    if sending.count == 0 and opened.ever_seen and not proven:
        raise SourceRefused("the listing is empty, but the catalog knows live things of this scope")
    # All pages before the first question: an answer that is sent changes what is unseen.
    for page in list(sink.unseen(opened.harvest)):
        sending.add(tape.answers(_ahead(harvester.ask(page))))
        sending.flush(asked_for=True)


def _vouch(harvester: Harvester[Any], *, sending: _Sending) -> None:
    """Markers of what was told whole: a harvest that breaks off before is read again."""
    if isinstance(harvester, Vouching):
        sending.add(harvester.vouch(sending.refused))
        sending.flush(asked_for=True)


def _close_failed(
    sink: Sink, harvest: UUID, *, error: BaseException, skipped: Sequence[Skipped]
) -> None:
    """Say why it failed; a catalog that does not answer now lets the lease end."""
    asked = CloseHarvest(
        outcome=Outcome.FAILED,
        error=f"{type(error).__name__}: {shown(error)}",
        skipped=tuple(skipped),
    )
    with suppress(CatalogUnavailable, CatalogRefused, TimeoutError):
        _aside(sink.close, harvest, asked).result(LEAVING_SECONDS)


@contextmanager
def _heartbeat(sink: Sink, opened: UUID) -> Iterator[None]:
    """Keep the lease while the source is slow; the next request tells if it was lost."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            try:
                sink.heartbeat(opened)
            except CatalogUnavailable:
                continue  # it may be back before the lease ends
            except CatalogRefused:
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=1)


def _ahead(pages: Iterator[Page]) -> Iterator[Page]:
    """Read the next page while this one is sent."""
    nothing = object()
    coming = _aside(next, pages, nothing)
    while (page := _in_time(coming)) is not nothing:
        coming = _aside(next, pages, nothing)
        yield page


def _in_time(answer: Future[Any]) -> Any:
    try:
        return answer.result(PAGE_SECONDS)
    except TimeoutError:
        message = f"an answer of the source took longer than {PAGE_SECONDS:g} seconds"
        raise SourceUnavailable(message) from None


def _aside(work: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Do it in a daemon thread: neither a way out nor the interpreter's end waits for it."""
    answer: Future[Any] = Future()

    def run() -> None:
        try:
            answer.set_result(work(*arguments))
        except BaseException as error:  # noqa: BLE001  # raised by whoever waits for the answer
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return answer
