"""`model-catalog --help` over bare Python: at most 0.3 s more."""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.result import Form, Result, Stage, timed

ALLOWED: Final = 0.3  # seconds
HEAVY: Final = ("fastapi", "sqlalchemy", "mlflow")
ROOT: Final = Path(__file__).parents[1]
BARE: Final = ("-c", "pass")
HELP: Final = ("-m", "cli.main", "--help")


def measure(stage: Stage) -> Result:
    """Start both in turn, so that what the machine does meanwhile falls on both."""
    rounds = 3 if stage.small else 21
    bare, shown = [], []
    for _ in range(rounds):
        bare.append(_seconds(*BARE))
        shown.append(_seconds(*HELP))
    more = median(shown) - median(bare)
    imported = [name for name in HEAVY if name in _imported()]
    return Result(
        "help", more / ALLOWED, Form.TIME, f"the {ALLOWED} s that it may take more", 1.0,
        (timed("python -c pass", bare), timed("model-catalog --help", shown),
         f"{more:.3f} s more"),
        flaw=f"it imports {', '.join(imported)}" if imported else "",
    )  # fmt: skip


def _seconds(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - begun


def _imported() -> set[str]:
    """The packages that it really loads."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-X", "importtime", *HELP],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
