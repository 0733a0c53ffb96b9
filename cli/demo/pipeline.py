"""The demo's CI: a job that builds a version and deploys it, and says so by the one command."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.demo.children import Children, free_port, our_environment, wait_for
from cli.demo.identities import OWNER_ID, REPOSITORY_ID, WORKFLOW
from cli.demo.repositories import Repositories
from cli.demo.route import Catalog
from cli.exits import Exit, Stop
from cli.output import say

SOURCE: Final = "ci-demo"
RUN_ID: Final = "9001"
ENVIRONMENT: Final = "production"
REPOSITORY: Final = "retail/churn"


class Released(NamedTuple):
    """What training left in MLflow."""

    version: str
    run: str
    location: str  # of the logged model's files


def identities(shelf: Repositories) -> list[Mapping[str, Any]]:
    """Whose jobs may speak for the source."""
    return [{
        "provider": "github", "issuer": shelf.url, "repository_id": REPOSITORY_ID,
        "repository_owner_id": OWNER_ID, "ref": "refs/heads/main",
    }]  # fmt: skip


def run_job(catalog: Catalog, shelf: Repositories, *, commit: str, released: Released) -> None:
    """What the last step of the job runs; nobody gave it a token of the catalog."""
    ended = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    job = f"repository={REPOSITORY}&sha={commit}&run_id={RUN_ID}&environment={ENVIRONMENT}"
    command = [
        sys.executable, "-m", "cli.main", "push", SOURCE, "--ci", "--model", REPOSITORY,
        "--mlflow", "mlflow-demo", "--version", released.version, "--mlflow-run", released.run,
        "--status", "succeeded", "--finished-at", ended, "--metric", "holdout_auc=0.81",
        "--dataset", "s3://lake/retail/holdout,role=test",
        "--deployed", ENVIRONMENT, "--environment-class", "production", "--platform", "kserve",
        "--artifact-uri", released.location,
    ]  # fmt: skip
    runner = {
        "GITHUB_ACTIONS": "true", "CI": "true", "GITHUB_SERVER_URL": shelf.url,
        "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_REPOSITORY_ID": REPOSITORY_ID,
        "GITHUB_RUN_ID": RUN_ID, "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": commit,
        "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch",
        "GITHUB_EVENT_NAME": "push", "GITHUB_ACTOR": "ada",
        "GITHUB_WORKFLOW_REF": f"{REPOSITORY}/{WORKFLOW}@refs/heads/main",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{shelf.url}/token?{job}",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-runner's-own",
    }  # fmt: skip
    done = subprocess.run(  # noqa: S603  # our own command
        command, env=our_environment(URL=catalog.url) | runner, check=False,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        say(f"  {line}")
    if done.returncode:
        raise Stop("The demo's CI job failed; what went wrong stands above.", Exit.FINDINGS)


class Cluster:
    """The demo's cluster: what runs are files of a folder."""

    def __init__(self, url: str, folder: Path) -> None:
        """`url` is its API's."""
        self.url, self.folder = url, folder

    def apply(self, name: str, uri: str, *, labels: Mapping[str, str] | None = None) -> None:
        """Let a model be served, as `kubectl apply` would."""
        about = {"name": name, "namespace": "retail-production", "labels": dict(labels or {})}
        model = {"modelFormat": {"name": "mlflow"}, "storageUri": uri}
        served = {
            "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
            "metadata": about, "spec": {"predictor": {"model": model}},
        }  # fmt: skip
        (self.folder / f"{name}.json").write_text(json.dumps(served), encoding="utf-8")


def start_cluster(children: Children, home: Path) -> Cluster:
    """Serve an empty cluster."""
    folder, port = home / "cluster", free_port()
    folder.mkdir()
    url = f"http://127.0.0.1:{port}"
    command: Sequence[str] = [sys.executable, "-m", "cli.demo.cluster", str(folder), str(port)]
    children.start(command, log=home / "cluster.log", environment=our_environment())
    wait_for(f"{url}/apis/apps/v1/deployments", children, log=home / "cluster.log")
    return Cluster(url, folder)
