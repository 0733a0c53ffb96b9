"""Whatever a file holds: it is read, refused by row, or refused whole; nothing else happens."""

import csv
from contextlib import suppress
from io import StringIO
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.observation import parse_observation
from service.errors import Invalid
from service.people.columns import map_columns
from service.people.delimited import read_delimited
from service.people.entered import observed
from service.people.importing import Tally
from service.people.reading import Reading, RowRefused
from service.people.table import Table
from service.people.targets import make_targets

NOON = "2026-11-20T12:00:00Z"
TARGETS = make_targets(lambda _: None)
OWN = ("as_of", "model_id", "model")
CELLS = st.one_of(
    st.text(max_size=30),
    st.sampled_from([
        "", "unknown", "one of in_house; x", "'=1", "a@b", "<a@b>", "s3://x/y training",
        "git@h:a/b", "http://[", "1/2/2024", "99999999999999999999999", "\ud800", "\x00", "v7",
        "a/b", ";;;", "%2F", "ghp_" + "a1B2" * 9,
    ]),
)  # fmt: skip


def read_all(table: Table, pairs: list[str]) -> list[Any]:
    """The observations of a table, with those of its refusals that could be answered."""
    columns = map_columns(table.headers, pairs, targets=TARGETS, namespace="retail")
    reading = Reading(
        columns, {}, "retail",
        observed=lambda named: observed("people", named, at=NOON), may_name=lambda _: True,
    )  # fmt: skip
    tally, found = Tally(), []
    for row in table.body():
        try:
            found.append(reading.read(row).document)
        except RowRefused as refused:
            tally.refuse(*refused.refusals)
    assert len(found) + tally.rows["rows_refused"] == table.length
    return found


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
@example(b"\xff\xfe\n")
@example(b'a,"\n')
@example(b"sep=;\r\n")
@example(b"sep=;\r\nname\n\x00")
def test_read_any_bytes(body: bytes) -> None:
    """Any bytes are a table, or are said to be none."""
    with suppress(Invalid):  # and nothing else
        table = read_delimited(body)
        read_all(table, [f"{table.headers[0]}=name"])


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from([(), OWN]),
    st.lists(st.sampled_from([*TARGETS, "other", ""]), min_size=1, max_size=8, unique=True),
    st.lists(st.lists(CELLS, max_size=8), max_size=5),
)
def test_read_any_cells(before: tuple[str, ...], headers: list[str], rows: list[list[str]]) -> None:
    """Any cells under any of our columns make observations that the service takes, or refusals."""
    text = StringIO()
    table = csv.writer(text)
    table.writerow([*before, *headers])
    table.writerows([["", "", "a/b", *row] if before else row for row in rows])
    try:
        found = read_all(read_delimited(text.getvalue().encode("utf-8", "surrogatepass")), [])
    except Invalid:
        return
    for document in found:
        parse_observation(document)
