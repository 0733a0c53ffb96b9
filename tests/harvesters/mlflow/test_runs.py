"""What single training runs and dataset inputs say, and what is dropped of them."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from harvesters.mlflow.datasets import read_datasets
from harvesters.mlflow.names import Place
from harvesters.mlflow.references import Reference
from harvesters.mlflow.rows import (
    DatasetInputRow,
    DatasetRow,
    RunDataRow,
    RunInfoRow,
    RunInputsRow,
    RunOutputsRow,
    TagRow,
)
from harvesters.mlflow.runs import observe_run
from harvesters.mlflow.trained import model_class, observe_trained
from schemas.identifiers import Identifier
from schemas.observation import parse_observation
from tests.harvesters.mlflow.conftest import NOON
from tests.harvesters.mlflow.runs import GIT

PLACE: Final = Place("mlflow-prod", "default", "retail", "https://mlflow.example")
MORNING: Final = int(NOON.timestamp() * 1_000) - 3_600_000
RUN: Final = "0123456789abcdef0123456789abcdef"
FOUR_KIB: Final = 4_096


@dataclass
class Info:
    """What a training run is."""

    run_id: str = RUN
    run_name: str | None = "one"
    experiment_id: str = "7"
    status: str = "FINISHED"
    start_time: int | None = MORNING
    end_time: int | None = MORNING + 1
    lifecycle_stage: str = "active"


@dataclass
class Data:
    """What was logged."""

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Dataset:
    """A dataset as it was logged."""

    name: str = "churn"
    digest: str = "3f2a9c0d"
    source_type: str = "s3"
    source: str = '{"uri": "s3://lake/churn"}'
    schema: str | None = '{"mlflow_colspec": []}'
    profile: str | None = '{"num_rows": 120}'


@dataclass
class Tag:
    """A tag of an input."""

    key: str
    value: str


@dataclass
class Input:
    """A dataset input."""

    dataset: DatasetRow = field(default_factory=Dataset)
    tags: Sequence[TagRow] = ()


@dataclass
class Inputs:
    """What was read."""

    dataset_inputs: Sequence[DatasetInputRow] = ()


@dataclass
class Run:
    """A training run."""

    info: RunInfoRow = field(default_factory=Info)
    data: RunDataRow = field(default_factory=Data)
    inputs: RunInputsRow | None = None
    outputs: RunOutputsRow | None = None


def stated(run: Run) -> dict[str, Any]:
    """The facts as they travel."""
    said = observe_run(run, PLACE, at=NOON).said
    facts = said.model_dump(mode="json", exclude_unset=True)["facts"]  # type: ignore[union-attr]
    assert isinstance(facts, dict)
    return facts


def reasons(run: Run) -> list[str]:
    """What was dropped."""
    return [one.reason for one in observe_run(run, PLACE, at=NOON).dropped]


def test_observe_run_bare() -> None:
    """What is read and empty is stated empty."""
    bare = Run(Info(run_name="", status="RUNNING", end_time=None))
    assert stated(bare) == {
        "name": None, "experiment": "7", "status": "RUNNING", "lifecycle": "active",
        "started_at": "2026-11-24T11:00:00.000000Z", "ended_at": None, "created_by": None,
        "source_name": None, "parent": None, "params": {}, "metrics": {}, "tags": [],
        "logged_models": [], "source_commit": None, "source_branch": None, "repository": None,
        "datasets": [], "warnings": [],
    }  # fmt: skip
    assert reasons(bare) == []


@pytest.mark.parametrize(
    ("run", "fact", "value", "dropped"),
    [
        (Run(Info(run_name="مرحبا שלום")), "name", "مرحبا שלום", []),
        (Run(Info(run_name="""a/b:c%2F"'""")), "name", """a/b:c%2F"'""", []),
        (Run(Info(run_name="x" * 300)), "name", "x" * 300, []),
        (Run(Info(run_name="x" * 5_000)), "name", None, ["text_dropped"]),
        (Run(Info(run_name="a\tb")), "name", None, ["text_dropped"]),
        (Run(Info(run_name="a\u202eb")), "name", None, ["text_dropped"]),
        (Run(Info(start_time=0)), "started_at", ..., ["time_dropped"]),
        (Run(Info(start_time=-1)), "started_at", ..., ["time_dropped"]),
        (Run(Info(end_time=10**18)), "ended_at", ..., ["time_dropped"]),
        (Run(Info(end_time=2**63 - 1)), "ended_at", ..., ["time_dropped"]),
        (Run(data=Data({"p": "a\0b"})), "params", {}, ["param_dropped"]),
        (Run(data=Data({"p": "x" * 70_000})), "params", {}, ["param_dropped"]),
        (Run(data=Data({"p\n": "x", "q": ""})), "params", {"q": ""}, ["param_dropped"]),
        (Run(data=Data(metrics={"m": math.nan})), "metrics", {"m": None}, ["metric_not_finite"]),
        (Run(data=Data(metrics={"m": -math.inf})), "metrics", {"m": None}, ["metric_not_finite"]),
        (Run(data=Data(metrics={"m": sys.float_info.max})), "metrics", {"m": None},
         ["metric_not_finite"]),
        (Run(data=Data(metrics={"a\0": 1.0, "b": 2})), "metrics", {"b": 2.0}, ["metric_dropped"]),
        (Run(data=Data(tags={"t": "x" * 100_000})), "tags", [], ["tag_dropped"]),
        (Run(data=Data(tags={"t": "a\0b", "mlflow.x": "y"})), "tags", [], ["tag_dropped"]),
        (Run(data=Data(tags={"mlflow.parentRunId": "\0"})), "parent", None, ["parent_dropped"]),
        (Run(data=Data(tags={f"{GIT}commit": "71ab"})), "source_commit", None, []),
        (Run(data=Data(tags={f"{GIT}repoURL": "/srv/git/x"})), "repository", None,
         ["repository_dropped"]),
        (Run(data=Data(tags={"catalog.commit": "A" * 40, f"{GIT}commit": "b" * 40})),
         "source_commit", "a" * 40, []),
        (Run(data=Data(tags={"catalog.commit": "71ab"})), "source_commit", None,
         ["catalog_tag_unusable"]),
    ],
)  # fmt: skip
def test_observe_run_odd(run: Run, fact: str, value: Any, dropped: list[str]) -> None:
    """What no fact can hold is dropped alone, counted, and said on the entry."""
    said = stated(run)
    assert said.get(fact, ...) == value
    assert reasons(run) == dropped
    assert len(said["warnings"]) == len(dropped)


