"""Writes a copy of the database to one file, and a database from it: data alone, in one snapshot.

The schema is not in it: migrations make it, with grants and triggers, also on a newer server. A ZIP
of one member a table in COPY's text form, and `manifest.json` with counts and digests.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import sqlalchemy as sa
from psycopg import Connection, errors, sql

from service import migrations
from service.db import Database, DatabaseFull, DatabaseUnavailable, RightMissing
from service.errors import CatalogError, Conflict
from service.health import SchemaDiffers
from service.roles import become_owner

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK: Final = 1024 * 1024
UNBOUND: Final = (
    "SELECT set_config(name, '0', true) FROM unnest(ARRAY['statement_timeout', 'lock_timeout',"
    " 'idle_in_transaction_session_timeout']) AS name"
)
SEEDED: Final = ("policy", "control_pack")  # what a new schema begins with
SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Logged tables with the columns that are stored, each after those that it refers to.
TABLES: Final = """
WITH RECURSIVE tables AS (
  SELECT oid, relname FROM pg_class
   WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p'
     AND relname <> 'alembic_version'
), reference AS (
  SELECT DISTINCT conrelid, confrelid FROM pg_constraint
   WHERE contype = 'f' AND conrelid <> confrelid
), depth AS (
  SELECT oid, 0 AS level FROM tables
  UNION SELECT conrelid, level + 1 FROM depth JOIN reference ON confrelid = oid WHERE level < 50
)
SELECT relname, (SELECT array_agg(attname ORDER BY attnum) FROM pg_attribute
                  WHERE attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
                    AND attgenerated = '')
  FROM tables JOIN depth USING (oid) GROUP BY oid, relname ORDER BY max(level), relname
"""
SEQUENCES: Final = """
SELECT sequencename, last_value FROM pg_sequences
 WHERE schemaname = 'public' AND last_value IS NOT NULL ORDER BY 1
"""
TRIGGERS: Final = """
SELECT relname, tgname, tgenabled FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
 WHERE c.relnamespace = 'public'::regnamespace AND NOT tgisinternal ORDER BY 1, 2
"""
ENABLING: Final = {
    "A": "ALTER TABLE {} ENABLE ALWAYS TRIGGER {}",
    "O": "ALTER TABLE {} ENABLE TRIGGER {}",
    "R": "ALTER TABLE {} ENABLE REPLICA TRIGGER {}",
    "D": "ALTER TABLE {} DISABLE TRIGGER {}",
}
NEXT_ID: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
# A transaction that takes an id and writes nothing: 250,000 a second.
COUNT_ON: Final = """
DO $$ BEGIN
  FOR i IN 1..{} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP;
