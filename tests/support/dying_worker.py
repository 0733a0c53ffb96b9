"""Workers that read the inbox and kill themselves, as SIGKILL does, at the n-th commit boundary.

Run as a program it forks one after the other, each as soon as its death is ordered: imports happen
once.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from service.db import Database
from service.hooks.process import process_deliveries
from service.logs import set_up_logs
from tests.support.killable import NEVER, ROOT, die_at


class Worker:
    """Reads the inbox as often as it is told to."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        """Speak with the program."""
        self.orders, self.answers = orders, answers

    def read_inbox(self, url: str, boundary: int = NEVER) -> int:
        """Read what waits; answers the signal that ended it, 0 for none."""
        self.orders.write(f"{boundary} {url}\n")
        self.orders.flush()
        return int(self.answers.readline())


@contextmanager
def dying() -> Iterator[Worker]:
    """A program that forks workers."""
    with subprocess.Popen(  # this module
        [sys.executable, "-m", "tests.support.dying_worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            yield Worker(program.stdin, program.stdout)
        finally:
            program.stdin.close()


def serve() -> None:
    """Fork a worker for each order, and say what it died of."""
    for order in sys.stdin:
        boundary, url = order.split()
        child = os.fork()
        if child == 0:
            database = Database(url)
            if int(boundary) != NEVER:
                die_at(database, int(boundary))
            process_deliveries(database)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)  # noqa: T201


if __name__ == "__main__":
    set_up_logs(form="json", level="error")
    serve()
