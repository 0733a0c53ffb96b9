"""Verifying: every way to change a sealed ledger is found, and nothing is made up."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.db import Database
from service.ledger.notes import Keys, Note, check, read_keys, read_note
from service.ledger.sealing import newest_note, seal
from service.ledger.tree import Tree, hash_leaf
from service.ledger.verify import Verdict, verify
from tests.ledger.conftest import Forge, Write
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.keys import private_pem, public_pem

NOW = timedelta(0)
CANON = '{"entry":null,"field":null,"kind":"source"}'
Look = Callable[..., Verdict]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A key that signs."""
    file = tmp_path / "key.pem"
    file.write_bytes(private_pem())
    return read_keys(str(file))


@pytest.fixture
def sealed(database: Database, sealer: Database, write: Write, keys: Keys) -> Database:
    """Six hundred changes of every kind, with three signed checkpoints."""
    source = make_source(database)
    post(database, source, model(), version(1))
    seal(sealer, keys=keys, every=NOW)
    for kind in ("token", "source"):
        write(300, kind=kind)
        seal(sealer, keys=keys, every=NOW)
    return database


@pytest.fixture
def look(database: Database, keys: Keys) -> Look:
    """Verifies the ledger."""

    def looked(known: Keys | None = None, **asked: Any) -> Verdict:
        with database.reading() as session:
            return verify(session, keys=keys if known is None else known, **asked)

    return looked


def size_of(database: Database) -> int:
    """How many changes are sealed."""
    return int(rows(database, "SELECT max(seq) FROM ledger_leaf")[0][0])


def note_of(database: Database, number: int = 0) -> Note:
    """A checkpoint, the first one unless told otherwise."""
    query = "SELECT note FROM ledger_checkpoint ORDER BY size"
    return read_note(rows(database, query)[number][0])


def kinds(found: Verdict) -> list[tuple[str, int | None]]:
    """What was found, and where."""
    return [(fault.kind, fault.seq) for fault in found.faults]


@pytest.mark.parametrize("full", [True, False])
def test_verify_intact(sealed: Database, look: Look, full: bool) -> None:  # noqa: FBT001
    """Where nothing was changed nothing is found, and it says how much was read."""
    size = size_of(sealed)
    found = look(full=full)

    assert found[:1] + found[2:] == (size, size, 3, 3 if full else 1, 0, ())
    assert bytes.fromhex(found.root) == note_of(sealed, -1).root


def test_verify_empty(look: Look) -> None:
    """A ledger without changes is intact."""
    assert look() == (0, Tree().root().hex(), 0, 0, 0, 0, ())


def test_verify_waiting(sealed: Database, look: Look, write: Write) -> None:
    """What was written just now waits to be sealed: that is no fault."""
    write(2)
    found = look()

    assert (found.size, found.unsealed, found.faults) == (size_of(sealed), 2, ())


