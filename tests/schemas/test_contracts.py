"""The remaining contracts: harvests, sources, lists; and what holds for all of them."""

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from uuid_utils.compat import uuid7

import schemas
from schemas import columns
from schemas.catalog import ModelExport, ModelFilters, ModelQuery, Several, VersionExport
from schemas.digest import canonical_json
from schemas.events import EventData
from schemas.harvest import OpenHarvest, Skipped
from schemas.problem import Problem
from schemas.sources import SourceSettings, SourcesFile
from schemas.strict import Closed, Instant, Line, Text

SOURCE: dict[str, Any] = {"name": "mlflow-prod", "kind": "mlflow", "namespace": "retail"}


def contracts() -> Iterator[type[BaseModel]]:
    """Every contract of the package."""
    for module in pkgutil.iter_modules(schemas.__path__):
        for value in vars(importlib.import_module(f"schemas.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, BaseModel) and value is not BaseModel:
                yield value


def annotations(annotation: Any) -> Iterator[Any]:
    """An annotation and all that it is made of."""
    yield annotation
    for argument in get_args(annotation):
        yield from annotations(argument)


def test_contracts_closed() -> None:
    """Every contract forbids what it does not know, is frozen, and holds no `Any`.

    Only what the catalog tells others is open: a receiver has to bear members of later releases.
    """
    found = set(contracts())
    assert len(found) > 40
    for contract in found:
        told = issubclass(contract, EventData)
        assert told or issubclass(contract, Closed)
        assert contract.model_config["extra"] == ("allow" if told else "forbid")
        assert contract.model_config["frozen"]
        for field in contract.model_fields.values():
            assert Any not in set(annotations(field.annotation))


def test_columns_named_once() -> None:
    """A table's columns have a meaning each, and no name twice."""
    for table in columns.TABLES.values():
        assert len({column.name for column in table}) == len(table)
        assert all(column.meaning for column in table)
        assert table[0].name == "as_of"
        assert table[1].name.endswith("_id")


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("a", ("a",)),
        ("a,b", ("a", "b")),
        (r"a\,b,c", ("a,b", "c")),
        (r"pii=x\,y", ("pii=x,y",)),
        (["a", "b"], ("a", "b")),
    ],
)
def test_filter_lists(written: Any, values: tuple[str, ...]) -> None:
    """A comma means or; an escaped one is a comma."""
    filters = ModelFilters.model_validate({"tags__has": written})

    assert filters.model_dump(exclude_none=True) == {"tags__has": values}


@given(st.lists(st.text(st.sampled_from("ab,="), min_size=1, max_size=4), min_size=1, max_size=4))
def test_filter_list_round_trip(values: list[str]) -> None:
    """Any values can be asked for."""
    written = ",".join(value.replace(",", r"\,") for value in values)

    assert TypeAdapter[Any](Several).validate_python(written) == tuple(values)


@pytest.mark.parametrize(
    "query",
    [
        {"page_size": "0"}, {"page_size": "1001"}, {"page_size": "1_0"}, {"page_size": " 1"},
        {"page_size": "1\u0662"}, {"page_size": str(10**30)}, {"stub": "yes"}, {"name": "a\x00b"},
        {"owner__is": "me"}, {"name": [f"{n}" for n in range(101)]}, {"pagesize": "1"},
        {"name": ""}, {"name": "a,,b"},
    ],
)  # fmt: skip
def test_query_refused(query: Any) -> None:
    """Page sizes are digits from 1 to 1,000; an unknown parameter or value is refused."""
    with pytest.raises(ValidationError):
        ModelQuery.model_validate(query)


def test_query_defaults() -> None:
    """Nothing asked: a hundred rows, no condition; exports have no pages."""
    assert ModelQuery().model_dump(exclude_defaults=True) == {}
    assert {q.dialect for q in (ModelExport(), VersionExport())} == {"plain"}
    assert [ModelQuery(page_size=str(n)).page_size for n in (1, 999, 1_000)] == ["1", "999", "1000"]


def test_source_completed() -> None:
    """What follows from kind and namespaces is stated, so that it can be read."""
    asked = SourceSettings.model_validate(
        SOURCE | {"namespaces": {"team-b": "wholesale"}, "expected_interval": "2h"}
    )
    narrow = SourceSettings.model_validate(SOURCE | {"may_name": ["x"], "precedence": 5})

    assert (asked.may_name, asked.precedence) == (("retail", "wholesale"), 40)
    assert asked.expected_interval == 7_200
    assert SourceSettings.model_validate(asked.model_dump(mode="json")) == asked
    assert (narrow.may_name, narrow.precedence, narrow.expected_interval) == (("x",), 5, 3_600)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Prod"}, {"name": "a" * 41}, {"kind": "mlfow"}, {"kind": []},
        {"namespace": "re.tail"},
        {"namespace": "Retail"}, {"namespace": "n" * 64}, {"namespace": 7}, {"precedence": 100},
        {"expected_interval": "1w"}, {"expected_interval": "1s"}, {"expected_interval": "\u0661h"},
        {"expected_interval": "400d"}, {"absences": 0}, {"held_back_share": 1.1},
        {"credential": "lower"}, {"namespaces": ["x"]}, {"settings": {"x": "\x00"}},
        {"settings": {"x": [{"y": "\u202e"}]}}, {"settings": {"x": float("nan")}}, {"secret": "x"},
    ],
)  # fmt: skip
def test_source_refused(wrong: dict[str, Any]) -> None:
    """A source is declared strictly, its free settings without what no database stores."""
    with pytest.raises(ValidationError):
        SourceSettings.model_validate(SOURCE | wrong)


