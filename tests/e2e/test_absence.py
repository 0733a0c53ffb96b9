"""What happens in a real registry to things that the catalog knows."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import changes, last_change, rows
from tests.support.mlflow_server import run_mlflow_server


def test_harvest_version_deleted(churn: Workspace, site: Site) -> None:
    """A version that is not there when asked for by name retires; everything else stays."""
    site.harvest()
    before = site.versions()
    churn.delete_model_version("churn", "2")

    report = site.harvest()

    assert (report.outcome, report.retired, report.held_back) == ("complete", 1, 0)
    assert site.versions() == {"retail/churn/1": before["retail/churn/1"]}
    gone = site.versions(gone="true")["retail/churn/2"]
    assert gone["id"] == before["retail/churn/2"]["id"]
    assert gone["facts"] == before["retail/churn/2"]["facts"]
    assert gone["gone_since"] is not None


def test_harvest_model_deleted(churn: Workspace, site: Site) -> None:
    """A deleted model takes its versions with it; nothing is lost, all is marked."""
    site.harvest()
    before, versions = site.models(), site.versions()
    churn.delete_registered_model("churn")

    report = site.harvest()

    assert report.retired == 3
    assert site.models() == {"retail/fraud": before["retail/fraud"]}
    assert site.versions() == {}
    gone = site.models(gone="true")
    assert {name: row["id"] for name, row in gone.items()} == {
        "retail/churn": before["retail/churn"]["id"]
    }
    assert site.versions(gone="true").keys() == versions.keys()


def test_harvest_model_renamed(churn: Workspace, site: Site, database: Database) -> None:
    """A renamed model is the same entry under its new name, with its versions and its history."""
    site.harvest()
    before, versions = site.models(), site.versions()
    changed = last_change(database)
    churn.rename_registered_model("churn", "attrition")

    report = site.harvest()

    now, numbers = site.models(), site.versions()
    old = before["retail/churn"]
    assert report.outcome == "complete"
    assert {name: row["id"] for name, row in now.items()} == {
        "retail/attrition": old["id"], "retail/fraud": before["retail/fraud"]["id"],
    }  # fmt: skip
    assert now["retail/attrition"]["first_seen_at"] == old["first_seen_at"]
    assert {row["id"]: row["facts"] | {"model": None} for row in numbers.values()} == {
        row["id"]: row["facts"] | {"model": None} for row in versions.values()
    }
    assert {row["model"] for row in numbers.values()} == {"retail/attrition"}
    assert site.models(gone="true") == site.versions(gone="true") == {}
    said = [
        (row["op"], row["field"], row["old"], row["new"])
        for row in changes(database, changed)
        if row["entry"] == old["id"]
    ]
    assert said == [("update", "name", "churn", "attrition")]
    again = site.harvest()
    assert (again.created, again.changed, again.retired) == (0, 0, 0)


def test_harvest_model_renamed_versions(churn: Workspace, site: Site) -> None:
    """The versions of a renamed model are found under its new name; the old one is free again."""
    site.harvest()
    before = site.versions()
    churn.rename_registered_model("churn", "attrition")
    site.harvest()

    assert {name: row["id"] for name, row in site.versions().items()} == {
        f"retail/attrition/{number}": before[f"retail/churn/{number}"]["id"] for number in (1, 2)
    }
    found = site.get("/models/retail/attrition/versions/1")
    assert found["id"] == before["retail/churn/1"]["id"]

    churn.create_registered_model("churn", {}, "Another thing.")
    churn.create_model_version("churn", "s3://models/another/1")
    site.harvest()
    assert site.versions()["retail/churn/1"]["facts"]["source_uri"] == "s3://models/another/1"


def test_harvest_model_recreated(churn: Workspace, site: Site, database: Database) -> None:
    """A new model under an old name is another thing: no review covers what it never saw."""
    site.harvest()
    before, versions = site.models(), site.versions()
    churn.delete_registered_model("churn")
    churn.create_registered_model("churn", {}, "Another thing.")
    churn.create_model_version("churn", "s3://models/new/1")

    report = site.harvest()

    now, numbers = site.models(), site.versions()
    old, new = before["retail/churn"]["id"], now["retail/churn"]["id"]
    assert report.outcome == "complete"
    assert now.keys() == {"retail/churn", "retail/fraud"}
    assert now["retail/churn"]["facts"]["description"] == "Another thing."
    assert new != old
    assert numbers.keys() == {"retail/churn/1"}
    replaced = dict(rows(database, "SELECT id::text, replaced_by::text FROM entry"))
    known = [row["id"] for row in (*before.values(), *versions.values())]
    assert {one: replaced[one] for one in known} == {
        old: new,
        before["retail/fraud"]["id"]: None,
        versions["retail/churn/1"]["id"]: numbers["retail/churn/1"]["id"],
        versions["retail/churn/2"]["id"]: None,
    }
    again = site.harvest()
    assert (again.created, again.changed, again.retired) == (0, 0, 0)


def test_harvest_model_recreated_old_entry(
    churn: Workspace, site: Site, database: Database
) -> None:
    """What was replaced retires with its last facts, and its versions stay with it."""
    site.harvest()
    old = site.models()["retail/churn"]["id"]
    churn.delete_registered_model("churn")
    churn.create_registered_model("churn")
    site.harvest()

    facts = "SELECT description, gone_since IS NOT NULL FROM model JOIN entry USING (id)"
    (model,) = rows(database, f"{facts} WHERE id = :old", old=old)
    assert tuple(model) == ("Monthly.", True)
    assert rows(database, "SELECT DISTINCT model_id::text FROM version") == [(old,)]


def test_harvest_too_much_deleted(registry: Workspace, site: Site) -> None:
    """Most of a registry gone at once is held back for a person, and nothing retires."""
    for number in range(14):
        registry.create_registered_model(f"m{number}")
    site.declare(registry)
    site.harvest()
    before = site.models()
    for number in range(12):
        registry.delete_registered_model(f"m{number}")

    done = site.command("harvest", "mlflow-prod")

    assert (done.returncode, done.stderr) == (1, "Held back: see /api/v1/quarantine.\n")
    after = site.models()
    missed = {name for name, row in after.items() if row["unseen_since"] is not None}
    assert missed == {f"retail/m{number}" for number in range(12)}
    assert {name: row | {"unseen_since": None} for name, row in after.items()} == before


def test_harvest_newest_deleted(churn: Workspace, site: Site) -> None:
    """The model that changed last was really deleted: that is no server that went back."""
    churn.create_registered_model("newest")
    churn.create_model_version("newest", "s3://models/newest/1")
    site.harvest()
    before = site.models()
    churn.delete_registered_model("newest")

    report = site.harvest()

    assert (report.outcome, report.retired) == ("complete", 2)
    del before["retail/newest"]
    assert site.models() == before


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("newest", ["changed", "created"])
def test_harvest_server_restored(
    mlflow_template: Path, tmp_path: Path, site: Site, newest: str
) -> None:
    """A server put back to yesterday's copy is refused: nothing retires, the cursor stays.

    When it has moved on from there, the next harvest repairs.
    """
    today, yesterday, restored = (tmp_path / name for name in ("today", "copy", "restored"))
    today.mkdir()
    restored.mkdir()
    with run_mlflow_server(today, mlflow_template) as server:
        registry = Workspace(server.uri, "default")
        registry.create_registered_model("churn")
        shutil.copyfile(server.database, yesterday)
        since = [
            lambda: registry.create_registered_model("fraud"),
            lambda: registry.update_registered_model("churn", "Said after the copy was made."),
        ]
        for change in since if newest == "changed" else reversed(since):
            change()
        site.declare(registry)
        site.harvest()
    before, cursor = site.models(), site.cursor()

    with run_mlflow_server(restored, yesterday) as server:
        registry = Workspace(server.uri, "default")
        site.declare(registry)  # it moved, too: identifiers stand on the source's name
        with pytest.raises(SourceRefused, match="source_went_back"):
            site.harvest()
        failed: Any = site.harvests()[0]
        assert (failed["outcome"], site.cursor(), site.models()) == ("failed", cursor, before)
        assert "source_went_back" in failed["report"]["error"]

        registry.update_registered_model("churn", "Said after it was restored.")
        report = site.harvest()

    assert (report.outcome, report.retired) == ("complete", 1)
    assert {name: row["id"] for name, row in site.models().items()} == {
        "retail/churn": before["retail/churn"]["id"]
    }