FORGED = {  # AUD-08
    "edited": ("UPDATE change SET canon = canon || ' ' WHERE id = :id", "edited"),
    "edited with its columns": (
        """UPDATE change SET canon = replace(canon, '"token"', '"model"'), kind = 'model'
            WHERE id = :id""", "edited"),
    "deleted": ("DELETE FROM change WHERE id = :id", "deleted"),
    "no leaf": ("DELETE FROM ledger_leaf WHERE seq = :seq", "gap"),
    "kind": ("UPDATE change SET kind = 'model' WHERE id = :id", "columns"),
    "entry": ("UPDATE change SET entry_id = gen_random_uuid() WHERE id = :id", "columns"),
    "field": ("UPDATE change SET field = 'owner' WHERE id = :id", "columns"),
    "early": ("UPDATE change SET recorded_at = recorded_at - interval '1 day' WHERE id = :id",
              "time"),
    "late": ("UPDATE change SET recorded_at = recorded_at + interval '1 day' WHERE id = :id",
             "time"),
    "leaf": ("UPDATE ledger_leaf SET leaf = sha256('x') WHERE seq = :seq", "edited"),
    "edited with its leaf": (
        """WITH edited AS (
             UPDATE change SET canon = replace(canon, '"tests"', '"others"') WHERE id = :id
             RETURNING id, canon
           )
           UPDATE ledger_leaf SET leaf = sha256('\\x00'::bytea || convert_to(canon, 'UTF8'))
             FROM edited WHERE change_id = edited.id""", "edited"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", sorted(FORGED))
def test_verify_forged(sealed: Database, look: Look, forge: Forge, forgery: str) -> None:
    """AUD-08: an owner who turns the triggers off and changes a row is found, at its place."""
    (seq, changed), *_ = rows(
        sealed, "SELECT seq, id FROM ledger_leaf JOIN change ON id = change_id"
        " WHERE kind = 'token' ORDER BY seq LIMIT 1"
    )  # fmt: skip
    statement, kind = FORGED[forgery]
    forge(statement, **{name: value for name, value in (("id", changed), ("seq", seq))
                        if f":{name}" in statement})  # fmt: skip

    assert kinds(look())[0] == (kind, seq)


def test_verify_swapped(sealed: Database, look: Look, forge: Forge) -> None:
    """Two places that were exchanged, with their leaves: found by tile and root."""
    forge(
        "UPDATE ledger_leaf SET seq = -seq WHERE seq IN (20, 30)",
        "UPDATE ledger_leaf SET seq = 50 + seq WHERE seq IN (-20, -30)",
    )

    assert kinds(look())[0] == ("reordered", 20)
    del sealed


def test_verify_swapped_changes(sealed: Database, look: Look, forge: Forge) -> None:
    """Two changes that were exchanged under their leaves are found at both places."""
    forge(
        "ALTER TABLE ledger_leaf DROP CONSTRAINT uq_ledger_leaf_change_id",
        "UPDATE ledger_leaf a SET change_id = b.change_id FROM ledger_leaf b"
        " WHERE (a.seq, b.seq) IN ((20, 30), (30, 20))",
        "ALTER TABLE ledger_leaf ADD CONSTRAINT uq_ledger_leaf_change_id UNIQUE (change_id)",
    )

    assert kinds(look()) == [("reordered", 20), ("reordered", 30)]
    del sealed


def test_verify_end_cut_off(sealed: Database, look: Look, forge: Forge) -> None:
    """The last changes deleted with their leaves: a checkpoint knows that there were more."""
    size = size_of(sealed)
    forge(
        f"DELETE FROM ledger_leaf WHERE seq > {size - 5}",  # noqa: S608  # a number
        "DELETE FROM change WHERE id NOT IN (SELECT change_id FROM ledger_leaf)",
    )

    assert kinds(look()) == [("gap", size - 4)]


def test_verify_end_cut_off_with_checkpoints(sealed: Database, look: Look, forge: Forge) -> None:
    """Without the checkpoints that held it, a part of the tree that is left tells."""
    size = size_of(sealed)
    forge(
        "DELETE FROM ledger_checkpoint WHERE size > :end",
        "WITH cut AS (DELETE FROM ledger_leaf WHERE seq > :end RETURNING change_id)"
        " SELECT count(*) FROM cut",
        end=size - 300,
    )

    assert kinds(look()) == [("gap", size - 299)]


def test_verify_inserted(sealed: Database, look: Look, forge: Forge) -> None:
    """A row that says it is old and was never sealed was put in later."""
    forge(
        "INSERT INTO change (canon, kind, recorded_at, xid) VALUES"
        " (:canon, 'source', now() - interval '1 day', 3)", canon=CANON,
    )  # fmt: skip
    ((newest,),) = rows(sealed, "SELECT max(id) FROM change")
    found = look()

    assert [(one.kind, one.seq, one.change) for one in found.faults] == [("inserted", None, newest)]
    assert found.unsealed == 1


def test_verify_inserted_and_sealed(
    sealed: Database, sealer: Database, look: Look, forge: Forge, keys: Keys
) -> None:
    """Sealed at the next start, it stands among what is new, and its time gives it away."""
    size = size_of(sealed)
    forge(
        "INSERT INTO change (canon, kind, recorded_at, xid) VALUES"
        " (:canon, 'source', now() - interval '1 day', 3)", canon=CANON,
    )  # fmt: skip
    seal(sealer, keys=keys, every=NOW)

    assert kinds(look()) == [("time", size + 1)]


def test_verify_inserted_between(sealed: Database, look: Look, forge: Forge) -> None:
    """A leaf put in between moves all that follow: the root says so, and the first moved place."""
    forge(
        "UPDATE ledger_leaf SET seq = -seq - 1 WHERE seq >= 40",
        "UPDATE ledger_leaf SET seq = -seq WHERE seq < 0",
        "WITH new AS (INSERT INTO change (canon, kind) VALUES (:canon, 'source') RETURNING id)"
        " INSERT INTO ledger_leaf SELECT 40, id,"
        " sha256('\\x00'::bytea || convert_to(:canon, 'UTF8')) FROM new",
        canon=CANON,
    )  # fmt: skip

    assert kinds(look())[0] == ("edited", 40)
    del sealed


def test_verify_nobody_seals(sealed: Database, look: Look, write: Write, forge: Forge) -> None:
    """Changes that wait for over an hour with no checkpoint since: nobody seals."""
    write(1)
    forge(
        "UPDATE ledger_checkpoint SET made_at = made_at - interval '3 hours'",
        "UPDATE change SET recorded_at = recorded_at - interval '3 hours'",
        "UPDATE change SET recorded_at = recorded_at + interval '1 hours'"
        " WHERE id = (SELECT max(id) FROM change)",
    )
    found = look()

    assert [one.kind for one in found.faults] == ["unsealed"]
    del sealed


CHECKPOINTS = {
    "root": ("UPDATE ledger_checkpoint SET root = sha256('x') WHERE size = :size", "checkpoint"),
    "note": ("UPDATE ledger_checkpoint SET note = 'nothing' WHERE size = :size", "checkpoint"),
    "text": ("UPDATE ledger_checkpoint SET note = replace(note, size || E'\\n', size || E'1\\n')",
             "checkpoint"),
    "name": ("UPDATE ledger_checkpoint SET note = 'x' || note WHERE size = :size", "checkpoint"),
    "signature": ("""UPDATE ledger_checkpoint
        SET note = overlay(note placing 'AAAAAAAAAAAAAAAAAAAA' from length(note) - 40)
        WHERE size = :size""", "signature"),
    "unsigned": ("""UPDATE ledger_checkpoint
        SET note = split_part(note, E'\\n\\n', 1) || E'\\n\\n' WHERE size = :size""", "signature"),
}  # fmt: skip


@pytest.mark.parametrize("forgery", sorted(CHECKPOINTS))
def test_verify_checkpoint(sealed: Database, look: Look, forge: Forge, forgery: str) -> None:
    """A checkpoint that was changed is found by its root, its text or its signature."""
    statement, kind = CHECKPOINTS[forgery]
    size = size_of(sealed)
    forge(statement, **({"size": size} if ":size" in statement else {}))

    assert (kind, size) in kinds(look())


def test_verify_older_signature(sealed: Database, look: Look, forge: Forge) -> None:
    """Only the newest signature is looked at; all of them with `full`."""
    first = note_of(sealed).size
    forge(CHECKPOINTS["signature"][0], size=first)

    assert look().faults == ()
    assert kinds(look(full=True)) == [("signature", first)]


def test_verify_keys(
    sealed: Database, sealer: Database, look: Look, write: Write, tmp_path: Path, keys: Keys
) -> None:
    """A new key's file holds the old public one; without it its checkpoints are unknown."""
    assert keys.private is not None
    file = tmp_path / "new.pem"
    file.write_bytes(private_pem() + public_pem(keys.private.public_key()))
    both = read_keys(str(file))
    alone = both._replace(public=both.public[:1])
    write(1)
    seal(sealer, keys=both, every=NOW)

    assert look(both, full=True).signed == 4
    assert look(both).faults == ()
    assert {one.kind for one in look(alone, full=True).faults} == {"signature"}
    assert kinds(look()) == [("signature", size_of(sealed))]
    assert look(Keys(), full=True).faults == ()


def test_verify_tile(sealed: Database, look: Look, forge: Forge) -> None:
    """A changed tile is told apart from changed leaves: those give the sealed root."""
    forge("UPDATE ledger_tile SET hashes = overlay(hashes placing sha256('x') from 33)"
          " WHERE index = 0")  # fmt: skip

    assert kinds(look()) == [("tile", 2)]
    forge("DELETE FROM ledger_tile WHERE index = 1")
    assert kinds(look()) == [("tile", 2), ("tile", 257)]
    del sealed


def rechained(leaves: list[bytes]) -> list[str]:
    """Statements that replace the stored tree by another that fits these leaves."""
    tree = Tree()
    tiles = [tile for leaf in leaves for tile in tree.add(leaf)]
    said = [
        f"UPDATE ledger_tile SET hashes = decode('{tile.hashes.hex()}', 'hex')"  # noqa: S608  # ours
        f" WHERE (level, index) = ({tile.level}, {tile.number})"
        for tile in tiles
    ]
    root = tree.root().hex()
    said.append("DELETE FROM ledger_checkpoint WHERE size < (SELECT max(size) FROM"
                " ledger_checkpoint)")  # fmt: skip
    said.append(f"UPDATE ledger_checkpoint SET root = decode('{root}', 'hex')")  # noqa: S608  # ours
    said.append("UPDATE ledger_checkpoint SET note = split_part(note, E'\\n', 1) || E'\\n' || size"
                " || E'\\n' || encode(root, 'base64') || E'\\n\\n'")  # fmt: skip
    return said


def test_verify_rewritten(sealed: Database, look: Look, forge: Forge) -> None:
    """AUD-08: who writes the whole tree anew is found only by an earlier checkpoint kept elsewhere.

    Signatures would be another way: an owner of the database does not have the key.
    """
    kept = note_of(sealed, 1)
    forge(FORGED["edited with its leaf"][0], id=rows(
        sealed, "SELECT min(id) FROM change WHERE kind = 'token'")[0][0])  # fmt: skip
    leaves = [leaf for (leaf,) in rows(sealed, "SELECT leaf FROM ledger_leaf ORDER BY seq")]
    forge(*rechained(leaves))

    assert look(Keys()).faults == ()
    assert look(Keys(), full=True).faults == ()
    for full in (True, False):
        assert kinds(look(since=kept, full=full))[0] == ("checkpoint", kept.size)
    assert "signature" in [one.kind for one in look(since=kept, full=True).faults]


def test_verify_from(sealed: Database, look: Look, forge: Forge) -> None:
    """From a checkpoint that was kept: only later changes are read; with `full` all are."""
    kept, size = note_of(sealed, 1), size_of(sealed)
    later = look(since=kept)
    whole = look(since=kept, full=True)
    forge("UPDATE change SET canon = canon || ' '")

    assert (later.read, later.size, later.faults) == (size - kept.size, size, ())
    assert (whole.read, whole.faults) == (size, ())
    assert all((one.seq or 0) > kept.size for one in look(since=kept).faults)
    assert min(one.seq or 0 for one in look(since=kept, full=True).faults) < kept.size


def test_verify_from_another_ledger(sealed: Database, look: Look, keys: Keys) -> None:
    """A checkpoint of another ledger, of a larger one, or with a wrong signature is no base."""
    kept = note_of(sealed, 1)
    larger = kept._replace(size=10_000)
    other = kept._replace(root=hash_leaf("x"))

    for wrong in (larger, other):
        assert look(since=wrong).faults[0].kind in {"checkpoint", "gap"}
        assert look(since=wrong, full=True).faults[0].kind in {"checkpoint", "gap"}
    forged = kept._replace(text=kept.text + "x\n")
    assert check(forged, keys.public).bad == 1
    assert kinds(look(since=forged)) == [("signature", kept.size)]
    assert ("checkpoint", kept.size) in kinds(look(since=kept._replace(origin="x")))


def test_verify_many_faults(sealed: Database, look: Look, forge: Forge) -> None:
    """Of very many the first ones are told."""
    forge("UPDATE change SET canon = canon || ' '")
    found = look()

    assert kinds(found) == [("edited", number) for number in range(1, 21)]
    del sealed


def test_newest_note(sealed: Database) -> None:
    """The newest checkpoint is the one of the largest size."""
    with sealed.reading() as session:
        note = newest_note(session)

    assert note == rows(sealed, "SELECT note FROM ledger_checkpoint ORDER BY size")[-1][0]
