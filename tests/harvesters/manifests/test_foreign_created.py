"""Models that only files of others describe, and what stays of a file that cannot be read."""

import json
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from harvesters.manifests.foreign import NOTHING, Before
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.markers import Marker, short
from schemas.harvest import KnownSubject
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.support.foreign import CARD, Told, any_text, entity, stated
from tests.support.shelf import model_yaml


def test_without_model() -> None:
    """Without a manifest nothing is made up: it is counted."""
    told = Told({"README.md": CARD, "pyproject.toml": '[project]\nlicense = "MIT"\n'})

    assert (told.said, told.counts) == ([], {"foreign_without_model": 2})


def test_create() -> None:
    """Where the source says so, a file makes a model: proposed, named by its folder."""
    told = Told(
        {"models/churn/README.md": CARD, "models/churn/MLmodel": "flavors: {xgboost: {}}\n"},
        model_card="create",
    )

    model = told.observations()["models/churn/README.md"]
    assert model.subject.scheme == "file"
    assert stated(model) == {
        "namespace": "retail", "name": "churn", "lifecycle": "proposed", "license": "mit",
        "repositories": [{"repository": {
            "kind": "repository", "scheme": "github", "value": "github.com/1",
        }}],
    }  # fmt: skip
    assert model.inferred == ("lifecycle", "name")
    added = told.observations()["models/churn/README.md#models/churn/README.md"]
    assert added.same_as == (model.subject,)
    (version,) = told.observations(Kind.VERSION).values()
    assert stated(version)["model"] == model.subject.model_dump(mode="json")
    assert told.counts == {}


def test_create_per_folder() -> None:
    """A model that a file made is no model of other folders."""
    told = Told({"README.md": CARD, "models/spam/README.md": CARD}, model_card="create")

    assert {stated(one)["name"] for one in told.observations().values() if one.subject.scheme ==
            "file"} == {"churn", "spam"}  # fmt: skip


def test_create_backstage() -> None:
    """Entities keep the name that they have in Backstage, whichever file describes them."""
    told = Told(
        {"catalog-info.yaml": f"{entity('churn', lifecycle='production')}\n---\n{entity('spam')}"},
        backstage="create",
    )

    found = told.observations()
    assert set(found) == {
        "github-acme/resource:default/churn", "github-acme/resource:default/spam",
    }  # fmt: skip
    churn = found["github-acme/resource:default/churn"]
    assert (stated(churn)["lifecycle"], churn.inferred) == ("production", ())


def test_create_beside_a_manifest() -> None:
    """An entity that no manifest is called like is another model than the manifest's."""
    files = {
        "model.yaml": model_yaml("churn"),
        "catalog-info.yaml": f"{entity('churn')}\n---\n{entity('spam')}",
    }

    assert set(Told(files, backstage="create").observations()) == {
        "catalog-info.yaml#model.yaml", "github-acme/resource:default/spam",
    }  # fmt: skip
    assert Told(files).counts == {"foreign_ambiguous": 1}


def known(value: str, scheme: str = "foreign", file: str = "model.yaml") -> KnownSubject:
    """What the catalog holds of a file."""
    subject = Identifier(kind=Kind.MODEL, scheme=scheme, value=value)
    marker = str(Marker("f", "origin", file=short(file)))
    return KnownSubject.model_validate(
        {"subject": subject, "digest": "sha256:" + "0" * 64, "marker": marker}
    )


def test_refused_file_keeps_its_word() -> None:
    """What a file said that cannot be read any more is excused, not gone; others are not."""
    mine = known("github.com/1#README.md#model.yaml")
    made = known("github-acme/resource:default/a", "backstage", "README.md")
    other = known("github.com/1#README.md.old#model.yaml")
    broken = {"model.yaml": model_yaml(), "README.md": "---\nlicense: [\n---\n"}

    told = Told(broken, Before((), (mine, made, other)))
    assert told.refused() == [
        ("not_yaml", None), ("not_yaml", mine.subject), ("not_yaml", made.subject),
    ]  # fmt: skip

    told = Told({"model.yaml": model_yaml()}, Before(("README.md",), (mine, other)))
    assert told.refused() == [("not_read", mine.subject)]


def test_faulty_manifest_keeps_its_files() -> None:
    """What stands by a faulty manifest is not given to the next one around it."""
    told = Told(
        {"model.yaml": model_yaml("root"), "models/churn/README.md": CARD},
        Before(("models/churn/model.yaml",), ()),
    )

    assert (told.observations(), told.counts) == ({}, {})


def test_long_names() -> None:
    """Paths and names that no identifier can hold end in a record, or are cut."""
    folder = "/".join(["x" * 120] * 4)
    told = Told(
        {
            f"{folder}/model.yaml": model_yaml(),
            f"{folder}/README.md": f"---\nlicense: mit\ndatasets: [{'é' * 800}]\n---\n",
        }
    )

    assert [code for code, _ in told.refused()] == []
    (dataset,) = told.observations(Kind.DATASET)
    assert dataset.endswith("#" + "é" * 150)
    deep = f"{folder}/{'y' * 100}"
    told = Told({f"{deep}/model.yaml": model_yaml(), f"{deep}/README.md": CARD})
    assert [code for code, _ in told.refused()] == ["invalid"]


def test_many_datasets() -> None:
    """A list without end is cut; a link that no fact can hold is dropped alone."""
    names = ", ".join(f"d{number}" for number in range(1_000))
    card = f"---\nlicense: mit\ndatasets: [{names}]\n---\n"
    croissant = {
        "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", "name": "calls",
        "distribution": [
            {"@type": "cr:FileObject", "name": name, "sha256": "a" * 64}
            for name in ("a", "b\u202e")
        ],
    }  # fmt: skip
    told = Told(
        {"model.yaml": model_yaml(), "README.md": card, "croissant.json": json.dumps(croissant)}
    )

    found = told.observations()
    assert len(stated(found["README.md#model.yaml"])["datasets"]) == 200
    said = stated(found["croissant.json#model.yaml"])
    assert [one["description"] for one in said["datasets"]] == ["a"]
    assert said["warnings"][0].startswith("croissant.json: datasets: holds the character")


NAMES: Final = (
    "README.md", "a/README.md", "MLmodel", "a/MLproject", "catalog-info.yaml", "CITATION.cff",
    "pyproject.toml", "a/metadata.json", "dvc.lock", "manifest.json", "bom.json",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(NAMES), any_text(), max_size=4), st.booleans())
def test_any_files(files: dict[str, str], creates: bool) -> None:  # noqa: FBT001
    """Whatever stands in files, each subject is told once, and nothing is raised."""
    settings = {one.name: "create" for one in FORMATS} if creates else {}
    told = Told({"b/model.yaml": model_yaml(), **files}, NOTHING, **settings)

    subjects = [one.subject for one in told.said if isinstance(one, Observation)]
    assert len(subjects) == len(set(subjects))
