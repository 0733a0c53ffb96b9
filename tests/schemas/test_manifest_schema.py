"""The published schema of `model.yaml` and its reader say the same, in both drafts."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, Draft202012Validator

from harvesters.manifests.model_yaml import read_manifest
from schemas.manifest_schema import Draft, manifest_schema
from tests.harvesters.manifests.test_model_yaml import WRONG
from tests.support.manifests import (
    EVERYTHING,
    FULL,
    MINIMAL,
    MISSING,
    changed,
    fields,
    manifest,
    written,
)

VALIDATORS: Final[Mapping[Draft, Any]] = {"2020-12": Draft202012Validator, "07": Draft7Validator}
BY_READER: Final = {  # what no schema can say: forms that are computed, days that do not exist
    "/spec/repositories/0/url", "/spec/waivers/0/expires_on", "/spec/registered_as/1/value",
    "/spec/vendor/name",
}  # fmt: skip
READ_AS_TEXT: Final = {"/spec/uses/0/writes_system_of_record"}


@pytest.fixture(params=get_args(Draft))
def validator(request: pytest.FixtureRequest) -> Any:
    """A checker of each draft."""
    return VALIDATORS[request.param](manifest_schema(draft=request.param))


@pytest.mark.parametrize("draft", get_args(Draft))
def test_schema_is_one(draft: Draft) -> None:
    """It is a valid schema of its draft, and holds nothing that only the other one knows."""
    schema = manifest_schema(draft=draft, teams=["team:a"], namespaces=["retail"])
    VALIDATORS[draft].check_schema(schema)
    used = {key for part in parts(schema) for key in part}
    assert used.isdisjoint({"$ref", "$defs", "definitions", "prefixItems", "default"})


def test_schema_drafts_differ_in_name_alone() -> None:
    """Editors of either draft are told the same."""
    new, old = manifest_schema(draft="2020-12"), manifest_schema(draft="07")
    assert new.pop("$schema") != old.pop("$schema")
    assert new == old


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema."""
    if isinstance(schema, list):
        for one in schema:
            yield from parts(one)
    elif isinstance(schema, dict):
        yield schema
        for key, one in schema.items():
            if key == "properties":
                for inner in one.values():
                    yield from parts(inner)
            elif key not in {"enum", "const", "examples"}:
                yield from parts(one)


def test_schema_describes_every_field() -> None:
    """Every field has words that editors show, every group is closed but for x- keys."""
    schema = manifest_schema()
    groups = [part for part in parts(schema) if "properties" in part]
    silent = [
        name
        for group in groups
        for name, field in group["properties"].items()
        if name != "one_of" and not field.get("description")
    ]

    assert silent == []
    assert all(group["additionalProperties"] is False for group in groups)
    free = [group for group in groups if "one_of" not in group["properties"]]
    assert all(group["patternProperties"] == {"^x-": {}} for group in free)


def test_schema_examples_are_right() -> None:
    """Each example that editors show is taken by the schema of its own field."""
    shown = 0
    for part in parts(manifest_schema()):
        for name, field in part.get("properties", {}).items():
            for example in field.get("examples", ()):
                shown += 1
                assert Draft202012Validator(field).is_valid(example), (name, example)
    assert shown >= 20


@pytest.mark.parametrize("raw", [MINIMAL, FULL, written(EVERYTHING)], ids=["least", "full", "all"])
def test_schema_takes_what_is_read(validator: Any, raw: bytes) -> None:
    """What the reader takes is taken as YAML readers give it: numbers, true, days as texts."""
    document = yaml.BaseLoader(raw).get_single_data()  # all scalars as texts
    typed = plain(yaml.SafeLoader(raw).get_single_data())

    assert read_manifest(raw).problems == ()
    assert [one.message for one in validator.iter_errors(typed)] == []
    if "null" not in raw.decode():  # which is a text to the base loader
        assert [one.message for one in validator.iter_errors(document)] == []


