"""One file for risk reviews alone, and what its cells rest on, over HTTP."""

import csv
import io
from typing import Any
from uuid import UUID

import pytest

from service.exports.grounds import Unseen
from service.ledger.change import Change, record_changes
from tests.risk.reviews.bank import Bank
from tests.risk.reviews.conftest import bank
from tests.support.accounts import make_person
from tests.support.catalog import OPERATOR, Sweep, make_source, model, post
from tests.support.http import bearer
from tests.support.making_bundles import make_bundle, settled_now

__all__ = ["bank"]
API = "/api/v1"
LATER = "2026-11-21T12:00:00Z"


def read(bank: Bank, path: str, *, who: str = "auditor", **params: Any) -> Any:
    """What the auditor gets, or somebody else."""
    return bank.service.http.get(f"{API}{path}", params=params, headers=bearer(bank.tokens[who]))


def explained(bank: Bank, column: str, **params: Any) -> Any:
    """What a cell of the model rests on."""
    asked = {"model": "retail/churn", "column": column} | params
    answer = read(bank, "/explain-cell", **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_file_is_the_bundles(bank: Bank) -> None:
    """A file alone has the bytes that it has in a bundle of the same moment."""
    as_of = settled_now(bank.database)
    made = make_bundle(bank.database, as_of)
    for file in ("models", "uses", "controls", "unknowns"):
        answer = read(bank, f"/review-files/{file}.csv", as_of=as_of.isoformat())
        assert answer.status_code == 200, answer.text
        assert answer.content == made.members[f"data/{file}.csv"]


def test_file_refused(bank: Bank) -> None:
    """An unknown file is not found; what one file cannot be is refused with what to do."""
    assert read(bank, "/review-files/nothing.csv").status_code == 404
    refused = read(bank, "/review-files/models.csv", dialect="excel")
    assert refused.status_code == 422
    assert "bundle" in refused.text
    assert read(bank, "/review-files/models.csv", tir="HIGH").status_code == 422


def test_cell_of_a_fact(bank: Bank) -> None:
    """A fact's cell names its source, observation, harvest and the link where it is shown."""
    sweep = Sweep(bank.database, bank.registry)
    url = "https://mlflow.acme.example/#/models/churn"
    said = model(at=LATER, description="Who leaves?") | {"evidence": {"url": url}}
    sweep.sweep(said)
    sweep.close()
    settled_now(bank.database)
    told = explained(bank, "description")
    [ground] = [one for one in told["grounds"] if one["rests"] == "model.description"]
    assert (told["value"], ground["said"], ground["source"]) == (
        "Who leaves?", "Who leaves?", "mlflow-prod",
    )  # fmt: skip
    assert (ground["harvest"], ground["evidence"]) == (str(sweep.id), {"url": url})
    assert ground["harvest_url"] == f"{API}/harvests/{sweep.id}"
    assert ground["observation"].startswith("sha256:")


def test_cell_of_a_decision(bank: Bank) -> None:
    """A decision's cell names the row of the ledger, who did it and when."""
    bank.rate("MEDIUM")
    asked = {
        "model": "retail/churn", "category": "data", "severity": "high", "title": "Old data",
        "description": "Old.",
    }  # fmt: skip
    made = bank.service.http.post(
        f"{API}/findings", json=asked, headers=bearer(bank.tokens["reviewer"])
    )
    assert made.status_code == 201, made.text
    settled_now(bank.database)
    told = explained(bank, "findings_high")
    grounds = [one for one in told["grounds"] if one["rests"] == "finding"]
    assert told["value"] == "1"
    assert any(one["by"] == "reviewer" and one["because"] == "person" for one in grounds)
    assert {one["rests"] for one in told["grounds"]} >= {"finding", "clock"}


def test_cell_of_a_row(bank: Bank) -> None:
    """The rows of a model are told apart by their key."""
    bank.say_version(2, at=LATER)
    settled_now(bank.database)
    told = explained(bank, "digest", file="versions", key="v2")
    assert (told["key"], told["value"][:7]) == (["v2"], "sha256:")
    missing = read(
        bank, "/explain-cell", model="retail/churn", file="versions", key="v9", column="digest"
    )
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"column": "tir"}, 422),
        ({"column": "tier", "file": "nothing"}, 422),
        ({"column": "tier", "model": "retail/nothing"}, 404),
        ({"column": "tier", "as_of": "2100-01-01"}, 422),
    ],
)
def test_cell_refused(bank: Bank, asked: dict[str, str], status: int) -> None:
    """What does not exist is said, with the nearest name."""
    answer = read(bank, "/explain-cell", **({"model": "retail/churn"} | asked))
    assert answer.status_code == status, answer.text
    if asked["column"] == "tir":
        assert "tier" in answer.text


