"""Files of others beside manifests: whose facts they add."""

import json
from typing import Final
from urllib.parse import unquote

import pytest

from harvesters.errors import RecordUnreadable
from harvesters.manifests.markers import Marker, short
from schemas.identifiers import Identifier, Kind
from tests.support.foreign import CARD, SHA, Told, entity, stated
from tests.support.shelf import model_yaml


def test_beside_a_manifest() -> None:
    """Facts go to the manifest's model, with the file as evidence; datasets are linked."""
    told = Told({"models/churn/model.yaml": model_yaml(), "models/churn/README.md": CARD})

    (model,) = told.observations().values()
    (dataset,) = told.observations(Kind.DATASET).values()
    manifest = Identifier(
        kind=Kind.MODEL, scheme="manifest", value="github.com/1#models/churn/model.yaml"
    )
    assert model.subject.value == "github.com/1#models/churn/README.md#models/churn/model.yaml"
    assert (model.subject.scheme, model.same_as) == ("foreign", (manifest,))
    assert stated(model) == {
        "license": "mit",
        "datasets": [{"dataset": dataset.same_as[0].model_dump(mode="json"), "role": "training"}],
    }
    assert dataset.subject.value == "github.com/1#models/churn/README.md#acme/calls"
    assert [one.value for one in dataset.same_as] == ["hf://datasets/acme/calls"]
    assert model.evidence is not None
    assert model.evidence.url == (
        f"https://github.com/acme/churn/blob/{SHA}/models/churn/README.md"
    )
    assert {one.marker for one in (model, dataset)} == {
        str(Marker("f", "origin", file=short("models/churn/model.yaml")))
    }
    assert told.counts == {}


def test_which_manifest() -> None:
    """The nearest folder around a file counts; without one, the only manifest below."""
    files = {
        "model.yaml": model_yaml("root"),
        "models/churn/model.yaml": model_yaml("churn"),
        "models/churn/docs/README.md": CARD,
        "docs/README.md": CARD,
    }
    below = {"README.md": CARD, "models/churn/model.yaml": model_yaml("churn")}

    assert set(Told(files).observations()) == {
        "models/churn/docs/README.md#models/churn/model.yaml",
        "docs/README.md#model.yaml",
    }
    assert set(Told(below).observations()) == {"README.md#models/churn/model.yaml"}


def test_ambiguous() -> None:
    """Several manifests in one folder: a file of others is about none of them in particular."""
    told = Told(
        {"a.model.yaml": model_yaml("a"), "b.model.yaml": model_yaml("b"), "README.md": CARD}
    )

    assert (told.said, told.counts) == ([], {"foreign_ambiguous": 1})


def test_named() -> None:
    """A file that names several models is shared out by name; the others have none."""
    told = Told(
        {
            "model.yaml": model_yaml("root"),
            "models/churn/model.yaml": model_yaml("churn"),
            "catalog-info.yaml": "---\n".join(f"{entity(one)}\n" for one in ("Churn", "spam")),
        }
    )

    assert set(told.observations()) == {"catalog-info.yaml#models/churn/model.yaml"}
    assert told.counts == {"foreign_ambiguous": 1}


def test_nearest_of_a_format() -> None:
    """Of two cards, only the one in the manifest's folder speaks of the model itself."""
    told = Told(
        {
            "model.yaml": model_yaml(),
            "README.md": "---\nlicense: mit\n---\n",
            "docs/README.md": "---\nlicense: gpl-3.0\ndatasets: [acme/docs]\n---\n",
        }
    )

    found = told.observations()
    assert {path: stated(one).get("license") for path, one in found.items()} == {
        "README.md#model.yaml": "mit",
        "docs/README.md#model.yaml": None,
    }
    assert set(told.observations(Kind.DATASET)) == {"docs/README.md#acme/docs"}
    assert told.counts == {"foreign_further_away": 1}


def test_below() -> None:
    """The licence and authors of a project are those of every model in it."""
    pyproject = '[project]\nlicense = "MIT"\nauthors = [{email = "ada@example.com"}]\n'
    told = Told(
        {
            "pyproject.toml": pyproject,
            "models/a/model.yaml": model_yaml("a"),
            "models/b/model.yaml": model_yaml("b"),
            "models/b/pyproject.toml": '[project]\nlicense = "BSD-3-Clause"\n',
        }
    )

    found = told.observations()
    assert {path: stated(one)["license"] for path, one in found.items()} == {
        "pyproject.toml#models/a/model.yaml": "MIT",
        "models/b/pyproject.toml#models/b/model.yaml": "BSD-3-Clause",
    }
    model = found["pyproject.toml#models/a/model.yaml"]
    assert model.inferred == ("license", "owners")
    assert [one["role"] for one in stated(model)["owners"]] == ["developer"]


def test_version_and_run() -> None:
    """An `MLmodel` is a version; its run is known where the manifest names one MLflow server."""
    run = "0123456789abcdef0123456789abcdef"
    mlmodel = f"flavors: {{xgboost: {{}}}}\nrun_id: {run}\n"
    registered = model_yaml(registered_as="[{source: mlflow-prod, name: churn}]")

    told = Told({"model.yaml": registered, "artifacts/MLmodel": mlmodel})

    (version,) = told.observations(Kind.VERSION).values()
    assert version.subject.value == "github.com/1#artifacts/MLmodel#model.yaml"
    said = stated(version)
    assert (said["framework"], said["model_class"]) == ("xgboost", "tree_or_ensemble")
    assert said["training_run"]["value"] == f"mlflow-prod/default/{run}"
    assert version.inferred == ("model_class",)
    (unknown,) = (
        Told({"model.yaml": model_yaml(), "MLmodel": mlmodel}).observations(Kind.VERSION).values()
    )
    assert "training_run" not in stated(unknown)


