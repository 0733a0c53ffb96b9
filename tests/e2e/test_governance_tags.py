"""What people say by tags in a registry, as the catalog shows it; and large registries' changes."""

from datetime import timedelta
from typing import Any

import pytest

from harvesters.mlflow.sweep import RegistrySweep
from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import changes, last_change

TAGS = {
    "catalog.owner": "team:retention-ds",
    "catalog.use": "Retention-Offers",
    "catalog.risk.decision_role": "assists",
    "catalog.risk.people_affected_per_year": "120000",
    "catalog.risk.exposure": "internal_api",
    "catalog.risk.tier": "LOW",
}


def uses(site: Site, **params: str) -> dict[str, Any]:
    """The listed uses by name, live ones unless told otherwise."""
    asked = {"gone": "false"} | params
    return {row["name"]: row for row in site.get("/uses", **asked)["items"]}


@pytest.fixture
def tagged(registry: Workspace, site: Site) -> Workspace:
    """A declared registry with a model that tags say much about, and one that says nothing."""
    registry.create_registered_model("churn", TAGS)
    build = "https://ci.example.com/job/churn/21/"
    registry.create_model_version("churn", "s3://models/churn/1", tags={"catalog.build": build})
    registry.create_registered_model("fraud")
    site.declare(registry)
    return registry


@pytest.mark.usefixtures("tagged")
def test_harvest_governance_tags(site: Site) -> None:
    """Uses are entries below their model, facts stand where they belong, warnings are shown."""
    report = site.harvest()

    assert (report.outcome, report.refused, report.counts) == (
        "complete", 0, {"catalog_tag_unknown": 1},
    )  # fmt: skip
    (use,) = uses(site).values()
    assert (use["name"], use["model"]) == ("retail/churn/retention-offers", "retail/churn")
    facts = use["facts"]
    assert (facts["name"], facts["decision_role"], facts["people_affected_per_year"]) == (
        "Retention-Offers", "assists", 120_000,
    )  # fmt: skip
    model = site.get("/models/retail/churn")
    assert (model["facts"]["exposure"], model["facts"]["uses"]) == (
        "internal_api", ["Retention-Offers"],
    )  # fmt: skip
    (warning,) = model["facts"]["warnings"]
    assert warning.startswith("catalog.risk.tier: ")
    assert site.get("/models/retail/fraud")["facts"]["warnings"] == []
    version = site.versions()["retail/churn/1"]
    assert version["facts"]["build"] == "ci.example.com/churn#21"
    again = site.harvest()
    assert (again.created, again.changed, again.retired) == (0, 0, 0)


def test_harvest_uses_come_and_go(tagged: Workspace, site: Site) -> None:
    """A use retires with its tag, moves with its renamed model, and goes with a deleted one."""
    site.harvest()
    before = uses(site)["retail/churn/retention-offers"]
    tagged.rename_registered_model("churn", "attrition")
    site.harvest()
    assert {name: row["id"] for name, row in uses(site).items()} == {
        "retail/attrition/retention-offers": before["id"]
    }

    tagged.set_registered_model_tag("attrition", "catalog.use", "report")
    site.harvest()
    assert uses(site).keys() == {"retail/attrition/report"}
    tagged.delete_registered_model("attrition")
    site.harvest()
    assert uses(site) == {}
    assert uses(site, gone="true").keys() == {
        "retail/attrition/report", "retail/attrition/retention-offers",
    }  # fmt: skip


def test_harvest_use_elsewhere(registry: Workspace, site: Site) -> None:
    """A tag names a use only where the source may name things; the model is refused with it."""
    registry.create_registered_model(
        "churn", {"catalog.name": "wholesale/churn", "catalog.use": "offers"}
    )
    registry.create_registered_model("fraud")
    site.declare(registry)
    report = site.harvest()

    assert report.refused == 2
    assert {(one.code, str(one.subject).split(":")[0]) for one in report.skipped} == {
        ("namespace_not_allowed", "model"), ("namespace_not_allowed", "use"),
    }  # fmt: skip
    assert site.models().keys() == {"retail/fraud"}
    assert uses(site) == {}


@pytest.mark.usefixtures("site")
def test_harvest_name_collision(registry: Workspace, site: Site) -> None:
    """Names that differ by case alone are refused but for one; a tag gives the other its own."""
    for name in ("Churn", "churn"):
        registry.create_registered_model(name)
        registry.create_model_version(name, "s3://models/churn")
    for form, normal_form in enumerate(("re\u0301sume\u0301", "r\u00e9sum\u00e9")):
        registry.create_registered_model(normal_form, {}, f"Form {form}.")
        registry.create_model_version(normal_form, f"s3://models/{form}")
    site.declare(registry)
    report = site.harvest()

    assert {one.code for one in report.skipped} == {"name_collision"}
    assert site.models().keys() == {"retail/churn", "retail/résumé"}
    assert site.models()["retail/résumé"]["facts"]["description"] == "Form 0."
    assert site.versions()["retail/résumé/1"]["facts"]["source_uri"] == "s3://models/0"
    registry.set_registered_model_tag("churn", "catalog.name", "churn small")
    site.harvest()
    assert site.models().keys() == {"retail/churn", "retail/churn small", "retail/résumé"}


def test_harvest_changes(
    registry: Workspace, site: Site, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a large registry a moved alias changes exactly its two versions, between full sweeps too.

    Of what only a full sweep can miss nothing retires meanwhile.
    """
    monkeypatch.setattr("harvesters.mlflow.changes.OVERLAP", timedelta(0))
    monkeypatch.setattr(RegistrySweep.__init__, "__kwdefaults__", _kept(most_in_full=2))
    registry.create_registered_model("churn")
    for number in (1, 2, 3):
        registry.create_model_version("churn", f"s3://models/churn/{number}")
    registry.set_registered_model_alias("churn", "champion", "1")
    registry.create_registered_model("newest")
    site.declare(registry)
    assert site.harvest().coverage == "full"
    before, cursor = last_change(database), site.cursor()

    registry.set_registered_model_alias("churn", "champion", "2")
    registry.delete_model_version("churn", "3")
    registry.create_registered_model("fraud")
    report = site.harvest()

    assert (report.coverage, report.created, report.changed, report.retired) == ("delta", 1, 2, 0)
    versions = site.versions()
    moved = [(row["field"], row["old"], row["new"]) for row in changes(database, before)
             if row["op"] == "update"]  # fmt: skip
    assert sorted(moved) == [("aliases", [], ["champion"]), ("aliases", ["champion"], [])]
    assert versions.keys() == {f"retail/churn/{number}" for number in (1, 2, 3)}
    assert site.cursor() == cursor

    again = site.harvest()
    assert (again.coverage, again.created, again.changed) == ("delta", 0, 0)
    full = site.harvest(full=True)
    assert (full.coverage, full.retired) == ("full", 1)


def _kept(**changed: Any) -> dict[str, Any]:
    return (RegistrySweep.__init__.__kwdefaults__ or {}) | changed
