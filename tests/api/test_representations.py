"""JSON pages, CSV, JSON Lines and XLSX of a list hold the same rows, whatever is asked."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Final

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.columns import TABLES
from schemas.filters import sortable
from service.catalog.listings import LISTINGS
from service.exports.cells import fitting
from tests.exports.representations import cells
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service
from tests.support.world import SOURCES, first_words, said, statements, subject

UGLY: Final = (
    "a/b:c%2F\"'", "=1+1", "@SUM(A1)", "עברית", "\uff2d\uff2f\uff24", "unknown", "one of a; b",
    "é日本😀", "x;y", "-1", "2026-11-20", "1e5", "'quoted'",
)  # fmt: skip
YES_NO: Final = st.sampled_from(["true", "false"])
STATES: Final = st.sampled_from(["known", "unknown", "empty", "narrowed"])
LONG: Final = "=" + "x" * 40_000
Asked = tuple[str, dict[str, str]]


@pytest.fixture
def mixed(service: Service) -> Service:
    """A catalog with every kind, facts in every state, names and texts that are hard to write."""
    sources = {name: make_source(service.database, name, may_name=["retail"]) for name in SOURCES}
    for source, document in first_words("w"):
        post(service.database, sources[source], document)
    for name in UGLY:
        post(
            service.database, sources[SOURCES[0]],
            model(name, description=f"{name}\r\nsecond line", tags=[name, f"k={name}"],
                  display_name=name, vendor_name=name, license=None),
            version(1, name, description=name, aliases=[name], source_commit="a" * 40, tags=[]),
        )  # fmt: skip
    worlds = st.lists(statements(), min_size=30, max_size=30)
    for source, document in [said(one, "w") for one in example_of(worlds)]:
        post(service.database, sources[source], document)
    owners, datasets = [{"owner": subject("owner", "w")}], [{"dataset": subject("dataset", "w")}]
    post(service.database, sources[SOURCES[0]], model("w", owners=owners, datasets=datasets))
    return service


def example_of(strategy: Any) -> Any:
    """One example of a strategy, the same in every run."""
    found: list[Any] = []

    @settings(max_examples=1, database=None, derandomize=True)
    @given(strategy)
    def keep(value: Any) -> None:
        found.append(value)

    keep()
    return found[0]


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """A list, and filters and an order that it knows."""
    name = draw(st.sampled_from(sorted(LISTINGS)))
    listing = LISTINGS[name]
    states = [field for field in listing.export.model_fields if field.endswith("__is")]
    possible: dict[str, Any] = dict.fromkeys(states, STATES) | {
        "stub": YES_NO, "gone": YES_NO, "source": st.sampled_from([*SOURCES, ",".join(SOURCES)]),
    }  # fmt: skip
    chosen = draw(st.lists(st.sampled_from(sorted(possible)), max_size=2, unique=True))
    asked = {field: draw(possible[field]) for field in chosen}
    if draw(st.booleans()):
        order = st.sampled_from(sortable(listing.kind))
        asked["sort"] = draw(st.builds("{}{}".format, st.sampled_from(["", "-"]), order))
    return name, asked


def pages(service: Service, path: str, asked: dict[str, str]) -> list[Any]:
    """Every row of a list, page by page."""
    page = service.get(path, page_size="7", **asked)
    found = page["items"]
    while page["next_page_token"]:
        page = service.get(path, page_size="7", page_token=page["next_page_token"], **asked)
        found += page["items"]
    return list(found)


def files(service: Service, path: str, asked: dict[str, str]) -> Iterator[bytes]:
    """The three files of a list."""
    for form in ("csv", "jsonl", "xlsx"):
        answer = service.ask("GET", f"{path}.{form}", service.reader, params=asked)
        assert answer.status_code == 200, answer.text
        yield answer.content


def read_csv(content: bytes) -> list[list[str]]:
    """The records of a CSV, its header first."""
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


def read_sheet(content: bytes) -> list[list[str]]:
    """The cells of a workbook's first sheet: texts all of them."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    values: Any = book.worksheets[0].values
    return [[text or "" for text in row] for row in values]


def test_representations_agree(mixed: Service) -> None:
    """Invariant: the export is what you see. Every file has the rows of the pages, in order."""

    @settings(max_examples=40, deadline=None)
    @given(questions())
    def compare(question: Asked) -> None:
        name, asked = question
        rows = pages(mixed, name, asked)
        content, lines, sheet = files(mixed, name, asked)
        head, *records = read_csv(content)
        moment = {record[0] for record in records}

        assert head == [column.name for column in TABLES[name]]
        assert [json.loads(line) for line in lines.splitlines()] == rows
        assert records == [cells(name, row, next(iter(moment))) for row in rows]
        assert [record[1:] for record in read_sheet(sheet)] == [
            record[1:] for record in (head, *records)
        ]

    compare()


@pytest.mark.parametrize(
    "path",
    ["models/retail/w/versions", "models/retail/w/uses", "models/retail/w/owners",
     "datasets/uri:s3:%2F%2Flake%2Fw/models"],
)  # fmt: skip
def test_representations_below(mixed: Service, path: str) -> None:
    """Lists below an entry have files too, of their part alone."""
    name = path.rpartition("/")[2]
    rows = pages(mixed, path, {})
    content, lines, _ = files(mixed, path, {})
    _, *records = read_csv(content)

    assert rows
    assert [json.loads(line) for line in lines.splitlines()] == rows
    assert records == [cells(name, row, records[0][0]) for row in rows]


@pytest.mark.parametrize(
    ("accept", "media", "same"),
    [
        ("text/csv", "text/csv; charset=utf-8; header=present", "csv"),
        ("application/x-ndjson", "application/x-ndjson", "jsonl"),
        ("application/jsonl;q=0.9, application/json;q=0.1", "application/x-ndjson", "jsonl"),
        ("text/html, */*;q=0.1", "application/json", ""),
        ("application/pdf", "application/json", ""),
    ],
)
def test_representations_accepted(mixed: Service, accept: str, media: str, same: str) -> None:
    """`Accept` on a list's own address answers what the suffix answers."""
    headers = {"Accept": accept}
    answer = mixed.ask("GET", "models?stub=false", mixed.reader, headers=headers)
    suffix = f".{same}" if same else ""
    named = mixed.ask("GET", f"models{suffix}?stub=false", mixed.reader)

    assert answer.headers["content-type"] == media == named.headers["content-type"]
    if same == "jsonl":
        assert answer.content == named.content


def test_representations_long(service: Service) -> None:
    """A cell too long for a spreadsheet is cut there, marked and counted; never elsewhere."""
    source = make_source(service.database)
    post(service.database, source, model("long", description=LONG))
    plain, excel, sheet = (
        service.ask("GET", f"models.{form}", service.reader)
        for form in ("csv", "csv?dialect=excel", "xlsx")
    )
    cut, was_cut = fitting(f"'{LONG}")
    column = [column.name for column in TABLES["models"]].index("description")

    assert was_cut
    assert len(cut) == 32_767
    assert read_csv(plain.content)[1][column] == f"'{LONG}"
    assert read_csv(excel.content)[1][column] == read_sheet(sheet.content)[1][column] == cut
    assert [one.headers.get("x-cut-cells") for one in (plain, excel, sheet)] == [None, "1", "1"]