END $$
"""
STEP: Final = 500_000
Tell = Callable[[str, int], None]


class BackupUnreadable(Conflict):
    """The file is no copy of a catalog, or it is damaged.

    Nothing was changed. Take another copy; `model-catalog db backup` makes them.
    """


class NotEmpty(Conflict):
    """The database holds a catalog already.

    Nothing was changed. Restore into a new database; then point the service at it.
    """


class SchemaUnknown(Conflict):
    """The copy is of a newer release.

    Nothing was changed. Restore it with the release that made it, which the file names, or a newer.
    """


def write_backup(database: Database, file: Path, *, release: str, tell: Tell) -> dict[str, int]:
    """Write everything as it stands at one moment; answers the rows by table.

    What is read meanwhile is not disturbed, and nobody waits. The file is there when it is whole.

    Raises `SchemaDiffers` where there is no catalog.
    """
    if migrations.status(database).current is None:
        raise SchemaDiffers(detail="It has none, so there is nothing to copy.")
    partial = file.with_name(f"{file.name}.partial")
    try:
        rows = _written(database, partial, release=release, tell=tell)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    partial.rename(file)
    return rows


def _written(database: Database, file: Path, *, release: str, tell: Tell) -> dict[str, int]:
    with _explained(), database.engine.connect() as connection, open_zip(file) as archive:
        driver = _driver(connection)
        driver.execute(SNAPSHOT)
        driver.execute(UNBOUND)
        revision = driver.execute("SELECT version_num FROM alembic_version").fetchone()
        tables = [_copied_out(driver, archive, table=table, tell=tell) for table in _tables(driver)]
        manifest = {
            "format": FORMAT,
            "release": release,
            "revision": revision[0] if revision else None,
            "tables": tables,
            "sequences": dict(driver.execute(SEQUENCES).fetchall()),
            "next_transaction": _one(driver, NEXT_ID),
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=1))
        connection.rollback()
    return {table["name"]: table["rows"] for table in tables}


def read_backup(
    database: Database, file: Path, *, tell: Tell, dry_run: bool = False
) -> dict[str, int]:
    """Make a database from a copy: its own schema first, then the data in one transaction.

    A dry run only looks whether the file is whole and the database empty.

    Raises `NotEmpty`, `BackupUnreadable`, `SchemaUnknown`. Answers the rows by table.
    """
    with _explained(), _opened(file) as archive:
        manifest = _manifest(archive)
        if manifest["revision"] not in migrations.revisions():
            raise SchemaUnknown(detail=f"It was made by release {manifest['release']}.")
        _check_empty(database, manifest["revision"])
        if dry_run:
            return _checked(archive, manifest["tables"])
        if migrations.status(database).current is None:
            migrations.upgrade(database, manifest["revision"])
        alone = sa.create_engine(database.url, poolclass=sa.NullPool)
        with alone.begin() as connection:
            become_owner(connection)
            driver = _driver(connection)
            driver.execute(UNBOUND)
            with _without_triggers(driver, manifest["tables"]):
                for seeded in SEEDED:  # the copy holds what became of them
                    driver.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(seeded)))
                for table in manifest["tables"]:
                    _copied_in(driver, archive, table=table, tell=tell)
            for name, value in manifest["sequences"].items():
                driver.execute("SELECT setval(quote_ident(%s)::regclass, %s)", [name, value])
    migrations.upgrade(database)
    _count_on(database, manifest["next_transaction"], tell=tell)
    return {table["name"]: table["rows"] for table in manifest["tables"]}


def open_zip(path: Path) -> ZipFile:
    """A new archive that only we may read."""
    path.touch(mode=0o600)
    return ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1)


def _tables(driver: Connection[Any]) -> list[tuple[str, list[str]]]:
    return driver.execute(TABLES).fetchall()


def _copied_out(
    driver: Connection[Any], archive: ZipFile, *, table: tuple[str, list[str]], tell: Tell
) -> dict[str, Any]:
    """One table to one member, piece by piece: the memory stays flat."""
    name, columns = table
    digest, rows = hashlib.sha256(), 0
    statement = _copy("COPY {} ({}) TO STDOUT", name, columns=columns)
    with archive.open(_member(name), "w", force_zip64=True) as member, driver.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for piece in copy:
                data = bytes(piece)
                member.write(data)
                digest.update(data)
        rows = cursor.rowcount
    tell(name, rows)
    return {"name": name, "columns": columns, "rows": rows, "sha256": digest.hexdigest()}


def _copied_in(
    driver: Connection[Any], archive: ZipFile, *, table: Mapping[str, Any], tell: Tell
) -> None:
    """One member to one table. Raises `BackupUnreadable` when it is not what was written."""
    name, digest = table["name"], hashlib.sha256()
    statement = _copy("COPY {} ({}) FROM STDIN", name, columns=table["columns"])
    with archive.open(_member(name)) as member, driver.cursor() as cursor:
        with cursor.copy(statement) as copy:
            while piece := member.read(CHUNK):
                copy.write(piece)
                digest.update(piece)
        if (cursor.rowcount, digest.hexdigest()) != (table["rows"], table["sha256"]):
            raise BackupUnreadable(detail=f"Table {name} differs from what was written.")
    tell(name, table["rows"])


@contextmanager
def _without_triggers(
    driver: Connection[Any], tables: Sequence[Mapping[str, Any]]
) -> Iterator[None]:
    """Nothing is stamped or kept in history meanwhile; then every trigger is as it was."""
    before = driver.execute(TRIGGERS).fetchall()
    for table in tables:
        name = sql.Identifier(table["name"])
        driver.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    yield
    driver.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what is still to check holds the tables
    for table_name, trigger, enabled in before:
        names = sql.Identifier(table_name), sql.Identifier(trigger)
        driver.execute(sql.SQL(ENABLING[enabled]).format(*names))


def _count_on(database: Database, number: int, *, tell: Tell) -> None:
    """Bring the server's transaction ids beyond those in the ledger.

    What waits until all have ended who began before a change compares them: on a new server,
    which begins again at the bottom, what was restored would lie in the future.
    """
    with database.engine.connect() as connection:
        driver = _driver(connection)
        driver.autocommit = True
        while (missing := number - int(_one(driver, NEXT_ID))) > 0:
            tell("transaction ids", missing)
            driver.execute(sql.SQL(COUNT_ON).format(sql.Literal(min(missing, STEP))))
        driver.autocommit = False


def _check_empty(database: Database, revision: str) -> None:
    current = migrations.status(database).current
    if current not in {None, revision}:
        raise NotEmpty(detail=f"Its schema is {current}, that of the copy {revision}.")
    with database.engine.connect() as connection:
        driver = _driver(connection)
        for name in (one for one, _ in _tables(driver) if one not in SEEDED):
            found = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(name))
            if _one(driver, found):
                raise NotEmpty(detail=f"Table {name} has rows.")


def _checked(archive: ZipFile, tables: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    for table in tables:
        digest = hashlib.sha256()
        with archive.open(_member(table["name"])) as member:
            while piece := member.read(CHUNK):
                digest.update(piece)
        if digest.hexdigest() != table["sha256"]:
            raise BackupUnreadable(detail=f"Table {table['name']} differs from what was written.")
    return {table["name"]: table["rows"] for table in tables}


@contextmanager
def _opened(file: Path) -> Iterator[ZipFile]:
    try:
        with ZipFile(file) as archive:
            yield archive
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError, zlib.error) as damaged:
        raise BackupUnreadable(cause=str(damaged)) from None
    except (errors.DataError, errors.IntegrityError, errors.ProgrammingError) as damaged:
        if isinstance(damaged, errors.InsufficientPrivilege):
            raise
        raise BackupUnreadable(cause=_first_line(damaged)) from None


@contextmanager
def _explained() -> Iterator[None]:
    """What the driver raises by itself, past the pool that would translate it."""
    try:
        yield
    except (errors.OperationalError, errors.InsufficientPrivilege) as error:
        kinds: Mapping[type[Exception], type[CatalogError]] = {
            errors.DiskFull: DatabaseFull, errors.InsufficientPrivilege: RightMissing,
        }  # fmt: skip
        raise kinds.get(type(error), DatabaseUnavailable)(cause=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """Those that follow quote rows."""
    return str(error).partition("\n")[0]


def _manifest(archive: ZipFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(archive.read(MANIFEST))
    if found["format"] != FORMAT:
        raise BackupUnreadable(detail=f"Its form is {found['format']}, not {FORMAT}.")
    return found


def _member(table: str) -> str:
    return f"data/{table}.copy"


def _copy(text: str, table: str, *, columns: Sequence[str]) -> sql.Composed:
    named = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(text).format(sql.Identifier(table), named)


def _driver(connection: sa.Connection) -> Connection[Any]:
    found: Any = connection.connection.driver_connection
    return cast("Connection[Any]", found)


def _one(driver: Connection[Any], statement: Any) -> Any:
    row = driver.execute(statement).fetchone()
    return row[0] if row else None
