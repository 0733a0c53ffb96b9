"""Workers that evaluate everything again and kill themselves, at the n-th commit boundary.

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
from service.logs import set_up_logs
from service.risk.rules.pack_previews import continue_pack_previews
from service.risk.rules.previews import continue_previews
from service.risk.rules.revaluation import continue_revaluations
from tests.support.killable import NEVER, ROOT, die_at

STEP = 60  # models of a transaction
JOBS = {
    "revaluations": continue_revaluations,
    "previews": continue_previews,
    "pack_previews": continue_pack_previews,
}


class Revaluer:
    """Goes on with a job as often as it is told to."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        """Speak with the program."""
        self.orders, self.answers = orders, answers

    def go_on(self, job: str, url: str, boundary: int = NEVER) -> int:
        """Go on until the end; answers the signal that ended it, 0 for none."""
        self.orders.write(f"{job} {boundary} {url}\n")
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
        job, boundary, url = order.split()
        child = os.fork()
        if child == 0:
            database = Database(url)
            if int(boundary) != NEVER:
                die_at(database, int(boundary))
            JOBS[job](database, step=STEP)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, flush=True)  # noqa: T201


if __name__ == "__main__":
    set_up_logs(form="json", level="error")
    serve()
