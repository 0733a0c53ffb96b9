"""The lines of deploy/crontab, each run by bash as cron runs them, against a real service."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import ROOT
from tests.e2e.site import LOOPBACK, Site, Workspace
from tests.support.catalog import rows

LINE: Final = re.compile(r"^(?:\S+\s+){5}catalog\s+(.*)$", re.MULTILINE)
PROGRAM: Final = '#!/bin/sh\nexec "{python}" -m cli.main "$@"\n'


def lines() -> dict[str, str]:
    """What cron would run, by what each line does; cron wants a backslash before a percent sign."""
    text = (ROOT / "deploy" / "crontab").read_text(encoding="utf-8")
    found = [line.replace("\\%", "%") for line in LINE.findall(text)]
    named = [
        re.findall(r"/model-catalog ([a-z]+ (?:--due|backup|mlflow-prod)?)", one) for one in found
    ]
    return {name[0].strip(): line for name, line in zip(named, found, strict=True)}


class Machine:
    """A machine as the file supposes it, in a folder."""

    def __init__(self, folder: Path, site: Site) -> None:
        """The program and the two files of settings."""
        self.folder = folder
        (folder / "backups").mkdir()
        program = folder / "model-catalog"
        program.write_text(PROGRAM.format(python=sys.executable))
        program.chmod(stat.S_IRWXU)
        url = site.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        shared = {"MODEL_CATALOG_URL": site.url, "MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK}
        token = {"MODEL_CATALOG_TOKEN": site.tokens["mlflow-prod"]}
        self._write("mlflow-prod.env", shared | token)
        self._write("operator.env", shared | {"MODEL_CATALOG_DATABASE_URL": f"'{url}'"})

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """What cron does with a line: bash, almost no environment."""
        for written, here in (
            ("/etc/model-catalog", str(self.folder)),
            ("/opt/model-catalog/.venv/bin/model-catalog", str(self.folder / "model-catalog")),
            ("/var/backups/model-catalog", str(self.folder / "backups")),
        ):
            line = line.replace(written, here)
        return subprocess.run(  # noqa: S603  # our own file
            ["/bin/bash", "-c", line], cwd=ROOT, check=False, capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, timeout=120,
        )  # fmt: skip

    def _write(self, name: str, variables: dict[str, str]) -> None:
        text = "".join(f"{name}={value}\n" for name, value in variables.items())
        (self.folder / name).write_text(text)


@pytest.fixture
def machine(churn: Workspace, site: Site, tmp_path: Path) -> Machine:
    """A machine with a source that nobody has harvested yet."""
    del churn
    return Machine(tmp_path, site)


def test_crontab_lines(machine: Machine, site: Site) -> None:
    """Each line does what its comment says; when all is well nothing is mailed."""
    ran: dict[str, Any] = {}
    for name, line in lines().items():
        ran[name] = machine.run(line)

    assert list(ran) == ["harvest mlflow-prod", "harvest --due", "evaluate", "db backup", "doctor"]
    assert {name: one.returncode for name, one in ran.items()} == dict.fromkeys(ran, 0)
    assert {name: one.stdout for name, one in ran.items() if name != "doctor"} == dict.fromkeys(
        ["harvest mlflow-prod", "harvest --due", "evaluate", "db backup"], ""
    )
    assert len(site.versions()) == 2
    assert rows(site.database, "SELECT count(*) FROM harvest WHERE outcome = 'complete'") >= [(1,)]
    assert ran["harvest --due"].stderr == "0 sources were due.\n"
    (copy,) = (machine.folder / "backups").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\.zip", copy.name)
    found = [json.loads(line) for line in ran["doctor"].stdout.splitlines()]
    lacking = {"settings", "checkpoints"}  # this account has no key: no service, no signature
    assert {one["what"] for one in found} <= lacking


def test_crontab_says_what_is_wrong(machine: Machine, churn: Workspace, site: Site) -> None:
    """A failure is said on standard error, which cron mails, with its exit code."""
    churn.uri = "http://127.0.0.1:1"
    site.declare(churn)

    ran = machine.run(lines()["harvest mlflow-prod"])

    assert (ran.returncode, ran.stdout) == (6, "")
    assert ran.stderr.endswith("Nothing was retired; the next harvest tries again.\n")
