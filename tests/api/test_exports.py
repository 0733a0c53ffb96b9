"""CSV over HTTP: the rows of the list, in bounded chunks, whole or visibly broken."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from schemas.columns import MODELS, TABLES
from service.db import Database
from service.exports import csv as exports
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
FETCHING = """
SELECT query FROM pg_stat_activity
 WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'FETCH%'
"""
UNREADABLE = "UPDATE entry SET first_seen_at = '10000-01-01Z' WHERE natural_key = 'retail/m03500'"


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


def test_export_is_the_list(filled: Service) -> None:
    """The export is what you see: the same rows in the same order, the same members."""
    for kind in ("models", "versions"):
        for asked in ("", "?stub=false", "?namespace=retail", "?source=nobody", "?gone=true"):
            listed = filled.get(f"{kind}{asked}")["items"]
            records = read(filled.ask("GET", f"{kind}.csv{asked}", filled.reader).text)
            own = "model_id" if kind == "models" else "version_id"

            assert [r[own] for r in records] == [row["id"] for row in listed]
            for record, row in zip(records, listed, strict=True):
                assert record["sources"] == "; ".join(row["sources"])
                assert record["stub"] == str(row["stub"]).lower()
                assert record["first_seen_at"] == re.sub(r"\.\d+", "", row["first_seen_at"])
                assert record["gone_since"] == ""
                stated = "description" in row["facts"]
                assert (record["description"] == "unknown") is not stated


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
    for answer in (plain, excel, raw):
        assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
        named = answer.headers["content-disposition"]
        assert re.fullmatch(r'attachment; filename="models_\d{4}-\d\d-\d\dT\d{6}Z\.csv"', named), (
            named
        )
    assert filled.ask("GET", "models.csv?dialect=xls", filled.reader).status_code == 422
    assert filled.ask("GET", "models.csv?page_size=1", filled.reader).status_code == 422


def test_export_columns_documented(filled: Service) -> None:
    """The header is the list of columns that the documentation gives, in its order."""
    for kind, columns in TABLES.items():
        answer = filled.ask("GET", f"{kind}.csv", filled.reader)
        head = next(csv.reader(io.StringIO(answer.text)))

        assert (
            head == [column.name for column in columns] == documented(section("columns.md", kind))
        )


@pytest.fixture
def many(service: Service, owner_database: Database) -> Service:
    """A catalog with more models than one chunk holds."""
    with owner_database.writing() as session:
        session.execute(sa.text(MANY), {"rows": ROWS})
        session.execute(sa.text(TYPED), {"text": "x" * 100})
    return service


def test_invariant_12_export_in_chunks(
    many: Service, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is flat: 5,000 rows come in several bounded chunks, and never more rows at once."""
    sizes: list[int] = []
    fetched: list[tuple[str]] = []
    stream: Any = exports._chunks  # noqa: SLF001  # what is handed to the server

    def watched(*given: Any, **options: Any) -> Iterator[bytes]:
        for chunk in stream(*given, **options):
            sizes.append(chunk.count(b"\r\n"))
            fetched.extend(rows(owner_database, FETCHING))
            yield chunk

    monkeypatch.setattr(exports, "_chunks", watched)
    answer = many.ask("GET", "models.csv", many.reader)

    assert len(read(answer.text)) == ROWS
    assert answer.headers.get("transfer-encoding") == "chunked"
    assert 0 < max(int(query.split()[2]) for (query,) in fetched) <= exports.CHUNK
    assert sizes == [1, *[exports.CHUNK] * (ROWS // exports.CHUNK)]


def test_export_query_fails(many: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query that fails before its first row is an error answer, no empty file."""
    monkeypatch.setattr(exports, "EXPORT_TIMEOUT", "SET LOCAL statement_timeout = '1ms'")
    answer = many.ask("GET", "models.csv", many.reader)

    assert (answer.status_code, answer.json()["code"]) == (503, "database_slow")
    assert "content-disposition" not in answer.headers


def test_export_breaks_later(many: Service, owner_database: Database) -> None:
    """Whatever breaks in the middle breaks the transfer: nobody takes a part for the whole.

    A row that Python cannot read breaks it only when its turn comes: no export reads ahead.
    """
    with owner_database.writing() as session:
        session.execute(sa.text(UNREADABLE))
    received: list[bytes] = []
    with (
        logged() as said,
        many.http.stream("GET", "/api/v1/models.csv", headers=bearer(many.reader)) as answer,
    ):
        assert answer.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            received.extend(answer.iter_raw())

    text = b"".join(received)
    assert text.count(b"\r\n") == 3_001
    assert b"retail/m03500" not in text
    assert "error" in {event["level"] for event in said}
    assert many.get("/livez") == {"status": "alive"}
    assert many.ask("GET", "models", many.reader).status_code == 200


def test_export_client_leaves(many: Service) -> None:
    """CONC-08: clients that hang up in the middle leave no query and no connection behind."""
    for _ in range(12):  # more than the pool holds
        with many.http.stream("GET", "/api/v1/models.csv", headers=bearer(many.reader)) as answer:
            next(answer.iter_raw())
    settled(many.database)

    assert many.ask("GET", "models", many.reader).status_code == 200
