"""Reads a recording again: the pages of then through the mapping code of now."""

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self, cast

from pydantic import ValidationError

from harvesters.base import Harvester, Recalling, Told
from harvesters.codec import Codec, PageUnreadable
from harvesters.recording import FORMAT, fingerprint
from harvesters.registry import find_replays
from schemas.harvest import Coverage, KnownSubject, Scope
from schemas.observation import Observation, parse_observation
from schemas.sources import SourceSettings
from schemas.strict import Closed, Instant, Word

LONGEST_LINE: Final = 256 * 1024 * 1024
OPENING: Final = b'{"format":'
INSTANT: Final = timedelta(microseconds=1)
GZIP: Final = b"\x1f\x8b"


class ReplayRefused(Exception):
    """The file cannot be replayed; the message says where and why."""


class Head(Closed):
    """The first line of a recording."""

    format: Word
    source: SourceSettings
    scope: Scope
    coverage: Coverage
    harvester_version: Word
    harvest: Word


class Step(NamedTuple):
    """A recorded page with what was said of it, or answers to what was asked by name."""

    page: Any = None
    beside: Mapping[str, Any] = {}
    said: frozenset[str] = frozenset()
    answers: Sequence[Observation] = ()


class Recording(NamedTuple):
    """A recording that was looked through: whole lines, in their order, as they were written."""

    path: Path
    head: Head
    lines: int  # whole ones
    lacking: str | None  # why it does not hold the whole harvest

    @classmethod
    def open(cls, path: Path) -> Self:
        """Look through a file. Raises `ReplayRefused`, and `OSError` when it cannot be opened."""
        with _opened(path) as file:
            first = next(_lines(file), b"")
            head = _head(first)
            lines, lacking = _look_through(first, _lines(file))
        return cls(path, head, lines, lacking)

    def steps(self, codec: Codec) -> Iterator[Step]:
        """What was recorded. Raises `ReplayRefused` for pages of a type that is not known here."""
        with _opened(self.path) as file:
            for number, raw in enumerate(_lines(file), start=1):
                if number > self.lines:
                    return
                if number > 1:
                    try:
                        yield _step(json.loads(raw), codec)
                    except (PageUnreadable, RecursionError) as error:
                        message = f"line {number}: {error}"
                        raise ReplayRefused(message) from None


