"""Files of others, from a repository into the catalog: what they add, and how far it counts."""

import json
from typing import Any

from harvesters.sink import as_json
from schemas.observation import Observation
from service.db import Database
from tests.support.catalog import make_source, model, post, rows
from tests.support.harvester import served
from tests.support.http import make_token as make_person
from tests.support.identity import settled
from tests.support.shelf import Shelf, make_sweep, model_yaml

CARD = "---\nlicense: gpl-3.0\npipeline_tag: text-classification\ndatasets: [acme/calls]\n---\n"
PYPROJECT = '[project]\nlicense = "MIT"\nauthors = [{name = "Ada", email = "ada@example.com"}]\n'
RUN = "0123456789abcdef0123456789abcdef"
MLMODEL = f"flavors: {{xgboost: {{}}}}\nrun_id: {RUN}\nmodel_size_bytes: 102527\n"
BOM = {
    "bomFormat": "CycloneDX",
    "components": [
        {"type": "machine-learning-model", "name": "churn", "version": "1.10",
         "hashes": [{"alg": "SHA-256", "content": "ab" * 32}]},
    ],
}  # fmt: skip


def told(files: dict[str, str], **settings: Any) -> list[Any]:
    """What a repository with these files says, as it is sent."""
    shelf = Shelf()
    shelf.add(1, "acme/churn").files.update(files)
    sweep = make_sweep(shelf, **settings)
    said = [one for page in sweep.pages(None) for one in sweep.observe(page)]
    assert all(isinstance(one, Observation) for one in said)
    return [json.loads(as_json(one)) for one in said if isinstance(one, Observation)]


def shown(database: Database, path: str) -> Any:
    """What a reader is answered."""
    with served(database) as client:
        headers = {"Authorization": f"Bearer {make_person(database, 'reader')}"}
        answer = client.get(f"/api/v1/{path}", headers=headers)
        assert answer.is_success, answer.text
        return answer.json()


def test_three_say_a_licence(database: Database) -> None:
    """The manifest wins, its README comes second, MLflow third; the conflict is shown."""
    registry = make_source(database)
    repositories = make_source(database, "github-acme", kind="github")
    registered = "[{source: mlflow-prod, name: churn}]"
    post(database, registry, model("churn", license="MIT"))

    receipt = post(
        database,
        repositories,
        *told(
            {
                "model.yaml": model_yaml(license="Apache-2.0", registered_as=registered),
                "README.md": CARD,
            }
        ),
    )

    assert receipt.refused == ()
    said = shown(database, "models/retail/churn?provenance=true")["provenance"]
    licence = said["license"]
    ranked = [(one["value"], one["precedence"]) for one in (licence, *licence["contenders"])]
    assert ranked == [("Apache-2.0", 70), ("gpl-3.0", 50), ("MIT", 40)]
    assert licence["conflict"]
    assert said["task"]["value"] == "classification"
    settled(database)


def test_all_that_stands_beside_a_manifest(database: Database) -> None:
    """One model, with versions, dataset, owners; a second harvest of the same says nothing new."""
    source = make_source(database, "github-acme", kind="github")
    files = {
        "models/churn/model.yaml": model_yaml(registered_as="[{source: mlflow-prod, name: churn}]"),
        "models/churn/README.md": CARD, "models/churn/MLmodel": MLMODEL,
        "models/churn/bom.json": json.dumps(BOM), "pyproject.toml": PYPROJECT,
        "CODEOWNERS": "* @acme/retention\n",
    }  # fmt: skip

    first = post(database, source, *told(files))
    again = post(database, source, *told(files))

    assert (first.refused, again.recorded) == ((), 0)
    facts = shown(database, "models/retail/churn")["facts"]
    assert facts["license"] == "gpl-3.0"
    owners = {(one["owner"]["value"], one["role"]) for one in facts["owners"]}
    assert owners == {("team:retention-ds", "accountable"), ("ada@example.com", "developer")}
    (dataset,) = facts["datasets"]
    assert (dataset["dataset"]["value"], dataset["role"]) == (
        "hf://datasets/acme/calls", "training",
    )  # fmt: skip
    versions = shown(database, "models/retail/churn/versions")["items"]
    found = {one["facts"].get("framework"): one["facts"] for one in versions}
    assert set(found) == {"xgboost", None}
    assert found[None]["number"] == "1.10"
    assert found["xgboost"]["training_run"] == f"mlflow-prod/default/{RUN}"
    assert rows(database, "SELECT count(*) FROM model") == [(1,)]
    assert rows(database, "SELECT uri FROM dataset") == [("hf://datasets/acme/calls",)]
    settled(database)


def test_created(database: Database) -> None:
    """Where the source says so, files alone make a model, and others of the folder add to it."""
    source = make_source(database, "github-acme", kind="github")
    files = {"models/churn/README.md": CARD, "models/churn/MLmodel": MLMODEL}

    receipt = post(database, source, *told(files, foreign={"model_card": "create"}))

    assert receipt.refused == ()
    facts = shown(database, "models/retail/churn")["facts"]
    assert (facts["lifecycle"], facts["license"]) == ("proposed", "gpl-3.0")
    assert rows(database, "SELECT framework FROM version") == [("xgboost",)]
    settled(database)


def test_no_credential_is_kept(database: Database) -> None:
    """LEAK-06: no table, index or ledger entry holds who signs in to a store of data."""
    source = make_source(database, "github-acme", kind="github")
    lock = "stages: {train: {deps: [{path: 's3://u:hunter22@lake/z.csv'}]}}\n"
    card = '---\ndatasets: ["s3://user:hunter22@lake/y", "s3:%2F%2Fu:hunter22@lake/x"]\n---\n'
    named = "datasets: [{uri: s3://lake/z.csv}]"
    manifest = model_yaml().rstrip() + f"\n  {named}\n"

    post(database, source, *told({"model.yaml": manifest, "README.md": card, "dvc.lock": lock}))

    tables = rows(
        database,
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) "
        "FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('pg_catalog', 'information_schema')",
    )
    assert len(tables) > 10
    for (table,) in tables:
        held = rows(database, f"SELECT * FROM {table} t WHERE t::text ILIKE '%hunter22%'")  # noqa: S608
        assert held == [], table
    linked = {
        one["dataset"]["value"]
        for one in shown(database, "models/retail/churn")["facts"]["datasets"]
    }
    assert {"s3://lake/y", "s3://lake/z.csv"} <= linked
    settled(database)
