"""`db backup` and `db restore`: afterwards the catalog answers the same, and goes on."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest
import sqlalchemy as sa

from cli.database import started_url
from service import migrations
from service.db import Database
from service.ledger.notes import Keys
from service.ledger.verify import verify
from service.rights import faults
from service.roles import make_roles
from tests.cli.conftest import Command
from tests.support.catalog import Sweep, gone, make_source, model, rows, version
from tests.support.http import Service, make_token, opened, wait_for_feed

LATER: Final = "2026-11-21T12:00:00Z"
LISTS: Final = ("models", "versions", "datasets", "training-runs", "owners")
TABLES: Final = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
   AND relpersistence = 'p' ORDER BY 1
"""
TRIGGERS: Final = """
SELECT relname, tgname, tgenabled::text FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
 WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal ORDER BY 1, 2
"""
AHEAD: Final = """
DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$
"""
RIGHTS: Final = """
SELECT relname, relowner::regrole::text, relacl::text FROM pg_class
 WHERE relnamespace = 'public'::regnamespace ORDER BY 1
"""


@pytest.fixture
def filled(database: Database) -> Database:
    """A catalog with a past: changes, something gone, something refused, tokens, a report."""
    source = make_source(database)
    sweep = Sweep(database, source)
    sweep.send(model(description="first\tline\n\\."), version(1), version(2), model("fraud"))
    sweep.close()
    after = Sweep(database, source)
    after.send(model(at=LATER, description=None), gone(model("fraud"), LATER), {"subject": 1})
    after.close()
    make_token(database, "admin")
    return database


@pytest.fixture
def target(empty_url: str) -> str:
    """A database without a schema, on a server that knows the roles."""
    prepare(empty_url)
    return empty_url


@pytest.fixture
def other_server() -> Iterator[str]:
    """A fresh server of its own: its transaction ids begin at the bottom."""
    with tempfile.TemporaryDirectory(prefix="catalog-", ignore_cleanup_errors=True) as folder:
        yield f"embedded:{folder}/data"


def prepare(url: str) -> None:
    """What `db roles` does."""
    owner = Database(url, role=None, pool=1)
    with owner.engine.begin() as connection:
        make_roles(connection)
    owner.dispose()


def url_of(database: Database) -> str:
    """A database as a setting names it."""
    return database.url.set(drivername="postgresql").render_as_string(hide_password=False)


def contents(database: Database) -> dict[str, str]:
    """A digest of every row of every table."""
    return {
        name: rows(
            database,
            f"SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM \"{name}\" t",  # noqa: S608, E501
        )[0][0]
        for (name,) in rows(database, TABLES)
    }


def answers(service: Service, token: str) -> dict[str, Any]:
    """What readers see: lists, a detail with provenance, its history, the past, the feed."""
    asked = {name: service.get(name_of(name), token)["items"] for name in LISTS}
    asked["detail"] = service.get("/api/v1/models/retail/churn", token, provenance="true")
    asked["feed"] = service.get("/api/v1/changes", token, page_size="1000")
    return asked


def name_of(plural: str) -> str:
    """The address of a list."""
    return f"/api/v1/{plural}"


def test_backup_restore(command: Command, filled: Database, target: str, tmp_path: Path) -> None:
    """Every row, sequence, trigger and right is as it was, and the catalog answers the same."""
    file = str(tmp_path / "copy.zip")
    with opened(filled) as service:
        token = service.reader
        wait_for_feed(filled)
        before = answers(service, token)
    taken = contents(filled)
    owner = Database(url_of(filled), role=None, pool=1)
    wrote = command("db", "backup", file, "--json", DATABASE_URL=url_of(filled))

    read = command("db", "restore", file, "--json", DATABASE_URL=target)

    restored = Database(target)
    assert (wrote.code, read.code) == (0, 0), wrote.err + read.err
    assert json.loads(read.lines[-1]) == json.loads(wrote.lines[-1]) | {"done": True}
    assert contents(restored) == taken
    for query in (TRIGGERS, RIGHTS):
        assert rows(restored, query) == rows(filled, query)
    assert migrations.status(restored).ready
    assert faults(restored) == faults(owner) == []
    wait_for_feed(restored)
    with opened(restored) as service:
        assert answers(service, token) == before
    restored.dispose()
    owner.dispose()


