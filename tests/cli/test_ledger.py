"""`model-catalog ledger`: what its commands answer, and with which code."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from service.db import Database
from service.ledger.notes import check, read_keys, read_note
from service.ledger.sealing import as_sealer, seal
from tests.cli.conftest import Command, Ran, serving
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.forging import forge_ledger
from tests.support.keys import private_pem

AWAY: Final = "postgresql://catalog@127.0.0.1:1/catalog"


@pytest.fixture
def key(tmp_path: Path) -> str:
    """The path of a key that signs."""
    file = tmp_path / "key.pem"
    file.write_bytes(private_pem())
    return str(file)


@pytest.fixture
def sealed(database: Database, key: str) -> Iterator[Database]:
    """A sealed ledger with a signed checkpoint."""
    post(database, make_source(database), model(), version(1))
    sealer = as_sealer(database)
    seal(sealer, keys=read_keys(key))
    yield database
    sealer.dispose()


def test_ledger_commands(
    command: Command, sealed: Database, database_url: str, key: str, tmp_path: Path,
    owner_database: Database,
) -> None:  # fmt: skip
    """0 and a checkpoint to keep; 1 and the first bad place when something was changed."""

    def ran(*arguments: str) -> Ran:
        return command("ledger", *arguments, DATABASE_URL=database_url, EXPORT_SIGNING_KEY_FILE=key)

    ((size, root),) = rows(sealed, "SELECT size, encode(root, 'hex') FROM ledger_checkpoint")
    printed, as_json = ran("checkpoint"), ran("checkpoint", "--json")
    kept = tmp_path / "kept"
    kept.write_text(printed.out, encoding="utf-8")
    well, later = ran("verify", "--json"), ran("verify", "--from", str(kept))
    whole = ran("verify", "--from", str(kept), "--full")
    forge_ledger(owner_database, "UPDATE change SET canon = canon || ' ' WHERE id = 2")
    bad, told = ran("verify", "--json"), ran("verify")

    assert check(read_note(printed.out), read_keys(key).public).good == 1
    assert json.loads(as_json.out) == {
        "origin": read_note(printed.out).origin, "size": size, "root": root, "note": printed.out,
    }  # fmt: skip
    assert (well.code, well.err) == (0, "The ledger is intact.\n")
    assert json.loads(well.out) == {
        "intact": True, "size": size, "root": root, "read": size, "checkpoints": 1, "signed": 1,
        "unsealed": 0, "faults": [],
    }  # fmt: skip
    assert (later.code, whole.code) == (0, 0)
    assert (later.lines[2], whole.lines[2]) == ("read\t0", f"read\t{size}")
    assert (bad.code, told.code) == (1, 1)
    assert bad.err == told.err
    assert bad.err.startswith("The ledger is not what was sealed: edited at seq 2.")
    fault = {"kind": "edited", "seq": 2, "change": 2, "said": "its text is not what was sealed"}
    assert json.loads(bad.out)["faults"] == [fault]
    assert told.lines[-1] == "edited\t2\t2\tits text is not what was sealed"


def test_ledger_commands_unable(command: Command, database_url: str, tmp_path: Path) -> None:
    """What they cannot do: 6 without the database, 3 before a checkpoint, 2 for a wrong file."""
    wrong = tmp_path / "wrong"
    wrong.write_text("no checkpoint")
    here: dict[str, Any] = {"DATABASE_URL": database_url}

    ran = {
        "away": command("ledger", "verify", DATABASE_URL=AWAY),
        "none": command("ledger", "checkpoint", **here),
        "wrong": command("ledger", "verify", "--from", str(wrong), **here),
        "missing": command("ledger", "verify", "--from", str(tmp_path / "none"), **here),
        "key": command("ledger", "verify", EXPORT_SIGNING_KEY_FILE=str(wrong), **here),
        "empty": command("ledger", "verify", **here),
    }

    assert {name: one.code for name, one in ran.items()} == {
        "away": 6, "none": 3, "wrong": 2, "missing": 2, "key": 2, "empty": 0,
    }  # fmt: skip
    assert ran["key"].err.startswith("MODEL_CATALOG_EXPORT_SIGNING_KEY_FILE holds no private key")


def test_ledger_no_schema(command: Command, empty_url: str) -> None:
    """A database without a catalog: it could not finish."""
    assert command("ledger", "verify", DATABASE_URL=empty_url).code == 6


def test_evaluate_seals(command: Command, database: Database, database_url: str, key: str) -> None:
    """Where only cron runs, `evaluate` seals once; a dry run counts what waits."""
    post(database, make_source(database), model())
    ((waiting,),) = rows(database, "SELECT count(*) FROM change")

    dry = command("evaluate", "--dry-run", "--json", DATABASE_URL=database_url)
    nothing = rows(database, "SELECT count(*) FROM ledger_leaf")
    ran = command("evaluate", "--json", DATABASE_URL=database_url, EXPORT_SIGNING_KEY_FILE=key)
    ((size, note),) = rows(database, "SELECT size, note FROM ledger_checkpoint")

    assert json.loads(dry.out)["changes_sealed"] == json.loads(ran.out)["changes_sealed"] == waiting
    assert (nothing, size) == ([(0,)], waiting)
    assert check(read_note(note), read_keys(key).public).good == 1


def test_evaluate_differs(
    command: Command, sealed: Database, owner_database: Database, database_url: str
) -> None:
    """It seals nothing on top of what was changed: 1, and how to learn what is wrong."""
    forge_ledger(owner_database, "UPDATE ledger_checkpoint SET root = sha256('x')")
    make_source(sealed, "another")

    ran = command("evaluate", DATABASE_URL=database_url)

    assert ran.code == 1
    assert ran.err.startswith("Nothing was sealed: the stored hashes do not give the root")
    assert "`model-catalog ledger verify` says what is wrong." in ran.err


@pytest.mark.parametrize("name", ["serve", "worker", "evaluate"])
def test_signing_key_refused(command: Command, tmp_path: Path, name: str) -> None:
    """A file that holds no key ends it with 2, before anything happens."""
    file = tmp_path / "none.pem"
    file.write_text("nothing")
    secret = "Zt8-qWn3_fYpLk20vXcR7bHs9dGmJ4aE1uTi6oQ5"  # noqa: S105  # of a test

    ran = command(name, DATABASE_URL=AWAY, SECRET_KEY=secret, EXPORT_SIGNING_KEY_FILE=str(file))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("MODEL_CATALOG_EXPORT_SIGNING_KEY_FILE holds no private key")


def test_serve_seals(database: Database, database_url: str, tmp_path: Path) -> None:
    """A catalog with `serve` alone has a feed that moves."""
    with serving(tmp_path / "log", DATABASE_URL=database_url):
        make_source(database)
        waiting = 1
        while waiting:
            ((waiting,),) = rows(
                database, "SELECT count(*) - (SELECT count(*) FROM ledger_leaf) FROM change"
            )
    assert "sealing_fails" not in (tmp_path / "log").read_text()
