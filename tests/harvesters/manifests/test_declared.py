"""What a manifest says becomes observations that the service takes, and things in the catalog."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest

from harvesters.manifests.declared import declare
from harvesters.manifests.markers import Marker
from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.pages import Repository
from harvesters.manifests.place import Place
from schemas.facts import DatasetFacts, ModelFacts, UseFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation, parse_observation
from schemas.sources import SourceSettings
from service.db import Database
from tests.support.catalog import Sweep, entries, make_source, model, post
from tests.support.manifests import EVERYTHING, FULL, MINIMAL, manifest, written

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHA: Final = "a" * 40
PATH: Final = "models/churn/model.yaml"
SOURCE: Final = SourceSettings.model_validate(
    {"name": "repositories", "kind": "github", "namespace": "retail"}
)
NUMBERED: Final = Identifier(kind=Kind.REPOSITORY, scheme="github", value="github.com/486325809")


def place(identity: Identifier = NUMBERED, path: str = PATH) -> Place:
    """A manifest in a repository."""
    repository = Repository(identity, "https://github.com/acme/churn", "acme/churn")
    return Place(SOURCE, repository, SHA, path, NOON, Marker("f", "origin"))


def said(raw: bytes, at: Place | None = None) -> list[Observation]:
    """All that a manifest says; what it says is put through JSON, as it travels."""
    reading = read_manifest(raw)
    assert reading.manifest is not None, reading.problems
    told = list(declare(reading.manifest, at or place()))
    through = [parse_observation(one.model_dump(mode="json", exclude_unset=True)) for one in told]
    assert [one.digest() for one in through] == [one.digest() for one in told]
    return told


def stated(one: Observation) -> dict[str, Any]:
    """Facts as JSON, those alone that are stated."""
    assert one.facts is not None
    return one.facts.model_dump(mode="json", exclude_unset=True)


def test_declare_minimal() -> None:
    """Nothing is said that was not written, but the repository and that the model is new."""
    (one,) = said(MINIMAL)

    assert one.subject == Identifier(
        kind=Kind.MODEL, scheme="manifest", value=f"github.com/486325809#{PATH}"
    )
    assert [str(same) for same in one.same_as] == ["model:mlflow:mlflow-prod/default/churn"]
    assert stated(one) == {
        "namespace": "retail",
        "name": "churn",
        "lifecycle": "proposed",
        "owners": [
            {
                "owner": {"kind": "owner", "scheme": "handle", "value": "team:retention-ds"},
                "role": "accountable",
            }
        ],
        "repositories": [{"repository": NUMBERED.model_dump(mode="json")}],
    }
    assert one.inferred == ("lifecycle",)
    assert one.observed_at == NOON
    assert one.marker == place().marked()
    assert one.evidence is not None
    assert one.evidence.url == f"https://github.com/acme/churn/blob/{SHA}/{PATH}"


def test_declare_full() -> None:
    """The model, each use and each dataset that something is said of; all with marker and file."""
    told = said(FULL)
    kinds = [(one.subject.kind, one.subject.scheme, one.subject.value) for one in told]

    assert kinds == [
        (Kind.MODEL, "manifest", f"github.com/486325809#{PATH}"),
        (Kind.USE, "name", "retail/churn/retention-offers"),
        (Kind.DATASET, "manifest", f"github.com/486325809#{PATH}#s3://lake/churn"),
    ]
    assert {one.marker for one in told} == {place().marked()}
    assert all(one.evidence is not None for one in told)
    of_model, of_use, of_dataset = told
    assert isinstance(of_model.facts, ModelFacts)
    assert (of_model.facts.lifecycle, of_model.inferred) == ("production", ())
    assert of_model.facts.tags == ("domain=retention",)
    assert of_model.facts.uses == ("retention-offers",)
    assert {"base_model", "monitoring_interval_days"} <= of_model.stated()
    assert of_model.stated().isdisjoint({"vendor_name", "monitoring_url", "downstream_dependents"})
    assert isinstance(of_use.facts, UseFacts)
    assert of_use.facts.model == of_model.subject
    assert of_use.facts.people_affected_per_year == 120_000
    assert of_use.facts.regulated_purposes == ()
    assert stated(of_dataset) == {"uri": "s3://lake/churn", "data_sensitivity": "personal"}
    assert [str(same) for same in of_dataset.same_as] == ["dataset:uri:s3://lake/churn"]


def test_declare_everything() -> None:
    """Every field arrives as a fact of its own."""
    of_model, of_use, of_dataset = said(written(EVERYTHING))

    assert isinstance(of_model.facts, ModelFacts)
    facts = stated(of_model)
    assert facts["model_class"] == {"one_of": ["deep_learning", "tree_or_ensemble"]}
    assert (facts["vendor_name"], facts["contract_ref"], facts["disclosed"]) == (
        "Acme AI", "C-117", ["method"],
    )  # fmt: skip
    assert facts["monitoring_url"] == "https://wiki.example.com/board"
    assert facts["waivers"][0]["expires_on"] == "2027-03-31"
    assert facts["card"] == "models/churn/CARD.md"
    assert of_model.stated() >= {
        "namespace", "name", "display_name", "description", "asset_kind", "lifecycle", "task",
        "origin", "update_mode", "explainability", "data_sensitivity", "exposure",
        "downstream_dependents", "license", "base_model", "limitations", "assumptions",
        "performance_thresholds", "monitoring_interval_days", "blueprint", "links", "datasets",
        "depends_on",
    }  # fmt: skip
    assert [one["value"] for one in facts["depends_on"]] == ["retail/prices"]
    same = [str(one) for one in of_model.same_as]
    assert same == ["model:mlflow:mlflow-prod/team-b/churn", "model:hf:hf://acme/churn"]
    written_use = EVERYTHING["spec"]["uses"][0]
    assert {**written_use, "model": of_model.subject.model_dump(mode="json")} == stated(of_use)
    assert isinstance(of_dataset.facts, DatasetFacts)
    assert of_dataset.facts.description == "Contracts of three years."


def test_declare_names() -> None:
    """A free name is one segment; a repository without a number is called by its address."""
    plain = Identifier(
        kind=Kind.REPOSITORY, scheme="url", value="https://git.example.com/acme/churn"
    )
    spec = {
        "registered_as": [{"source": "mlflow-prod", "name": "a/b#c", "workspace": "x/y"}],
        "uses": [{"name": "Win back / 2"}],
    }
    of_model, of_use = said(written(manifest(**spec)), place(plain, "model.yaml"))

    assert of_model.subject.value == "https://git.example.com/acme/churn#model.yaml"
    assert of_model.same_as[0].value == "mlflow-prod/x%2Fy/a%2Fb%23c"
    assert of_use.subject.value == "retail/churn/win back %2f 2"
    assert isinstance(of_use.facts, UseFacts)
    assert of_use.facts.name == "Win back / 2"


def test_declare_stated_empty() -> None:
    """What is stated empty is stated; what is left out is not."""
    spec: dict[str, Any] = {
        "owners": None,
        "uses": [],
        "vendor": None,
        "monitoring": None,
        "license": None,
    }
    (one,) = said(written(manifest(**spec)))

    facts = stated(one)
    assert (facts["owners"], facts["uses"], facts["license"]) == ([], [], None)
    assert facts["vendor_name"] is None
    assert facts["monitoring_interval_days"] is None
    assert "datasets" not in facts


def test_declare_dataset_in_two_roles() -> None:
    """A dataset in two roles is one thing, with all that is said of it."""
    lake = "S3A://Lake/churn/"
    spec = {"datasets": [
        {"uri": lake, "role": "training", "description": "All."},
        {"uri": "s3://lake/churn", "role": "test", "data_sensitivity": "internal"},
    ]}  # fmt: skip
    of_model, of_dataset = said(written(manifest(**spec)))

    assert len(stated(of_model)["datasets"]) == 2
    assert stated(of_dataset) == {
        "uri": "s3://lake/churn", "description": "All.", "data_sensitivity": "internal",
    }  # fmt: skip


@pytest.mark.parametrize("key", ["password", "api_token", "CLIENT-SECRET"])
def test_declare_masks_labels(key: str) -> None:
    """LEAK-01: what is named like a password stays in its file."""
    document = manifest()
    document["metadata"] = document["metadata"] | {"labels": {key: "hunter2"}}
    (one,) = said(written(document))

    assert stated(one)["tags"] == [f"{key}=[masked by its name]"]


def test_declare_too_long() -> None:
    """A path that no identifier can hold refuses the file, before anything of it is said."""
    deep = place(path="/".join(["x" * 200] * 6) + "/model.yaml")
    reading = read_manifest(FULL)
    assert reading.manifest is not None
    with pytest.raises(ValueError, match="longer than"):
        next(declare(reading.manifest, deep))


def test_declare_into_catalog(database: Database) -> None:
    """A manifest and its registry are one model, with uses, dataset and owners below it."""
    registry = make_source(database)
    source = make_source(database, "repositories", kind="github")
    assert post(database, registry, model(description="From the registry.")).refused == ()
    documents = [one.model_dump(mode="json", exclude_unset=True) for one in said(FULL)]

    sweep = Sweep(database, source, scope="repositories")
    assert sweep.sweep(*documents) == len(documents)
    sweep.close()
    again = Sweep(database, source, scope="repositories")
    assert again.sweep(*documents) == 0  # unchanged

    found = entries(database)
    (churn,) = (one for name, one in found.items() if name.startswith("model:"))
    facts = churn["facts"][0]
    assert (facts["lifecycle"], facts["description"]) == (
        "production",
        "Monthly score per contract.",
    )
    assert facts["display_name"] == "Churn propensity"
    assert set(found) >= {
        "use:name:retail/churn/retention-offers", "owner:handle:team:retention-ds",
        "owner:email:owner@example.com", "repository:github:github.com/486325809",
    }  # fmt: skip
    use = found["use:name:retail/churn/retention-offers"]["facts"][0]
    assert (use["people_affected_per_year"], use["decision_role"]) == (120_000, "assists")
    datasets = [one for name, one in found.items() if name.startswith("dataset:")]
    sensitive = {one["facts"][0]["data_sensitivity"] for one in datasets}
    assert (len(datasets), sensitive) == (2, {"personal", None})
