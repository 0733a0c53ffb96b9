"""What runs the check elsewhere: pre-commit, GitHub, GitLab. Their own words are executed here."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from harvesters.manifests.wanted import MANIFESTS, is_manifest
from tests.conftest import ROOT

GOOD: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owners: [{ref: "team:retention-ds"}]
"""
HOOKS: Final = ROOT / ".pre-commit-hooks.yaml"
ACTION: Final = ROOT / "deploy" / "github" / "check" / "action.yml"
JOB: Final = ROOT / "deploy" / "gitlab" / "check.yml"
PROGRAM: Final = f'#!/bin/sh\nexec "{sys.executable}" -P -m cli.main "$@"\n'  # -P: as installed
PYTHON: Final = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'
REMOTE: Final = "https://git.example.com/acme/churn.git"
INPUT: Final = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


def documents(file: Path) -> list[Any]:
    """The YAML documents of a file of ours, with their anchors."""
    texts = file.read_text(encoding="utf-8").split("\n---\n")
    return [yaml.SafeLoader(text).get_single_data() for text in texts]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a good manifest, a wrong one, and traps for whoever imports from it."""
    folder = tmp_path / "repository"
    for name, text in (
        ("model.yaml", GOOD),
        ("a b/mobile.model.yaml", GOOD.replace("churn", "mobile") + "  licence: MIT\n"),
        ("-x/model.yaml", GOOD.replace("churn", "option")),
        ("other/settings.yaml", "a: 1\n"),
        ("cli/__init__.py", "raise SystemExit('code of the repository was run')\n"),
        ("yaml.py", "raise SystemExit('code of the repository was run')\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for words in (["init", "-q"], ["remote", "add", "origin", REMOTE]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S603, S607  # of the system
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a runner: the catalog's command, installed where the action puts it."""
    for name, text in (
        ("runner/model-catalog/bin/model-catalog", PROGRAM),
        ("bin/model-catalog", PROGRAM),
        ("bin/python", PYTHON),
    ):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    return {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "GITHUB_ACTION_PATH": str(ACTION.parent),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }


