"""Uses that tags on models name, and tier facts that tags state."""

from typing import Any

import pytest

from harvesters.mlflow.sweep import RegistrySweep
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.harvesters.mlflow.conftest import Catalog
from tests.harvesters.mlflow.test_observe import CREATED, PLACE, Model, Version, stated, told

RISK = {
    "catalog.risk.decision_role": "assists",
    "catalog.risk.people_affected_per_year": "120000",
    "catalog.risk.financial_exposure_per_year": "100k_1m",
    "catalog.risk.regulated_purposes": "",
    "catalog.risk.profiling": "False",
}


def uses(**tags: str) -> dict[str, dict[str, Any]]:
    """The facts of each use of a model with such tags, without the model."""
    found = {}
    for use in told(Model(tags=tags)).uses:
        assert use.subject.kind is Kind.USE
        facts = use.facts.model_dump(exclude_unset=True)
        assert facts.pop("model")["value"] == "mlflow-prod/default/churn"
        found[use.subject.value] = facts
    return found


def test_uses_declared() -> None:
    """Each named use is an entry; names that fold alike are one."""
    declared = {"catalog.use": "Retention-Offers, up/sell ,retention-offers"}
    assert uses(**declared) == {
        "retail/churn/retention-offers": {"name": "Retention-Offers"},
        "retail/churn/up%2fsell": {"name": "up/sell"},
    }
    assert stated(Model(tags=declared))["uses"] == ("Retention-Offers", "up/sell")


def test_uses_facts() -> None:
    """Tier facts of a use belong to the one that is named."""
    assert uses(**RISK, **{"catalog.use": "offers"}) == {
        "retail/churn/offers": {
            "name": "offers", "decision_role": "assists", "people_affected_per_year": 120_000,
            "financial_exposure_per_year": "100k_1m", "regulated_purposes": (), "profiling": False,
        }
    }  # fmt: skip


def test_uses_implicit() -> None:
    """Without a named use they belong to the implicit one; without facts there is none."""
    assert uses(**{"catalog.risk.decision_role": "automated"}) == {
        "retail/churn/(undeclared)": {"name": "(undeclared)", "decision_role": "automated"}
    }
    assert "uses" not in stated(Model(tags={"catalog.risk.decision_role": "automated"}))
    assert (uses(), uses(**{"catalog.use": ""})) == ({}, {})
    assert stated(Model(tags={"catalog.use": " , "}))["uses"] == ()


def test_uses_ambiguous() -> None:
    """Of several uses nobody can say which one a fact is about: dropped, and said on the model."""
    row = Model(tags=RISK | {"catalog.use": "offers, churn-report"})
    said = told(row)

    assert {use.facts.name: use.stated() for use in said.uses} == {
        "offers": {"model", "name"}, "churn-report": {"model", "name"},
    }  # fmt: skip
    assert {one.reason for one in said.dropped} == {"ambiguous_use"}
    assert stated(row)["warnings"] == tuple(
        f"{tag}: says not which of the uses it is about: offers, churn-report"
        for tag in sorted(RISK)
    )


def test_uses_of_renamed_model() -> None:
    """A use stands below the model's name here; it is found again by the one in MLflow."""
    named = Model(tags={"catalog.name": "wholesale/Churn Score", "catalog.use": "offers"})
    (use,) = told(named).uses
    assert (use.subject.value, use.marker) == (
        "wholesale/churn score/offers", f"{CREATED} churn",
    )  # fmt: skip
    assert told(Model(name="x" * 250, tags={"catalog.use": "a"})).uses[0].marker is None


def test_model_risk_tags() -> None:
    """Tier facts that hold for all versions and uses stand on the model."""
    tags = {
        "catalog.risk.origin": "in_house",
        "catalog.risk.update_mode": "static",
        "catalog.risk.explainability": "post_hoc",
        "catalog.risk.model_class": "agentic",
        "catalog.risk.data_sensitivity": "personal",
        "catalog.risk.exposure": "internal_api",
        "catalog.risk.downstream_dependents": "3",
    }
    facts = stated(Model(tags=tags))
    said = {name: facts[name.removeprefix("catalog.risk.")] for name in tags}
    assert said == tags | {"catalog.risk.downstream_dependents": 3}
    assert (facts["warnings"], told(Model(tags=tags)).uses) == ((), [])


