"""Writes down what harvests read, page by page, so that changed mapping code can read it again."""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote
from uuid import UUID

from harvesters.base import Harvester, Recalling, Told
from harvesters.codec import Codec, NotRecordable
from harvesters.errors import SourceRefused, shown
from harvesters.redaction import redact
from harvesters.registry import find_replays
from schemas.observation import Observation
from schemas.sources import SourceSettings

FORMAT: Final = "model-catalog-recording/1"
MOST_BYTES: Final = 64 * 1024 * 1024
FEWEST, LARGEST = 65_536, 2**40  # that can be set
KEPT: Final = 10  # recordings of a scope; older ones are deleted
SUFFIX: Final = ".jsonl"
LAST_LINE: Final = 1_024  # room for the end


class Tape:
    """Lets what a harvest reads pass by, and keeps nothing of it."""

    def begin(self, harvester: Harvester[Any], harvest: UUID) -> None:
        """A scope is read."""

    def observe(self, harvester: Harvester[Any], page: Any) -> Iterator[Told]:
        """What a page says."""
        return harvester.observe(page)

    def answers(self, told: Iterable[Told]) -> Iterable[Told]:
        """What the source answered when it was asked by name."""
        return told

    def end(self, error: BaseException | None = None) -> None:
        """The scope was read, or was not."""


class Recorder(Tape):
    """Writes a file a scope. What goes wrong with it ends the recording, never the harvest."""

    def __init__(
        self, folder: Path, source: SourceSettings, *, most: int, tell: Callable[[str], None]
    ) -> None:
        """Record harvests of a source below a folder, each in at most so many bytes.

        Raises `OSError` when the folder cannot be used.
        """
        folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable", str(folder))
        self.folder, self.source, self.most, self.tell = folder, source, most, tell
        self._file: _File | None = None

    def begin(self, harvester: Harvester[Any], harvest: UUID) -> None:
        """Open the scope's file."""
        replays = find_replays(self.source.kind)
        if replays is None:
            self.tell(
                f"{harvester.scope}: not recorded: kind {self.source.kind} cannot be replayed"
            )
            return
        head = {
            "format": FORMAT,
            "source": self.source.model_dump(mode="json"),
            "scope": harvester.scope,
            "coverage": str(harvester.coverage),
            "harvester_version": harvester.version,
            "harvest": str(harvest),
        }
        named = f"{self.source.name}--{quote(harvester.scope, safe='')[:150]}--"
        try:
            self._forget(named)
            path = self.folder / f"{named}{harvest}{SUFFIX}"
            self._file = _File(path, replays.codec, most=self.most)
            self._file.write(head)
        except OSError as error:
            self._stop(f"{error.strerror}: {error.filename or self.folder}")

    def observe(self, harvester: Harvester[Any], page: Any) -> Iterator[Told]:
        """What a page says; the page is written down whatever becomes of its mapping."""
        if self._file is None:
            yield from harvester.observe(page)
            return
        beside = harvester.beside(page) if isinstance(harvester, Recalling) else {}
        said: list[str] = []
        try:
            for one in harvester.observe(page):
                if isinstance(one, Observation):
                    said.append(fingerprint(one))
                yield one
        finally:
            self._page(page, beside=beside, said=said)

    def answers(self, told: Iterable[Told]) -> Iterator[Told]:
        """What was asked for by name is kept as it was understood then."""
        answered: list[Any] = []
        try:
            for one in told:
                if isinstance(one, Observation) and self._file is not None:
                    answered.append(redact(as_document(one)))
                yield one
        finally:
            if answered:
                self._write({"answers": answered})

    def end(self, error: BaseException | None = None) -> None:
        """Mark the end; without that mark a recording is half-written."""
        if self._file is None:
            return
        with suppress(OSError):
            self._file.end(None if error is None else f"{type(error).__name__}: {shown(error)}")
        self._file = None

    def _page(self, page: Any, *, beside: Mapping[str, Any], said: list[str]) -> None:
        if self._file is None:
            return
        try:
            written, known = self._file.codec.encode(page), self._file.codec.encode(beside)
        except NotRecordable as error:
            self._stop(str(error))
            return
        self._write({"page": redact(written), "beside": redact(known), "said": said})

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            if not self._file.write(line):
                self.tell(
                    f"recorded {self.most:,} bytes, the most of one harvest: what follows is not"
                )
                self._file = None
        except OSError as error:
            self._stop(error.strerror or str(error))

    def _stop(self, why: str) -> None:
        self.tell(f"not recorded any further: {why}")
        if self._file is not None:
            self._file.close()
        self._file = None

    def _forget(self, named: str) -> None:
        """Of a scope the newest stay; ids of harvests are in the order of time."""
        old = sorted(self.folder.glob(f"{_literal(named)}*{SUFFIX}"))
        for path in old[: max(len(old) - KEPT + 1, 0)]:
            with suppress(OSError):
                path.unlink()


class _File:
    """Lines, one after the other; a crash leaves the whole ones."""

    def __init__(self, path: Path, codec: Codec, *, most: int) -> None:
        self.codec, self.most, self.size = codec, most, 0
        self.lines, self.hash = 0, hashlib.sha256()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self.file: IO[bytes] = os.fdopen(
            os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR), "wb", buffering=0
        )

    def write(self, line: Mapping[str, Any]) -> bool:
        """Append a line; one that would be too much ends the file, and answers False."""
        written = json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        raw = written.encode("utf-8", "backslashreplace") + b"\n"
        if self.size + len(raw) > self.most - LAST_LINE:
            self.end("capped")
            return False
        self._append(raw)
        self.lines += 1
        self.hash.update(raw)
        return True

    def end(self, error: str | None) -> None:
        """Say how it ended, and the digest of all lines before."""
        digest = self.hash.hexdigest()
        end = {"end": {"error": error, "lines": self.lines, "sha256": digest}}
        self._append(json.dumps(end).encode() + b"\n")
        self.close()

    def close(self) -> None:
        """Leave it as it is."""
        self.file.close()

    def _append(self, raw: bytes) -> None:
        view = memoryview(raw)
        while view:
            done = self.file.write(view)
            view = view[done:]
        self.size += len(raw)


def fingerprint(observation: Observation) -> str:
    """What an observation says, without when, evidence and secrets: to find what now differs."""
    document = as_document(observation)
    for name in ("observed_at", "evidence"):
        document.pop(name, None)
    cleaned = redact(document)
    if cleaned != document:  # sets are ordered by what was taken out
        cleaned = _in_order(cleaned)
    written = json.dumps(cleaned, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def as_document(observation: Observation) -> dict[str, Any]:
    """An observation as it travels."""
    return observation.model_dump(mode="json", exclude_unset=True)


def _in_order(value: Any) -> Any:
    if isinstance(value, list):
        return sorted(
            (_in_order(item) for item in value), key=lambda one: json.dumps(one, sort_keys=True)
        )
    if isinstance(value, dict):
        return {name: _in_order(one) for name, one in value.items()}
    return value


def _literal(named: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in named)


def most_bytes(text: str | None) -> int:
    """How much one recording may hold. Raises `SourceRefused` for what is no such number."""
    if not text:
        return MOST_BYTES
    if not (text.isascii() and text.isdigit() and FEWEST <= int(text[:19]) <= LARGEST):
        message = "MODEL_CATALOG_RECORD_BYTES must be a number of bytes, at least 65536"
        raise SourceRefused(message)
    return int(text)
