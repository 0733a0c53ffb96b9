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
from cli.output import say

STARTING_SECONDS: Final = 90
LEAVING_SECONDS: Final = 10
LAST_LINES: Final = 15
HOST: Final = "127.0.0.1"
PREFIX: Final = "MODEL_CATALOG_"
FOREIGN: Final = (PREFIX, "MLFLOW_", "_MLFLOW_")


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

    def wait(self, logs: Path) -> None:
        """Until somebody interrupts, which is how it is meant to end."""
        with suppress(KeyboardInterrupt):
            while not self.ended:
                time.sleep(0.5)
            message = f"A part of the demo ended by itself: see the logs in {logs}."
            raise Stop(message, Exit.UNAVAILABLE)

    @property
    def ended(self) -> bool:
        """Has one of them ended?"""
        return any(child.poll() is not None for child in self.running)


def _leave(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def our_environment(**variables: str) -> dict[str, str]:
    """Without anybody's settings of the catalog or of MLflow's client, and with these of ours."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {PREFIX + name: text for name, text in variables.items()}


def usable_port(port: int) -> int:
    """The port, or a free one when it is 0 or somebody listens on it."""
    if port:
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
        say(f"Port {port} is taken: the catalog takes another one.")
    return free_port()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
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
    raise broken(f"{url} does not answer.", log)


def broken(what: str, log: Path) -> Stop:
    """What went wrong, with the end of a child's log."""
    last = "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])
    return Stop(f"{what} The end of {log}:\n{last}", Exit.UNAVAILABLE)