def test_observe_run_credential_in_address() -> None:
    """A credential in a repository's address is dropped, and counted."""
    tags = {f"{GIT}repoURL": "https://ada:canary@github.com/acme/churn.git"}
    run = Run(data=Data(tags=tags))
    assert stated(run)["repository"]["value"] == "https://github.com/acme/churn"
    assert reasons(run) == ["userinfo_dropped"]
    assert "canary" not in str(observe_run(run, PLACE, at=NOON))


def test_observe_run_unknown_catalog_tags() -> None:
    """A tag that states nothing is said on the entry, with the nearest one."""
    run = Run(data=Data(tags={"catalog.comit": "x", "catalog.use": "offers", "catalog.zzz": ""}))
    assert stated(run)["warnings"] == [
        "catalog.comit: no such tag states a fact; the nearest is catalog.commit",
        "catalog.use: a training run has no use; set the tag on its registered model",
        "catalog.zzz: no such tag states a fact",
    ]
    assert sorted(reasons(run)) == [
        "catalog_tag_not_read", "catalog_tag_unknown", "catalog_tag_unknown",
    ]  # fmt: skip


def test_observe_run_most_logged() -> None:
    """Of parameters and metrics 200 are kept, the first by name; each other one is counted."""
    names = [f"p{number:03}" for number in range(250)]
    run = Run(data=Data(dict.fromkeys(names, "x"), dict.fromkeys(reversed(names), 0.5)))
    assert list(stated(run)["params"]) == list(stated(run)["metrics"]) == names[:200]
    assert reasons(run) == ["param_beyond_200"] * 50 + ["metric_beyond_200"] * 50
    assert len(stated(run)["warnings"]) == 2


