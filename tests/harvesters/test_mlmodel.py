"""`MLmodel` files: recorded ones, and hostile ones."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.mlmodel import read_mlmodel
from schemas.facts import VersionFacts
from schemas.yaml_walk import YamlRefused, read_yaml

RUN = "0123456789abcdef0123456789abcdef"
XGBOOST = f"""\
flavors:
  python_function: {{loader_module: mlflow.xgboost}}
  xgboost: {{data: model.ubj, model_class: xgboost.sklearn.XGBClassifier}}
model_id: m-{RUN}
model_size_bytes: 102527
run_id: {RUN}
signature:
  inputs: '[{{"type": "double", "name": "age"}}]'
  outputs: '[{{"type": "long"}}]'
  params: null
"""
HOSTILE = {
    b"flavors: &f {sklearn: {}}\nmore: *f": "anchors",
    b"flavors: " + b"[" * 40 + b"]" * 40: "levels deep",
    b"flavors: {sklearn: " + b"x" * 70_000: "longer than 65536 characters",
    b"\xff\xfef\x00l\x00a\x00v\x00o\x00r\x00s\x00": "not UTF-8",
    b"flavors:\n  sklearn:\n    a: [1, 2": "line",
    b"flavors: !!python/object/apply:os.system [id]": "tags",
    b"#" * 300_000: "larger than",
    b"": "empty",
    b"- a\n- b\n": "names and values",
}


def test_read_mlmodel() -> None:
    """Framework, schemas and size are read; the class of model is concluded from the flavor."""
    read = read_mlmodel(XGBOOST.encode())

    assert read.stated == {
        "framework": "xgboost", "input_schema": '[{"type": "double", "name": "age"}]',
        "output_schema": '[{"type": "long"}]', "size_bytes": 102_527,
    }  # fmt: skip
    assert read.inferred == {"model_class": "tree_or_ensemble"}
    assert (read.run_id, read.own_flavor) == (RUN, True)
    assert read.dropped == ()


def test_read_mlmodel_bare() -> None:
    """Without a signature the schemas are stated empty; size and flavor are not stated."""
    read = read_mlmodel(b"mlflow_version: 3.17.2\nrun_id: null\n")

    assert read.stated == {"input_schema": None, "output_schema": None}
    assert (read.inferred, read.run_id) == ({}, None)


@pytest.mark.parametrize(
    ("line", "fact"),
    [
        ("model_size_bytes: -1", "size_bytes"),
        ("model_size_bytes: 1e9", "size_bytes"),
        ("model_size_bytes: " + "9" * 30, "size_bytes"),
        ("model_size_bytes: [1]", "size_bytes"),
        ('signature: {inputs: "\\u202e"}', "input_schema"),
        ("signature: {inputs: [a, b]}", "input_schema"),
        ('flavors: {"\\0": {}}', "framework"),
    ],
)
def test_read_mlmodel_odd_value(line: str, fact: str) -> None:
    """A value that no fact can hold is dropped alone, and says so."""
    read = read_mlmodel(line.encode())

    assert fact not in read.stated
    (dropped,) = read.dropped
    assert (dropped.reason, dropped.about.split(":")[0]) == (
        "mlmodel_value_dropped",
        f"MLmodel, {fact}",
    )


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_read_mlmodel_hostile(raw: bytes) -> None:
    """What is hostile or broken is refused, not expanded."""
    with pytest.raises(YamlRefused) as refused:
        read_mlmodel(raw)

    assert HOSTILE[raw] in str(refused.value)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_read_mlmodel_anything(raw: bytes) -> None:
    """Whatever the file holds, it is refused or what it states can be stated."""
    try:
        read = read_mlmodel(raw)
    except YamlRefused:
        return
    VersionFacts(**read.stated, **read.inferred)


def test_read_mlmodel_corpus(corpora: Path) -> None:
    """All recorded files parse; so many have a signature, a run, a flavor of somebody else."""
    found: Counter[str] = Counter()
    for path in sorted((corpora / "mlmodel").rglob("MLmodel*")):
        read = read_mlmodel(path.read_bytes())
        VersionFacts(**read.stated, **read.inferred)
        found["parsed"] += 1
        found["signatures"] += read.stated["input_schema"] is not None
        found["run_id"] += read.run_id is not None
        found["model_id"] += "model_id" in read_yaml(path.read_bytes()).value
        found["flavor_unknown"] += not read.own_flavor
        found["dropped"] += len(read.dropped)

    assert +found == {
        "parsed": 61, "signatures": 38, "run_id": 3, "model_id": 1, "flavor_unknown": 19,
    }  # fmt: skip