def test_restore_goes_on(command: Command, filled: Database, target: str, tmp_path: Path) -> None:
    """A page token and a feed cursor of before go on after it, sealing too; numbers are free."""
    file = str(tmp_path / "copy.zip")
    with opened(filled) as service:
        token = service.reader
        wait_for_feed(filled)
        page = service.get("/api/v1/models", token, page_size="1")
        rest = service.get("/api/v1/models", token, page_token=page["next_page_token"])
        cursor = service.get("/api/v1/changes", token, page_size="1000")["next"]
    make_source(filled, "mlflow-unsealed")
    command("db", "backup", file, DATABASE_URL=url_of(filled))
    command("db", "restore", file, DATABASE_URL=target)

    restored = Database(target)
    with opened(restored) as service:
        again = service.get("/api/v1/models", token, page_token=page["next_page_token"])
        sweep = Sweep(restored, make_source(restored))
        sweep.send(model("third"), version(3))
        sweep.close()
        wait_for_feed(restored)
        news = service.get("/api/v1/changes", token, since=cursor)["items"]
        all_news = service.get("/api/v1/changes", service.token("admin"), since=cursor)["items"]
    with restored.reading() as session:
        verdict = verify(session, keys=Keys(), full=True)
    restored.dispose()

    assert verdict.faults == ()
    assert verdict.size == all_news[-1]["seq"]
    assert [one["seq"] for one in all_news] == list(range(all_news[0]["seq"], verdict.size + 1))
    assert cursor == f"seq-{all_news[0]['seq'] - 1}"
    assert [one for one in all_news if "mlflow-unsealed" in json.dumps(one)]
    assert again["items"] == rest["items"]
    assert {(one["op"], one["kind"]) for one in news} >= {
        ("create", "model"),
        ("create", "version"),
    }


