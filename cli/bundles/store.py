"""Keeps what a comparison has found so far on disk, so that its memory stays flat."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

TABLES: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE change (
  model_id TEXT, kind TEXT, field TEXT, id INTEGER, at TEXT, entry TEXT, old TEXT, new TEXT,
  cause_kind TEXT, cause TEXT, evidence TEXT
);
CREATE INDEX of_kind ON change (model_id, kind, id);
CREATE INDEX of_merge ON change (cause_kind, kind, entry);
CREATE TABLE lone (file TEXT, side INTEGER, key TEXT, row TEXT);
CREATE INDEX of_key ON lone (file, key, side);
CREATE TABLE difference (
  file TEXT, what TEXT, model_id TEXT, model TEXT, key TEXT, own TEXT, kind TEXT, name TEXT,
  old TEXT, new TEXT
);
"""
OLD, NEW = 0, 1  # the sides
PAIRED: Final = """
SELECT a.row, b.row FROM lone AS a JOIN lone AS b USING (file, key)
WHERE file = ? AND a.side = 0 AND b.side = 1 ORDER BY a.rowid
"""
ALONE: Final = """
SELECT side, row FROM lone AS a WHERE file = ? AND NOT EXISTS (
  SELECT 1 FROM lone AS b WHERE b.file = a.file AND b.key = a.key AND b.side <> a.side
) ORDER BY rowid
"""
NEWEST: Final = "SELECT * FROM change WHERE model_id = ? AND kind = ?"
MERGED: Final = """
SELECT * FROM change WHERE cause_kind = 'merge' AND kind = ? AND field = ''
AND (entry IN (?, ?) OR old IN (?, ?) OR new IN (?, ?)) ORDER BY id DESC LIMIT 1
"""
KEEP_CHANGE: Final = "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
KEEP_LONE: Final = "INSERT INTO lone VALUES (?, ?, ?, ?)"
KEEP_DIFFERENCE: Final = "INSERT INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
MOST_NAMES: Final = 100


class Told(NamedTuple):
    """One change of the ledger, as a bundle or the catalog tells it."""

    model_id: str
    kind: str
    field: str
    id: int
    at: str
    entry: str
    old: str
    new: str
    cause_kind: str
    cause: str
    evidence: str


class Difference(NamedTuple):
    """A row that was added or is gone, or a cell that changed: then `name` is its column.

    `own` are the names under which the ledger may know what the row is of.
    """

    file: str
    what: str
    model_id: str
    model: str
    key: dict[str, str]
    own: tuple[str, ...]
    kind: str  # of an unknown: of what kind it is
    name: str
    old: str
    new: str


class Store:
    """A database of its own, which is gone with it."""

    def __init__(self) -> None:
        """Empty; on disk once it is larger than a cache."""
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.executescript(f"{TABLES} BEGIN;")

    def close(self) -> None:
        """Forget everything."""
        self.database.close()

    def add_changes(self, changes: Iterable[Told]) -> None:
        """Keep what the ledger tells."""
        self.database.executemany(KEEP_CHANGE, changes)

    def newest(
        self, model_id: str, kind: str, *, fields: Sequence[str] = (), own: Sequence[str] = ()
    ) -> Told | None:
        """The newest change of a kind that is told of a model; of these fields, of these things."""
        conditions, names = [NEWEST], [model_id, kind]
        if fields:
            conditions.append(f"field IN ({_places(len(fields))})")
            names += fields
        if own:
            given = list(own[:MOST_NAMES])
            conditions.append(
                f"(entry IN ({_places(len(given))}) OR field IN ({_places(len(given))}))"
            )
            names += given * 2
        query = f"{' AND '.join(conditions)} ORDER BY id DESC LIMIT 1"
        return self._one(query, names)

    def merged(self, kind: str, *, names: tuple[str, str]) -> Told | None:
        """The newest merge that took one of these away, or let it stay."""
        return self._one(MERGED, [kind, *names * 3])

    def _one(self, query: str, values: Sequence[str]) -> Told | None:
        found = self.database.execute(query, values).fetchone()
        return None if found is None else Told(*found)

    def add_lone(self, file: str, side: int, *, key: Sequence[str], row: Sequence[str]) -> None:
        """Keep a row of which the other bundle has none at the same place."""
        values = (file, side, json.dumps(key), json.dumps(row))
        self.database.execute(KEEP_LONE, values)

    def paired(self, file: str) -> Iterator[tuple[list[str], list[str]]]:
        """Rows with the same key that stand at different places: their model has another name."""
        for old, new in self.database.execute(PAIRED, (file,)):
            yield json.loads(old), json.loads(new)

    def alone(self, file: str) -> Iterator[tuple[int, list[str]]]:
        """Rows that only one side has."""
        for side, row in self.database.execute(ALONE, (file,)):
            yield side, json.loads(row)

    def add_difference(self, found: Difference) -> None:
        """Keep a difference."""
        members = found._asdict()
        members |= {name: json.dumps(members[name]) for name in ("key", "own")}
        self.database.execute(KEEP_DIFFERENCE, tuple(members.values()))

    def differences(self) -> Iterator[Difference]:
        """All of them, model by model, then file by file, as they were found."""
        query = "SELECT * FROM difference ORDER BY model, model_id, file, rowid"
        for one in self.database.execute(query):
            found = Difference(*one)
            yield found._replace(
                key=json.loads(str(found.key)), own=tuple(json.loads(str(found.own)))
            )

    def models(self, what: str, *, file: str) -> set[str]:
        """The ids of the models that were added or are gone."""
        query = "SELECT model_id FROM difference WHERE what = ? AND file = ?"
        return {one for (one,) in self.database.execute(query, (what, file))}


def _places(count: int) -> str:
    return ", ".join("?" * count)
