"""What a reader sees of a real registry: first all of it, then exactly what changed."""

import csv
import io
from datetime import datetime
from typing import Any

from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import changes, last_change

EXACT = (
    "model_id", "model", "description", "task", "tags", "owner", "versions", "newest_version",
    "sources", "stub", "gone_since", "first_seen_at", "created_at",
)  # fmt: skip


def company(registry: Workspace) -> None:
    """Five models: tagged, described, odd, without versions, with many."""
    registry.create_registered_model("churn", {"catalog.owner": "team:ds", "domain": "x"}, "=1+1")
    registry.create_registered_model("demand forecast", {"catalog.task": "forecasting"}, 'a "b"; c')
    registry.create_registered_model("Préçis", {}, "Zwei\nZeilen")
    registry.create_registered_model("empty")
    registry.create_registered_model("wide", {f"t{n:02}": "v;w" for n in range(12)})
    for name, count in {"churn": 3, "demand forecast": 1, "Préçis": 2, "wide": 11}.items():
        for number in range(1, count + 1):
            registry.create_model_version(name, f"s3://models/{number}", tags={"n": str(number)})
    registry.set_registered_model_alias("wide", "champion", "10")


def as_cells(row: dict[str, Any]) -> dict[str, str]:
    """A listed model as the export of it must read."""
    facts = row["facts"]

    def seconds(moment: str | None) -> str:
        return f"{datetime.fromisoformat(moment):%Y-%m-%dT%H:%M:%SZ}" if moment else ""

    def fact(name: str) -> str:
        value = facts.get(name, "unknown") or ""
        text = value if isinstance(value, str) else "; ".join(v.replace(";", ";;") for v in value)
        return f"'{text}" if text.startswith("=") else text

    owners = [owner["owner"]["value"] for owner in facts.get("owners", ())]
    return {
        "model_id": row["id"], "model": row["name"], "description": fact("description"),
        "task": fact("task"), "tags": fact("tags"), "owner": "; ".join(owners) or "unknown",
        "versions": str(row["versions"]),
        "newest_version": f"v{row['newest_version']}" if row["versions"] else "",
        "sources": "; ".join(row["sources"]), "stub": str(row["stub"]).lower(),
        "gone_since": seconds(row["gone_since"]), "first_seen_at": seconds(row["first_seen_at"]),
        "created_at": seconds(facts["created_at"]),
    }  # fmt: skip


def test_harvest_five_models(registry: Workspace, site: Site) -> None:
    """After one harvest by the real command, list and CSV agree row by row, cell by cell."""
    company(registry)
    site.declare(registry)

    done = site.command("harvest", "mlflow-prod")

    assert (done.returncode, done.stderr) == (0, "")
    listed = site.get("/models")["items"]
    exported = list(csv.DictReader(io.StringIO(site.text("/models.csv"), newline="")))
    assert [{name: row[name] for name in EXACT} for row in exported] == [
        {name: as_cells(row)[name] for name in EXACT} for row in listed
    ]
    assert [(row["name"], row["versions"], row["newest_version"]) for row in listed] == [
        ("retail/churn", 3, "3"), ("retail/demand forecast", 1, "1"), ("retail/empty", 0, None),
        ("retail/préçis", 2, "2"), ("retail/wide", 11, "11"),
    ]  # fmt: skip
    versions = site.get("/versions")["items"]
    cells = list(csv.DictReader(io.StringIO(site.text("/versions.csv"), newline="")))
    assert [(row["model"], row["version"], row["source_uri"], row["tags"]) for row in cells] == [
        (row["model"], f"v{row['number']}", row["facts"]["source_uri"], *row["facts"]["tags"])
        for row in versions
    ]
    assert len(versions) == 17
    assert [row["name"] for row in versions if row["facts"]["aliases"]] == ["retail/wide/10"]


def test_harvest_unchanged(churn: Workspace, site: Site, database: Database) -> None:
    """A second harvest of the unchanged server writes nothing at all."""
    first = site.harvest()
    before, changed = site.written(), last_change(database)

    second = site.harvest()

    assert (first.created, first.outcome) == (4, "complete")
    assert (second.outcome, second.seen, second.unchanged) == ("complete", 4, 4)
    assert (second.created, second.changed, second.retired) == (0, 0, 0)
    assert site.written() == before
    assert last_change(database) == changed
    assert churn.get_registered_model("churn").aliases == {"champion": "1"}


def test_harvest_alias_added(churn: Workspace, site: Site, database: Database) -> None:
    """One alias more is exactly one changed field with one ledger row."""
    site.harvest()
    changed = last_change(database)
    churn.set_registered_model_alias("churn", "challenger", "2")

    report = site.harvest()

    assert report.changed == 1
    second = site.versions()["retail/churn/2"]
    assert said(database, changed) == [
        (second["id"], "aliases", [], ["challenger"]),
    ]
    assert second["facts"]["aliases"] == ["challenger"]


def test_harvest_alias_moved(churn: Workspace, site: Site, database: Database) -> None:
    """A moved alias changes the version that lost it and the one that won it, nothing else."""
    site.harvest()
    changed = last_change(database)
    churn.set_registered_model_alias("churn", "champion", "2")

    report = site.harvest()

    now = site.versions()
    first, second = now["retail/churn/1"], now["retail/churn/2"]
    assert report.changed == 2
    assert sorted(said(database, changed)) == sorted(
        [
            (first["id"], "aliases", ["champion"], []),
            (second["id"], "aliases", [], ["champion"]),
        ]
    )
    assert site.get("/models/retail/churn/versions/@champion")["id"] == second["id"]


def said(database: Database, after: int) -> list[Any]:
    """Entry, field, old and new value of the ledger's newer rows."""
    rows = changes(database, after)
    return [(row["entry"], row["field"], row["old"], row["new"]) for row in rows]
