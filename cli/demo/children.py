"""Child processes of the demo: each in a group of its own, ended with everything they started."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2

from cli.exits import Exit, Stop

STARTING_SECONDS: Final = 90
LEAVING_SECONDS: Final = 10
LAST_LINES: Final = 15


class Children:
    """Started processes; leaving the block ends them all."""

    def __init__(self) -> None:
        """None yet."""
        self.running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """A termination signal ends the children too."""
        signal.signal(signal.SIGTERM, _leave)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Ask them to end, and end those that do not."""
        for child in reversed(self.running):
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        for child in self.running:
            with suppress(subprocess.TimeoutExpired):
                child.wait(LEAVING_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def start(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        """Start a process in a group of its own; what it says goes to the log."""
        with log.open("ab") as output:
            self.running.append(
                subprocess.Popen(  # noqa: S603  # our own commands, no user text
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,
                )
            )

    def wait(self) -> None:
        """Until one of them ends, or somebody interrupts."""
        while all(child.poll() is None for child in self.running):
            time.sleep(0.5)

    @property
    def ended(self) -> bool:
        """Has one of them ended?"""
        return any(child.poll() is not None for child in self.running)


def _leave(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(url: str, children: Children, *, log: Path) -> None:
    """Until an address answers 200. Shows the end of the log when it never does."""
    until = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < until and not children.ended:
        with suppress(httpx2.TransportError):
            if httpx2.get(url, timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.2)
    last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
    message = f"{url} does not answer. The end of {log}:\n{last}"
    raise Stop(message, Exit.UNAVAILABLE)
