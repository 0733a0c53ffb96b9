"""Runs `model-catalog harvest SOURCE --json`; its last line says how long it took.

The clock starts before the first request. Starting Python and importing MLflow (1.5 s) come
before: they are the client's price, not ours, and the baseline does not pay it.
"""

import json
import os
import sys
import time

from harvesters.mlflow.environment import CLIENT


def main() -> None:
    """Import what the command would import on its way, then run it."""
    os.environ.update(CLIENT)
    import mlflow  # noqa: PLC0415  # after its environment
    import mlflow.tracking.request_header.registry  # noqa: PLC0415  # else during the first call

    from cli.harvest import harvest  # noqa: PLC0415

    assert mlflow  # noqa: S101  # imported for the harvester
    begun = time.perf_counter()
    harvest(sys.argv[1], dry_run=False, as_json=True)
    print(json.dumps({"seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
