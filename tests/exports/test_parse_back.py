"""What a file says is what the list says: cells, read back, are the values of the pages."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from io import StringIO
from typing import Any, Final, get_type_hints

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from schemas.columns import TABLES, Column
from schemas.facts import FACTS
from schemas.filters import filterable, parameter, sortable
from schemas.identifiers import Kind
from service.db import Database
from service.exports.cells import LITERALS, ONE_OF, UNKNOWN, taken_off
from service.exports.csv import BOM
from tests.support.catalog import make_source, post
from tests.support.http import Service, opened, settled
from tests.support.strategies import TEXTS, Strategy, written_as

LISTS: Final = {
    "models": Kind.MODEL, "versions": Kind.VERSION, "uses": Kind.USE,
    "deployments": Kind.DEPLOYMENT,
}  # fmt: skip
NAMES_OF: Final = {kind: name for name, kind in LISTS.items()}
DIALECTS: Final = ("plain", "excel", "raw")
ROLES: Final = {"owner": "accountable", "developers": "developer"}
COMMITS: Final = {"source_commit", "head_commit", "commit"}
ITEM: Final = re.compile(r"((?:[^;]|;;)*)(?:; |$)")
EMPTY: Final[tuple[Any, ...]] = (None, "", [], {})
HARD: Final = st.one_of(
    TEXTS,
    st.sampled_from([
        "unknown", "withheld", "one of a; b", "'unknown", "=1+1", "'=1", "\t=1", "\n-1", "\u3164@x",
        "\ufeff=", "\uff1d1", "a;b", "; ", ";;", 'a"b', "1.10", "007", "1e10", "true", "a\r\nb",
        " x ",
    ]),
)  # fmt: skip
NAMES: Final = ("a", "b", "Churn", "x/y", "=1")
IDENTIFYING: Final = ("namespace", "name", "model", "number")
TEXTUAL: Final = {
    Kind.MODEL: ("description", "display_name", "license", "vendor_name"),
    Kind.VERSION: ("description", "status", "stage"),
    Kind.USE: ("purpose", "topic"),
    Kind.DEPLOYMENT: ("platform", "environment"),
}


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@st.composite
def catalogs(draw: st.DrawFn) -> list[Any]:
    """Models with what belongs to them; each fact stated, stated empty, narrowed or left out."""
    said = []
    for _ in range(draw(st.integers(2, 4))):
        name, number = draw(st.sampled_from(NAMES)), draw(st.sampled_from(["1", "1.10", "007"]))
        model = {
            "kind": "model",
            "scheme": "mlflow",
            "value": f"mlflow-prod/default/{NAMES.index(name)}",
        }
        named: dict[Kind, tuple[str, dict[str, Any]]] = {
            Kind.MODEL: (model["value"], {"namespace": "retail", "name": name}),
            Kind.VERSION: (f"{model['value']}/{number}", {"model": model, "number": number}),
            Kind.USE: (f"retail/m{number}/offers", {"name": "offers"}),
            Kind.DEPLOYMENT: (f"cluster/{number}", {"claimed_model": name}),
        }
        said += [draw(documents(kind, *named[kind])) for kind in LISTS.values()]
    return said


@cache
def shown_facts(kind: Kind) -> Strategy:
    """The facts that columns show, each stated, stated empty or left out."""
    hints = get_type_hints(FACTS[kind], include_extras=True)
    names = {field.alias or name: name for name, field in FACTS[kind].model_fields.items()}
    wanted = {column.fact for column in TABLES[NAMES_OF[kind]] if column.fact}
    return st.fixed_dictionaries(
        {}, optional={fact: written_as(hints[names[fact]]) for fact in sorted(wanted)}
    )


@st.composite
def documents(draw: st.DrawFn, kind: Kind, value: str, identity: Mapping[str, Any]) -> Any:
    """One observation of a kind."""
    scheme = {Kind.USE: "name", Kind.DEPLOYMENT: "k8s"}.get(kind, "mlflow")
    chosen = draw(shown_facts(kind))
    hard = draw(st.dictionaries(st.sampled_from(TEXTUAL[kind]), HARD, max_size=2))
    told = {name: one for name, one in chosen.items() if name not in IDENTIFYING}
    second = draw(st.integers(0, 59))
    return {
        "subject": {"kind": kind.value, "scheme": scheme, "value": value},
        "observed_at": f"2026-11-20T12:00:{second:02}Z",
        "facts": {**told, **hard, **identity},
    }


@st.composite
def questions(draw: st.DrawFn, kind: Kind) -> dict[str, str]:
    """Filters and an order that a list of a kind knows."""
    known = [one for one in filterable(kind).values() if "is" in one.asked]
    asked = draw(
        st.dictionaries(
            st.sampled_from([parameter(one, "is") for one in known]),
            st.sampled_from(["known", "unknown", "empty"]),
            max_size=1,
        )
    )
    if draw(st.booleans()):
        asked["sort"] = draw(st.sampled_from(["", "-"])) + draw(st.sampled_from(sortable(kind)))
    return asked


def parsed(file: str) -> list[dict[str, str]]:
    """The records of a CSV by column."""
    lines = StringIO(file.removeprefix(BOM), newline="")
    return list(csv.DictReader(lines, strict=True))


def check_cell(text: str, value: Any, *, raw: bool) -> None:
    """A cell says a fact's value, and nothing else could have been written so."""
    if value is ...:
        assert text == UNKNOWN
    elif value in EMPTY:
        assert text == ""
    elif isinstance(value, bool):
        assert text == ("true" if value else "false")
    elif isinstance(value, int | float):
        assert (type(value)(text), "e" in text.lower()) == (value, False)
    elif isinstance(value, datetime):
        assert datetime.fromisoformat(text) == value
        assert text.endswith("Z")
    elif isinstance(value, Mapping) and value.keys() == {"one_of"}:
        assert text.startswith(ONE_OF)
        assert split(text.removeprefix(ONE_OF)) == sorted(value["one_of"])
    else:
        check_words(text, value, raw=raw)


