"""Files over HTTP: the rows of the list, in bounded chunks, whole or visibly broken."""

import csv
import io
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openpyxl
import pytest
import sqlalchemy as sa

from schemas.columns import MODELS, TABLES
from service.db import Database
from service.exports import answer, export, sheet, stream
from service.exports.csv import csv_chunks
from service.exports.lines import line_chunks
from service.health import release
from tests.conftest import Statements
from tests.docs.tables import documented, section
from tests.support.catalog import make_source, model, post, rows, version
from tests.support.http import Service, bearer, logged, settled

OWNER = {"owner": {"kind": "owner", "scheme": "email", "value": "ada@acme.example"}}
ROWS = 5_000
MANY = """
INSERT INTO entry (id, kind, namespace, natural_key, stub, by_time, first_seen_at, last_changed_at)
SELECT gen_random_uuid(), 'model', 'retail', 'retail/m' || lpad(n::text, 5, '0'), false, false,
       now(), now() FROM generate_series(1, :rows) AS n
"""
TYPED = """
INSERT INTO model (id, name, description, statements, provenance, narrowed, conflicts)
SELECT id, natural_key, natural_key || :text, '[]', '{"description": [0], "name": [0]}', '{}', '[]'
  FROM entry WHERE kind = 'model'
"""
CARDS = """
INSERT INTO index_card (id, kind, namespace, sort_key, words, names)
SELECT id, kind, namespace, natural_key, '', '' FROM entry
"""
WITHOUT_TRIGGERS = "SET LOCAL session_replication_role = replica"  # search words take their time
FETCHING = """
SELECT query FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'FETCH%'
"""
ENDED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND (query LIKE 'COPY%' OR query LIKE 'FETCH%')
"""


def read(text: str) -> list[dict[str, str]]:
    """The records of a CSV by column; every line ends as RFC 4180 says."""
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture
def filled(service: Service) -> Service:
    """Models with everything that a cell finds hard."""
    source = make_source(service.database)
    post(
        service.database,
        source,
        model("churn", description='=1+1 "quoted", and; more\r\nthan a line', tags=["b", "a;c"],
              owners=[OWNER], lifecycle="production"),
        model("fraud", description=None, tags=[], license="unknown"),
        model("a/b, c", description="\ufeff@SUM(A1)", model_class={
            "one_of": ["generative", "agentic"]}),
        model("prices", description="é 日本 😀 'x"),
        version(1, source_commit="a" * 40, aliases=["champion"]),
        version(10),
        version(9, name="nobody"),
    )  # fmt: skip
    return service


def test_export_cells(filled: Service) -> None:
    """CSV-01, CSV-02: nothing runs; missing, empty and narrowed stay apart; one cell each."""
    records = {
        record["model"]: record
        for record in read(filled.ask("GET", "models.csv?stub=false", filled.reader).text)
    }
    shown = {
        name: [record[column] for column in ("description", "tags", "model_class", "license")]
        for name, record in records.items()
    }

    assert shown == {
        "retail/churn": [
            '\'=1+1 "quoted", and; more\nthan a line',
            "a;;c; b",
            "unknown",
            "unknown",
        ],
        "retail/fraud": ["", "", "unknown", "'unknown"],
        "retail/a%2fb, c": ["'\ufeff@SUM(A1)", "unknown", "one of agentic; generative", "unknown"],
        "retail/prices": ["é 日本 😀 'x", "unknown", "unknown", "unknown"],
    }
    assert records["retail/churn"]["owner"] == "ada@acme.example"
    assert records["retail/fraud"]["owner"] == "unknown"
    assert (records["retail/churn"]["versions"], records["retail/churn"]["newest_version"]) == (
        "2", "v10",
    )  # fmt: skip


def test_export_dialects(filled: Service) -> None:
    """`excel` adds the byte order mark, `raw` leaves the apostrophes out; all quote every field."""
    plain, excel, raw = (
        filled.ask("GET", f"models.csv?dialect={dialect}", filled.reader)
        for dialect in ("plain", "excel", "raw")
    )
    head = ",".join(f'"{column.name}"' for column in MODELS)

    assert plain.content.startswith(f"{head}\r\n".encode())
    assert excel.content.startswith(f"\ufeff{head}\r\n".encode())
    assert raw.content.startswith(f"{head}\r\n".encode())
    assert '"=1+1 ""quoted"", and; more' in raw.text
    assert '"\ufeff@SUM(A1)"' in raw.text
    for one in (plain, excel, raw):
        assert one.headers["content-type"].startswith("text/csv; charset=utf-8")
        named = one.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="models_\d{4}-\d\d-\d\dT\d{6}Z\.csv"', named), (
            named
        )
    assert filled.ask("GET", "models.csv?dialect=xls", filled.reader).status_code == 422
    assert filled.ask("GET", "models.csv?page_size=1", filled.reader).status_code == 422


@pytest.mark.parametrize("name", TABLES)
def test_export_columns_documented(filled: Service, name: str) -> None:
    """The header is the list of columns that the documentation gives, in its order."""
    answered = filled.ask("GET", f"exports/{name}.csv", filled.reader)
    head = next(csv.reader(io.StringIO(answered.text)))

    assert (
        head == [column.name for column in TABLES[name]] == documented(section("columns.md", name))
    )


def test_export_of_exports(filled: Service) -> None:
    """`/exports/models.csv` is the list's own file."""
    one, other = (
        filled.ask("GET", f"{path}.csv", filled.reader) for path in ("models", "exports/models")
    )

    assert [row["model"] for row in read(one.text)] == [row["model"] for row in read(other.text)]
    assert one.headers["content-type"] == other.headers["content-type"]


