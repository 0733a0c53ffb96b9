"""A commit, a training run, a build, a deployment: the catalog knows each, and nobody typed it.

Real parts: a git server, an MLflow server, a cluster's API, a CI job with a signed identity of its
own, PostgreSQL, and the commands that cron and pipelines run.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.site import Site, Workspace, bearer
from tests.support.git_server import run_git_server
from tests.support.identity_provider import github_identity, provided
from tests.support.kubernetes_server import kubernetes

DATA: Final = "s3://lake/retail/contracts"
MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {{namespace: retail, name: churn}}
spec:
  owners: [{{ref: "team:retention-ds"}}]
  registered_as: [{{source: mlflow-prod, workspace: {workspace}, name: churn}}]
"""
TRAIN: Final = """\
import json, os, sys
import mlflow
from mlflow.data.numpy_dataset import from_numpy
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

mlflow.set_workspace(os.environ["WORKSPACE"])
mlflow.set_experiment("churn")
with mlflow.start_run(run_name="nightly") as run:
    features, target = make_classification(100, n_features=4, random_state=7)
    fitted = LogisticRegression().fit(features, target)
    mlflow.log_metric("accuracy", fitted.score(features, target))
    table = from_numpy(features, source=sys.argv[1], name="contracts")
    mlflow.log_input(table, context="training", tags={"catalog.uri": sys.argv[1]})
    mlflow.sklearn.log_model(
        fitted, name="model", registered_model_name="churn", pip_requirements=["mlflow"],
        skops_trusted_types=["sklearn.linear_model._logistic.LogisticRegression"],
        await_registration_for=0,
    )
client = mlflow.MlflowClient()
(version,) = client.search_model_versions("name = 'churn'")
logged = client.get_logged_model(version.source.rpartition("/")[2])
print(json.dumps({"run": run.info.run_id, "number": version.version,
                  "location": logged.artifact_location}))
"""


