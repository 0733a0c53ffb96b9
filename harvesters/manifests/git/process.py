"""Runs git in a folder of its own: within its time and a number of bytes, or not at all."""

import os
import resource
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from time import monotonic, sleep
from types import TracebackType
from typing import IO, Final, Self

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.git.failures import scrubbed, why_failed
from harvesters.manifests.host import RepositoryUnreadable
from outbound.git import ENVIRONMENT

LOOK_SECONDS: Final = 0.05
MOST_SAID: Final = 64 * 1024  # that is read of what a command prints to people
MOST_MEMORY: Final = 4 * 2**30  # addresses; a tree of a server can be as large as it likes
OUT, ERR = "stdout", "stderr"


class Work:
    """A temporary folder in which git works on one repository; everything in it goes at the end.

    Whoever leaves it, also by the interpreter's end, leaves neither a process nor a file.
    """

    def __init__(self, *, seconds: float, most: int, secrets: Sequence[str] = ()) -> None:
        """`most` bytes may lie in the folder. `secrets` never stand in what is told.

        Raises `SourceUnavailable` when the interpreter ends: threads go on until the last moment.
        """
        if not threading.main_thread().is_alive():
            raise SourceUnavailable("the harvest was interrupted")
        self.ends, self.seconds = monotonic() + seconds, seconds
        self.most, self.secrets = most, secrets
        self._made = tempfile.TemporaryDirectory(
            prefix="model-catalog-git-", ignore_cleanup_errors=True
        )
        self.folder = Path(self._made.name)
        (self.folder / "home").mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(  # noqa: PLR0917  # the signature is Python's
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._made.cleanup()

    def run(self, words: Sequence[str], environment: Mapping[str, str] | None = None) -> bytes:
        """What a command prints. Raises `RepositoryUnreadable`."""
        with (
            (self.folder / OUT).open("wb") as out,
            self._started(words, environment, out=out) as process,
        ):
            _wait(process)
        with (self.folder / OUT).open("rb") as told:
            return told.read(MOST_SAID)

    @contextmanager
    def reading(self, words: Sequence[str], *, stdin: bytes = b"") -> Iterator[IO[bytes]]:
        """What a command prints, as it comes, to its end. Raises as `run` does."""
        (self.folder / "stdin").write_bytes(stdin)
        with (
            (self.folder / "stdin").open("rb") as given,
            self._started(words, None, out=PIPE, given=given) as process,
        ):
            assert process.stdout is not None  # noqa: S101  # it is a pipe
            with process.stdout as told:
                yield told
            _wait(process)

    @contextmanager
    def _started(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None,
        *,
        out: IO[bytes] | int,
        given: IO[bytes] | int = DEVNULL,
    ) -> Iterator["Popen[bytes]"]:
        with (self.folder / ERR).open("wb") as err:
            process = self._spawn(words, environment, streams=(given, out, err))
        _limit(process, self.most)
        kill = weakref.finalize(process, _kill_group, process.pid)
        guard = _Guard(self, process)
        try:
            yield process
        except RepositoryUnreadable as error:  # what was read of a process that was ended
            raise guard.why or error from None
        finally:
            guard.done.set()
            guard.join()
            kill()  # before it is waited for: its number is still its own
            code = process.wait()
            _await_group(process.pid)
        if guard.why is not None:
            raise guard.why
        if code != 0:
            raise self._failure(code)

    def _spawn(
        self,
        words: Sequence[str],
        environment: Mapping[str, str] | None,
        *,
        streams: tuple[IO[bytes] | int, IO[bytes] | int, IO[bytes]],
    ) -> "Popen[bytes]":
        home = self.folder / "home"
        told = ENVIRONMENT | {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "TMPDIR": str(self.folder),
            "GIT_CEILING_DIRECTORIES": str(self.folder),  # nobody's repository around it
        }
        given, out, err = streams
        try:
            return Popen(  # noqa: S603  # a list, checked operands after `--`
                ["git", *words],  # noqa: S607  # where it lies differs from machine to machine
                stdin=given,
                stdout=out,
                stderr=err,
                cwd=home,
                env=told | dict(environment or {}),
                start_new_session=True,
            )
        except FileNotFoundError:
            raise SourceRefused("the command `git` is not installed here") from None

    def _failure(self, code: int) -> RepositoryUnreadable:
        with (self.folder / ERR).open("rb") as file:
            said = file.read(MOST_SAID)
        return why_failed(code, scrubbed(said.decode("utf-8", "replace"), self.secrets))

    def size(self) -> int:
        """Bytes in the folder; what vanishes meanwhile counts no more."""
        size = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                with suppress(FileNotFoundError):
                    size += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118
        return size


class _Guard(threading.Thread):
    """Ends a process that takes too long or writes too much."""

    def __init__(self, work: Work, process: "Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self.work, self.process = work, process
        self.done = threading.Event()
        self.why: RepositoryUnreadable | None = None
        self.start()

    def run(self) -> None:
        while not self.done.wait(LOOK_SECONDS):
            if (why := self._excess()) is not None:
                self.why = why
                _kill_group(self.process.pid)
                return

    def _excess(self) -> RepositoryUnreadable | None:
        work = self.work
        if monotonic() > work.ends:
            message = f"took longer than {work.seconds:g} seconds"
            return RepositoryUnreadable("timeout", message)
        if work.size() > work.most:
            message = f"takes more than {work.most:,} bytes"
            return RepositoryUnreadable("too_large", message)
        return None


def _wait(process: "Popen[bytes]") -> None:
    """Until it has ended; it is not reaped, so that its group can still be told by its number."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def _kill_group(number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def _await_group(number: int) -> None:
    """Until the helpers of a killed one have gone too: they would write while it is tidied up."""
    for _ in range(100):  # one that nobody reaps, in a container without init, stays for ever
        try:
            os.killpg(number, 0)
        except ProcessLookupError:
            return
        sleep(LOOK_SECONDS / 5)


def _limit(process: "Popen[bytes]", most: int) -> None:
    """Between two looks at the folder, no file outgrows it. Other systems have the looks alone."""
    if sys.platform == "linux":
        with suppress(ProcessLookupError, PermissionError):  # it has ended already
            for what, limit in (
                (resource.RLIMIT_FSIZE, most),
                (resource.RLIMIT_AS, MOST_MEMORY),
                (resource.RLIMIT_CORE, 0),
            ):
                resource.prlimit(process.pid, what, (limit, limit))
