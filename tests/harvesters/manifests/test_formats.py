"""Files of others, written by hand: what they say."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from schemas.identifiers import Kind
from tests.support.foreign import (
    BY_NAME,
    SHA,
    email,
    read,
)


def test_mlproject() -> None:
    """The title is concluded from the project's name."""
    (model,) = read("mlproject", "name: churn\nentry_points:\n  main: {command: python x.py}\n")

    assert model.facts == {"display_name": "churn", "tags": ["entry_point=main"]}
    assert (model.inferred, model.name) == (("display_name",), "churn")


CATALOG: Final = """\
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata:
  name: Churn
  namespace: retail
  title: Churn propensity
  tags: [xgboost]
  links: [{url: "https://wiki.example.com/churn", title: Wiki}, {url: "javascript:alert(1)"}]
spec: {type: ai-model, owner: "group:retail/Retention-DS", lifecycle: deprecated}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: scorer, links: [{url: "https://churn.example.com"}]}
spec: {type: model-server, owner: team-a, dependsOn: ["resource:churn", "api:scores"]}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: bucket}
spec: {type: s3-bucket, owner: team-a}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: "${{ values.name }}"}
spec: {type: ai-model, owner: team-a}
---
apiVersion: example.com/v1
kind: Resource
metadata: {name: other}
spec: {type: ai-model}
---
"""


def test_backstage() -> None:
    """Of several documents, those about models and servers; a stage without a word is dropped."""
    model, server = read("backstage", CATALOG)

    assert model.facts == {
        "display_name": "Churn propensity", "tags": ["xgboost"],
        "owners": [{
            "owner": {"kind": "owner", "scheme": "handle", "value": "team:retail/retention-ds"},
            "role": "accountable",
        }],
        "links": [{"title": "Wiki", "url": "https://wiki.example.com/churn"}],
    }  # fmt: skip
    assert (model.name, model.entity) == ("Churn", "resource:retail/churn")
    assert model.dropped == ("lifecycle: deprecated is no stage that the catalog has a word for",)
    assert (server.kind, server.of) == (Kind.DEPLOYMENT, ("churn",))
    assert server.facts["endpoint"] == "https://churn.example.com"


@pytest.mark.parametrize(
    ("owner", "handle"),
    [
        ("retention", "team:retention"), ("user:default/Ada", "user:ada"),
        ("group:default/retention", "team:retention"), ("user:Ada", "user:ada"),
    ],
)  # fmt: skip
def test_backstage_owner(owner: str, handle: str) -> None:
    """An owner without a kind is a group; the default namespace is left out."""
    (model,) = read(
        "backstage",
        "apiVersion: backstage.io/v1alpha1\nkind: Resource\nmetadata: {name: a}\n"
        f'spec: {{type: ai-model, owner: "{owner}", lifecycle: experimental}}\n',
    )

    assert model.facts["owners"][0]["owner"]["value"] == handle
    assert model.facts["lifecycle"] == "development"


def test_citation() -> None:
    """Licences are alternatives; who has no address, or is a machine, is no developer."""
    (model,) = read(
        "citation",
        "cff-version: 1.2.0\nlicense: [MIT, Apache-2.0]\nauthors:\n"
        "  - {given-names: Ada, family-names: L, email: Ada@Example.com}\n"
        "  - {name: Somebody}\n  - {name: ci, email: root@localhost}\n",
    )

    assert model.facts == {"license": "MIT OR Apache-2.0", "owners": [email("ada@example.com")]}
    assert model.inferred == ("license", "owners")


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ('[project]\nlicense = "MIT OR Apache-2.0"', "MIT OR Apache-2.0"),
        ('[project]\nlicense = {text = "MIT"}', "MIT"),
        ('[tool.poetry]\nlicense = "MIT"', "MIT"),
        ('[project]\nlicense = {file = "LICENSE"}', None),
        ('[project]\nlicense = {text = """The\nMIT License"""}', None),
    ],
)
def test_pyproject_license(text: str, licence: str | None) -> None:
    """Text or table; a file is not opened, and the words of a licence are not its name."""
    (model,) = read("pyproject", text)

    assert model.facts.get("license") == licence
    assert bool(model.dropped) is (licence is None)


