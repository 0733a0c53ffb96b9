"""`model.yaml` is read whole or refused whole, and everything that is wrong with it is said."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.manifests.model_yaml import Reading, read_manifest
from harvesters.manifests.problems import CODES
from schemas.values import OneOf
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

HEAD: Final = b"apiVersion: model-catalog/v1\nkind: Model\nmetadata: {namespace: a, name: b}\n"
OWNED: Final = b'spec:\n  owners: [{ref: "team:a"}]\n'
SPEC: Final = "/spec"
USE: Final = "/spec/uses/0"
LONG: Final = "x" * 2_001
WRONG: Final[dict[str, tuple[Any, str]]] = {  # every field once
    "/apiVersion": ("model-catalog/v3", "wrong_version"),
    "/kind": ("Dataset", "wrong_kind"),
    "/metadata": (None, "empty_value"),
    "/metadata/namespace": ("retail.de", "wrong_form"),
    "/metadata/name": ("Churn Model", "wrong_form"),
    "/metadata/title": ("x" * 201, "too_long"),
    "/metadata/description": (LONG, "too_long"),
    "/metadata/labels": (["a"], "wrong_type"),
    "/metadata/annotations": ("a", "wrong_type"),
    "/spec": ([], "wrong_type"),
    "/spec/asset_kind": ("notebook", "wrong_value"),
    "/spec/lifecycle": ("live", "wrong_value"),
    "/spec/owners": ("team:retention-ds", "wrong_type"),
    "/spec/owners/0/ref": ("Anna Meyer", "wrong_owner"),
    "/spec/owners/0/role": ("boss", "wrong_value"),
    "/spec/registered_as": ({}, "wrong_type"),
    "/spec/registered_as/0/source": (["mlflow-prod"], "wrong_type"),
    "/spec/registered_as/0/name": ("", "empty_value"),
    "/spec/registered_as/0/workspace": ({}, "wrong_type"),
    "/spec/registered_as/1/scheme": ("name", "wrong_value"),
    "/spec/registered_as/1/value": ("a\u0001b", "control_character"),
    "/spec/repositories": ("x", "wrong_type"),
    "/spec/repositories/0/url": ("../churn", "wrong_form"),
    "/spec/repositories/0/role": ("code", "wrong_value"),
    "/spec/datasets": ("s3://lake/churn", "wrong_type"),
    "/spec/datasets/0/uri": ("/data/churn", "wrong_form"),
    "/spec/datasets/0/role": ("train-set", "wrong_value"),
    "/spec/datasets/0/digest": ("3f2a", "wrong_form"),
    "/spec/datasets/0/version": ("x" * 201, "too_long"),
    "/spec/datasets/0/data_sensitivity": ("secret", "wrong_value"),
    "/spec/datasets/0/description": (LONG, "too_long"),
    "/spec/task": ("churn", "wrong_value"),
    "/spec/model_class": (None, "empty_factor"),
    "/spec/model_class/one_of": (["agentic"], "wrong_form"),
    "/spec/origin": ({"one_of": ["in_house", "bought"]}, "wrong_value"),
    "/spec/vendor": ("Acme", "wrong_type"),
    "/spec/vendor/name": ("a\nb", "wrong_form"),
    "/spec/vendor/contract": ("x" * 201, "too_long"),
    "/spec/vendor/disclosed": (["weights"], "wrong_value"),
    "/spec/license": ("see the file", "wrong_form"),
    "/spec/base_model": ("BERT base", "wrong_form"),
    "/spec/update_mode": ("monthly", "wrong_value"),
    "/spec/explainability": ([], "wrong_type"),
    "/spec/data_sensitivity": (None, "empty_factor"),
    "/spec/downstream_dependents": ("1.200", "wrong_number"),
    "/spec/depends_on": (["churn"], "wrong_form"),
    "/spec/exposure": ("internet", "wrong_value"),
    "/spec/uses": ({"offers": {}}, "wrong_type"),
    f"{USE}/name": ("(undeclared)", "wrong_form"),
    f"{USE}/purpose": (LONG, "too_long"),
    f"{USE}/line_of_business": (["a"], "wrong_type"),
    f"{USE}/jurisdictions": (["Germany"], "wrong_value"),
    f"{USE}/user_groups": (["a"], "wrong_type"),
    f"{USE}/restrictions": ("not for prices", "wrong_type"),
    f"{USE}/operating_boundaries": ({}, "wrong_type"),
    f"{USE}/human_oversight": ("sometimes", "wrong_value"),
    f"{USE}/appeal_route": (LONG, "too_long"),
    f"{USE}/fallback": ("", "empty_value"),
    f"{USE}/exposure": (None, "empty_factor"),
    f"{USE}/decision_role": ("helps", "wrong_value"),
    f"{USE}/people_affected_per_year": ("many", "wrong_value"),
    f"{USE}/financial_exposure_per_year": ("1.5", "wrong_number"),
    f"{USE}/regulatory_use": ("maybe", "wrong_value"),
    f"{USE}/harm_reversibility": (None, "empty_factor"),
    f"{USE}/regulated_purposes": (None, "empty_factor"),
    f"{USE}/eu_role": ("user", "wrong_value"),
    f"{USE}/annex_iii_point": ("9", "wrong_form"),
    f"{USE}/profiling": ("no", "wrong_flag"),
    f"{USE}/art6_3_basis": ("it is small", "wrong_value"),
    f"{USE}/art6_3_ref": ("wiki", "wrong_form"),
    f"{USE}/writes_system_of_record": (0, "wrong_flag"),
    f"{USE}/per_action_approval": (None, "empty_factor"),
    "/spec/limitations": ("It is slow.", "wrong_type"),
    "/spec/assumptions": ([{"severity": "low"}], "missing"),
    "/spec/assumptions/0/text": ("", "empty_value"),
    "/spec/assumptions/0/severity": ("severe", "wrong_value"),
    "/spec/monitoring": ("weekly", "wrong_type"),
    "/spec/monitoring/interval_days": ("30 days", "wrong_number"),
    "/spec/monitoring/url": ("https://anna:secretpw@wiki.example.com/x", "wrong_form"),
    "/spec/monitoring/thresholds": ({}, "wrong_type"),
    "/spec/monitoring/thresholds/0/metric": (None, "empty_value"),
    "/spec/monitoring/thresholds/0/warn": ("0,74", "wrong_number"),
    "/spec/monitoring/thresholds/0/breach": ("NaN", "wrong_number"),
    "/spec/monitoring/thresholds/0/direction": ("under", "wrong_value"),
    "/spec/waivers": ("BLD-01", "wrong_type"),
    "/spec/waivers/0/control": (None, "empty_value"),
    "/spec/waivers/0/reason": ([], "wrong_type"),
    "/spec/waivers/0/expires_on": ("2027-02-30", "wrong_date"),
    "/spec/waivers/0/compensating": (LONG, "too_long"),
    "/spec/blueprint": ("nightly-batch", "wrong_form"),
    "/spec/card": ("../CARD.md", "wrong_form"),
    "/spec/links": ("https://wiki.example.com", "wrong_type"),
    "/spec/links/0/title": ("", "empty_value"),
    "/spec/links/0/url": ("wiki.acme.test", "wrong_form"),
}
FREE: Final = re.compile(r"/(?:labels|annotations|regulated_purposes)/")


def codes(reading: Reading) -> list[str]:
    """The codes of what was found, errors first."""
    return [problem.code for problem in reading.problems]


@pytest.mark.parametrize("raw", [MINIMAL, FULL, written(EVERYTHING)], ids=["least", "full", "all"])
def test_read_manifest_examples(raw: bytes) -> None:
    """What the documentation shows is read, without a word."""
    reading = read_manifest(raw)

    assert (reading.ours, reading.problems) == (True, ())
    assert reading.manifest is not None


def test_read_manifest_values() -> None:
    """Texts become what their field holds, and stay texts everywhere else."""
    read = read_manifest(written(EVERYTHING)).manifest
    assert read is not None
    use, spec = read.spec.uses[0], read.spec

    assert use.people_affected_per_year == 120_000
    assert (use.profiling, use.per_action_approval) == (False, True)
    assert use.regulated_purposes == {"us_high_impact": False}
    assert use.jurisdictions == ("DE", "NO")
    assert spec.datasets[0].version == "1.10"
    assert isinstance(spec.model_class, OneOf)
    assert spec.model_class.one_of == ("deep_learning", "tree_or_ensemble")
    assert spec.monitoring is not None
    assert spec.monitoring.thresholds[0].warn == 0.74
    assert spec.waivers[0].expires_on.isoformat() == "2027-03-31"
    assert spec.limitations[0].text == "Not calibrated for short contracts."


@pytest.mark.parametrize("text", ["no", "NO", "1.10", "0123456", "1e5", "2027-03-31", "true", "~a"])
def test_read_manifest_scalars(text: str) -> None:
    """What YAML would change stands as it is written."""
    raw = HEAD + OWNED + f"  datasets: [{{uri: s3://a/b, version: {text}}}]\n".encode()
    read = read_manifest(raw).manifest

    assert read is not None
    assert read.spec.datasets[0].version == text


def test_wrong_covers_every_field() -> None:
    """The table of wrong values leaves out no field."""
    known = {place for place in fields(EVERYTHING) if not FREE.search(place)}
    assert known == set(WRONG)


@pytest.mark.parametrize("pointer", WRONG)
def test_read_manifest_wrong_field(pointer: str) -> None:
    """Each field once wrong: the place, the reason and what to write are said, and nothing else."""
    value, code = WRONG[pointer]
    document = changed(EVERYTHING, pointer, value)
    raw = written(document)

    reading = read_manifest(raw)

    assert reading.manifest is None
    first = reading.problems[0]
    assert first.code == code
    assert first.pointer.startswith(pointer)
    line = raw.decode().splitlines()[first.line - 1]
    assert pointer.rpartition("/")[2] in line or isinstance(value, list | dict)
    assert first.column > 1 or "/" not in pointer[1:]
    assert first.message
    assert first.fix
    assert len(reading.problems) == 1 or pointer.endswith("/url")  # whose password is said too
    if isinstance(value, str) and len(value) > 9:
        assert value not in first.message + first.fix


@pytest.mark.parametrize(
    "pointer",
    [
        "/apiVersion", "/kind", "/metadata", "/spec", "/metadata/namespace", "/metadata/name",
        "/spec/owners/0/ref", "/spec/uses/0/name", "/spec/repositories/0/url",
        "/spec/datasets/0/uri", "/spec/links/0/url", "/spec/waivers/0/expires_on",
        "/spec/monitoring/thresholds/0/direction",
    ],
)  # fmt: skip
def test_read_manifest_missing(pointer: str) -> None:
    """What is required and left out is named; without an apiVersion the file is not ours."""
    reading = read_manifest(written(changed(EVERYTHING, pointer, MISSING)))

    if pointer == "/apiVersion":
        assert reading == Reading(ours=False)
        return
    assert codes(reading) == ["missing"]
    assert reading.problems[0].pointer == pointer
    assert f"`{pointer.rpartition('/')[2]}`" in reading.problems[0].message


@pytest.mark.parametrize("name", ["tier", "eu_class", "Tier", "eu-class"])
@pytest.mark.parametrize("below", [SPEC, USE])
def test_read_manifest_computed(name: str, below: str) -> None:
    """`tier` and `eu_class` are computed: stating one is an error of its own."""
    reading = read_manifest(written(changed(EVERYTHING, f"{below}/{name}", "LOW")))

    assert codes(reading) == ["computed_field"]
    assert reading.problems[0].pointer == f"{below}/{name}"


@pytest.mark.parametrize("pointer", [place for place in WRONG if FREE.search(place) is None])
def test_read_manifest_free_keys(pointer: str) -> None:
    """Keys that begin with x- may stand in every group, and hold anything."""
    beside = pointer.rpartition("/")[0]
    if beside.endswith("model_class"):  # a value, no group
        return
    document = changed(EVERYTHING, f"{beside}/x-own", {"a": ["b", None]})
    assert read_manifest(written(document)).problems == ()


@pytest.mark.parametrize(
    ("below", "key", "meant"),
    [
        (SPEC, "licence", "license"), (SPEC, "owner", "owners"), (SPEC, "LifeCycle", "lifecycle"),
        (SPEC, "data-sensitivity", "data_sensitivity"), (SPEC, "use", "uses"),
        (USE, "decisionRole", "decision_role"), (USE, "jurisdiction", "jurisdictions"),
        ("/metadata", "Title", "title"), ("/spec/owners/0", "rol", "role"),
        ("", "Spec", "spec"),
    ],
)  # fmt: skip
def test_read_manifest_unknown_key(below: str, key: str, meant: str) -> None:
    """An unknown key is an error that names the nearest known one."""
    reading = read_manifest(written(changed(EVERYTHING, f"{below}/{key}", "x")))

    assert codes(reading) == ["unknown_key"]
    assert reading.problems[0].fix == f"write `{meant}`"
    assert reading.problems[0].edit is None  # the right one stands there already


@pytest.mark.parametrize(
    ("below", "key", "home"),
    [("", "owners", "spec"), (SPEC, "namespace", "metadata"), (SPEC, "profiling", "uses"),
     ("/metadata", "lifecycle", "spec"), ("", "name", "metadata")],
)  # fmt: skip
def test_read_manifest_misplaced_key(below: str, key: str, home: str) -> None:
    """A key that is known elsewhere is sent there."""
    reading = read_manifest(written(changed(EVERYTHING, f"{below}/{key}", "x")))

    assert codes(reading) == ["unknown_key"]
    assert home in reading.problems[0].fix


def test_read_manifest_all_problems() -> None:
    """Everything that is wrong is said at once, errors first, by place."""
    raw = HEAD + (
        b"spec:\n  licence: MIT\n  tier: LOW\n  owners: []\n  exposure: web\n  uses:\n"
        b"    - name: offers\n      profiling: maybe\n    - {name: Offers, people: 5}\n"
        b"  x-note: glpat-abcdefghijklmnopqrstu\n"
    )
    found = [(one.code, one.line, one.column, one.pointer) for one in read_manifest(raw).problems]

    assert found == [
        ("unknown_key", 5, 3, "/spec/licence"),
        ("computed_field", 6, 3, "/spec/tier"),
        ("wrong_value", 8, 13, "/spec/exposure"),
        ("wrong_flag", 11, 18, "/spec/uses/0/profiling"),
        ("repeated", 12, 14, "/spec/uses/1/name"),
        ("unknown_key", 12, 22, "/spec/uses/1/people"),
        ("looks_like_secret", 13, 11, ""),
    ]


@pytest.mark.parametrize("owners", [MISSING, None, [], [{"ref": "user:a", "role": "developer"}]])
def test_read_manifest_no_owner(owners: Any) -> None:
    """A manifest that names nobody accountable is read, with a warning."""
    spec = {} if owners is MISSING else {"owners": owners}
    reading = read_manifest(written(manifest(**spec)))

    assert reading.manifest is not None
    assert [(one.code, one.severity) for one in reading.problems] == [("no_owner", "warning")]


def test_read_manifest_stated_empty() -> None:
    """Null and [] are stated empty; what is left out is not stated."""
    spec = {"owners": [{"ref": "team:a"}], "license": None, "uses": [], "links": None}
    read = read_manifest(written(manifest(**spec))).manifest

    assert read is not None
    assert read.spec.model_fields_set == {"owners", "license", "uses", "links"}
    assert (read.spec.license, read.spec.uses, read.spec.links) == (None, (), ())


@pytest.mark.parametrize(
    "text",
    [
        "", "a: b", "- a", "text", "kind: Model\nspec: {}",
        "$schema: https://azuremlschemas.azureedge.net/latest/model.schema.json\nname: x\n",
        "apiVersion: v1\nkind: ConfigMap\ndata:\n  x: |\n    apiVersion: model-catalog/v1\n",
        "apiVersion: model-catalog.example.com/v1\nkind: Model\n",
        "apiVersion: [model-catalog/v1]\nkind: Model\n", "apiVersion: 1\n", "{{ template }}",
        "a: b\n---\nc: d\n", "a: &x b\nc: *x\n", "\tkey: x", "a: \x00", "'",
    ],
)  # fmt: skip
def test_read_manifest_not_ours(text: str) -> None:
    """Files of others are not ours, however broken they are, and that is no problem."""
    assert read_manifest(text.encode()) == Reading(ours=False)
    assert read_manifest(text.encode("utf-16")) == Reading(ours=False)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("apiVersion: model-catalog/v2", "wrong_version"),
        ("apiVersion: model-catalog/v1beta1", "wrong_version"),
        ("apiVersion: model-catalog", "wrong_version"),
        ("apiVersion: Model-Catalog/V1", "wrong_version"),
        ("apiVersion: model_catalog/v1", "wrong_version"),
        ("apiVersion: model-catalog/v1alpha1", "old_version"),
        ("apiversion: model-catalog/v1", "unknown_key"),
        ("api_version: model-catalog/v1", "unknown_key"),
    ],
)
def test_read_manifest_near_miss(line: str, code: str) -> None:
    """A file that begins like ours is ours, with an error that says what to write."""
    raw = FULL.replace(b"apiVersion: model-catalog/v1", line.encode())
    reading = read_manifest(raw)

    assert (reading.ours, reading.manifest) == (True, None)
    assert codes(reading) == [code]
    assert reading.problems[0].line == 1
    assert ("write model-catalog/v1" in reading.problems[0].fix) == (code == "wrong_version")


def test_read_manifest_corpus(corpora: Path) -> None:
    """Files of others that bear the name: all parse as something, none is ours, none complains."""
    folder = corpora / "model_manifests"
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in {".yaml", ".yml"}]
    readings = [read_manifest(path.read_bytes()) for path in files]

    assert len(files) == 118
    assert set(readings) == {Reading(ours=False)}


@settings(deadline=None)  # of another process's load
@given(st.binary(max_size=300))
def test_read_manifest_any_bytes(raw: bytes) -> None:
    """No file makes the reader fail, before or behind a head of ours."""
    read_manifest(raw)
    reading = read_manifest(HEAD + raw)
    assert all(one.code in CODES and one.line >= 1 for one in reading.problems)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)  # of another process's load
@given(st.sampled_from(sorted(fields(EVERYTHING))), JSON)
def test_read_manifest_any_value(pointer: str, value: Any) -> None:
    """Whatever stands in a field: it is read, or refused with a place in the file and a reason."""
    raw = json.dumps(changed(EVERYTHING, pointer, value)).encode()
    reading = read_manifest(raw)

    if reading.ours and reading.manifest is None:
        assert reading.problems
    for problem in reading.problems:
        assert problem.code in CODES
        assert problem.line == 1
        assert 1 <= problem.column <= len(raw)
        assert problem.message.isprintable()
        assert len(problem.message) <= 600
