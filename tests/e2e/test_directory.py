"""A directory's file, from the command to the people that a catalog knows, and those who left."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.db import Database
from tests.e2e.site import Site, bearer
from tests.support.catalog import make_source, model, post

HEADER = "handle,display_name,email,kind,active,left_at,members,logins\n"


@pytest.fixture
def file(tmp_path: Path, site: Site) -> Path:
    """A declared directory of three."""
    path = tmp_path / "owners.csv"
    declared = {
        "name": "people", "kind": "directory", "namespace": "retail", "absences": 1,
        "settings": {"path": str(path)},
    }  # fmt: skip
    answer = site.http.put("/sources/people", json=declared, headers=bearer(site.admin))
    assert answer.is_success, answer.text
    assert answer.json()["may_grant_ownership"] is True
    assert answer.json()["precedence"] == 80
    asked = {"role": "source", "source": "people", "days": 1}
    made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
    site.tokens["mlflow-prod"] = made["token"]  # as whom commands speak
    path.write_text(
        f"{HEADER}user:anna,Anna,anna@acme.example,person,true,,,github.com/Anna\n"
        "user:bo,Bo,bo@acme.example,person,,,,\n"
        "team:risk,Risk,,team,,,user:anna user:bo,\n",
        encoding="utf-8",
    )
    return path


def owners(site: Site) -> dict[str, Any]:
    """The listed owners by handle."""
    return {row["facts"].get("handle"): row for row in site.get("/owners")["items"]}


def harvested(site: Site, *options: str) -> Any:
    """The report of one harvest."""
    done = site.command("harvest", "people", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_directory_harvested(file: Path, site: Site, database: Database, tmp_path: Path) -> None:
    """Who leaves is found; who is not in the file any more is retired like anything else."""
    report = harvested(site, "--record", str(tmp_path / "kept"))
    assert (report["scope"], report["coverage"], report["created"]) == ("owners", "full", 3)
    assert len(owners(site)["team:risk"]["facts"]["members"]) == 2
    owner = {"kind": "owner", "scheme": "email", "value": "bo@acme.example"}
    post(database, make_source(database), model("churn", owners=[{"owner": owner}]))
    assert site.models(owner_departed="true") == {}

    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("bo@acme.example,person,", "BO@acme.example,person,no"))
    assert harvested(site)["changed"] == 1
    assert owners(site)["user:bo"]["departed"] is True
    assert [*site.models(owner_departed="true")] == ["retail/churn"]

    file.write_text(
        text.replace("user:bo,Bo,bo@acme.example,person,,,,\n", "user:bo,Bo,nobody,,,,,\n")
    )
    report = harvested(site)  # a refused row is no absence
    assert [one["message"] for one in report["skipped"]] == ["line 3: must be an e-mail address"]
    assert (report["unseen"], owners(site)["user:bo"]["gone_since"]) == (0, None)

    (recording,) = (tmp_path / "kept").iterdir()
    replayed = harvested(site, "--replay", str(recording))
    assert (replayed["plan"], replayed["dry_run"]) == ([], True)


def test_directory_broken(file: Path, site: Site) -> None:
    """A file that cannot be read retires nobody; neither does one that says nothing."""
    harvested(site)
    for raw in (HEADER.encode("utf-16"), b"", HEADER.encode()):
        file.write_bytes(raw)

        done = site.command("harvest", "people")

        assert done.returncode == 6, done.stderr
        assert [row["gone_since"] for row in owners(site).values()] == [None, None, None]
    file.unlink()
    assert "cannot be opened" in site.command("harvest", "people").stderr


def test_succession_command(file: Path, site: Site, database: Database) -> None:
    """The command proposes, for one model or for all in need, and decides nothing."""
    del file
    harvested(site)
    owner = {"kind": "owner", "scheme": "handle", "value": "team:none"}
    post(
        database,
        make_source(database),
        model("churn", owners=[{"owner": owner, "role": "delegate"}]),
    )
    reader: Any = {"MODEL_CATALOG_TOKEN": site.reader}

    one = site.command("succession", "retail/churn", **reader)
    every = site.command("succession", **reader)
    as_json = site.command("succession", "retail/churn", "--json", **reader)
    missing = site.command("succession", "retail/none", **reader)
    wrong = site.command("succession", "churn", **reader)

    assert one.stdout == "1\tteam:none\tdelegate\t0\t0\t0\t0\t-\t-\n"
    assert one.stderr == "retail/churn: it is stated that nobody is accountable\n"
    assert every.stdout == "retail/churn\towner_empty\tteam:none\tteam:none\t0\t-\n"
    assert json.loads(as_json.stdout)["candidates"][0]["name"] == "team:none"
    assert (missing.returncode, wrong.returncode) == (3, 2)