def test_restore_on_another_server(
    command: Command, filled: Database, other_server: str, tmp_path: Path
) -> None:
    """On a new server, whose transaction ids are lower, the feed shows the old and the new."""
    file = str(tmp_path / "copy.zip")
    cluster = Database(url_of(filled), role=None, pool=1)
    with cluster.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text(AHEAD))
    cluster.dispose()
    make_source(filled, "mlflow-late")
    ((newest,),) = rows(filled, "SELECT max(xid) FROM change")
    command("db", "backup", file, DATABASE_URL=url_of(filled))

    ran = command("db", "restore", file, DATABASE_URL=other_server)

    assert ran.code == 0, ran.err
    restored = Database(started_url(other_server))
    with opened(restored) as service:
        admin = service.token("admin")
        wait_for_feed(restored)
        old = service.get("/api/v1/changes", admin, page_size="1000")
        make_source(restored, "mlflow-new")
        wait_for_feed(restored)
        new = service.get("/api/v1/changes", admin, since=old["next"])["items"]
    with restored.reading() as session:
        ((ids,),) = session.execute(sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text"))
    assert newest < int(ids)  # what waits for those who began before a change waits no longer
    assert "mlflow-late" in json.dumps(old)
    assert "mlflow-new" in json.dumps(new)
    restored.dispose()


def test_restore_refuses_what_holds_something(
    command: Command, filled: Database, tmp_path: Path
) -> None:
    """A database that holds a catalog is left alone: 5, and what to do."""
    file = str(tmp_path / "copy.zip")
    command("db", "backup", file, DATABASE_URL=url_of(filled))
    before = contents(filled)

    ran = command("db", "restore", file, DATABASE_URL=url_of(filled))
    again = command("db", "backup", file, DATABASE_URL=url_of(filled))

    assert (ran.code, again.code) == (5, 5)
    assert "The database holds a catalog already." in ran.err
    assert "is there already" in again.err
    assert contents(filled) == before


@pytest.mark.parametrize("damage", ["cut", "swapped", "no zip", "newer", "overwritten", "no copy"])
def test_restore_damaged(
    command: Command, filled: Database, target: str, tmp_path: Path, damage: str
) -> None:
    """A damaged copy, or one of a newer release, restores nothing: 5, also in a dry run."""
    file, broken = tmp_path / "copy.zip", tmp_path / "broken.zip"
    command("db", "backup", str(file), DATABASE_URL=url_of(filled))
    if damage in {"cut", "no zip", "overwritten"}:
        whole = file.read_bytes()
        middle = bytes(byte ^ 255 for byte in whole[len(whole) // 3 : len(whole) // 3 + 50])
        over = whole[: len(whole) // 3] + middle + whole[len(whole) // 3 + 50 :]
        broken.write_bytes({"cut": whole[:-2_000], "overwritten": over}.get(damage, b"nothing"))
    else:
        rewrite(file, broken, damage=damage)

    dry = command("db", "restore", str(broken), "--dry-run", DATABASE_URL=target)
    ran = command("db", "restore", str(broken), DATABASE_URL=target)

    said = "newer release" if damage == "newer" else "no copy of a catalog, or it is damaged"
    assert (dry.code, ran.code) == (5, 5), ran.err
    assert said in dry.err
    assert said in ran.err
    empty = Database(target, role=None, pool=1)
    if migrations.status(empty).current is not None:
        assert rows(empty, "SELECT count(*) FROM source") == [(0,)]
    empty.dispose()


def rewrite(file: Path, broken: Path, *, damage: str) -> None:
    """A copy of a copy in which one thing is otherwise."""
    with ZipFile(file) as good, ZipFile(broken, "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            if damage == "newer" and name == "manifest.json":
                data = data.replace(b'"revision": "0', b'"revision": "9')
            if damage == "no copy" and name == "manifest.json":
                data = b"[]"
            if damage == "swapped" and name == "data/model.copy":
                data = data.replace(b"churn", b"chorn")
            bad.writestr(name, data)


def test_restore_dry_run(command: Command, filled: Database, target: str, tmp_path: Path) -> None:
    """A dry run says what would be restored, and makes nothing."""
    file = str(tmp_path / "copy.zip")
    command("db", "backup", file, DATABASE_URL=url_of(filled))

    ran = command("db", "restore", file, "--dry-run", "--json", DATABASE_URL=target)

    empty = Database(target, role=None, pool=1)
    assert (ran.code, json.loads(ran.out)["done"]) == (0, False)
    assert json.loads(ran.out)["rows"]["source"] == 1
    assert migrations.status(empty).current is None
    empty.dispose()


def test_backup_without_catalog(command: Command, target: str, tmp_path: Path) -> None:
    """Without a catalog there is nothing to copy: 6, what to do, and no file."""
    empty = Database(target, role=None, pool=1)
    assert migrations.status(empty).current is None
    empty.dispose()

    ran = command("db", "backup", str(tmp_path / "copy.zip"), DATABASE_URL=target)

    assert (ran.code, list(tmp_path.iterdir())) == (6, [])
    assert "model-catalog db upgrade" in ran.err
    assert "Traceback" not in ran.err


def test_backup_private(command: Command, filled: Database, tmp_path: Path) -> None:
    """Only its owner may read the file, and no token stands in it."""
    file = tmp_path / "copy.zip"
    token = make_token(filled)

    command("db", "backup", str(file), DATABASE_URL=url_of(filled))

    assert file.stat().st_mode & 0o077 == 0
    with ZipFile(file) as archive:
        assert not [n for n in archive.namelist() if token[6 + 8 :].encode() in archive.read(n)]
