"""All controls of one model, over converting its whole snapshot for each condition."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import cel

from bench.result import Form, Result, Stage, timed
from service.risk.controls.judging import evaluate
from service.risk.controls.packs import default_pack, load_pack

VERSIONS: Final = 200  # that the model serves
TARGET: Final = 1.0


def measure(stage: Stage) -> Result:
    """Both in turn, over one model that serves many versions."""
    document = default_pack()
    pack = load_pack(document)
    snapshot = _with_versions(document.base, VERSIONS)
    conditions = sum(1 + (control.clock is not None) for control in pack.controls)
    rounds = 1 if stage.small else 15
    ours, naive = [], []
    for _ in range(rounds):
        ours.append(_seconds(lambda: evaluate(pack, snapshot)))
        naive.append(_seconds(lambda: [cel.Context(snapshot) for _ in range(conditions)]))
    return Result(
        "controls", median(ours) / median(naive), Form.TIME,
        "converting the snapshot for each condition", TARGET,
        (
            f"{len(pack.controls)} controls, {VERSIONS} versions",
            timed("evaluated", ours),
            timed("converted alone", naive),
        ),
    )  # fmt: skip


def _with_versions(base: dict[str, Any], count: int) -> dict[str, Any]:
    [version] = base["model"]["versions"]
    versions = [{**version, "number": f"v{number}"} for number in range(count)]
    return {**base, "model": {**base["model"], "versions": versions}}


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