def test_export_named_after_its_part(filled: Service) -> None:
    """A file below a model says of which; nothing of a name gets into a header as it is."""
    answered = filled.ask("GET", "models/retail/a%252fb, c/versions.csv", filled.reader)
    named = answered.headers["content-disposition"]

    assert re.fullmatch(
        r'attachment; filename="retail_a-[a-z0-9-]*b-c_versions_[0-9TZ-]+\.csv"', named
    ), named


@pytest.mark.parametrize("path", ["models.pdf", "models.", "models.csv.gz", "exports/models.xls"])
def test_export_form_unknown(filled: Service, path: str) -> None:
    """An unknown suffix is answered with those that there are."""
    answered = filled.ask("GET", path, filled.reader)

    assert answered.status_code == 404
    if path != "models.":
        assert "`.csv`, `.jsonl` or `.xlsx`" in answered.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"Accept": "text/csv"}])
def test_export_needs_its_policy(filled: Service, headers: dict[str, str]) -> None:
    """Whoever may read pages may not take everything along, by suffix or by `Accept`."""
    token = filled.token(scopes=["entries:read"])
    answered = filled.ask("GET", "models" if headers else "models.csv", token, headers=headers)

    assert (answered.status_code, answered.json()["code"]) == (403, "insufficient_scope")
    assert filled.ask("GET", "models", token).status_code == 200


@pytest.mark.parametrize("form", ["jsonl", "xlsx"])
def test_export_dialect_of_csv_alone(filled: Service, form: str) -> None:
    """What would be ignored is refused."""
    answered = filled.ask("GET", f"models.{form}?dialect=raw", filled.reader)

    assert answered.status_code == 422
    assert answered.json()["errors"][0]["pointer"] == "?dialect"


def test_export_sheet(filled: Service) -> None:
    """A workbook says what it is of: moment, filters, who saw it; it is the same each time."""
    token = filled.token(namespaces=["retail"])
    one, other = (filled.ask("GET", "models.xlsx?stub=false&sort=-name", token) for _ in range(2))
    book = openpyxl.load_workbook(io.BytesIO(one.content))
    sheet, about = book.worksheets
    told: Any = about.iter_rows(values_only=True)
    said = dict(told)

    assert (sheet.title, about.title) == ("models", "About this file")
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", sheet.dimensions)
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert all(isinstance(v, str) for row in sheet.iter_rows(values_only=True) for v in row if v)
    assert said.pop("as_of") == sheet["A2"].value
    assert said == {
        "list": "models", "?stub": "false", "?sort": "'-name", "namespaces": "retail",
        "rows": "4", "cut cells": "0", "catalog version": release(),
    }  # fmt: skip
    assert len(one.content) == int(one.headers["content-length"])
    with zipfile.ZipFile(io.BytesIO(one.content)) as packed:
        assert {part.date_time for part in packed.infolist()} == {(1980, 1, 31, 0, 0, 0)}
    if one.headers["content-disposition"] == other.headers["content-disposition"]:
        assert one.content == other.content


