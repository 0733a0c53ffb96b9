"""One file for risk reviews alone, and what its cells rest on, over HTTP."""

import csv
import io
from typing import Any
from uuid import UUID

import pytest

from tests.risk.reviews.bank import Bank
from tests.risk.reviews.conftest import bank
from tests.support.catalog import Sweep, model
from tests.support.http import bearer
from tests.support.making_bundles import make_bundle, settled_now

__all__ = ["bank"]
API = "/api/v1"
LATER = "2026-11-21T12:00:00Z"


def read(bank: Bank, path: str, **params: Any) -> Any:
    """What the auditor gets."""
    return bank.service.http.get(
        f"{API}{path}", params=params, headers=bearer(bank.tokens["auditor"])
    )


def explained(bank: Bank, column: str, **params: Any) -> Any:
    """What a cell of the model rests on."""
    answer = read(bank, "/explain-cell", model="retail/churn", column=column, **params)
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