def test_observe_run_as_the_service_reads_it() -> None:
    """Everything that is said can be read again, with the same digest."""
    tags = {"team": "Préçis e\u0301", f"{GIT}repoURL": "git@github.com:acme/x.git"}
    run = Run(data=Data({"a": "1"}, {"b": 0.1}, tags), inputs=Inputs([Input()]))
    told: Any = observe_run(run, PLACE, at=NOON)
    version = observe_trained(
        Reference("churn", "1", 0, commit_stated=False),
        run,
        facts=told.said.facts,
        place=PLACE,
        at=NOON,
    )
    said: Any
    for said in (told.said, told.datasets[0].observation(at=NOON, evidence=None), version):
        document = json.loads(said.model_dump_json(exclude_unset=True))
        assert parse_observation(document).digest() == said.digest()


@pytest.mark.parametrize(
    ("source_type", "source", "address"),
    [
        ("s3", {"uri": "S3A://Lake/churn/"}, "s3://lake/churn"),
        ("gs", {"uri": "gs://lake/churn"}, "gs://lake/churn"),
        ("http", {"url": "https://data.example/x.csv?token=canary"}, "https://data.example/x.csv"),
        ("hugging_face", {"path": "acme/churn", "revision": "main"}, "hf://datasets/acme/churn"),
        ("hugging_face", {"path": "csv", "data_files": ["x.csv"]}, None),
        ("hugging_face", {"path": "./data"}, None),
        ("delta_table", {"path": "s3://lake/delta"}, "s3://lake/delta"),
        ("delta_table", {"delta_table_name": "main.default.churn"}, None),
        ("spark", {"path": "abfss://c@acct.dfs.core.windows.net/x"},
         "abfss://c@acct.dfs.core.windows.net/x"),
        ("spark", {"table_name": "churn"}, None),
        ("uc_volume", {"path": "/Volumes/main/x"}, None),
        ("local", {"uri": "/home/ada/churn.csv"}, None),
        ("local", {"uri": "file:///home/ada/churn.csv"}, None),
        ("code", {"tags": {"mlflow.user": "ada"}}, None),
        ("sql", {"uri": "s3://not/asked"}, None),
        ("s3", {"uri": 7}, None),
        ("s3", ["uri"], None),
    ],
)  # fmt: skip
def test_read_datasets_address(source_type: str, source: Any, address: str | None) -> None:
    """An address that others can reach names a dataset; else its name, digest and experiment."""
    row = Dataset(source_type=source_type, source=json.dumps(source))
    (read,), dropped = read_datasets([Input(row)], PLACE, experiment="7")
    own = "dataset:mlflow:mlflow-prod/default/7/churn/3f2a9c0d"
    assert str(read.subject) == (f"dataset:uri:{address}" if address else own)
    assert read.facts.get("uri") == address
    assert "canary" not in str(read)
    assert dropped == []


def test_read_datasets_catalog_uri() -> None:
    """`catalog.uri` on the input names it; one that is no address is dropped with the reason."""
    row = Dataset(source_type="code", source="{}")
    for text, scheme, why in [
        ("s3n://Lake/x", "uri", []),
        (
            "/home/x",
            "mlflow",
            ["catalog.uri: must be a URI that others can reach, not a local path"],
        ),
    ]:
        given = Input(row, [Tag("catalog.uri", text)])
        (read,), dropped = read_datasets([given], PLACE, experiment="7")
        assert (read.subject.scheme, [one.about for one in dropped]) == (scheme, why)
    (_,), dropped = read_datasets([Input(row, [Tag("catalog.url", "x")])], PLACE, experiment="7")
    assert dropped[0].about == (
        "catalog.url: no such tag states a fact; the nearest is catalog.uri"
    )