def plain(value: Any) -> Any:
    """As JSON: days are texts."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/metadata/name", 123), ("/metadata/title", 1.5), ("/metadata/title", True),
        ("/metadata/labels", {"gpu": True, "size": 3, "none": None}),
        ("/spec/uses/0/jurisdictions", [False]),  # NO, as YAML 1.1 reads it
        ("/spec/datasets/0/version", 1.1), ("/spec/monitoring/interval_days", "30"),
        ("/spec/uses/0/profiling", "true"), ("/spec/uses/0/people_affected_per_year", "120000"),
        ("/spec/uses/0/people_affected_per_year", {"one_of": ["none", "lt_1k"]}),
        ("/spec/monitoring/thresholds/0/warn", "0.74"), ("/spec/owners", None),
        ("/spec/vendor", None), ("/spec/uses/0/regulated_purposes", ["of_our_own"]),
        ("/spec/uses/0/annex_iii_point", 5), ("/spec/limitations", [1]),
    ],
)  # fmt: skip
def test_schema_takes_what_other_readers_give(validator: Any, pointer: str, value: Any) -> None:
    """Numbers, true and false where a text is meant, and texts where a number is."""
    document = changed(EVERYTHING, pointer, value)
    assert [one.message for one in validator.iter_errors(document)] == []
    if value != [False]:  # the catalog's own reader keeps NO
        assert read_manifest(written(document)).manifest is not None


@pytest.mark.parametrize("pointer", sorted(set(WRONG) - BY_READER))
def test_schema_refuses_what_is_refused(validator: Any, pointer: str) -> None:
    """Every field once wrong: the editor says so before the catalog does."""
    document = changed(EVERYTHING, pointer, WRONG[pointer][0])
    assert not validator.is_valid(document)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/spec/tier", "LOW"), ("/spec/eu_class", "high_risk"), ("/spec/licence", "MIT"),
        ("/owners", []), ("/metadata/namespace", MISSING), ("/spec/uses/0/name", MISSING),
        ("/spec/registered_as/0/scheme", "hf"), ("/spec/registered_as/0/source", MISSING),
        ("/spec/registered_as/1/name", "churn"), ("/spec/model_class", {"one_of": ["agentic"]}),
        ("/spec/model_class", {"one_of": ["agentic", "generative"], "x-why": "a"}),
        ("/spec/registered_as", [{"source": "a", "name": "b"}] * 21),
        ("/spec/downstream_dependents", -1), ("/spec/uses/0/profiling", None),
    ],
)  # fmt: skip
def test_schema_and_reader_refuse(validator: Any, pointer: str, value: Any) -> None:
    """Both refuse it."""
    document = changed(EVERYTHING, pointer, value)
    assert not validator.is_valid(document)
    assert read_manifest(written(document)).manifest is None


WORDS: Final = st.sampled_from(
    ["", "none", "true", "retail", "team:a", "user:b", "a@example.com", "s3://a/b", "2027-03-31",
     "https://a.example/b", "1", "-1", "0.5", "hf://a/b@c", "MIT", "5(b)", "DE", "a b", "a@1"]
)  # fmt: skip
VALUES: Final = (
    WORDS
    | st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.just(0.5)
    | st.lists(WORDS, max_size=2)
)
TAKES: Final = Draft202012Validator(manifest_schema())


@settings(deadline=None)  # of another process's load
@given(st.sampled_from(sorted(fields(EVERYTHING))), VALUES)
def test_schema_takes_all_that_is_read(pointer: str, value: Any) -> None:
    """Whatever the reader takes, no editor marks as wrong."""
    document = changed(EVERYTHING, pointer, value)
    if read_manifest(written(document)).manifest is not None:
        assert [one.message for one in TAKES.iter_errors(document)] == []


def test_schema_own_names(validator: Any) -> None:
    """An installation's teams and namespaces are the only ones; people are free."""
    schema = manifest_schema(teams=["team:retention-ds", "team:risk"], namespaces=["retail"])
    told = Draft202012Validator(schema)
    owners = {
        "team:risk": True, "team:other": False, "user:anna": True, "anna@example.com": True,
        "Anna": False,
    }  # fmt: skip

    found = {ref: told.is_valid(manifest(owners=[{"ref": ref}])) for ref in owners}
    assert found == owners
    elsewhere = changed(manifest(), "/metadata/namespace", "lending")
    assert validator.is_valid(elsewhere)
    assert not told.is_valid(elsewhere)