def check_words(text: str, value: Any, *, raw: bool) -> None:
    """What somebody wrote is told apart from the words of an export, but for `raw`."""
    if not raw:
        assert text not in {"", *LITERALS}
        assert not text.startswith(ONE_OF)
        text = taken_off(text)
    if isinstance(value, str):
        assert text == unix(value)
    else:
        assert sorted(split(text)) == sorted(unix(item) for item in value)


def split(text: str) -> list[str]:
    """The items of a cell."""
    return [item.replace(";;", ";") for item in ITEM.findall(text)[:-1]]


def unix(text: str) -> str:
    """Line ends as files have them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def told(column: Column, said: Mapping[str, Any]) -> Any:
    """What the pages say of a column's fact; `...` is that nobody states it."""
    value = said.get(column.fact, ...)
    if column.fact in COMMITS and isinstance(value, str):
        return f"git:{value}"
    if isinstance(value, str) and column.fact.endswith("_at"):
        return datetime.fromisoformat(value).astimezone(UTC).replace(microsecond=0)
    if isinstance(value, dict) and "value" in value:  # of an identifier
        return value["value"]
    if isinstance(value, dict) and "one_of" not in value:
        return [f"{name}={member(one)}" for name, one in value.items()]
    if isinstance(value, list):
        role = ROLES.get(column.name)
        return [shown(item) for item in value if role is None or item.get("role") == role]
    return value


def member(value: Any) -> str:
    """What stands behind a name."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    if isinstance(value, int | float):
        return f"{Decimal(str(value)).normalize():f}"
    return str(value)


def shown(item: Any) -> str:
    """One of several values."""
    if not isinstance(item, dict):
        return str(item)
    link = next((item[name] for name in ("owner", "repository", "dataset") if name in item), item)
    role = item.get("role") if "owner" not in item else None
    return " ".join(filter(None, (link["value"], role, item.get("digest"))))


def check_list(service: Service, name: str, asked: Mapping[str, str]) -> int:
    """Every dialect of a list's CSV has the rows of its pages, each with their values."""
    pages: Sequence[Any] = service.get(name, **asked, page_size="1000")["items"]
    columns = [column for column in TABLES[name] if column.fact]
    for dialect in DIALECTS:
        settled(service.database)
        answered = service.ask(
            "GET", f"{name}.csv", service.reader, params={**asked, "dialect": dialect}
        )
        assert answered.status_code == 200, answered.text
        records = parsed(answered.text)
        own = f"{name.removesuffix('s')}_id"
        assert [record[own] for record in records] == [row["id"] for row in pages]
        for record, row in zip(records, pages, strict=True):
            for column in columns:
                value = told(column, row["facts"])
                check_cell(record[column.name], value, raw=dialect == "raw")
            for moment in ("first_seen_at", "last_changed_at"):
                at = datetime.fromisoformat(row[moment]).replace(microsecond=0)
                check_cell(record[moment], at, raw=dialect == "raw")
    return len(pages)


def test_parse_back(service: Service) -> None:
    """Whatever was ingested and asked: CSV in all dialects says exactly what the pages say."""
    source = make_source(service.database, may_grant_ownership=True)

    @settings(max_examples=6, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(catalogs(), st.fixed_dictionaries({name: questions(LISTS[name]) for name in LISTS}))
    def compare(said: list[Any], asked: dict[str, dict[str, str]]) -> None:
        post(service.database, source, *said)
        for name in LISTS:
            check_list(service, name, asked[name])

    compare()
    compared = {name: check_list(service, name, {}) for name in LISTS}
    assert min(compared.values()) > 0, compared
