"""`push model.yaml`: a manifest of the checkout, as a harvest of its repository by git posts it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from cli.pushing.faults import Faults
from cli.pushing.manifests import read_manifests
from harvesters.manifests.observe import Teller
from harvesters.manifests.pages import File, Head, Repository, RepositoryPage
from harvesters.manifests.settings import RepositorySettings
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.cli.test_push_ci import SOURCE, Push, facts, only, push, service
from tests.support.http import Service

__all__ = ["push", "service"]  # fixtures

URL: Final = "https://github.com/acme/churn"
MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn, labels: {domain: retention}}
spec:
  owners: [{ref: "team:retention-ds"}]
  registered_as: [{source: mlflow-prod, name: churn}]
  datasets: [{uri: "s3://lake/churn", role: training, data_sensitivity: personal}]
  uses: [{name: offers, purpose: Discounts., jurisdictions: [DE]}]
"""
OWNERS: Final = "models/ @acme/retention\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of the repository, in the working folder."""
    for name, text in (("models/churn/model.yaml", MANIFEST), ("CODEOWNERS", OWNERS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for words in (["init", "-q"], ["remote", "add", "origin", "git@github.com:Acme/Churn.git"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)  # noqa: S603, S607  # of the system
    return tmp_path / "models/churn/model.yaml"


def test_as_harvested(checkout: Path) -> None:
    """Subject by subject the same is said as by whoever reads the repository with git."""
    source = SourceSettings.model_validate({"name": SOURCE, "kind": "git", "namespace": "retail"})
    url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=URL)
    files = tuple(File(name, "0" * 40, text.encode()) for name, text in (
        ("models/churn/model.yaml", MANIFEST), ("CODEOWNERS", OWNERS),
    ))  # fmt: skip
    page = RepositoryPage(
        datetime.now(UTC), Repository(url, URL, "acme/churn"), Head("1" * 40, "main"), files=files
    )
    teller = Teller(source, RepositorySettings(), version="1", dialect="github")
    told = [one for one in teller.tell(page) if isinstance(one, Observation)]

    said = list(read_manifests([checkout], SOURCE, known=[], faults=Faults()))

    harvested = {str(one.subject): one.digest() for one in told if one.subject != url}
    pushed = {str(one.subject): one.digest() for one in said if one.subject != url}
    assert pushed == harvested
    assert f"model:manifest:{URL}#models/churn/model.yaml" in pushed
    assert len(pushed) > 3
    assert str(said[0].subject) == f"repository:url:{URL}"


def test_pushed(service: Service, push: Push, checkout: Path) -> None:
    """Alone or with the build that it is pushed from, the model stands in the catalog."""
    ran = push("models/churn/model.yaml", ci={})
    again = push("--ci", "models/churn/model.yaml")

    assert (ran.code, ran.err) == (0, "")
    assert (again.code, again.err) == (0, "")
    model = only(service, "models")
    assert model["name"] == "retail/churn"
    assert f"manifest:{URL}#models/churn/model.yaml" in model["identifiers"]
    assert "mlflow:mlflow-prod/default/churn" in model["identifiers"]
    assert facts(service, model["url"])["tags"] == ["domain=retention"]
    assert only(service, "repositories")["identifiers"] == [
        "github:github.com/486325809", f"url:{URL}",
    ]  # fmt: skip
    assert checkout.exists()


def test_faulty(service: Service, push: Push, checkout: Path) -> None:
    """A faulty manifest is refused whole, with line, column and what to do; nothing is sent."""
    checkout.write_text(MANIFEST + "  licence: MIT\n  tier: HIGH\n")
    other = checkout.with_name("values.yaml")
    other.write_text("replicas: 3\n")
    outside = checkout.parents[3] / "model.yaml"
    outside.write_text(MANIFEST)

    ran = push(str(checkout), ci={})
    foreign = push(str(other), ci={})
    homeless = push(str(outside), ci={})

    assert (ran.code, foreign.code, homeless.code) == (2, 2, 2)
    lines = ran.err.splitlines()
    assert lines[0].startswith(f"{checkout}:9:3: unknown_key: ")
    assert "write `license`" in lines[0].lower()
    assert lines[-1] == "Nothing was sent."
    assert "is no manifest" in foreign.err
    assert "lies in no git repository" in homeless.err
    assert service.get("models")["items"] == []
