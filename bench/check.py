"""`model-catalog check` of a folder with a manifest, over bare Python: at most 0.4 s more."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.result import Form, Result, Stage, timed

ALLOWED: Final = 0.4  # seconds
HEAVY: Final = ("fastapi", "sqlalchemy", "mlflow")
ROOT: Final = Path(__file__).parents[1]
BARE: Final = ("-c", "pass")
CHECK: Final = ("-m", "cli.main", "check")
MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata:
  namespace: retail
  name: churn
  title: Churn propensity
spec:
  lifecycle: production
  owners: [{ref: "team:retention-ds"}, {ref: owner@example.com, role: developer}]
  registered_as: [{source: mlflow-prod, name: churn}]
  datasets:
    - {uri: "s3://lake/churn", role: training, data_sensitivity: personal}
  task: classification
  uses:
    - name: retention-offers
      purpose: Chooses which customers the call centre offers a discount.
      jurisdictions: [DE, AT]
      decision_role: assists
      people_affected_per_year: 120000
  monitoring: {interval_days: 30}
"""


def measure(stage: Stage) -> Result:
    """Start both in turn, so that what the machine does meanwhile falls on both."""
    rounds = 3 if stage.small else 21
    with tempfile.TemporaryDirectory() as name:
        Path(name, "model.yaml").write_text(MANIFEST, encoding="utf-8")
        _seconds(*CHECK, folder=name)  # not counted: compiles what has not been compiled yet
        bare, checked = [], []
        for _ in range(rounds):
            bare.append(_seconds(*BARE, folder=name))
            checked.append(_seconds(*CHECK, folder=name))
        imported = [one for one in HEAVY if one in _imported(name)]
    more = median(checked) - median(bare)
    return Result(
        "check", more / ALLOWED, Form.TIME, f"the {ALLOWED} s that it may take more", 1.0,
        (timed("python -c pass", bare), timed("model-catalog check", checked),
         f"{more:.3f} s more, {median(checked) / median(bare):.1f} times bare Python"),
        flaw=f"it imports {', '.join(imported)}" if imported else "",
    )  # fmt: skip


def _seconds(*arguments: str, folder: str) -> float:
    begun = time.perf_counter()
    _run(*arguments, folder=folder)
    return time.perf_counter() - begun


def _imported(folder: str) -> set[str]:
    """The packages that it really loads."""
    done = _run("-X", "importtime", *CHECK, folder=folder)
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}


def _run(*arguments: str, folder: str) -> subprocess.CompletedProcess[str]:
    """Run Python there, with its compiled modules kept as on any machine."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(  # noqa: S603  # our own command
        [sys.executable, *arguments],
        cwd=folder, env=kept | {"PYTHONPATH": str(ROOT)}, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