def test_pyproject_people() -> None:
    """Authors and maintainers of both forms, each once."""
    (model,) = read(
        "pyproject",
        '[project]\nname = "churn"\nauthors = [{name = "Ada", email = "ada@example.com"}]\n'
        'maintainers = [{email = "ada@example.com"}, {name = "Bo"}]\n'
        '[tool.poetry]\nauthors = ["Cy <cy@example.com>", "Di"]\n',
    )

    assert model.facts == {"owners": [email("ada@example.com"), email("cy@example.com")]}


def test_croissant() -> None:
    """Licence, address and the digest of each file; what is no digest is said."""
    (dataset,) = read(
        "croissant",
        {
            "@context": "https://evil.example.com/context.jsonld",
            "@type": "sc:Dataset",
            "conformsTo": "http://mlcommons.org/croissant/1.0",
            "name": "Calls",
            "license": [{"@type": "CreativeWork", "name": "CC-BY"}, "mit"],
            "url": "https://huggingface.co/datasets/acme/calls",
            "distribution": [
                {"@type": "cr:FileObject", "@id": "a", "sha256": SHA.upper()},
                {"@type": "cr:FileObject", "name": "b", "md5": "0" * 32},
                {"@type": "cr:FileObject", "name": "c", "sha256": "see issue 80"},
                {"@type": "cr:FileSet", "name": "d"},
            ],
        },
    )

    assert dataset.facts == {
        "name": "Calls", "license": "CC-BY, mit", "uri": "hf://datasets/acme/calls",
        "source_url": "https://huggingface.co/datasets/acme/calls",
    }  # fmt: skip
    assert dataset.links == (
        {"digest": f"sha256:{SHA}", "description": "a"},
        {"digest": f"md5:{'0' * 32}", "description": "b"},
    )
    assert dataset.dropped == ("digest: the sha256 of c is no such digest",)


@pytest.mark.parametrize("found", [[], {}, {"@type": "sc:Dataset"}, {"name": "app", "icons": []}])
def test_croissant_other(found: Any) -> None:
    """`metadata.json` is a common name: other contents say nothing."""
    assert read("croissant", json.dumps(found)) == []


def test_dvc() -> None:
    """Data that stages read, by digest; code and results are none."""
    raw, prepared, remote = read(
        "dvc",
        "schema: '2.0'\nstages:\n  prepare:\n    cmd: python src/prepare.py\n    deps:\n"
        "    - {path: data/raw, hash: md5, md5: 3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d.dir, size: 1}\n"
        "    - {path: src/prepare.py, md5: 0f2a9c0de1b24f6c8a7d5e4b9c0f1a2d}\n"
        "    outs:\n    - {path: data/prepared.csv, md5: 1f2a9c0de1b24f6c8a7d5e4b9c0f1a2d}\n"
        "  train:\n    deps:\n    - {path: data/prepared.csv}\n"
        "    - {path: 's3://lake/churn', md5: nonsense}\n"
        "    outs:\n    - {path: model.pkl, md5: 2f2a9c0de1b24f6c8a7d5e4b9c0f1a2d}\n",
    )

    assert raw.facts == {"name": "data/raw"}
    assert raw.links == ({"digest": "md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d.dir"},)
    assert prepared.links == ({"digest": "md5:1f2a9c0de1b24f6c8a7d5e4b9c0f1a2d"},)
    assert (remote.same_as[0].value, remote.links) == ("s3://lake/churn", ({},))
    assert remote.dropped == ("digest: the md5 of s3://lake/churn is no such digest",)


EXPOSURE: Final = {
    "type": "ml", "name": "churn", "label": "Churn", "description": "Scores.",
    "owner": {"name": "Ada", "email": "ada@example.com"}, "url": "https://bi.example.com/1",
    "depends_on": {"nodes": ["model.shop.customers", "source.shop.raw.calls", "model.shop.gone"]},
}  # fmt: skip


def test_dbt_manifest() -> None:
    """Exposures of type `ml` are models, made from tables as the warehouse calls them."""
    model, customers, calls, gone = read(
        "dbt",
        {
            "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
            "nodes": {
                "model.shop.customers": {"database": "dwh", "schema": "mart", "alias": "customers"}
            },
            "sources": {"source.shop.raw.calls": {"schema": "raw", "identifier": "CALLS"}},
            "exposures": {
                "exposure.shop.churn": EXPOSURE,
                "exposure.shop.board": {**EXPOSURE, "type": "dashboard"},
            },
        },
    )

    assert model.facts == {
        "display_name": "Churn", "description": "Scores.",
        "owners": [email("ada@example.com", "accountable")],
        "links": [{"title": "dbt exposure", "url": "https://bi.example.com/1"}],
    }  # fmt: skip
    assert [one.facts["name"] for one in (customers, calls, gone)] == [
        "dwh.mart.customers", "raw.CALLS", "model.shop.gone",
    ]  # fmt: skip
    assert customers.of == ("churn",)