def test_cells_all(bank: Bank) -> None:
    """Every column of the models' file can be explained, and has something that it rests on."""
    settled_now(bank.database)
    text = read(bank, "/review-files/models.csv").content.decode()
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    for column, value in row.items():
        if column == "as_of":
            continue
        told = explained(bank, column)
        assert told["value"] == value, column
        UUID(told["model_id"])


def table(bank: Bank, file: str) -> list[dict[str, str]]:
    """The rows of a file."""
    text = read(bank, f"/review-files/{file}.csv").content.decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def told_of(ground: dict[str, Any]) -> set[str]:
    """What of a ground is stated."""
    return {name for name, value in ground.items() if value is not None}


def test_cell_without_notes(bank: Bank) -> None:
    """Who may not read notes learns that something was decided, not what, by whom or why."""
    asked = {"model": "retail/churn", "category": "data", "severity": "high", "title": "Old data",
             "description": "Old."}  # fmt: skip
    made = bank.service.http.post(
        f"{API}/findings", json=asked, headers=bearer(bank.tokens["reviewer"])
    )
    assert made.status_code == 201, made.text
    settled_now(bank.database)
    told = explained(bank, "findings_high", who="reader")
    grounds = [one for one in told["grounds"] if one["rests"] == "finding"]
    assert grounds
    for one in grounds:
        assert told_of(one) == {"rests", "about", "at", "change", "because"}


def test_cell_of_others(bank: Bank) -> None:
    """Entries and namespaces that the reader may not see stand as withheld."""
    make_person(bank.database, "narrow", ("reader", "retail"))
    bank.tokens["narrow"] = bank.service.token_of("narrow")
    far = make_source(bank.database, "far", namespace="wholesale")
    assert post(bank.database, far, model("risk", "far", namespace="wholesale")).refused == ()
    here, there = bank.id_of("retail/churn"), bank.id_of("wholesale/risk")
    one = Change("update", "model", OPERATOR, entry=here, field="namespace", old="wholesale",
                 new="retail")  # fmt: skip
    other = one._replace(field="depends_on", old=[str(here)], new={"ids": [str(there)]})
    bank.database.transact(lambda session: record_changes(session, [one, other]))
    settled_now(bank.database)

    def said(who: str) -> list[Any]:
        grounds = explained(bank, "model", who=who)["grounds"]
        return [one["said"] for one in grounds if one["rests"] == "model" and one["change"]][:2]

    assert said("auditor") == [
        {"old": [str(here)], "new": {"ids": [str(there)]}}, {"old": "wholesale", "new": "retail"},
    ]  # fmt: skip
    assert said("narrow") == [
        {"old": [str(here)], "new": {"ids": ["withheld"]}}, {"old": "withheld", "new": "retail"},
    ]  # fmt: skip


def test_masked() -> None:
    """Wherever in a value it stands, as a name too; a text of another field may read like it."""
    unseen = Unseen(frozenset({"an-id"}), frozenset({"retail"}))
    value = {"an-id": True, "namespace": "wholesale", "note": "wholesale", "of": [{"x": "an-id"}]}
    assert unseen.masked(value, field=None) == {
        "withheld": True, "namespace": "withheld", "note": "wholesale", "of": [{"x": "withheld"}],
    }  # fmt: skip


def trained_on(name: str) -> dict[str, Any]:
    """A link to a dataset."""
    return {"dataset": {"kind": "dataset", "scheme": "uri", "value": name}, "role": "training"}


