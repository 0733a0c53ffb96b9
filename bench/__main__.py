"""Runs the benches: every speed claim is a ratio, both its sides from this run."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench import (
    as_of,
    bundle,
    controls,
    csv_export,
    first_harvest,
    idle,
    ingest,
    reads,
    repositories,
    revaluation,
    tiering,
    unchanged_sweep,
)
from bench import check as of_manifests
from bench import help as of_command
from bench.result import Result, Stage

BENCHES: Final[Mapping[str, Callable[[Stage], Result]]] = {
    "first_harvest": first_harvest.measure,
    "unchanged_sweep": unchanged_sweep.measure,
    "ingest": ingest.measure,
    "csv_export": csv_export.measure,
    "reads": reads.measure,
    "as_of": as_of.measure,
    "help": of_command.measure,
    "check": of_manifests.measure,
    "idle": idle.measure,
    "repositories": repositories.measure,
    "revaluation": revaluation.measure,
    "tiering": tiering.measure,
    "controls": controls.measure,
    "bundle": bundle.measure,
}


def main() -> None:
    """Run the named benches, or all, one after the other: side by side they would share a core."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--small", action="store_true", help="little data: only shows that it runs")
    asked = parser.parse_args()
    if unknown := set(asked.names) - BENCHES.keys():
        parser.error(f"no bench is called {min(unknown)}; there are {', '.join(BENCHES)}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in asked.names or BENCHES:
            result = BENCHES[name](Stage(Path(folder), asked.small))
            print(*result.lines(), sep="\n", flush=True)


if __name__ == "__main__":
    main()
