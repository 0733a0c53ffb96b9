"""Bundles: complete, exact, the same bytes for the same moment, signed."""

import csv
import hashlib
import io
import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import sqlalchemy as sa
from openpyxl import load_workbook

from schemas.bundles import DATA
from schemas.review_columns import COMPANIONS, MAIN
from service.access.policy import Caller, capabilities
from service.backup import read_backup, write_backup
from service.db import Database
from service.exports import bundle as building
from service.exports.cells import taken_off
from tests.conftest import MakeDatabase
from tests.support.catalog import Sweep, make_source, model, post, version
from tests.support.making_bundles import KEYS, PRIVATE, Bundle, make_bundle, settled_now

LATER = "2026-11-21T12:00:00Z"
HOSTILE = [
    "=1+1",
    "\u200b=cmd|' /C calc'!A0",
    "a\nb",
    'say "so"',
    "unknown",
    "'-1",
    "\u05ea\u05d4 =1",
    "1/2",
]
LONG = "x" * 40_000
LONG_AGO = (
    "UPDATE harvest SET opened_at = opened_at - interval '90 days'",
    "UPDATE harvest SET closed_at = closed_at - interval '90 days'",
    "UPDATE scope SET full_closed_at = full_closed_at - interval '90 days'",
)


def records(made: Bundle, file: str) -> list[dict[str, str]]:
    """The records of a file, as cells."""
    text = made.members[f"data/{file}.csv"].decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture
def catalog(database: Database) -> Database:
    """Models with hostile texts, versions and owners."""
    source = make_source(database)
    owned = [{"owner": {"kind": "owner", "scheme": "handle", "value": "retention"}}]
    receipt = post(
        database, source,
        *(model(f"m{n}", description=text, owners=owned) for n, text in enumerate(HOSTILE)),
        model("long", description=LONG[:9_000]), version(1, "m0"), version(2, "m0"),
    )  # fmt: skip
    assert receipt.refused == ()
    return database


def change_much(database: Database, source_name: str = "mlflow-prod") -> None:
    """A harvest of everything, and a thousand changes."""
    source = make_source(database, source_name)
    sweep = Sweep(database, source)
    sweep.sweep(*(model(f"m{n}", at=LATER, description=f"changed {n}") for n in range(6)))
    sweep.close()
    for begun in range(0, 1_000, 500):
        many = range(begun, begun + 500)
        post(database, source, *(model(f"new{n}", at=LATER, description="new") for n in many))


def test_bundle_same_moment(catalog: Database, tmp_path: Path, make_database: MakeDatabase) -> None:
    """The same moment is the same bytes: after a harvest, 1,000 changes, and from a copy."""
    as_of = settled_now(catalog)
    first = make_bundle(catalog, as_of)
    change_much(catalog)
    second = make_bundle(catalog, as_of)
    assert second.content == first.content
    assert second.manifest.content_digest == first.manifest.content_digest
    assert second.manifest.bundle_id != first.manifest.bundle_id
    assert make_bundle(catalog, settled_now(catalog)).manifest.exported == len(HOSTILE) + 1 + 1_000

    copy = tmp_path / "copy.zip"
    write_backup(catalog, copy, release="tests", tell=lambda _table, _rows: None)
    with make_database() as restored:
        owner = Database(restored.url.render_as_string(hide_password=False), role=None)
        read_backup(owner, copy, tell=lambda _table, _rows: None)
        owner.dispose()
        assert make_bundle(restored, as_of).content == first.content


def test_bundle_later_scope(catalog: Database) -> None:
    """What was late then stays late in it, whatever is read since, in whichever scope."""
    source = make_source(catalog, "slow", expected_interval="1h")
    sweep = Sweep(catalog, source)
    sweep.sweep(model("slow", "slow"))
    sweep.close()
    post(catalog, source, model("pushed", "slow"))
    catalog.transact(lambda session: [session.execute(sa.text(moved)) for moved in LONG_AGO])
    as_of = settled_now(catalog)
    first = make_bundle(catalog, as_of)
    assert b'"stale":["slow"]' in first.members["data/models.jsonl"]
    [covered] = [one for one in first.manifest.coverage if one.source == "slow"]
    assert covered.last_complete_at is not None
    again = Sweep(catalog, source, scope="registry/other")
    again.sweep(model("new", "slow", at=LATER))
    again.close()
    assert make_bundle(catalog, as_of).content == first.content


