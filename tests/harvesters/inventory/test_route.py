"""An inventory from the command into the catalog: what is new, the same, gone, or breaks off."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harvesters.inventory.table import read_table
from service.db import Database
from tests.e2e.site import Site, bearer, served
from tests.harvesters.inventory.files import CHURN, written
from tests.support.catalog import changes, last_change, rows

SECOND = {"agency": "DOY", "use_case_name": "Map reader", "is_high_impact": "perhaps"}


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A served catalog that knows nothing."""
    with served(database) as serving:
        yield serving


@pytest.fixture
def file(tmp_path: Path, site: Site) -> Path:
    """A declared inventory of two records."""
    path = tmp_path / "inventory.csv"
    path.write_bytes(written(CHURN, SECOND))
    declare(site, path, may_name=["dox", "doy"])
    return path


def declare(site: Site, path: Path, *, may_name: Sequence[str]) -> None:
    """Declare an inventory; commands speak as its source."""
    declared = {
        "name": "omb", "kind": "omb-inventory", "namespace": "us", "absences": 1,
        "may_name": may_name, "settings": {"path": str(path)},
    }  # fmt: skip
    answer = site.http.put("/sources/omb", json=declared, headers=bearer(site.admin))
    assert answer.is_success, answer.text
    assert answer.json()["precedence"] == 50
    assert answer.json()["may_grant_ownership"] is False
    asked = {"role": "source", "source": "omb", "days": 1}
    made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
    site.tokens["mlflow-prod"] = made["token"]


def harvested(site: Site, *options: str) -> Any:
    """The report of one harvest."""
    done = site.command("harvest", "omb", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inventory_harvested(file: Path, site: Site, database: Database, tmp_path: Path) -> None:
    """Records become models with a use, data and an owner; read again, nothing is written."""
    report = harvested(site, "--record", str(tmp_path / "kept"))

    assert (report["scope"], report["coverage"], report["skipped"]) == ("records", "full", [])
    assert report["counts"]["models"] == 2
    assert report["counts"]["outside_enum is_high_impact: perhaps"] == 1
    models = site.models()
    assert [*models] == ["dox/dox-1", "doy/map reader"]
    assert models["dox/dox-1"]["facts"]["model_class"] == "agentic"
    uses = {row["name"]: row["facts"] for row in site.get("/uses")["items"]}
    assert uses["dox/dox-1/letter sorter"]["regulated_purposes"] == {"us_high_impact": True}
    assert "regulated_purposes" not in uses["doy/map reader/map reader"]
    kept = {one["column"]: one["raw"] for one in uses["doy/map reader/map reader"]["cells"]}
    assert kept == {"id": "", "is_high_impact": "perhaps"}
    assert [row["facts"]["kind"] for row in site.get("/owners")["items"]] == ["list"]
    (dataset,) = site.get("/datasets")["items"]
    assert dataset["facts"]["description"] == "Old letters."
    assert "https://dox.example/pia" in site.text("/uses.csv")

    before, changed = site.written(), last_change(database)
    again = harvested(site)
    assert (again["seen"], again["created"], again["changed"], again["retired"]) == (6, 0, 0, 0)
    assert site.written() == before
    assert last_change(database) == changed

    (recording,) = (tmp_path / "kept").iterdir()
    replayed = harvested(site, "--replay", str(recording))
    assert (replayed["plan"], replayed["dry_run"]) == ([], True)
    assert file.exists()


def test_inventory_changes(file: Path, site: Site, database: Database) -> None:
    """One changed cell changes one field; a file that breaks off changes and retires nothing."""
    harvested(site)
    before = last_change(database)
    file.write_bytes(written(CHURN | {"development_stage": "Retired"}, SECOND))

    assert harvested(site)["changed"] == 1
    assert site.models()["dox/dox-1"]["facts"]["lifecycle"] == "decommissioned"
    told = [one for one in changes(database, before) if one.get("field") == "lifecycle"]
    assert [(one["old"], one["new"]) for one in told] == [("production", "decommissioned")]

    file.write_bytes(written(CHURN, SECOND)[:-3])
    done = site.command("harvest", "omb")
    assert done.returncode == 6
    assert "a quote is not closed: the file breaks off" in done.stderr
    assert site.models()["dox/dox-1"]["facts"]["lifecycle"] == "decommissioned"
    assert [*site.models()] == ["dox/dox-1", "doy/map reader"]


def test_inventory_unseen(file: Path, site: Site) -> None:
    """A record that is not in the file was not seen; one of a foreign namespace says nothing."""
    harvested(site)
    file.write_bytes(written(CHURN, CHURN | {"agency": "DOZ"}))

    report = harvested(site)

    assert [(one["code"], one["message"]) for one in report["skipped"]] == [
        (
            "namespace_not_allowed",
            "line 3: its agency's namespace doz is not in `may_name` of the source",
        )
    ]
    assert (report["unseen"], report["seen"], report["created"]) == (2, 4, 0)
    assert site.models()["doy/map reader"]["unseen_since"] is not None
    assert site.models()["dox/dox-1"]["unseen_since"] is None


def test_inventory_published(site: Site, database: Database, corpora: Path) -> None:
    """The whole published inventory: nothing is refused, and read again nothing is written."""
    (path,) = (corpora / "omb_inventory").glob("*.csv")
    lines = read_table(path.read_bytes()).lines
    declare(site, path, may_name=sorted({line.cells["agency"].lower() for line in lines}))

    first = harvested(site)

    assert (first["seen"], first["refused"], first["skipped"]) == (8_767, 0, [])
    kinds = rows(database, "SELECT kind, count(*) FROM entry WHERE NOT stub GROUP BY kind")
    assert dict(kinds) == {"model": 3_609, "use": 3_609, "dataset": 1_549}
    rated = rows(
        database, "SELECT tier_low, tier_high, status, count(*) FROM model_risk GROUP BY 1, 2, 3"
    )
    assert {tuple(row[:3]): row[3] for row in rated} == {
        ("HIGH", "HIGH", "FIRM"): 445,
        ("MEDIUM", "HIGH", "PROVISIONAL"): 7,
        ("LOW", "HIGH", "PROVISIONAL"): 3_157,  # two records are repeated exactly
    }
    before, changed = site.written(), last_change(database)
    again = harvested(site)
    assert (again["unchanged"], again["created"], again["changed"]) == (8_767, 0, 0)
    assert site.written() == before
    assert last_change(database) == changed