@pytest.mark.parametrize(
    ("tag", "build"),
    [
        ("github:github.com/486325809/77", "github github.com/486325809/77"),
        ("https://ci.example.com/job/folder/job/main/21/", "jenkins ci.example.com/folder/main#21"),
        (
            "https://github.com/acme/churn/actions/runs/7",
            "ci mlflow-prod/https:%2F%2Fgithub.com%2Facme%2Fchurn%2Factions%2Fruns%2F7",
        ),
        ("", None),
    ],
)
def test_version_build(tag: str, build: str | None) -> None:
    """A version's build is named by its identifier, or by its address; empty is stated empty."""
    facts = stated(Version(tags={"catalog.build": tag}))
    found = facts["build"] and f"{facts['build']['scheme']} {facts['build']['value']}"
    assert (found, facts["warnings"]) == (build, ())


@pytest.mark.parametrize("tag", ["github", "gitea:x/1", "https://", "github:a\0b"])
def test_version_build_unreadable(tag: str) -> None:
    """A build that cannot be named is dropped, and the version says so."""
    facts = stated(Version(tags={"catalog.build": tag}))
    assert "build" not in facts
    assert facts["warnings"][0].startswith("catalog.build: ")


@pytest.mark.usefixtures("place")
def test_sweep_uses(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A use is there as long as its tag; a second model of one name does not speak for it."""
    writer.create_registered_model("churn", tags={"catalog.use": "offers, report"})
    writer.create_registered_model("Churn", tags={"catalog.use": "offers"})
    report = catalog.sweep(sweep)
    assert [one.code for one in report.skipped] == ["name_collision"]
    assert live_uses(catalog) == {"retail/churn/offers", "retail/churn/report"}

    writer.set_registered_model_tag("churn", "catalog.use", "report")
    writer.delete_registered_model("Churn")
    catalog.sweep(sweep)
    assert live_uses(catalog) == {"retail/churn/report"}
    assert [one.gone for one in catalog.posted if one.subject.kind is Kind.USE] == [True]


def test_sweep_uses_renamed(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A use moves with its renamed model, and goes with a deleted one."""
    writer.create_registered_model("stays")
    writer.create_registered_model("churn", tags={"catalog.use": "offers"})
    catalog.sweep(sweep)
    writer.rename_registered_model("churn", "attrition")
    catalog.sweep(sweep)

    before = Identifier(kind=Kind.USE, scheme="name", value="retail/churn/offers")
    assert catalog.told("retail/attrition/offers").same_as == (before,)
    assert live_uses(catalog) == {"retail/attrition/offers"}
    writer.delete_registered_model("attrition")
    catalog.sweep(sweep)
    assert live_uses(catalog) == set()


def test_sweep_uses_unreadable_model(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A model that says nothing readable any more says nothing about its uses either."""
    writer.create_registered_model("stays")
    writer.create_registered_model("churn", tags={"catalog.use": "offers"})
    catalog.sweep(sweep)
    writer.set_registered_model_tag("churn", "catalog.name", "ghp_" + "a1" * 18)
    report = catalog.sweep(sweep)
    assert {one.code for one in report.skipped} == {"record_unreadable"}
    assert (live_uses(catalog), catalog.posted) == ({"retail/churn/offers"}, [])


def live_uses(catalog: Catalog) -> set[str]:
    """The uses that are not gone."""
    return {subject.value for subject in catalog.live() if subject.kind is Kind.USE}


def test_told_uses_are_observations() -> None:
    """Uses travel as observations of their own, with the model's page as evidence."""
    (use,) = told(Model(tags={"catalog.use": "offers"})).uses
    assert isinstance(use, Observation)
    assert use.evidence is not None
    assert use.evidence.url == f"{PLACE.uri}/#/models/churn"
