"""What builds of interest deployed into environments."""

from typing import Final

from schemas.identifiers import Kind
from tests.harvesters.ci.azure.conftest import Ci

A, B, C = "a" * 40, "b" * 40, "c" * 40
CHURN: Final = "https://github.com/acme/churn"


def test_harvest_deployments(ci: Ci) -> None:
    """What a pipeline deployed into an environment is one thing, told with the build that did."""
    ci.settings = {"environments": {"prod*": "production"}}
    first = ci.project.build(commit=A)
    ci.project.deploy(first, "prod-eu")
    ci.project.deploy(ci.project.build(commit=C), "test")
    ci.catalog.name(A)
    (report,) = ci.harvest()
    value = f"pipelines/{ci.project.id}/1/5"
    assert ci.catalog.values(Kind.DEPLOYMENT) == [value]
    assert ci.catalog.facts(value) == {
        "platform": "azure-pipelines", "name": "train", "environment": "prod-eu",
        "environment_class": "production", "status": "ready", "commit": A,
        "repository": {"kind": "repository", "scheme": "url", "value": CHURN},
        "build": {"kind": "build", "scheme": "azure", "value": ci.thing(first)},
        "deployed_by": "anna@example.com",
    }  # fmt: skip
    assert report.counts["deployment_not_of_interest"] == 1
    ci.harvest()
    assert ci.catalog.sent == []

    failed = ci.project.build(commit=A)
    ci.project.deploy(failed, "prod-eu", result="failed")  # what stood there stands there still
    ci.harvest()
    assert ci.catalog.facts(value)["status"] == "ready"

    unknown = ci.project.build(commit=B, finishTime=ci.server.ago(days=90))
    ci.project.deploy(unknown, "prod-eu", result="succeededWithIssues")
    ci.harvest()
    assert ci.catalog.facts(value)["commit"] == B  # of no interest by itself, but it is there


def test_harvest_deployment_pending(ci: Ci) -> None:
    """As long as nothing succeeded, what is under way is told."""
    ci.project.deploy(ci.project.run(commit=A), "prod", result=None)
    ci.catalog.name(A)

    ci.harvest()

    (value,) = ci.catalog.values(Kind.DEPLOYMENT)
    assert ci.catalog.facts(value)["status"] == "pending"


def test_harvest_environments_hidden(ci: Ci) -> None:
    """A token that may not read environments still reads builds; the report counts it."""
    ci.project.deploy(ci.project.build(commit=A), "prod")
    ci.server.environments_hidden = True
    ci.catalog.name(A)

    (report,) = ci.harvest()

    assert report.counts["environments_not_readable"] == 1
    assert len(ci.catalog.values()) == 1
