"""Workers that evaluate everything again and kill themselves, at the n-th commit boundary.

Run as a program it forks one after the other, each as soon as its death is ordered: imports happen
once.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final

from service.db import Database
from service.logs import set_up_logs
from service.risk.rules.revaluation import continue_revaluations, is_open
from tests.support.killable import NEVER, ROOT, die_at

STEP: Final = 60  # models of a transaction
PAUSE: Final = 0.05  # s, where others' transactions have to end first


class Revaluer:
    """Goes on as often as it is told to."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        """Speak with the program."""
        self.orders, self.answers = orders, answers

    def go_on(self, url: str, boundary: int = NEVER) -> int:
        """Go on until the end; answers the signal that ended it, 0 for none."""
        self.orders.write(f"{boundary} {url}\n")
        self.orders.flush()
        return int(self.answers.readline())


@contextmanager
def dying_revaluer() -> Iterator[Revaluer]:
    """A program that forks workers."""
    with subprocess.Popen(  # this module
        [sys.executable, "-m", "tests.support.dying_revaluer"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    ) as program:  # fmt: skip
        assert program.stdin is not None
        assert program.stdout is not None
        try:
            yield Revaluer(program.stdin, program.stdout)
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
            finish(database)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)  # noqa: T201


def finish(database: Database) -> None:
    """Go on until none is open, however often others' transactions, of any database, delay it."""
    while True:
        continue_revaluations(database, step=STEP)
        with database.reading() as session:
            if not is_open(session, "policy"):
                return
        time.sleep(PAUSE)


if __name__ == "__main__":
    set_up_logs(form="json", level="error")
    serve()
