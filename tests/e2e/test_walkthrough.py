"""The walk through the demo does what it says, step by step."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.test_demo import ROOT, demo_running, folder, variables

__all__ = ["folder"]  # a fixture


def test_walkthrough(folder: Path) -> None:
    """Contested owner, pin and its expiry; a held-back harvest released; a rename."""
    command = Path(sys.executable).with_name("model-catalog")
    with demo_running(folder, "--port", "0") as (_, said):
        assert "Ctrl-C ends it" in said
        done = subprocess.run(  # noqa: S603  # our own script
            [shutil.which("sh") or "sh", ROOT / "docs" / "walkthrough.sh"],
            cwd=ROOT, env=variables(FOLDER=str(folder), CATALOG=str(command)),
            capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip

    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert done.stdout.endswith("All as promised.\n")
