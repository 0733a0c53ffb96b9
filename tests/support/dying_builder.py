"""A worker that builds bundles and kills itself, as SIGKILL does, the n-th time it gets on.

Run as a program: the database's URL, and the number.
"""

import itertools
import os
import signal
import sys

from service.db import Database
from service.exports.jobs.building import build_waiting
from service.exports.jobs.lease import Builder
from service.ledger.notes import Keys


def build_and_die(url: str, number: int) -> None:
    """Build what waits, and die on the way."""
    steps = itertools.count()

    def step() -> bool:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return False

    build_waiting(Builder(Database(url), Keys(), 365, "dying", step, 0))


if __name__ == "__main__":
    build_and_die(sys.argv[1], int(sys.argv[2]))