def test_bundle_anywhere(catalog: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the time zone nor the locale of whoever makes it changes a byte."""
    as_of = settled_now(catalog)
    first = make_bundle(catalog, as_of)
    for name, value in {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR"}.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    try:
        assert make_bundle(catalog, as_of).content == first.content
    finally:
        del os.environ["TZ"]
        time.tzset()


def test_bundle_members(catalog: Database) -> None:
    """Members are sorted and dated alike; manifest and signature come last, and tell the truth."""
    made = make_bundle(catalog, settled_now(catalog))
    manifest, members = made.manifest, made.members
    with ZipFile(io.BytesIO(made.data)) as archive:
        dates = {info.date_time for info in archive.infolist()}
    *rest, last, signature = members
    names = {f"data/{one.name}.csv" for one in (MAIN["models"], *COMPANIONS)}
    assert (dates, last, signature) == ({(1980, 1, 1, 0, 0, 0)}, "manifest.json", "manifest.sig")
    assert rest == sorted(rest)
    assert set(rest) == {*names, "data/models.jsonl", "datapackage.json"}
    PRIVATE.public_key().verify(members[signature], members[last])
    assert json.loads(members[last]) == manifest.model_dump(mode="json")
    assert [one.name for one in manifest.files] == rest
    for one in manifest.files:
        data = members[one.name]
        assert (one.bytes, one.sha256) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
    lines = sorted(f"{one.sha256[7:]}  {one.name}\n" for one in manifest.files)
    assert (
        manifest.content_digest == f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
    )
    assert manifest.key_id == hashlib.sha256(KEYS.public[0]).hexdigest()[:16]


def test_bundle_counts(catalog: Database) -> None:
    """Counts are those of the cells; what is exported and left out adds up."""
    made = make_bundle(catalog, settled_now(catalog), filters={"name": "m0,m1"})
    manifest = made.manifest
    assert (manifest.exported, manifest.excluded, manifest.total_in_scope) == (
        2, {"filtered": len(HOSTILE) - 1}, len(HOSTILE) + 1,
    )  # fmt: skip
    assert made.members["data/models.jsonl"].count(b"\n") == 2
    unknown: dict[str, dict[str, int]] = {}
    neutralised = 0
    for file in (MAIN["models"], *COMPANIONS):
        rows = records(made, file.name)
        by_column = {c.name: sum(row[c.name] == "unknown" for row in rows) for c in file.columns}
        if found := {name: count for name, count in by_column.items() if count}:
            unknown[file.name] = found
        neutralised += sum(taken_off(text) != text for row in rows for text in row.values())
        assert next(
            one.records for one in manifest.files if one.name == f"{DATA}{file.name}.csv"
        ) == len(rows)
    assert manifest.unknown_cells == unknown
    assert manifest.neutralised_cells == neutralised > 0


def test_bundle_header(catalog: Database) -> None:
    """Files, package and documentation have the columns of one definition, in its order."""
    made = make_bundle(catalog, settled_now(catalog), profile="osfi-e23")
    package = json.loads(made.members["datapackage.json"])
    described = {one["path"]: one for one in package["resources"]}
    for file in (MAIN["osfi-e23"], *COMPANIONS):
        path = f"data/{file.name}.csv"
        head = next(csv.reader(io.StringIO(made.members[path].decode(), newline="")))
        schema = described[path]["schema"]
        names = [column.name for column in file.columns]
        assert head == names == [field["name"] for field in schema["fields"]]
        assert schema["primaryKey"] == list(file.key)


def test_bundle_texts(catalog: Database) -> None:
    """Texts come back as they are, and nothing that a spreadsheet would run stands bare."""
    made = make_bundle(catalog, settled_now(catalog))
    shown = {row["model"]: row["description"] for row in records(made, "models")}
    wanted = dict(enumerate(HOSTILE))
    for number, text in wanted.items():
        assert taken_off(shown[f"retail/m{number}"]) == text
    bare = make_bundle(catalog, settled_now(catalog), dialect="raw")
    assert HOSTILE[0] in {row["description"] for row in records(bare, "models")}


def test_bundle_while_changing(catalog: Database) -> None:
    """What changes while it is made is in none of its files."""
    as_of, source = settled_now(catalog), make_source(catalog, "other")
    quiet = make_bundle(catalog, as_of)
    seen: list[str] = []

    def disturb(file: str, _records: int) -> None:
        seen.append(file)
        post(catalog, source, model(f"late{len(seen)}", "other", at=LATER))
        post(catalog, source, model("m0", "other", at=LATER, task="ranking"))

    assert make_bundle(catalog, as_of, advance=disturb).content == quiet.content
    assert len(seen) > len(COMPANIONS)


def test_bundle_ended(catalog: Database) -> None:
    """What `advance` raises ends it, wherever it is."""

    class Enough(Exception):
        """Somebody cancelled it."""

    def stop(file: str, _records: int) -> None:
        if file == "waivers":
            raise Enough

    with pytest.raises(Enough):
        make_bundle(catalog, settled_now(catalog), advance=stop)


def test_bundle_masked(catalog: Database) -> None:
    """Whoever sees one namespace gets that one; the manifest says what is hidden."""
    held = capabilities("reader", frozenset({"entries:read", "exports:read"}))
    caller = Caller("person", "somebody", "", "reader", held, frozenset({"wholesale"}))
    made = make_bundle(catalog, settled_now(catalog), caller=caller)
    assert (made.manifest.exported, made.manifest.total_in_scope) == (0, 0)
    assert made.manifest.mask.namespaces == ("wholesale",)
    assert made.manifest.mask.notes == ()
    assert b"retail" not in b"".join(made.content.values())


def test_bundle_for_spreadsheets(catalog: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a spreadsheet cannot hold is split into parts that the manifest names, nothing lost."""
    as_of = settled_now(catalog)
    whole = records(make_bundle(catalog, as_of), "models")
    monkeypatch.setattr(building, "MOST_ROWS", 4)
    made = make_bundle(catalog, as_of, dialect="excel")
    parts = made.manifest.split["models"]
    assert parts == ("data/models-0001.csv", "data/models-0002.csv", "data/models-0003.csv")
    found: list[dict[str, Any]] = []
    for name in parts:
        text = made.members[name].decode("utf-8-sig")
        found += csv.DictReader(io.StringIO(text, newline=""), strict=True)
    assert found == whole
    again = make_bundle(catalog, as_of, dialect="excel")
    assert again.members["models.xlsx"] == made.members["models.xlsx"]
    book = load_workbook(io.BytesIO(made.members["models.xlsx"]), read_only=True)
    assert book.sheetnames[-1] == "About this file"
    sheet = list(book["models"].iter_rows(values_only=True))
    assert [dict(zip(sheet[0], row, strict=True)) for row in sheet[1:]] == whole


def test_bundle_unsigned(catalog: Database) -> None:
    """Without a key it is not signed, and says so."""
    made = make_bundle(catalog, settled_now(catalog), keys=KEYS._replace(private=None, public=()))
    assert (made.manifest.signed, made.manifest.key_id) == (False, None)
    assert "manifest.sig" not in made.members


def test_bundle_unsettled(catalog: Database) -> None:
    """A moment that may still change is refused."""
    ahead = datetime.fromisoformat("2100-01-01T00:00:00+00:00")
    with pytest.raises(Exception, match=r"future|settled|not valid"):
        make_bundle(catalog, ahead)
