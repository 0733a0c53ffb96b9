"""Files of others that are broken, ambiguous or hostile: refused, never a crash."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.found import FileRefused, Found
from schemas.facts import FACTS
from tests.support.foreign import BY_NAME, entity, read

JSON_REFUSED: Final = [
    (b"", "not_json"),
    (b"\xef\xbb\xbf", "not_json"),
    (b"{", "not_json"),
    (b'{"a": 1, "a": 2}', "not_json"),
    (b'{"a": NaN}', "not_json"),
    (b'{"a": 1e400}', "not_json"),
    (b'{"a": ' + b"9" * 5_000 + b"}", "not_json"),
    ('{"a": 1}'.encode("utf-16"), "not_utf8"),
    (b'{"a": "\xff"}', "not_utf8"),
    (b"[" * 100_000, "too_deep"),
    (b"[" * 200 + b"]" * 200, "too_deep"),
    (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "too_deep"),
    (b"[" + b"1," * 300_000 + b"1]", "too_large"),
    (b" " * 2_000_000, "too_large"),
]


@pytest.mark.parametrize("name", ["croissant", "cyclonedx", "dbt"])
@pytest.mark.parametrize(("raw", "code"), JSON_REFUSED, ids=range(len(JSON_REFUSED)))
def test_json_refused(name: str, raw: bytes, code: str) -> None:
    """JSON that is broken, ambiguous or hostile is refused by each format that reads JSON."""
    with pytest.raises(FileRefused) as refused:
        BY_NAME[name].read(raw, "manifest.json")

    assert refused.value.code == code


def test_json_surrogate() -> None:
    """A lone surrogate is no text: its fact is dropped alone."""
    (dataset,) = read(
        "croissant",
        b'{"@type": "Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0", '
        b'"name": "\\ud800", "license": "mit"}',
    )

    assert dataset.facts == {"license": "mit"}
    assert dataset.dropped[0].startswith("name: ")


YAML_REFUSED: Final = [
    b"a: &x [1]\nb: *x", b"a: {b: !!binary aGk=}", b"a: 1\na: 2", b"<<: {a: 1}", b"[" * 200_000,
    b"a: " + b"[" * 33 + b"]" * 33, b"#" * 300_000, b"a: " + b"x" * 70_000, b"a: \x00",
    "a: b".encode("utf-16"), b"a: \xe9", b"- " * 40, b"? [a]\n: b", b"\ta: b",
    b"\n".join(b"- %d" % n for n in range(30_000)), b"a: [1, 2",
]  # fmt: skip


@pytest.mark.parametrize("name", ["mlmodel", "mlproject", "backstage", "citation", "dvc", "dbt"])
@pytest.mark.parametrize("raw", YAML_REFUSED, ids=range(len(YAML_REFUSED)))
def test_yaml_refused(name: str, raw: bytes) -> None:
    """YAML that is broken, ambiguous or hostile is refused by each format that reads YAML."""
    with pytest.raises(FileRefused) as refused:
        BY_NAME[name].read(raw, "exposures.yml")

    assert refused.value.code in {"not_yaml", "not_utf8", "too_large", "other_format"}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[project", "not_toml"), (b"a = 1\na = 2", "not_toml"), (b"a = \xff", "not_utf8"),
        ("a = 1".encode("utf-16"), "not_utf8"), (b"a = " + b"[" * 100_000, "too_deep"),
        (b"#" * 300_000, "too_large"), (b"a = " + b"9" * 5_000, "not_toml"),
        (b"a" + b".a" * 60_000 + b" = 1", "too_deep"),
    ],
)  # fmt: skip
def test_toml_refused(raw: bytes, code: str) -> None:
    """TOML that is broken, ambiguous or hostile is refused."""
    with pytest.raises(FileRefused) as refused:
        read("pyproject", raw)

    assert refused.value.code == code


def said_or_refused(name: str, raw: bytes, *, path: str) -> Sequence[Found]:
    """Any other exception fails the test."""
    try:
        return BY_NAME[name].read(raw, path)
    except FileRefused:
        return ()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
MEMBERS: Final = (
    "license", "authors", "tags", "datasets", "name", "kind", "spec", "metadata", "apiVersion",
    "type", "owner", "exposures", "depends_on", "nodes", "components", "bomFormat", "modelCard",
    "modelParameters", "licenses", "hashes", "stages", "deps", "outs", "path", "md5", "flavors",
    "signature", "entry_points", "@type", "conformsTo", "distribution", "sha256", "project",
    "pipeline_tag", "base_model", "model-index", "language", "links", "url", "dependsOn",
)  # fmt: skip
ODD = st.recursive(
    st.sampled_from(
        ["ml", "CycloneDX", "machine-learning-model", "ai-model", "model-server", "Resource",
         "backstage.io/v1", "sc:Dataset", "http://mlcommons.org/croissant/1.0", "a@b.c", "x"]
    ) | ANY_JSON,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=6),
    max_leaves=30,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(MEMBERS), ODD, max_size=8), st.sampled_from(sorted(BY_NAME)))
def test_anything(document: Mapping[str, Any], name: str) -> None:
    """Whatever stands where, a file is refused, or what it says can be stated."""
    written = json.dumps(document)
    if name == "model_card":
        written = f"---\n{written}\n---\n"
    for path in ("manifest.json", "exposures.yml"):
        for one in said_or_refused(name, written.encode(), path=path):
            FACTS[one.kind].model_validate(dict(one.facts))


@given(st.binary(max_size=300), st.sampled_from(sorted(BY_NAME)))
def test_any_bytes(raw: bytes, name: str) -> None:
    """The same of bytes that are nothing at all."""
    for one in said_or_refused(name, raw, path="manifest.json"):
        FACTS[one.kind].model_validate(dict(one.facts))


PLAIN: Final = {
    "mlmodel": "flavors:\n  xgboost: {}\nmodel_size_bytes: 7\n",
    "mlproject": "name: churn\nentry_points:\n  main: {}\n",
    "model_card": "---\nlicense: mit\ntags:\n- a\n---\n# Churn\n",
    "backstage": entity("churn") + "\n---\n" + entity("spam") + "\n",
    "citation": "cff-version: 1.2.0\nlicense: MIT\n",
    "pyproject": '[project]\nlicense = "MIT"\n',
    "croissant": '{"@type": "Dataset",\n"conformsTo": "http://mlcommons.org/croissant/1.0"}\n',
    "dvc": "schema: '2.0'\nstages:\n  a:\n    deps:\n    - path: data\n",
    "dbt": "exposures:\n- name: churn\n  type: ml\n  label: Churn\n",
    "cyclonedx": '{"bomFormat": "CycloneDX", "components":\n'
    '[{"type": "machine-learning-model", "name": "a"}]}\n',
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_written_oddly(name: str) -> None:
    """A mark at the beginning and other ends of lines change nothing in any format."""
    text = PLAIN[name]
    plain = read(name, text)

    assert plain != []
    assert read(name, "\ufeff" + text) == plain
    assert read(name, text.replace("\n", "\r\n")) == plain
    assert set(PLAIN) == {one.name for one in FORMATS}


@pytest.mark.parametrize("name", PLAIN)
def test_truncated(name: str) -> None:
    """Cut off anywhere, a file is refused or says what can be stated."""
    raw = PLAIN[name].encode()
    path = "exposures.yml" if name == "dbt" else "manifest.json"
    for end in range(len(raw)):
        for one in said_or_refused(name, raw[:end], path=path):
            FACTS[one.kind].model_validate(dict(one.facts))
