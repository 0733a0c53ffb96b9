"""One harvest as a process: in a group of its own, with its source's secrets and no others."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Final

from outbound.addresses import VARIABLE
from outbound.credentials import PREFIX

KEPT: Final = (  # of our own environment: how programs are found, and who is trusted
    "PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "NO_COLOR", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "PYTHONDONTWRITEBYTECODE", VARIABLE, "MODEL_CATALOG_RECORD_DIR", "MODEL_CATALOG_RECORD_BYTES",
)  # fmt: skip
OURS: Final = {"MODEL_CATALOG_SECRET_KEY"}  # is named like a credential and is none
ROOT: Final = Path(__file__).parents[1]  # where `python -m` finds us, installed or not
Tell = Callable[[str, str], None]


class Child:
    """A running `model-catalog harvest SOURCE`; what it says is told line by line."""

    def __init__(
        self, source: str, environment: Mapping[str, str], *, tell: Tell, onto: int | None
    ) -> None:
        """Start it; `onto` is where its reports go."""
        self.source, self.begun = source, monotonic()
        self.process = subprocess.Popen(  # noqa: S603  # our own command; names are checked
            [sys.executable, "-m", "cli.main", "harvest", source],
            cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=onto,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        self._reader = Thread(target=self._read, args=(tell,), daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended; what a signal ended has none of its own and is 6."""
        code = self.process.poll()
        if code is not None:
            self._reader.join(timeout=1)
        return 6 if code is not None and code < 0 else code

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return monotonic() - self.begun

    def ask_to_end(self) -> None:
        """It closes its harvest as failed and leaves, with all that it started."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """End the whole group at once."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def wait(self, seconds: float) -> None:
        """Until it has ended, but no longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(max(seconds, 0))

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _read(self, tell: Tell) -> None:
        for line in self.process.stderr or ():
            tell(self.source, line.rstrip("\n"))


def child_environment(
    environ: Mapping[str, str], *, url: str, token: str, credential: str | None
) -> dict[str, str]:
    """What a harvest needs and nothing else: never our own secrets or another source's."""
    wanted = list(KEPT)
    if credential is not None and (name := PREFIX + credential) not in OURS:
        wanted += [name, f"{name}_HOST", f"{name}_FILE"]
    kept = {name: environ[name] for name in wanted if name in environ}
    return kept | {"MODEL_CATALOG_URL": url, "MODEL_CATALOG_TOKEN": token}