def test_cell_of_an_entry(bank: Bank) -> None:
    """A cell of a row that is an entry of its own rests on that entry alone."""
    for number in (2, 3):
        at = LATER.replace("12", f"1{number}")
        bank.say_version(number, at=at, datasets=[trained_on(f"s3://data/{number}")])
        bank.deploy(number, at=at, name=f"churn-{number}")
        bank.say_use(f"use-{number}", at=at, purpose=f"Purpose {number}")
    settled_now(bank.database)
    asked = {
        "versions": ("digest", ["version"]),
        "deployments": ("environment_class", ["deployment"]),
        "uses": ("purpose", ["use"]),
        "datasets": ("role", ["version", "dataset", "role"]),
    }
    for file, (column, names) in asked.items():
        rows = table(bank, file)
        assert len(rows) >= 2, file
        about = []
        for row in rows:
            key = ",".join(row[name] for name in names)
            grounds = explained(bank, column, file=file, key=key)["grounds"]
            about.append({one["about"] for one in grounds if one["rests"].endswith(
                ("digests", "environment_class", "purpose", "version.datasets"))})  # fmt: skip
        assert all(len(one) == 1 for one in about), (file, about)
        assert len(set().union(*about)) == len(rows), (file, about)
    refused = read(bank, "/explain-cell", model="retail/churn", file="versions", column="digest")
    assert refused.status_code == 422
    [problem] = refused.json()["errors"]
    assert (problem["pointer"], problem["fix"]) == ("?key", "Give one of: v1; v2; v3.")


def test_cell_of_an_empty_key(bank: Bank) -> None:
    """Parts of a key may be empty."""
    settled_now(bank.database)
    row = next(one for one in table(bank, "unknowns") if one["model"] and not one["use"])
    key = f"{row['what_kind']},{row['what']},"
    told = explained(bank, "who_can_state", file="unknowns", key=key)
    assert (told["key"][-1], told["value"]) == ("", row["who_can_state"])


def test_cell_by_id(bank: Bank) -> None:
    """A model is named by its id too, and has to be where it has no name."""
    settled_now(bank.database)
    id_ = str(bank.id_of("retail/churn"))
    assert explained(bank, "tier", model=id_)["model"] == "retail/churn"
    nobody = read(bank, "/explain-cell", model=str(bank.id_of()), column="tier")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "model_not_found")


def test_cell_without_a_name(bank: Bank) -> None:
    """The answer about a model without a name has none."""
    bank.run("UPDATE entry SET natural_key = NULL WHERE id = :id", id=bank.id_of("retail/churn"))
    settled_now(bank.database)
    [row] = table(bank, "models")
    told = explained(bank, "tier", model=row["model_id"])
    assert (told["model"], told["model_id"]) == (None, row["model_id"])


def test_cell_of_a_union(bank: Bank) -> None:
    """A set that several sources make rests on what each of them says."""
    other = make_source(bank.database, "other")
    one, two = trained_on("s3://data/one"), trained_on("s3://data/two")
    bank.say_model(at=LATER, datasets=[one])
    said = model(at=LATER, datasets=[two])
    said["subject"] = {"kind": "model", "scheme": "name", "value": "retail/churn"}
    assert post(bank.database, other, said).refused == ()
    settled_now(bank.database)
    found = datasets_of(bank)
    assert {each["source"] for each in found} == {"mlflow-prod", "other"}
    assert {each["said"][0]["dataset"]["value"] for each in found} == {
        "s3://data/one", "s3://data/two",
    }  # fmt: skip
    bank.service.ask(
        "PUT", "models/retail/churn/pins/datasets", bank.tokens["owner"],
        json={"value": [one], "reason": "r", "expires_at": "2099-01-01T00:00:00Z"},
        headers={"If-Match": "*"},
    ).raise_for_status()  # fmt: skip
    settled_now(bank.database)
    [pin] = datasets_of(bank)
    assert [each["dataset"]["value"] for each in pin["said"]] == ["s3://data/one"]


def datasets_of(bank: Bank) -> list[Any]:
    """What the model's own datasets rest on."""
    grounds = explained(bank, "datasets")["grounds"]
    return [each for each in grounds if each["rests"] == "model.datasets"]
