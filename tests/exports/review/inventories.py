"""Inventories on their way: from a file into a catalog, and back into a file."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from harvesters.inventory.table import read_table
from schemas.identifiers import Kind
from schemas.queries import export_model
from schemas.review_columns import MAIN
from service.access.policy import Caller
from service.db import Database
from service.exports.cells import quoted
from service.exports.csv import BOM
from service.exports.review.files import read_file
from service.exports.review.reading import Moments, Reading
from tests.e2e.site import Site
from tests.exports.review.told import AUDITOR
from tests.harvesters.inventory.test_route import declare, harvested
from tests.support.catalog import last_change, rows
from tests.support.making_bundles import settled_now

FILE: Final = MAIN["omb-2025"]
NAMES: Final = [column.name for column in FILE.columns]
UNCHANGED: Final = {"created": 0, "changed": 0, "unseen": 0, "retired": 0, "skipped": []}
SAID: Final = """
    SELECT subject.kind, subject.value, observation.facts::text
      FROM sighting JOIN subject ON subject.id = sighting.subject_id
      JOIN observation ON observation.id = sighting.observation_id
      JOIN source ON source.id = sighting.source_id WHERE source.name = 'omb'
"""
Facts = dict[tuple[str, str], Any]


def agencies(path: Path) -> list[str]:
    """The namespaces of a file; `us` holds what has no agency."""
    lines = read_table(path.read_bytes()).lines
    return sorted({line.cells["agency"].strip().lower() or "us" for line in lines} | {"us"})


def imported(site: Site, path: Path) -> Facts:
    """Harvest a file by the real command; answers what was said of everything."""
    declare(site, path, may_name=agencies(path))
    assert harvested(site)["skipped"] == []
    return said(site.database)


def import_again(site: Site, path: Path) -> None:
    """Harvest a file that says what the catalog knows: nothing is written."""
    declare(site, path, may_name=agencies(path))
    before, changed = site.written(), last_change(site.database)
    report = harvested(site)
    assert {name: report[name] for name in UNCHANGED} == UNCHANGED
    assert site.written() == before
    assert last_change(site.database) == changed


def said(database: Database) -> Facts:
    """The facts of every current observation of the inventory."""
    return {(kind, value): json.loads(facts) for kind, value, facts in rows(database, SAID)}


def records(
    database: Database,
    *,
    raw: bool = False,
    by: Caller = AUDITOR,
    at: datetime | None = None,
    **filters: Any,
) -> list[Sequence[str]]:
    """The records of the file at a moment."""
    moment = at or settled_now(database)
    asked = export_model(Kind.MODEL).model_validate(filters)
    with database.reading() as session:
        reading = Reading(session, asked, caller=by, moments=Moments(moment, moment), raw=raw)
        return list(read_file(reading, FILE))


def shown(database: Database, **asked: Any) -> list[dict[str, str]]:
    """The cells of the records that say something, by column."""
    return [
        {name: text for name, text in zip(NAMES, record, strict=True) if text}
        for record in records(database, **asked)
    ]


def export(database: Database, path: Path, *, bom: bool = False, **asked: Any) -> Path:
    """Write the file."""
    lines = [quoted(NAMES), *map(quoted, records(database, **asked))]
    path.write_bytes(f"{BOM if bom else ''}{''.join(lines)}".encode())
    return path


def texts(path: Path) -> set[tuple[str, ...]]:
    """The records of a file as they are read, line ends as the catalog has them."""
    return {_texts(line.cells) for line in read_table(path.read_bytes()).lines}


def _texts(cells: Mapping[str, str]) -> tuple[str, ...]:
    found = (cells.get(name, "").replace("\r\n", "\n") for name in NAMES)
    return tuple("" if text == "[]" else text for text in found)
