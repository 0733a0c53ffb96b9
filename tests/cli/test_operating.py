"""`db`, `token` and `reconcile`: what an operator does on the database host."""

import json
import re

import sqlalchemy as sa

from service import migrations
from service.db import Database
from tests.cli.conftest import Command, Served

TOKEN = re.compile(r"mcatp_[0-9A-Za-z]{46}")


def test_db_upgrade_plan(command: Command, empty_url: str) -> None:
    """The plan is printed and kept back; then it is done; then there is nothing to do."""
    url, head = {"DATABASE_URL": empty_url}, migrations.revisions()[-1]

    before = command("db", "status", **url)
    planned = command("db", "upgrade", "--dry-run", **url)
    between = command("db", "status", "--json", **url)
    done, again = command("db", "upgrade", **url), command("db", "upgrade", "--json", **url)
    checked = command("db", "check", **url)

    assert (before.code, before.out) == (1, f"has nothing, needs {head}\n")
    assert before.err == "Run `model-catalog db upgrade`.\n"
    assert (planned.code, planned.out) == (0, "empty\n")
    assert planned.err.startswith("to do: 0001 ")
    assert json.loads(between.out)["current"] is None
    assert (done.code, done.out, done.err) == (0, f"{head}\n", planned.err)
    assert json.loads(again.out) == {"revision": head, "steps": [], "done": True}
    assert (checked.code, checked.out) == (0, "")


def test_db_check_difference(command: Command, database_url: str, owner_database: Database) -> None:
    """A table that somebody changed by hand is named, with 1."""
    with owner_database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE model ADD COLUMN by_hand text"))

    ran = command("db", "check", "--json", DATABASE_URL=database_url)

    assert ran.code == 1
    assert ["by_hand" in json.loads(line)["difference"] for line in ran.lines] == [True]


def test_db_roles_again(command: Command, database_url: str) -> None:
    """Making roles twice makes none; nor does a dry run."""
    ran = [command("db", "roles", *o, DATABASE_URL=database_url) for o in ((), ("--dry-run",))]

    assert ran == [(0, "", "nothing to do\n")] * 2


def test_token_bootstrap(command: Command, database_url: str) -> None:
    """AUTH-02: a fresh database knows no token; the first is made on its host, once.

    It ends within an hour, and a later one needs --recover, which the ledger shows.
    """
    url = {"DATABASE_URL": database_url}
    database = Database(database_url, role=None, pool=1)
    with database.reading() as session:
        assert session.execute(sa.text("SELECT count(*) FROM token")).scalar_one() == 0

    planned = command("token", "create", "--bootstrap", "--dry-run", **url)
    first = command("token", "create", "--bootstrap", **url)
    recovered = command("token", "create", "--recover", "--json", **url)

    assert (planned.code, planned.out) == (0, "")
    assert (first.code, bool(TOKEN.fullmatch(first.out.strip()))) == (0, True)
    assert "It is good for one use" in first.err
    assert TOKEN.fullmatch(json.loads(recovered.out)["token"])
    with database.reading() as session:
        rows = session.execute(
            sa.text(
                "SELECT single_use, scopes, expires_at <= now() + interval '1 hour', "
                "(SELECT canon::jsonb->>'op' FROM change WHERE change.id = change_id) "
                "FROM token ORDER BY created_at"
            )
        ).all()
    database.dispose()
    assert [tuple(row) for row in rows] == [
        (True, ["tokens:bootstrap"], True, "bootstrap"),
        (True, ["tokens:bootstrap"], True, "recover"),
    ]


def test_token_life(catalog: Served, ask: Command) -> None:
    """TOK-04: the secret is shown once, then only its public id; revoked, it is refused at once."""
    made = ask("token", "create", "--namespace", "retail", "--days", "2")
    secret = made.out.strip()
    public_id = secret[6:14]
    used = ask("list", TOKEN=secret)
    listed = ask("token", "list", "--json")
    dry = ask("token", "revoke", public_id, "--dry-run")
    alive = ask("list", TOKEN=secret)
    revoked = ask("token", "revoke", public_id)
    dead, again = ask("list", TOKEN=secret), ask("token", "revoke", public_id)

    assert "It is shown this once" in made.err
    assert secret not in made.err + listed.out + listed.err + catalog.log.read_text()
    (row,) = [one for one in map(json.loads, listed.lines) if one["public_id"] == public_id]
    assert (row["role"], row["namespaces"], row["revoked_at"]) == ("reader", ["retail"], None)
    assert [ran.code for ran in (used, dry, alive, revoked, dead, again)] == [0, 0, 0, 0, 4, 3]
    assert (dry.out, revoked.out) == (f"{public_id}\n", f"{public_id}\n")


def test_token_file(catalog: Served, command: Command, tmp_path: object) -> None:
    """`--token-file` is read before and after the command, and wins over the variable."""
    file = f"{tmp_path}/token"
    with open(file, "w", encoding="utf-8") as written:  # noqa: PTH123  # tmp_path is any path
        written.write(f"{catalog.admin}\n")

    ran = [
        command(*arguments, URL=catalog.url, TOKEN="mcatp_other")  # noqa: S106  # none
        for arguments in (["--token-file", file, "source", "list"],
                          ["source", "list", "--token-file", file])
    ]  # fmt: skip

    assert [one.code for one in ran] == [0, 0]


def test_reconcile_damage(catalog: Served, ask: Command) -> None:
    """A dry run lists what differs and says 1; without it, it is repaired, and then nothing is."""
    subject = {"kind": "model", "scheme": "name", "value": "retail/damaged"}
    facts = {"namespace": "retail", "name": "damaged", "description": "as said"}
    said = {"subject": subject, "observed_at": "2026-11-20T12:00:00Z", "facts": facts}
    source = type(catalog.client())(catalog.url, catalog.source("damaging"))
    source.post("/api/v1/sources/damaging/observations", {"observations": [said]})
    database = Database(catalog.database_url, role=None, pool=1)
    with database.writing() as session:
        session.execute(sa.text("UPDATE model SET description = 'broken' WHERE name = 'damaged'"))
    database.dispose()

    ran = [
        ask("reconcile", "--all", *options)
        for options in (("--dry-run", "--json"), ("--dry-run",), (), ())
    ]

    assert [one.code for one in ran] == [1, 1, 0, 0]
    found = json.loads(ran[0].out)
    assert found == {
        "entry": found["entry"], "kind": "model", "field": "description", "old": "broken",
        "new": "as said",
    }  # fmt: skip
    assert ran[1].lines == [f"{found['entry']}\tmodel\tdescription\tbroken\tas said"]
    assert [one.err.splitlines()[0] for one in ran] == [
        "1 differences", "1 differences", "1 differences repaired", "0 differences repaired",
    ]  # fmt: skip