def test_dbt_declared() -> None:
    """The same where a project declares them; calls are read as words, never evaluated."""
    model, customers, calls = read(
        "dbt",
        "version: 2\nexposures:\n  - name: churn\n    type: ml\n    owner: {name: Ada}\n"
        "    depends_on: [\"ref('customers')\", \"source('raw', 'calls')\", \"run('rm')\"]\n",
    )

    assert model.dropped == ("owners: its owner has no address; names join nobody",)
    assert [customers.name, calls.name] == ["customers", "raw.calls"]


def test_dbt_web_manifest() -> None:
    """`manifest.json` is a common name: that of a web page says nothing."""
    assert read("dbt", {"name": "Shop", "exposures": {"a": EXPOSURE}}) == []


def test_cyclonedx() -> None:
    """Licence, task, limitations, digests, datasets: those of another component, too."""
    model, version, dataset = read(
        "cyclonedx",
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "components": [
                {"type": "library", "name": "numpy"},
                {"type": "data", "bom-ref": "calls", "name": "Calls", "data": [{
                    "type": "dataset", "contents": {"url": "s3://lake/calls"},
                    "sensitiveData": ["PII of customers"],
                }]},
                {"type": "machine-learning-model", "name": "churn", "version": "1.10",
                 "licenses": [{"license": {"id": "MIT"}}],
                 "hashes": [{"alg": "SHA-256", "content": SHA}, {"alg": "MD5", "content": "0"}],
                 "authors": [{"name": "Ada", "email": "ada@example.com"}],
                 "modelCard": {
                     "modelParameters": {
                         "task": "Text Classification", "datasets": [{"ref": "calls"}],
                     },
                     "considerations": {"technicalLimitations": ["Not for short contracts."]},
                 }},
            ],
        },
    )  # fmt: skip

    assert model.facts == {
        "display_name": "churn", "license": "MIT", "task": "classification",
        "limitations": [{"text": "Not for short contracts."}],
        "owners": [email("ada@example.com")],
    }  # fmt: skip
    assert model.inferred == ("owners",)
    assert version.facts == {"number": "1.10", "digests": [f"sha256:{SHA}"]}
    assert dataset.facts == {
        "name": "Calls", "uri": "s3://lake/calls", "data_sensitivity": "personal",
        "source_url": "s3://lake/calls",
    }  # fmt: skip
    assert (version.of, dataset.of) == (("churn",), ("churn",))


MATCHES: Final[Mapping[str, tuple[Sequence[str], Sequence[str]]]] = {
    "mlmodel": (["MLmodel", "a/b/MLmodel"], ["mlmodel", "MLmodel.txt", "xMLmodel"]),
    "mlproject": (["MLproject"], ["mlproject.yaml"]),
    "model_card": (
        ["README.md", "a/readme.MD", "MODEL_CARD.md", "churn_model_card.md"],
        ["NOTES.md", "README.rst", "README"],
    ),
    "backstage": (["catalog-info.yaml", "a/catalog-info.yml"], ["template.yaml", "catalog.yaml"]),
    "citation": (["CITATION.cff"], ["CITATION"]),
    "pyproject": (["pyproject.toml", "a/pyproject.toml"], ["setup.cfg"]),
    "croissant": (["croissant.json", "data/metadata.json"], ["package.json"]),
    "dvc": (["dvc.lock", "a/dvc.lock"], ["dvc.yaml", "data.dvc"]),
    "dbt": (
        ["target/manifest.json", "models/exposures.yml", "models/_exposures.yaml"],
        ["dbt_project.yml", "schema.yml"],
    ),
    "cyclonedx": (["bom.json", "churn.cdx.json", "sbom.json"], ["bom.xml", "package-lock.json"]),
}


@pytest.mark.parametrize("name", MATCHES)
def test_matches(name: str) -> None:
    """Files are found by name alone."""
    ours, others = MATCHES[name]

    assert {path for path in [*ours, *others] if BY_NAME[name].matches(path)} == set(ours)
    assert set(MATCHES) == set(BY_NAME)