class Replay:
    """A harvester that yields recorded pages and maps them as the code now does.

    What the mapping says otherwise is dated `at`: else what was said then, and confirmed since,
    would outdo it, and no difference would show. What it says as it did is dated just before: what
    was masked in it differs, and is no difference of the mapping. Without `at` no time is changed.
    """

    def __init__(self, recording: Recording, source: SourceSettings, *, at: Instant | None) -> None:
        """Raises `ReplayRefused`, and `SourceRefused` for settings that cannot be read."""
        replays = find_replays(source.kind)
        if replays is None:
            message = f"sources of kind {source.kind} cannot be replayed"
            raise ReplayRefused(message)
        self.recording, self.at, self.codec = recording, at, replays.codec
        try:
            self.inner: Harvester[Any] = replays.harvester(source, recording.head.scope)
        except PageUnreadable as error:
            raise ReplayRefused(str(error)) from None
        self.scope, self.version = recording.head.scope, self.inner.version
        whole = recording.lacking is None
        self.coverage = recording.head.coverage if whole else Coverage.DELTA
        self.counts = self.inner.counts
        self.compared = Counter[str]()
        self._answers: list[Observation] = []

    def pages(self, cursor: str | None) -> Iterator[Step]:
        """As they were recorded; answers that nobody will ask for come at the end."""
        del cursor
        for step in self.recording.steps(self.codec):
            if step.answers:
                self._answers += step.answers
            else:
                yield step
        if self.coverage is not Coverage.FULL and self._answers:
            yield Step(answers=self._told())

    def observe(self, page: Step) -> Iterator[Told]:
        """What the mapping now makes of a page."""
        if page.answers:
            yield from page.answers
            return
        if isinstance(self.inner, Recalling):
            self.inner.recall(page.beside)
        before, now = page.said, set[str]()
        self.compared["pages"] += 1
        for one in self.inner.observe(page.page):
            if isinstance(one, Observation):
                now.add(known := fingerprint(one))
                same = known in before
                self.compared["as recorded" if same else "otherwise"] += 1
                yield self._dated(one, same=same)
            else:
                yield one
        self.compared["no longer said"] += len(before - now)

    def cursor_after(self, page: Step) -> str | None:
        """Nothing begins where a replay ended."""
        del page
        return None

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """What was answered then, once; nobody is asked now."""
        del unseen
        yield from self._told()

    def _dated(self, one: Observation, *, same: bool) -> Observation:
        if self.at is None:
            return one
        at = one.observed_at - INSTANT if same else self.at
        return one.model_copy(update={"observed_at": at})

    def _told(self) -> Sequence[Observation]:
        answers, self._answers = self._answers, []
        return answers


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb")
    if file.peek(2)[:2] != GZIP:
        return file
    file.close()
    return cast("IO[bytes]", gzip.open(path, "rb"))


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines with their ends; the last one may lack it, of a packed file that was cut off too."""
    try:
        while raw := file.readline(LONGEST_LINE + 1):
            if len(raw) > LONGEST_LINE:
                message = f"a line is longer than {LONGEST_LINE} bytes"
                raise ReplayRefused(message)
            yield raw
    except EOFError:
        return
    except gzip.BadGzipFile:
        raise ReplayRefused("the packed file is damaged") from None


def _head(first: bytes) -> Head:
    if not first.startswith(OPENING):
        raise ReplayRefused("this is no recording of a harvest")
    if not first.endswith(b"\n"):
        raise ReplayRefused("the recording ends in its first line: nothing was recorded")
    try:
        head = Head.model_validate_json(first)
    except ValidationError as error:
        stated = _loaded(first)
        if isinstance(stated, dict) and stated.get("format") != FORMAT:
            message = f"the recording's format is {str(stated.get('format'))[:60]!r}, not {FORMAT}"
            raise ReplayRefused(message) from None
        first_error = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first_error["loc"])
        message = f"line 1: {where}: {first_error['msg']}"
        raise ReplayRefused(message) from None
    if head.format != FORMAT:
        message = f"the recording's format is {head.format[:60]!r}; this release reads {FORMAT}"
        raise ReplayRefused(message)
    return head


def _look_through(first: bytes, rest: Iterator[bytes]) -> tuple[int, str | None]:
    """How many lines are whole, and what is lacking at the end. Raises for damage before it."""
    digest, lines, number = hashlib.sha256(first), 1, 1
    for raw in rest:
        number += 1
        line = _loaded(raw)
        if isinstance(line, dict) and line.keys() == {"end"}:
            return lines, _ended(line["end"], rest, lines=lines, digest=digest.hexdigest())
        if not raw.endswith(b"\n"):
            return lines, "it is half-written: the harvest or its process died"
        if not isinstance(line, dict) or line.keys() not in WHOLE:
            message = f"line {number} is damaged"
            raise ReplayRefused(message)
        digest.update(raw)
        lines = number
    return lines, "it is half-written: the harvest or its process died"


WHOLE: Final = ({"page", "beside", "said"}, {"answers"})


def _ended(end: Any, rest: Iterator[bytes], *, lines: int, digest: str) -> str | None:
    if not isinstance(end, dict) or end.keys() != {"error", "lines", "sha256"}:
        raise ReplayRefused("the end of the recording is damaged")
    if next(rest, None) is not None:
        raise ReplayRefused("something follows the end of the recording")
    if (end["lines"], end["sha256"]) != (lines, digest):
        raise ReplayRefused("the recording was changed or damaged: its digest is another")
    if end["error"] is None:
        return None
    why = "it was too large" if end["error"] == "capped" else f"the harvest failed: {end['error']}"
    return f"it does not hold everything: {why}"


def _loaded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _step(line: Mapping[str, Any], codec: Codec) -> Step:
    if "answers" in line:
        try:
            return Step(answers=[parse_observation(one) for one in line["answers"]])
        except (ValidationError, TypeError):
            raise PageUnreadable("an answer is no observation as they are now") from None
    page, beside = codec.decode(line["page"]), codec.decode(line["beside"])
    if not isinstance(beside, dict) or not isinstance(line["said"], list):
        raise PageUnreadable("a page lacks what belongs to it")
    return Step(page, beside, frozenset(map(str, line["said"])))