@pytest.mark.parametrize("path", ["models.xlsx", "models.csv?dialect=excel"])
def test_export_too_long_for_a_sheet(
    filled: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    """More rows than a spreadsheet holds are refused, not cut, and leave no file behind."""
    monkeypatch.setattr(sheet, "MOST_ROWS", 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answered = filled.ask("GET", path, filled.reader)

    assert (answered.status_code, answered.json()["code"]) == (422, "too_many_rows")
    assert list(tmp_path.iterdir()) == []
    assert filled.ask("GET", "models.csv", filled.reader).status_code == 200


@pytest.mark.parametrize(("form", "counted"), [("csv", 6), ("jsonl", 7), ("xlsx", 7)])
def test_export_statements(
    filled: Service, statements: Statements, form: str, counted: int
) -> None:
    """Invariant 12: an export of everything takes as many statements as one of a single row.

    Two are the slot that it takes and its row in the export log. Of CSV one more is not counted
    here: `COPY`, which the driver sends.
    """
    for asked in ("", "?name=churn"):
        filled.ask("GET", f"models.{form}{asked}", filled.reader)
        with statements() as sent:
            filled.ask("GET", f"models.{form}{asked}", filled.reader)
        settled(filled.database)

        assert len(sent) == counted, sent


@pytest.fixture
def many(service: Service, owner_database: Database) -> Service:
    """A catalog with more models than one chunk holds."""
    with owner_database.writing() as session:
        session.execute(sa.text(WITHOUT_TRIGGERS))
        session.execute(sa.text(MANY), {"rows": ROWS})
        session.execute(sa.text(TYPED), {"text": "x" * 2_000})
        session.execute(sa.text(CARDS))
    return service


def test_invariant_12_export_in_chunks(many: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is flat: 5,000 rows come in bounded chunks, each of whole records."""
    sizes: list[int] = []
    write: Any = csv_chunks

    def watched(*given: Any, **options: Any) -> Iterator[bytes]:
        for chunk in write(*given, **options):
            assert chunk.endswith(b'"\r\n')
            sizes.append(len(chunk))
            yield chunk

    monkeypatch.setattr(answer, "csv_chunks", watched)
    answered = many.ask("GET", "models.csv", many.reader)

    assert len(read(answered.text)) == ROWS
    assert answered.headers.get("transfer-encoding") == "chunked"
    assert len(sizes) > 10
    assert max(sizes) < stream.CHUNK + 10_000


def test_invariant_12_lines_in_parts(
    many: Service, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is flat: never more than a few hundred rows are fetched at once."""
    fetched: list[tuple[str]] = []
    write: Any = line_chunks

    def watched(*given: Any) -> Iterator[bytes]:
        for chunk in write(*given):
            fetched.extend(rows(owner_database, FETCHING))
            yield chunk

    monkeypatch.setattr(answer, "line_chunks", watched)
    answered = many.ask("GET", "models.jsonl", many.reader)

    assert len(answered.text.splitlines()) == ROWS
    assert 0 < max(int(query.split()[2]) for (query,) in fetched) <= export.FETCHED


@pytest.mark.parametrize("path", ["models.csv", "models.jsonl", "models.xlsx"])
def test_export_query_fails(many: Service, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A query that fails before its first row is an error answer, no empty file."""
    monkeypatch.setattr(export, "EXPORT_TIMEOUT", "SET LOCAL statement_timeout = '1ms'")
    answered = many.ask("GET", path, many.reader)

    assert (answered.status_code, answered.json()["code"]) == (503, "database_slow")
    assert "content-disposition" not in answered.headers


def test_export_of_the_past_has_its_time(filled: Service, statements: Statements) -> None:
    """An export of a moment is allowed as long as one of the present, not only as a page is.

    The question whether the moment is settled ends a transaction, and what was set in it.
    """
    with statements() as sent:
        answered = filled.ask("GET", "models.jsonl?as_of=2026-01-01", filled.reader)
    settled(filled.database)
    allowed, checked = (
        next(n for n, one in enumerate(sent) if said in one)
        for said in (export.EXPORT_TIMEOUT, "settled_before")
    )

    assert answered.status_code == 200
    assert checked < allowed < len(sent) - 1, sent


@pytest.mark.parametrize("path", ["models.csv", "models.jsonl"])
def test_export_breaks_later(many: Service, owner_database: Database, path: str) -> None:
    """Whatever breaks in the middle breaks the transfer: nobody takes a part for the whole."""
    received: list[bytes] = []
    with (
        logged() as events,
        many.http.stream("GET", f"/api/v1/{path}", headers=bearer(many.reader)) as answered,
    ):
        assert answered.status_code == 200
        chunks = answered.iter_raw()
        received.append(next(chunks))
        rows(owner_database, ENDED)
        with pytest.raises(httpx2.RemoteProtocolError):
            received.extend(chunks)

    assert b"".join(received).count(b"retail/m0") < ROWS
    assert "error" in {event["level"] for event in events}
    assert many.get("/livez") == {"status": "alive"}
    assert many.ask("GET", "models", many.reader).status_code == 200


@pytest.mark.parametrize("path", ["models.csv", "models.jsonl"])
def test_export_client_leaves(many: Service, path: str) -> None:
    """CONC-08: clients that hang up in the middle leave no query and no connection behind."""
    for token in [many.token() for _ in range(12)]:  # more than the pool holds
        with many.http.stream("GET", f"/api/v1/{path}", headers=bearer(token)) as answered:
            assert answered.status_code == 200
            next(answered.iter_raw())
    settled(many.database)

    assert many.ask("GET", "models", many.reader).status_code == 200
