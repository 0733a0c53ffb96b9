"""The repositories of the demo's company, as real git repositories on a local server."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from cli.demo.children import HOST, Children, free_port, our_environment, wait_for

AUTHOR: Final = "Retail Data Science <retail-ds@example.com> 1795443077 +0000"
CHURN: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata:
  namespace: retail
  name: churn
  title: Churn propensity
  description: How likely a contract ends within three months, scored once a month.
  labels: {domain: retention}
spec:
  lifecycle: production
  owners:
    - ref: team:retention-ds
    - {ref: owner@example.com, role: developer}
  registered_as: [{source: mlflow-demo, name: churn}]
  datasets:
    - {uri: "s3://lake/retail/contracts", role: training, data_sensitivity: personal}
  depends_on: [retail/price-elasticity]
  task: classification
  model_class: rules_or_linear
  origin: in_house
  license: Apache-2.0
  update_mode: scheduled_retrain
  exposure: offline_batch
  uses:
    - name: retention-offers
      purpose: Chooses whom the call centre offers a discount.
      decision_role: assists
      people_affected_per_year: 120000
      regulatory_use: none
      harm_reversibility: trivial
      regulated_purposes: []
      human_oversight: in_loop
      restrictions: [Never the reason to end a contract.]
  limitations: [Not calibrated for contracts under three months.]
  monitoring: {interval_days: 30}
"""
CARD: Final = """\
---
license: mit
tags: [churn, tabular-classification]
datasets: [telco-customer-churn]
---
# Churn

Started from a public example; the licence above is the example's.
"""
FORECAST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: demand-forecast, title: Demand forecast}
spec:
  lifecycle: production
  owners: [{ref: "team:supply"}]
  registered_as: [{source: mlflow-demo, name: demand-forecast}]
  task: forecasting
  license: Apache-2.0
  model_class: rules_or_linear
  origin: in_house
  update_mode: scheduled_retrain
  explainability: intrinsic
  data_sensitivity: internal
  downstream_dependents: 0
  exposure: offline_batch
  uses:
    - name: shop-orders
      purpose: Proposes what a shop orders; the shop decides.
      decision_role: assists
      people_affected_per_year: 0
      financial_exposure_per_year: lt_100k
      regulatory_use: none
      harm_reversibility: trivial
      regulated_purposes: []
  monitoring: {interval_days: 30}
"""
ELASTICITY: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: price-elasticity}
spec:
  lifecycle: development
  owners: [{ref: "team:pricing"}]
  registered_as: [{source: mlflow-demo, name: price-elasticity}]
  task: regression
"""
OFFERS: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata:
  namespace: retail
  name: next-best-offer
  description: Which offer to show first; nothing is trained yet.
spec:
  owners: [{ref: "team:retention-ds"}]
"""
FAULTY: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: payment-fraud}
spec:
  lifecycle: producton
  owner: owner@example.com
"""
PROJECT: Final = """\
[project]
name = "supply-forecasting"
version = "1.4.0"
license = "Apache-2.0"
authors = [{name = "Supply", email = "supply@example.com"}]
"""
FILES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "retail/churn": {
            "model.yaml": CHURN,
            "README.md": CARD,
            "CODEOWNERS": "* team-retention@example.com\n",
        },
        "supply/forecasting": {  # one repository, two models
            "demand/model.yaml": FORECAST,
            "elasticity/model.yaml": ELASTICITY,
            "pyproject.toml": PROJECT,
        },
        "retail/next-best-offer": {"model.yaml": OFFERS},  # in no registry yet
        "payments/fraud": {"model.yaml": FAULTY},  # a typing error: refused, with its place
        "retail/notebooks": {"README.md": "# Notebooks\n"},  # should hold a model, and holds none
    }
)


class Repositories(NamedTuple):
    """The running server: the address of each repository, and its commit."""

    url: str
    commits: Mapping[str, str]

    @property
    def addresses(self) -> list[str]:
        """Of all, as a source names them."""
        return [f"{self.url}/{path}.git" for path in sorted(self.commits)]


def start(children: Children, home: Path) -> Repositories:
    """Make the repositories and serve them."""
    root, port = home / "repositories", free_port()
    commits = {path: _make(root / f"{path}.git", files) for path, files in FILES.items()}
    children.start(
        [sys.executable, "-m", "cli.demo.git_server", str(root), str(port)],
        log=home / "git.log",
        environment=our_environment(),
    )
    url = f"http://{HOST}:{port}"
    first = next(iter(FILES))
    wait_for(f"{url}/{first}.git/HEAD", children, log=home / "git.log")
    return Repositories(url, commits)


def commit(home: Path, path: str, *, files: Mapping[str, str], message: str) -> str:
    """One commit more on the main branch, made now; answers it."""
    now = f"Ada <ada@example.com> {int(time.time())} +0000"
    return _write(home / "repositories" / f"{path}.git", files, who=now, message=message)


def _make(folder: Path, files: Mapping[str, str]) -> str:
    """A bare repository of one commit, written as git reads it; answers the commit."""
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    _git(folder, "config", "uploadpack.allowFilter", "true")
    return _write(folder, files, who=AUTHOR, message="The model and what belongs to it")


def _write(folder: Path, files: Mapping[str, str], *, who: str, message: str) -> str:
    before = _git(folder, "for-each-ref", "--format=%(objectname)", "refs/heads/main").strip()
    stream = [
        "commit refs/heads/main", f"committer {who}", f"data {len(message)}", message,
        *([f"from {before}"] if before else []),
        *(f"M 100644 inline {path}\ndata {len(text.encode())}\n{text}"
          for path, text in files.items()),
    ]  # fmt: skip
    _git(folder, "fast-import", "--quiet", stdin="\n".join([*stream, ""]))
    return _git(folder, "rev-parse", "refs/heads/main").strip()


def _git(folder: Path, *command: str, stdin: str = "") -> str:
    done = subprocess.run(  # noqa: S603  # our own command
        ["git", *command],  # noqa: S607  # the one that the machine has
        cwd=folder, input=stdin, capture_output=True, check=True, text=True,
        env=our_environment() | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"},
    )  # fmt: skip
    return done.stdout
