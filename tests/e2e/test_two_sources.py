"""Two registries that know the same model: one entry, and each source's word kept apart."""

from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import entries, last_change


def test_harvest_two_sources(
    registry: Workspace, other_registry: Workspace, site: Site, database: Database
) -> None:
    """The same name is one model; versions stay apart, conflicts show, precedence decides."""
    tasks = {"By prod.": "classification", "By staging.": "regression"}
    for place, said in ((registry, "By prod."), (other_registry, "By staging.")):
        place.create_registered_model("churn", {"catalog.task": tasks[said]}, said)
        place.create_model_version("churn", f"s3://{place.name}/1")
    site.declare(registry, field_precedence={"description": 60})
    site.declare(other_registry, source="mlflow-staging", precedence=30)

    site.harvest()
    site.harvest("mlflow-staging")

    (listed,) = site.models().values()
    detail = site.get("/models/retail/churn", provenance="true")
    assert listed["sources"] == ["mlflow-prod", "mlflow-staging"]
    assert set(listed["conflicts"]) == {"created_at", "description", "task"}
    assert listed["facts"]["description"] == "By prod."
    told = detail["provenance"]["description"]
    assert (told["source"], told["conflict"]) == ("mlflow-prod", True)
    assert [(one["source"], one["value"]) for one in told["contenders"]] == [
        ("mlflow-staging", "By staging.")
    ]
    versions = site.versions()
    assert {name: row["facts"]["source_uri"] for name, row in versions.items()} == {
        "retail/churn/1": f"s3://{registry.name}/1",
        "retail/churn/1@mlflow-staging": f"s3://{other_registry.name}/1",
    }
    assert {row["model_id"] for row in versions.values()} == {listed["id"]}

    before, seen = site.written(), entries(database)
    assert {site.harvest(name).changed for name in site.places} == {0}
    assert (site.written(), entries(database)) == (before, seen)


def test_harvest_one_of_two_forgets(
    registry: Workspace, other_registry: Workspace, site: Site
) -> None:
    """A model that one registry deletes lives on in the other, and the conflict is over."""
    for place, said in ((registry, "By prod."), (other_registry, "By staging.")):
        place.create_registered_model("churn", {}, said)
        place.create_registered_model(f"only {said[3:7]}")
    site.declare(registry)
    site.declare(other_registry, source="mlflow-staging")
    site.harvest()
    site.harvest("mlflow-staging")
    before = site.models()["retail/churn"]
    registry.delete_registered_model("churn")

    site.harvest()

    after = site.models()["retail/churn"]
    assert before["conflicts"] == ["created_at", "description"]
    assert (after["id"], after["sources"]) == (before["id"], ["mlflow-staging"])
    assert (after["conflicts"], after["facts"]["description"]) == ([], "By staging.")


def test_harvest_equal_precedence(
    registry: Workspace, other_registry: Workspace, site: Site, database: Database
) -> None:
    """Sources of equal precedence that disagree do not take turns: nobody changed anything."""
    for place, said in ((registry, "By prod."), (other_registry, "By staging.")):
        place.create_registered_model("churn", {}, said)
    site.declare(registry)
    site.declare(other_registry, source="mlflow-staging")
    for name in site.places:
        site.harvest(name)
    before, changed = site.models(), last_change(database)

    for name in site.places:
        site.harvest(name)

    assert (site.models(), last_change(database)) == (before, changed)