def test_server() -> None:
    """A model server is a claim: a link on the models that it names."""
    server = entity("scorer", "model-server", dependsOn=["resource:churn", "resource:other"])
    told = Told(
        {
            "catalog-info.yaml": f"{server}\n---\n{entity('churn')}\n",
            "models/churn/model.yaml": model_yaml(),
        }
    )

    (model,) = told.observations().values()
    assert stated(model)["links"] == [
        {"title": "Model server scorer", "url": "https://scorer.example"},
        {"title": "https://churn.example", "url": "https://churn.example"},
    ]


def test_shared_dataset() -> None:
    """A table that two models are made from is one dataset, told once."""
    exposures = {
        name: {"type": "ml", "name": name, "depends_on": {"nodes": ["model.shop.calls"]}}
        for name in ("a", "b")
    }
    version = "https://schemas.getdbt.com/dbt/manifest/v12.json"
    told = Told(
        {
            "manifest.json": json.dumps(
                {"metadata": {"dbt_schema_version": version}, "exposures": exposures}
            ),
            "models/a/model.yaml": model_yaml("a"),
            "models/b/model.yaml": model_yaml("b"),
        }
    )

    assert set(told.observations()) == {
        "manifest.json#models/a/model.yaml", "manifest.json#models/b/model.yaml",
    }  # fmt: skip
    assert set(told.observations(Kind.DATASET)) == {"manifest.json#model.shop.calls"}
    assert len(told.said) == 3


def test_ignore() -> None:
    """A format that the source ignores is not even looked at."""
    told = Told({"model.yaml": model_yaml(), "README.md": "---\na: [\n---\n"}, model_card="ignore")

    assert told.said == []


def test_dropped() -> None:
    """What no fact can hold is a warning on the model, with the file's name and no key."""
    card = "---\npipeline_tag: hf_" + "a1B2c3D4" * 5 + "\n---\n"
    told = Told({"model.yaml": model_yaml(), "README.md": card})

    (model,) = told.observations().values()
    (warning,) = stated(model)["warnings"]
    assert warning.startswith("README.md: task: ")
    assert "hf_" not in warning


USER: Final = "AKIAIOSFODNN7EXAMPLE"
DATA: Final = {
    "@type": "Dataset", "name": "URL", "url": "URL",
    "conformsTo": "http://mlcommons.org/croissant/1.0",
}  # fmt: skip
BILL: Final = {
    "bomFormat": "CycloneDX",
    "components": [{
        "type": "machine-learning-model", "name": "churn",
        "modelCard": {"modelParameters": {"datasets": [{"contents": {"url": "URL"}}]}},
    }],
}  # fmt: skip
PASSWORD: Final = "pw-0123456789"  # noqa: S105  # of nobody


@pytest.mark.parametrize(
    "userinfo",
    [
        f"user:{PASSWORD}", f"{USER}:{PASSWORD}", f":{PASSWORD}", f"u:a/{PASSWORD}/b",
        f"u:{PASSWORD}@x", f"u%3A{PASSWORD}", f"u:a?{PASSWORD}",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("path", "text", "addressed"),
    [
        ("README.md", '---\ndatasets: ["URL"]\n---\n', True),
        ("dvc.lock", "stages: {train: {deps: [{path: 'URL', md5: x}]}}\n", True),
        ("croissant.json", json.dumps(DATA), False),
        ("bom.json", json.dumps(BILL), True),
    ],
)
def test_no_credential(path: str, text: str, *, addressed: bool, userinfo: str) -> None:
    """LEAK-06: no identifier, name, fact or message holds who signs in to a store of data."""
    address = f"s3://{userinfo}@lake/y.csv"
    told = Told({"model.yaml": model_yaml(), path: text.replace("URL", address)})

    texts = [
        str(one) if isinstance(one, RecordUnreadable) else one.model_dump_json()
        for one in told.said
    ]
    shown = unquote(unquote(unquote("".join(texts))))
    assert PASSWORD not in shown
    assert USER.lower() not in shown.lower()
    (dataset,) = told.observations(Kind.DATASET).values()
    assert stated(dataset)["name"] == "s3://lake/y.csv"
    assert [one.value for one in dataset.same_as] == ["s3://lake/y.csv"] * addressed
    assert told.counts == {"foreign_credential": 1}
    assert "credential" in " ".join(stated(dataset)["warnings"])


def test_dataset_by_its_address() -> None:
    """What a manifest and a file both name by its address is linked by it, and so once."""
    lock = "stages: {train: {deps: [{path: 's3://Lake/x%2Fy.csv'}, {path: data/a b.csv}]}}\n"
    told = Told({"model.yaml": model_yaml(), "dvc.lock": lock})

    (model,) = told.observations().values()
    linked = {(one["dataset"]["scheme"], one["dataset"]["value"])
              for one in stated(model)["datasets"]}  # fmt: skip
    assert linked == {
        ("uri", "s3://lake/x%2Fy.csv"), ("foreign", "github.com/1#dvc.lock#data/a b.csv"),
    }  # fmt: skip
    assert set(told.observations(Kind.DATASET)) == {
        "dvc.lock#s3://lake/x%252Fy.csv", "dvc.lock#data/a b.csv",
    }  # fmt: skip