class Company:
    """Everything that a model passes through, each part running."""

    def __init__(self, site: Site, registry: Workspace, parts: tuple[Any, ...]) -> None:
        """Declare all of it."""
        self.site, self.registry = site, registry
        self.git, self.identities, self.cluster = parts
        self.repository = self.git.create("acme/churn")
        site.declare(registry)
        self.declare("git-prod", "git", repositories=[self.repository.url])
        self.declare("ci-prod", "ci", identities=[github_identity(self.identities)])
        self.declare("cluster-prod", "kubernetes", url=self.cluster.url, pods=False,
                     environments={"*-prod": "production"})  # fmt: skip

    def declare(self, name: str, kind: str, **settings: Any) -> None:
        """A source of namespace `retail`, with a token of its own."""
        asked = {"name": name, "kind": kind, "namespace": "retail", "settings": settings}
        answer = self.site.http.put(f"/sources/{name}", json=asked, headers=bearer(self.site.admin))
        assert answer.is_success, answer.text
        made = self.site.http.post(
            "/tokens", json={"role": "source", "source": name, "days": 1},
            headers=bearer(self.site.admin),
        )  # fmt: skip
        self.site.tokens[name] = made.json()["token"]

    def harvest(self, source: str) -> None:
        """As cron does it."""
        done = self.site.command(
            "harvest", source, "--json", MODEL_CATALOG_TOKEN=self.site.tokens[source]
        )
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            assert json.loads(line)["outcome"] == "complete", line

    def train(self, folder: Path) -> Any:
        """Run the script in a clone, as a job does: MLflow notes the commit by itself."""
        subprocess.run(  # noqa: S603  # our own address
            ["git", "clone", "--quiet", self.repository.url, str(folder)],  # noqa: S607
            check=True, capture_output=True,
        )  # fmt: skip
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        where = {"MLFLOW_TRACKING_URI": self.registry.uri, "WORKSPACE": self.registry.name}
        done = subprocess.run(  # noqa: S603  # our own script
            [sys.executable, "train.py", DATA], cwd=folder, env=kept | quiet | where,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def push(self, commit: str, *options: str) -> Any:
        """The last step of a job that holds no token of the catalog."""
        host = f"http://127.0.0.1:{self.identities.port}"
        self.identities.claims = {"sha": commit, "environment": "production"}
        runner: dict[str, Any] = {
            "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": host, "GITHUB_SHA": commit,
            "GITHUB_REPOSITORY": "acme/churn", "GITHUB_REPOSITORY_ID": "486325809",
            "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_REF_TYPE": "branch",
            "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main",
            "GITHUB_EVENT_NAME": "push", "GITHUB_ACTOR": "ada",
            "GITHUB_WORKFLOW_REF": "acme/churn/.github/workflows/train.yml@refs/heads/main",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{host}/token?api-version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner", "MODEL_CATALOG_TOKEN": "",
        }  # fmt: skip
        done = self.site.command("push", "ci-prod", "--ci", "--json", *options, **runner)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


def now() -> str:
    """As clusters and pipelines write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def served(name: str, uri: str, **labels: str) -> dict[str, Any]:
    """An InferenceService, as it is applied."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": name, "namespace": "retail-prod", "labels": labels,
                     "creationTimestamp": now()},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "mlflow"}, "storageUri": uri}}},
        "status": {"url": f"https://{name}.example.com",
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


@pytest.fixture
def company(site: Site, registry: Workspace, tmp_path: Path) -> Iterator[Company]:
    """All of it, empty."""
    with (
        run_git_server(tmp_path / "git") as git,
        provided(audience=site.url) as identities,
        kubernetes() as cluster,
    ):
        yield Company(site, registry, (git, identities, cluster))


def test_release(company: Company, tmp_path: Path) -> None:
    """After commit, training, build and deployment everything is there, and linked."""
    site = company.site
    for source in (
        "git-prod",
        "mlflow-prod",
        "cluster-prod",
    ):  # what was there before is told apart
        company.harvest(source)
    manifest = MANIFEST.format(workspace=company.registry.name)
    files = {"model.yaml": manifest.encode(), "train.py": TRAIN.encode()}
    commit = company.repository.commit(
        files, author=f"Ada <ada@example.com> {time.time():.0f} +0000"
    )
    company.harvest("git-prod")
    assert site.get("/models/retail/churn")["facts"]["owners"]

    trained = company.train(tmp_path / "clone")
    company.push(
        commit, "--status", "succeeded", "--finished-at", now(),
        "--model", "retail/churn", "--version", "1",
        "--mlflow", f"mlflow-prod/{company.registry.name}", "--mlflow-run", trained["run"],
        "--metric", "holdout_auc=0.81", "--deployed", "production", "--platform", "kserve",
        "--artifact-uri", trained["location"],
    )  # fmt: skip
    company.harvest("mlflow-prod")
    company.cluster.put(served("churn", trained["location"]))
    company.harvest("cluster-prod")

    check_linked(site, commit=commit, run=trained["run"])
    check_lineage(site)
    check_timed(site)


def check_linked(site: Site, *, commit: str, run: str) -> None:
    """The version has all that it came from, and what runs is accounted for."""
    version = site.get("/models/retail/churn/versions/1")["facts"]
    assert version["source_commit"] == commit
    assert version["training_run"].endswith(run)
    assert version["build"].endswith("/486325809/9001")
    assert [one["dataset"]["value"] for one in version["datasets"]] == [DATA]
    running = site.get("/models/retail/churn/deployments")["items"]
    assert {one["facts"]["platform"] for one in running} == {"kserve"}
    details = [site.get(f"/deployments/{one['id']}") for one in running]
    ways = {one["judgement"]["matched"]["version"]["by"] for one in details}
    assert ways <= {"artifact", "stated", "build"}
    assert site.get("/unregistered-deployments")["items"] == []


def check_timed(site: Site) -> None:
    """How long each step took to arrive."""
    told = site.get("/time-to-catalog")["items"]
    steps = {row["kind"] for row in told if row["kind"] and row["count"]}
    missing = {"repository", "training_run", "version", "build", "deployment"} - steps
    assert missing == set(), [row for row in told if row["kind"] in missing]


def check_lineage(site: Site) -> None:
    """From the data forward to what runs, and from what runs back to the data and the commit."""
    (data,) = (one for one in site.get("/datasets")["items"] if one["name"] == DATA)
    forward = site.get(f"/datasets/{data['id']}/lineage", direction="downstream", depth="5")
    kinds = {node["kind"] for node in forward["nodes"]}
    assert {"dataset", "training_run", "version", "deployment"} <= kinds
    (served_one,) = (
        one
        for one in site.get("/deployments")["items"]
        if one["name"].endswith("retail-prod/churn")
    )
    back = site.get(f"/deployments/{served_one['id']}/lineage", direction="upstream", depth="5")
    kinds = {node["kind"] for node in back["nodes"]}
    assert {"deployment", "version", "build", "training_run", "dataset", "repository"} <= kinds


def test_bypass(company: Company) -> None:
    """What was deployed around everything is visible after one harvest, with what is wrong."""
    manifest = MANIFEST.format(workspace=company.registry.name)
    company.repository.commit({"model.yaml": manifest.encode()})
    company.harvest("git-prod")
    company.cluster.put(served("shadow", "s3://sandbox/jo/model"))
    label = {"model-catalog/model": "retail.churn", "model-catalog/version": "12"}
    company.cluster.put(served("labelled", "s3://sandbox/jo/churn", **label))
    company.harvest("cluster-prod")

    found = {
        one["name"].rpartition("/")[2]: {cause["code"] for cause in one["causes"]}
        for one in company.site.get("/unregistered-deployments", unregistered="true")["items"]
    }
    assert {"unknown_model", "no_build", "not_by_pipeline"} <= found["shadow"]
    assert {"unknown_version", "no_build", "not_by_pipeline"} <= found["labelled"]
    text = company.site.text("/unregistered-deployments.csv")
    assert "shadow" in text
    assert "labelled" in text