@pytest.mark.parametrize(
    ("context", "role"),
    [
        ("train", "training"), ("training", "training"), ("val", "validation"),
        ("Valid", "validation"), ("validation", "validation"), ("test", "test"),
        ("eval", "test"), ("evaluation", "test"), ("holdout", None), ("", None),
    ],
)  # fmt: skip
def test_read_datasets_link(context: str, role: str | None) -> None:
    """A link has the role that the context means, and MLflow's digest."""
    row = Dataset(
        source_type="delta_table", source='{"path": "s3://x/y", "delta_table_version": 3}'
    )
    given = Input(row, [Tag("mlflow.data.context", context)])
    (read,), _ = read_datasets([given], PLACE, experiment="7")
    linked = {"digest": "mlflow:3f2a9c0d", "version": "delta:3"} | ({"role": role} if role else {})
    link = read.link.model_dump(exclude_unset=True)
    assert {name: value for name, value in link.items() if name != "dataset"} == linked


@pytest.mark.parametrize(
    ("row", "facts", "dropped"),
    [
        (Dataset(), {"name": "churn", "schema": '{"mlflow_colspec": []}', "records": 120}, []),
        (Dataset(schema="", profile=None), {"name": "churn", "schema": None}, []),
        (Dataset(schema="x" * 70_000, profile="[1]"), {"name": "churn"}, ["text_dropped"]),
        (Dataset(schema="a\0", profile='{"num_rows": -1}'), {"name": "churn"}, ["text_dropped"]),
        (Dataset(schema=None, profile='{"num_rows": true}'), {"name": "churn", "schema": None}, []),
        (Dataset(schema=None, profile="[" * 100_000), {"name": "churn", "schema": None}, []),
    ],
)
def test_read_datasets_facts(row: Dataset, facts: Mapping[str, Any], dropped: list[str]) -> None:
    """Name, schema and number of records; what cannot be held or read is left out."""
    (read,), left_out = read_datasets([Input(row)], PLACE, experiment="7")
    assert read.facts == {"uri": "s3://lake/churn", "source_type": "s3", **facts}
    assert [one.reason for one in left_out] == dropped


def test_read_datasets_unnameable() -> None:
    """A name that no identifier can hold drops the dataset, not the training run."""
    row = Dataset(name="a\tb", source_type="code")
    run = Run(inputs=Inputs([Input(row), Input()]))
    told = observe_run(run, PLACE, at=NOON)
    assert [one.subject.scheme for one in told.datasets] == ["uri"]
    assert [one.reason for one in told.dropped] == ["dataset_dropped"]


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        ("sklearn.ensemble._forest.RandomForestClassifier", "tree_or_ensemble"),
        ("sklearn.linear_model._logistic.LogisticRegression", "rules_or_linear"),
        ("xgboost.sklearn.XGBClassifier", "tree_or_ensemble"),
        ("keras.src.models.sequential.Sequential", "deep_learning"),
        ("sklearn.pipeline.Pipeline", None),
        ("", None),
    ],
)
def test_model_class(estimator: str, expected: str | None) -> None:
    """The module of an estimator tells its class, or nothing does."""
    assert model_class(estimator) == expected


def test_observe_trained_empty() -> None:
    """What its training run lacks, or its own tag states, a version is not told."""
    run = Run(data=Data(tags={f"{GIT}commit": "a" * 40}))
    facts: Any = observe_run(run, PLACE, at=NOON).said
    for tagged, stated in ((True, {}), (False, {"source_commit": "a" * 40})):
        version = Reference("a/b", "1", 0, commit_stated=tagged)
        said: Any = observe_trained(version, run, facts=facts.facts, place=PLACE, at=NOON)
        assert said.facts.model_dump(exclude_unset=True) == {"origin": "in_house", **stated}
        assert said.subject == Identifier.model_validate(
            {"kind": "version", "scheme": "mlflow-training", "value": "mlflow-prod/default/a%2Fb/1"}
        )
