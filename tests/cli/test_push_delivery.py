"""What runs `push` elsewhere: each CI, and curl. Their own words are executed."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from service.db import Database
from tests.cli.test_check_delivery import GOOD, PROGRAM, PYTHON, documents
from tests.conftest import ROOT
from tests.docs.blocks import Block, blocks_of
from tests.support.catalog import make_source
from tests.support.ci_variables import AZURE, COMMIT, GITHUB, GITLAB, JENKINS, OURS, PROJECT
from tests.support.http import HOST, Service, opened
from tests.support.identity_provider import (
    LOOPBACK,
    IdentityProvider,
    github_identity,
    gitlab_identity,
    provided,
)

SOURCE: Final = "ci-retail"  # as docs/push.md calls it
ACTION: Final = ROOT / "deploy" / "github" / "push" / "action.yml"
JOB: Final = ROOT / "deploy" / "gitlab" / "push.yml"
INPUT: Final = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")
SHOWN: Final = "https://catalog.example.com"
CURL: Final = shutil.which("curl")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """Where GitHub's and GitLab's identity tokens come from."""
    with provided() as found:
        yield found


@pytest.fixture
def service(database: Database, provider: IdentityProvider) -> Iterator[Service]:
    """The service; its source is bound to a repository of each host."""
    bound = [github_identity(provider), gitlab_identity(provider)]
    make_source(database, SOURCE, kind="ci", settings={"identities": bound})
    with opened(database, outbound_allow=LOOPBACK) as found:
        yield found


@pytest.fixture
def runner(service: Service, tmp_path: Path) -> dict[str, str]:
    """A runner's environment: the catalog's command where the action installs it, no token."""
    for name, text in (
        ("runner/model-catalog/bin/model-catalog", PROGRAM),
        ("bin/model-catalog", PROGRAM),
        ("bin/python", PYTHON),
    ):
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(text)
        program.chmod(0o755)
    others = ("MODEL_CATALOG_", "ACTIONS_")
    kept = {name: text for name, text in os.environ.items()
            if name not in OURS and not name.startswith(others)}  # fmt: skip
    return kept | {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path / "runner"),
        "MODEL_CATALOG_URL": f"http://{HOST}:{service.port}",
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what a build made, and traps for whoever imports from it."""
    folder = tmp_path / "checkout"
    for name, text in (
        ("model.yaml", GOOD),
        ("a b.pkl", "weights"),
        ("model.pkl", "weights"),
        ("metrics.json", '{"auc": 0.9}'),
        ("cli/__init__.py", "raise SystemExit('code of the repository was run')\n"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for words in (["init", "-q"], ["remote", "add", "origin", "https://github.com/acme/churn"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S603, S607  # of the system
    return folder


def of_github(provider: IdentityProvider) -> dict[str, str]:
    """Variables of a job on a GitHub at the provider's host, which may ask for its identity."""
    return GITHUB | {
        "GITHUB_SERVER_URL": f"http://{provider.host}",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{provider.host}/token?api-version=2",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
    }


def of_gitlab(provider: IdentityProvider, **claims: Any) -> dict[str, str]:
    """Variables of a job on a GitLab there, with its identity token."""
    return GITLAB | {
        "CI_SERVER_URL": f"http://{provider.host}",
        "MODEL_CATALOG_ID_TOKEN": provider.gitlab(**claims),
    }


def shell(
    *command: str, script: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a script as the CI does."""
    return subprocess.run(  # noqa: S603  # our own files
        [*command, script], cwd=folder, env=dict(environment), capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def act(folder: Path, environment: Mapping[str, str], **inputs: str) -> Any:
    """Run the step of the action that pushes, as GitHub's runner does."""
    (action,) = documents(ACTION)
    (step,) = (step for step in action["runs"]["steps"] if step["name"] == "Push")
    named = {name.replace("_", "-"): text for name, text in inputs.items()}
    assert named.keys() <= action["inputs"].keys()
    given = {name: said.get("default", "") for name, said in action["inputs"].items()} | named
    told = {
        name: INPUT.sub(lambda found: given[found[1]], value) for name, value in step["env"].items()
    }
    words = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
    return shell(*words, script=step["run"], folder=folder, environment={**environment, **told})


def entries(service: Service, kind: str) -> dict[str, Any]:
    """The facts of all entries of a kind, by name."""
    return {one["name"]: one["facts"] for one in service.get(kind)["items"]}


def test_action_safe() -> None:
    """No input becomes a part of a script; every option of the script has an input."""
    (action,) = documents(ACTION)
    used = {found for step in action["runs"]["steps"] for text in step.get("env", {}).values()
            for found in INPUT.findall(text)}  # fmt: skip

    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
    assert {step["shell"] for step in action["runs"]["steps"]} == {"bash"}
    assert used == action["inputs"].keys()
    assert action["runs"]["using"] == "composite"


def test_action(
    service: Service, provider: IdentityProvider, runner: dict[str, str], checkout: Path
) -> None:
    """With the job's own identity, one step says all; repeated, it is taken again."""
    environment = runner | of_github(provider)
    inputs = {
        "server": runner["MODEL_CATALOG_URL"], "source": SOURCE, "model": "retail/churn",
        "version": "7", "artifacts": "weights=a b.pkl\n\nreport\n", "metrics": "metrics.json",
        "datasets": "s3://lake/a,b\ns3://lake/c,role=test\n", "deployed": "production",
        "options": "--audience\nhttp://127.0.0.1:8010\n--target\n$(touch evil)\n",
    }  # fmt: skip

    done = act(checkout, environment, **inputs)
    again = act(checkout, environment, **inputs)

    assert done.returncode == 0, done.stderr
    assert again.returncode == 0, again.stderr
    assert not (checkout / "evil").exists()
    build, version = f"{provider.host}/486325809/9001", "retail/churn/7"
    made = entries(service, "builds")[build]
    assert (made["commit"], made["event"]) == (provided_commit(provider), "push")
    assert sorted(one["name"] for one in made["artifacts"]) == ["report", "weights"]
    assert entries(service, "versions")[version]["build"] == build
    data = entries(service, "versions")[version]["datasets"]
    assert [(one["dataset"]["value"], one["role"]) for one in data] == [
        ("s3://lake/a,b", "training"), ("s3://lake/c", "test"),
    ]  # fmt: skip
    (served,) = entries(service, "deployments").values()
    assert (served["environment"], served["build"]) == ("production", build)


def provided_commit(provider: IdentityProvider) -> str:
    """What the provider's tokens prove, whatever the variables say."""
    return str(provider.complete({"sha": "6f1ed002ab5595859014ebf0951522d9f2e5a1b4"})["sha"])


def test_action_token(service: Service, runner: dict[str, str], checkout: Path) -> None:
    """With a token, manifests go too; what the catalog does not take fails, unless told."""
    token = service.token("source", source_name=SOURCE)
    inputs = {"server": runner["MODEL_CATALOG_URL"], "source": SOURCE, "manifests": "model.yaml"}

    done = act(checkout, runner | GITHUB, token=token, **inputs)
    without = act(checkout, runner | GITHUB, **inputs)
    spared = act(checkout, runner | GITHUB, best_effort="true", **inputs)

    assert done.returncode == 0, done.stderr
    assert "retail/churn" in entries(service, "models")
    assert "github.com/486325809/9001" in entries(service, "builds")
    assert (without.returncode, spared.returncode) == (4, 0), without.stderr
    assert "warning: the catalog did not take it" in spared.stderr


def job(**inputs: str) -> tuple[str, dict[str, str], Any]:
    """The job's script, its variables with inputs as given or by default, and the job."""
    spec, jobs = documents(JOB)
    (found,) = jobs.values()
    assert inputs.keys() <= spec["spec"]["inputs"].keys()
    told = {name: said.get("default", "") for name, said in spec["spec"]["inputs"].items()}
    given = {name: str(value).lower() for name, value in told.items()} | inputs
    used: set[str] = set()

    def filled(match: re.Match[str]) -> str:
        used.add(match[1])
        return given[match[1]]

    variables = {
        name: re.sub(r"\$\[\[ inputs\.(\w+) \]\]", filled, value)
        for name, value in found["variables"].items()
    }
    assert used | {"image", "stage", "needs"} == spec["spec"]["inputs"].keys()
    assert "$[[" not in "".join(found["script"])
    return "\n".join(found["script"]), variables, found


def test_job(
    service: Service, provider: IdentityProvider, runner: dict[str, str], checkout: Path
) -> None:
    """The component pushes with the identity token that GitLab gives the job."""
    script, variables, found = job(
        server=runner["MODEL_CATALOG_URL"], source=SOURCE, model="retail/churn", version="v7",
        artifacts="weights=a b.pkl\nx=$(touch evil)\n", datasets="s3://lake/a,b\n",
        metrics="metrics.json", deployed="prod/eu", options="--target\napi gateway\n",
    )  # fmt: skip
    said = of_gitlab(provider, environment="prod/eu", deployment_tier="production")
    environment = runner | said | variables
    (checkout / "$(touch evil)").write_text("x")

    done = shell("sh", "-c", script=script, folder=checkout, environment=environment)
    again = shell("sh", "-c", script=script, folder=checkout, environment=environment)
    spared = shell("sh", "-c", script=script, folder=checkout,
                   environment=environment | {"PUSH_BEST_EFFORT": "true"})  # fmt: skip

    assert found["id_tokens"]["MODEL_CATALOG_ID_TOKEN"]["aud"] == "$[[ inputs.server ]]"
    assert done.returncode == 0, done.stderr
    assert not (checkout / "evil").exists()
    made = entries(service, "builds")[f"{provider.host}/20/574"]
    assert sorted(one["name"] for one in made["artifacts"]) == ["weights", "x"]
    (served,) = entries(service, "deployments").values()
    assert (served["environment"], served["environment_class"]) == ("prod/eu", "production")
    assert "retail/churn/v7" in entries(service, "versions")
    assert (again.returncode, spared.returncode) == (4, 0)  # an identity token is good for once
    assert "exchanged before" in again.stderr


def shown(name: str) -> Block:
    """A block of docs/push.md by its name."""
    (found,) = (one for one in blocks_of(Path("docs/push.md")) if f"name={name}" in one.words)
    return found


def of(language: str) -> list[Block]:
    """Those of a language."""
    return [one for one in blocks_of(Path("docs/push.md")) if one.words[:1] == (language,)]


def test_jenkins(service: Service, runner: dict[str, str], checkout: Path) -> None:
    """The pipeline of the document pushes with a token from a credential."""
    (block,) = of("groovy")
    (script,) = re.findall(r"sh '''\n(.*?)'''", block.text, re.DOTALL)
    named = dict(re.findall(r"(MODEL_CATALOG_\w+) = '([^']*)'", block.text))
    token = service.token("source", source_name=SOURCE)
    environment = runner | JENKINS | named | {
        "MODEL_CATALOG_TOKEN": token, "MODEL_CATALOG_URL": runner["MODEL_CATALOG_URL"],
    }  # fmt: skip

    done = shell("sh", "-xe", "-c", script=script, folder=checkout, environment=environment)

    assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    assert named == {"MODEL_CATALOG_URL": SHOWN, "MODEL_CATALOG_SOURCE": SOURCE}
    made = entries(service, "builds")["ci.acme.example/jenkins/shop/churn/feature%2Fx#21"]
    assert (made["status"], made["commit"]) == ("succeeded", COMMIT)
    assert "retail/churn/21" in entries(service, "versions")


def test_azure(service: Service, runner: dict[str, str], checkout: Path) -> None:
    """So do the steps of the document for Azure Pipelines."""
    (steps,) = (
        found["steps"] for block in of("yaml")
        if "steps" in (found := yaml.SafeLoader(block.text).get_single_data()) and "pool" in found
    )  # fmt: skip
    step = steps[-1]
    given = {name: value for name, value in step["env"].items() if not value.startswith("$(")}
    token = service.token("source", source_name=SOURCE)
    environment = runner | AZURE | given | {
        "MODEL_CATALOG_TOKEN": token, "MODEL_CATALOG_URL": runner["MODEL_CATALOG_URL"],
    }  # fmt: skip

    done = shell("bash", "-c", script=step["script"], folder=checkout, environment=environment)

    assert (done.returncode, "warning" in done.stderr) == (0, False), done.stderr
    assert f"dev.azure.com/{PROJECT}/12" in entries(service, "builds")
    assert "retail/churn/12" in entries(service, "versions")


@pytest.mark.skipif(CURL is None, reason="curl is not installed")
def test_curl(
    service: Service, provider: IdentityProvider, runner: dict[str, str], checkout: Path
) -> None:
    """The curl of each CI makes the same build as the command would."""
    token = {"MODEL_CATALOG_TOKEN": service.token("source", source_name=SOURCE)}
    environments = {
        "github": runner | of_github(provider), "gitlab": runner | of_gitlab(provider),
        "jenkins": runner | JENKINS | token, "azure": runner | AZURE | token,
    }  # fmt: skip
    for name, environment in environments.items():
        script = shown(name).text
        if name == "github":  # the service calls itself otherwise than it is reached here
            script = script.replace("audience=$catalog", "audience=http://127.0.0.1:8010")
        done = shell("bash", "-euo", "pipefail", "-c", script=script, folder=checkout,
                     environment=environment)  # fmt: skip
        assert done.returncode == 0, done.stderr
        receipt = json.loads(done.stdout)
        assert (receipt["recorded"], receipt["refused"]) == (1, []), name

    assert entries(service, "builds").keys() == {
        f"{provider.host}/486325809/9001", f"{provider.host}/20/574",
        "ci.acme.example/jenkins/shop/churn/feature%2Fx#21", f"dev.azure.com/{PROJECT}/12",
    }  # fmt: skip
