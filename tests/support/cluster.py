"""A PostgreSQL server of a test's own, durable, to be crashed."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # no stubs; comes with the server's wheel

from service import migrations
from service.db import Database
from service.embedded import embedded


class Cluster:
    """A server that can be killed and started again."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Start it with this release's schema."""
        self.folder, self._stack = folder, stack
        self.url = stack.enter_context(embedded(folder))
        owner = Database(self.url, role=None, pool=1)
        migrations.upgrade(owner)
        owner.dispose()

    def kill(self) -> None:
        """SIGKILL every process of it, as when the machine loses power; wait until all are gone."""
        postmaster = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        everyone = [postmaster, *postmaster.children(recursive=True)]
        postmaster.suspend()  # it must not see its children die first
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(everyone, timeout=30)
        self._stack.close()  # its lock: whoever starts the server has that alone

    def start(self) -> None:
        """Start it again; it repairs itself first."""
        self.url = self._stack.enter_context(embedded(self.folder))


@contextmanager
def crashable() -> Iterator[Cluster]:
    """A durable server of one's own; not below the session's folder, which root alone may enter."""
    with (
        tempfile.TemporaryDirectory(prefix="catalog-", ignore_cleanup_errors=True) as folder,
        ExitStack() as stack,
    ):
        yield Cluster(Path(folder), stack)