def test_sources_file() -> None:
    """Sources of a file have a name each."""
    file = {"apiVersion": "model-catalog/v1", "kind": "Sources", "sources": [SOURCE]}
    assert len(SourcesFile.model_validate(file).sources) == 1
    for wrong in ([], [SOURCE, SOURCE], [7]):
        with pytest.raises(ValidationError):
            SourcesFile.model_validate(file | {"sources": wrong})


def test_open_harvest_id_is_time_ordered() -> None:
    """The id of a harvest is a UUIDv7, made by the client."""
    asked = {"scope": "registry/default", "coverage": "full", "harvester_version": "1"}
    made = uuid7()

    assert OpenHarvest.model_validate(asked | {"harvest": str(made)}).harvest == made
    for wrong in (UUID(int=0), UUID("a8098c1a-f86e-4da1-bd1a-00112444be1e")):
        with pytest.raises(ValidationError):
            OpenHarvest.model_validate(asked | {"harvest": str(wrong)})


def test_skipped_masks_keys() -> None:
    """LEAK-06: what a harvester reports of a record that it could not read shows no key."""
    skipped = Skipped(code="unreadable", message="GET https://me:secret@mlflow.example failed")

    assert skipped.message == "GET https://[masked credential]@mlflow.example failed"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2026-11-20T09:13:22.104Z", "2026-11-20T09:13:22.104000Z"),
        ("2026-11-20t09:13:22z", "2026-11-20T09:13:22.000000Z"),
        ("2026-11-20 10:13:22+01:00", "2026-11-20T09:13:22.000000Z"),
        ("2026-11-20T09:13:22.123456789Z", "2026-11-20T09:13:22.123456Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
        ("9999-12-31T00:00:00Z", "9999-12-31T00:00:00.000000Z"),
    ],
)
def test_instant_forms(written: str, canonical: str) -> None:
    """A time is written in UTC, with six digits and `Z`; so it is in canonical JSON."""
    instant = TypeAdapter[datetime](Instant)
    moment = instant.validate_python(written)

    assert instant.dump_python(moment, mode="json") == canonical
    assert canonical_json([moment]) == f'["{canonical}"]'
    assert instant.validate_python(moment) == moment


@pytest.mark.parametrize(
    "wrong",
    [0, 1.5, True, None, "", "2026-11-20", "2026-11-20T09:13Z", "2026-11-20T09:13:22",
     "2026-11-20T09:13:60Z", "2026-11-20T09:13:22+25:00", "20261120T091322Z", "infinity",
     "0001-01-01T00:00:00+23:59", "10000-01-01T00:00:00Z", "\u0662026-11-20T09:13:22Z",
     datetime(2026, 1, 1)],  # noqa: DTZ001  # naive on purpose
)  # fmt: skip
def test_instant_refused(wrong: Any) -> None:
    """TIME-06: numbers, naive times and years that no database reads back are no times."""
    with pytest.raises(ValidationError):
        TypeAdapter[Any](Instant).validate_python(wrong)


def test_text_and_line() -> None:
    """A text may have several lines, a line one; neither what no screen shows."""
    text, line = TypeAdapter[str](Text), TypeAdapter[str](Line)
    assert text.validate_python("a\tb\r\n\u2028") == "a\tb\r\n\u2028"
    for unwanted in ("a\n", "a\r", "a\t", "\x7f", 7, b"a"):
        with pytest.raises(ValidationError):
            line.validate_python(unwanted)
    with pytest.raises(ValidationError, match=r"holds the character U\+202E"):
        text.validate_python("\u202e")


def test_canonical_json_of_anything() -> None:
    """Sorted keys, no spaces, NFC; decimals and times as text; no other value is hashed alike."""
    moment = datetime(2026, 11, 20, 9, 13, 22, tzinfo=UTC)
    value = {"b": [1, 1.0, True, None], "a": ("e\u0301", moment), "c": {"e\u0301": UUID(int=1)}}

    assert canonical_json(value) == (
        '{"a":["\u00e9","2026-11-20T09:13:22.000000Z"],"b":[1,"1.0",true,null],'
        '"c":{"\u00e9":"00000000-0000-0000-0000-000000000001"}}'
    )


def test_problem_has_a_form() -> None:
    """An error is RFC 9457: type, title, status, detail, code, errors, trace id."""
    problem = Problem(type="/errors/x", title="X", status=400, code="x", trace_id="t")
    assert problem.model_dump(exclude_unset=True).keys() < problem.model_dump().keys()