def shell(
    *command: str, script: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a script as the runner does."""
    return subprocess.run(  # noqa: S603  # our own files
        [*command, script], cwd=folder, env=dict(environment), capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_hooks_names() -> None:
    """The hooks are given exactly the files that a harvest reads."""
    (hooks,) = documents(HOOKS)
    names = [glob.replace("*", "a.b") for glob in MANIFESTS]
    names += [
        "Model.yaml",
        "models.yaml",
        "xmodel.yaml",
        ".model.yaml",
        "model.json",
        "model.yaml~",
    ]

    for hook in hooks:
        chosen = re.compile(hook["files"])
        assert [n for n in names if chosen.search(f"a/{n}")] == [n for n in names if is_manifest(n)]
    assert [hook["id"] for hook in hooks] == ["model-catalog-check", "model-catalog-fix"]
    assert {hook["language"] for hook in hooks} == {"python"}


def test_hooks_run(repository: Path, environment: dict[str, str]) -> None:
    """Their commands, with the files of a commit behind them: wrong is 1, mended is 0."""
    check, mend = (shlex.split(hook["entry"]) for hook in documents(HOOKS)[0])
    evil = repository / "--output=.model.yaml"
    evil.write_text(GOOD.replace("churn", "evil"))
    files = ["a b/mobile.model.yaml", evil.name, "-x/model.yaml", "model.yaml"]

    def run(entry: list[str], *args: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603  # our own hooks
            [*entry, *args, *files], cwd=repository, env=environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert f"{len(files)} manifests checked" in done.stderr
        return done.returncode, done.stdout

    code, out = run(check)
    assert (code, out.splitlines()[0].split(": ")[1]) == (1, "error unknown_key")
    assert run(mend) == (0, "")
    assert run(check) == (0, "")
    unowned = GOOD.replace('[{ref: "team:retention-ds"}]', "[]").replace("churn", "option")
    (repository / "-x/model.yaml").write_text(unowned)
    for entry in (check, mend):
        assert run(entry)[0] == 0
        code, out = run(entry, "--strict")
        assert (code, out.splitlines()[0]) == (
            1, "-x/model.yaml:5:3: warning no_owner: no owner answers for the model.",
        )  # fmt: skip
    assert evil.read_text() == GOOD.replace("churn", "evil")


def steps() -> Iterator[tuple[str, Any]]:
    """The steps of the action, by name."""
    (action,) = documents(ACTION)
    assert action["runs"]["using"] == "composite"
    return ((step["name"], step) for step in action["runs"]["steps"])


def with_inputs(step: Any, **inputs: str) -> dict[str, str]:
    """The variables of a step, with inputs as given or by default."""
    (action,) = documents(ACTION)
    given = {name: said["default"] for name, said in action["inputs"].items()} | inputs
    return {
        name: INPUT.sub(lambda found: given[found[1]], value)
        for name, value in step.get("env", {}).items()
    }


def test_action_script_safe() -> None:
    """No input becomes a part of a script: a branch or a path could be one."""
    for name, step in steps():
        assert "${{" not in step["run"], name
        assert step["shell"] == "bash", name


def act(
    step: Any, folder: Path, *, environment: Mapping[str, str], **inputs: str
) -> subprocess.CompletedProcess[str]:
    """Run one step as GitHub's runner does."""
    variables = {**environment, **with_inputs(step, **inputs)}
    words = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
    return shell(*words, script=step["run"], folder=folder, environment=variables)


def test_action_check(repository: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Findings stand beside their lines, and fail the step; SARIF is written where it is wanted."""
    step = dict(steps())["Check"]
    sarif = tmp_path / "found.sarif"

    done = act(step, repository, environment=environment, **{"sarif-file": str(sarif)})

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("::error file=a b/mobile.model.yaml,line=6,col=3,title=unknown_")
    assert len(json.loads(sarif.read_text())["runs"][0]["results"]) == 1
    assert "3 manifests checked" in done.stderr


def test_action_inputs(repository: Path, environment: dict[str, str]) -> None:
    """Paths are lines: spaces and hyphens in them do no harm, nor do words of a shell."""
    step = dict(steps())["Check"]

    good = act(step, repository, environment=environment, paths="model.yaml\n-x\n\n")
    bad = act(step, repository, environment=environment, paths="a b\n")
    evil = act(step, repository, environment=environment, paths="$(touch evil); touch evil")
    warned = act(step, repository, environment=environment, paths="other/settings.yaml")
    strict = act(
        step, repository, environment=environment, paths="other/settings.yaml", strict="true"
    )

    assert [one.returncode for one in (good, bad, evil, warned, strict)] == [0, 1, 2, 0, 1]
    assert not (repository / "evil").exists()


def test_action_install(tmp_path: Path, environment: dict[str, str], repository: Path) -> None:
    """The catalog is installed from the checkout of the action, into a place of its own."""
    step = dict(steps())["Install the catalog's command"]
    site = next(path for path in sys.path if path.endswith("site-packages"))
    variables = environment | {
        "RUNNER_TEMP": str(tmp_path / "fresh"),
        "PYTHONPATH": site,  # the libraries, which a runner would fetch
        "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0",
    }  # fmt: skip

    done = act(step, repository, environment=variables)
    program = tmp_path / "fresh" / "model-catalog" / "bin" / "model-catalog"
    ran = subprocess.run(  # noqa: S603  # our own command
        [program, "explain", "tab"], cwd=repository, env=variables, capture_output=True, text=True,
        check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert ran.stdout.startswith("tab: "), ran.stderr


def test_action_difference(repository: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """It is asked for with a server and a token alone, and says why when that cannot be had."""
    step = dict(steps())["Show what merging would change"]
    inputs = {"server": "http://127.0.0.1:1", "token": "t", "paths": "model.yaml"}

    done = act(step, repository, environment=environment, **inputs)

    assert step["if"] == "inputs.server != '' && inputs.token != ''"
    assert done.returncode == 6
    assert "The catalog at http://127.0.0.1:1 does not answer" in done.stderr
    assert "model catalog" in (tmp_path / "summary").read_text()


def job(**inputs: str) -> tuple[str, dict[str, str]]:
    """The job's script, and its variables with inputs as given or by default."""
    spec, jobs = documents(JOB)
    (found,) = jobs.values()
    defaults = {name: said.get("default", "") for name, said in spec["spec"]["inputs"].items()}
    given = {name: str(value).lower() for name, value in defaults.items()} | inputs
    variables = {
        name: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda match: given[match[1]], value)
        for name, value in found["variables"].items()
    }
    assert "$[[" not in "".join(found["script"])
    assert found["artifacts"]["reports"]["codequality"] == "gl-code-quality-report.json"
    return "\n".join(found["script"]), variables


@pytest.mark.parametrize(
    ("inputs", "code", "found"),
    [
        ({}, 1, 1),
        ({"paths": "a b\n"}, 1, 1),
        ({"paths": "model.yaml\n-x"}, 0, 0),
        ({"paths": "other/settings.yaml"}, 0, 1),
        ({"paths": "other/settings.yaml", "strict": "true"}, 1, 1),
        ({"paths": "model.yaml", "server": "http://127.0.0.1:1"}, 4, 0),
    ],
)
def test_job(
    repository: Path, environment: dict[str, str], inputs: dict[str, str], code: int, found: int
) -> None:
    """The report that GitLab takes is written whatever is found; people read the log."""
    script, variables = job(**inputs)

    done = shell("sh", "-c", script=script, folder=repository, environment=environment | variables)

    assert done.returncode == code, done.stderr
    report = json.loads((repository / "gl-code-quality-report.json").read_text())
    assert len(report) == found
    assert done.stdout.count("\n  ") >= found
