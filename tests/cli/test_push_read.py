"""What `push` reads, without a service: every fault is told with its place, and nothing is sent."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from cli.pushing import asked as options
from cli.pushing.asked import Asked
from cli.pushing.documents import documents_of, model_of, provenance_of
from cli.pushing.faults import Faults
from cli.pushing.made import artifacts_of, datasets_of, metrics_of
from cli.pushing.named import name
from harvesters.manifests.formats.found import Found
from schemas.facts import BuildFacts, DeploymentFacts
from schemas.identifiers import Kind
from schemas.values import Artifact
from tests.cli.conftest import Command

HEX: Final = "ab" * 32
NOWHERE: Final = {"URL": "http://127.0.0.1:1", "TOKEN": "t"}


def read(part: Any, **given: Any) -> tuple[Any, list[str]]:
    """What is read of options, and what is wrong with them."""
    faults = Faults()
    return part(Asked(**given), faults), faults.wrong


def test_choices() -> None:
    """The words that options take are those that facts take."""
    build, deployment = BuildFacts.model_fields, DeploymentFacts.model_fields
    for choice, field in (
        (options.Status, build["status"]),
        (options.State, deployment["status"]),
        (options.Role, deployment["role"]),
        (options.Class, deployment["environment_class"]),
    ):
        known = {word for one in get_args(field.annotation) for word in get_args(one)}
        assert set(get_args(choice)) == known


def test_artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is hashed however large it is, a digest is taken, an image's too."""
    monkeypatch.chdir(tmp_path)
    large = tmp_path / "model.bin"
    with large.open("wb") as file:
        file.truncate(3 * 1024 * 1024 + 7)
        file.seek(2 * 1024 * 1024)
        file.write(b"weights")
    digest = "sha256:" + hashlib.sha256(large.read_bytes()).hexdigest()

    found, wrong = read(artifacts_of, artifact=[
        "model.bin", "weights=model.bin", f"x=sha256:{HEX.upper()}", f"y={HEX}",
        f"image=ghcr.io/acme/churn:7@sha256:{HEX}", "report", "model.bin",
    ])  # fmt: skip

    assert wrong == []
    assert found == [
        Artifact(name="model.bin", digest=digest), Artifact(name="weights", digest=digest),
        Artifact(name="x", digest=f"sha256:{HEX}"), Artifact(name="y", digest=f"sha256:{HEX}"),
        Artifact(name="image", digest=f"sha256:{HEX}"), Artifact(name="report"),
    ]  # fmt: skip


def test_artifacts_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a pipe, a device, a missing file, half a digest, two digests of one name: told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").write_text("a")

    _, wrong = read(artifacts_of, artifact=[
        "folder", "p=pipe", "z=/dev/zero", "m=missing", "d=sha256:ab", "=a", "a=", "a=a",
        f"a=sha256:{HEX}",
    ])  # fmt: skip

    assert [line.split(": ", 1)[1].split(";")[0] for line in wrong] == [
        "folder is no plain file", "pipe is no plain file", "/dev/zero is no plain file",
        "missing cannot be read: No such file or directory",
        "sha256:ab cannot be read: No such file or directory", "must be NAME, NAME=FILE or "
        "NAME=sha256:…".encode("ascii", "backslashreplace").decode(),
        "must be NAME, NAME=FILE or NAME=sha256:…".encode("ascii", "backslashreplace").decode(),
        "is named twice, with two digests",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"auc": 0.9, "n": 7}', {"auc": 0.9, "n": 7.0}),
        ('[{"name": "auc", "value": 0.9, "slice": "de", "dataset": "s3://l/e"}]', {"auc": 0.9}),
        ('{"metrics": [{"name": "auc", "value": 1e-3}]}', {"auc": 0.001}),
        ('{"auc": NaN, "loss": Infinity, "x": null}', {"auc": None, "loss": None, "x": None}),
        ('{"metrics": 3}', {"metrics": 3.0}),
        ("{}", {}),
    ],
)  # fmt: skip
def test_metrics(tmp_path: Path, text: str, values: Mapping[str, float | None]) -> None:
    """Both forms are read; what is no number, as training scripts write it, is null."""
    file = tmp_path / "metrics.json"
    file.write_text(text)

    found, wrong = read(metrics_of, metrics=file, metric=["f1=0.5", "lift=inf"])

    assert wrong == []
    assert {one.name: one.value for one in found} == {**values, "f1": 0.5, "lift": None}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", ": is empty"),
        ("{\n 'auc': 1}", ": is not JSON: line 2, column 2: "),
        ('"x"', ": must be {name: value}"),
        ('{"a/b": "0.9"}', "/a~1b/value: Input should be a valid number"),
        ('{"auc": true}', "/auc/value: Input should be a valid number"),
        ('{"auc": {"value": 1}}', "/auc/value: Input should be a valid number"),
        ('[{"name": "auc"}]', "/0/value: Field required"),
        ('[{"name": "auc", "value": 1, "split": "x"}]', "/0/split: Extra inputs"),
        ('[{"name": "auc", "value": 1}, 7]', "/1: Input should be a valid dictionary"),
        ('{"auc": 1, "auc": 2}', ': holds the key "auc" twice'),
        ("[" * 5_000, ": is nested more than 100 levels deep"),
        ('{"auc": 1e999}', ": holds a number that is larger"),
        (" " * 1_100_000, ": is larger than 1,048,576 bytes"),
    ],
)
def test_metrics_wrong(tmp_path: Path, text: str, where: str) -> None:
    """A fault in a file of metrics is told with its place."""
    file = tmp_path / "m.json"
    file.write_text(text)

    _, wrong = read(metrics_of, metrics=file)

    assert wrong[0].startswith(f"{file}{where}"), wrong


def test_metric_wrong() -> None:
    """So is one in an option."""
    _, wrong = read(metrics_of, metric=["auc", "auc=high", "=1", "a=1", "a=2"])

    assert [line.split(": ")[0] for line in wrong] == [
        "--metric auc", "--metric auc=high", "--metric =1/name", "metric a",
    ]  # fmt: skip


def test_datasets(tmp_path: Path) -> None:
    """Addresses lose credentials, commas may stand in them, JSON holds the same."""
    file = tmp_path / "data.json"
    rows = ["s3://lake/b", {"uri": "s3://lake/c", "role": "test", "digest": f"md5:{'0' * 32}"}]
    file.write_text(json.dumps({"datasets": rows}))

    found, wrong = read(datasets_of, datasets=file, dataset=[
        "S3A://Lake/a,b/,role=validation,digest=delta:7,version=7", "https://u:p@h.example/x?sig=1",
    ])  # fmt: skip

    assert wrong == []
    assert [(one.dataset.value, one.role, one.digest) for one in found] == [
        ("s3://lake/a,b", "validation", "delta:7"),
        ("https://h.example/x", "training", None),
        ("s3://lake/b", "training", None),
        ("s3://lake/c", "test", "md5:" + "0" * 32),
    ]


def test_datasets_wrong(tmp_path: Path) -> None:
    """Local paths, unknown roles and members, secrets: told by place, never echoed."""
    file = tmp_path / "d.json"
    file.write_text(json.dumps([{"uri": "./data"}, {"uri": "s3://a/b", "rolle": "x"}, 7, {}]))

    _, wrong = read(datasets_of, datasets=file, dataset=[
        "data/train.csv", "s3://lake/a,role=trainig", "s3://lake/a,role=test,role=test",
        "s3://lake/glpat-" + "x" * 20,
    ])  # fmt: skip

    places = [line.split(": ")[0] for line in wrong]
    assert places == [
        "--dataset data/train.csv", "--dataset s3://lake/a,role=trainig/role",
        "--dataset s3://lake/a,role=test,role=test", "--dataset s3://lake/[masked gitlab token]",
        f"{file}/0", f"{file}/1/rolle", f"{file}/2", f"{file}/3",
    ]  # fmt: skip


def test_names() -> None:
    """A model and number are the catalog's; with a registry they are the registry's."""
    plain, _ = read(name, model="Retail/Churn", version="7")
    registered, _ = read(
        name, model="retail/churn", mlflow="mlflow-prod/team b", model_uri="models:/Churn X/8",
        mlflow_run="0f" * 16,
    )  # fmt: skip
    alone, _ = read(name, mlflow="mlflow-prod", model_uri="models:/churn/8")
    unnamed, _ = read(name, mlflow_run="0f" * 16, model_uri="models:/churn@champion")

    assert str(plain.version) == "version:number:retail/churn/7"
    assert str(registered.version) is not None
    assert registered.run is not None
    assert registered.run.value == f"mlflow-prod/team b/{'0f' * 16}"
    assert str(alone.version) == "version:mlflow:mlflow-prod/default/churn/8"
    assert str(alone.model) == "model:mlflow:mlflow-prod/default/churn"
    assert unnamed.uris == ("models:/churn@champion", f"runs:/{'0f' * 16}")
    assert (unnamed.version, unnamed.run) == (None, None)


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"model": "churn"}, "--model"),
        ({"model": "re.tail/churn"}, "--model"),
        ({"version": "7"}, "--version"),
        ({"model": "retail/churn", "version": "7@mlflow-staging"}, "--version"),
        ({"model": "retail/churn", "version": "7", "model_uri": "models:/churn/8"}, "--version"),
        ({"mlflow": "MLflow Prod", "model": "retail/churn"}, "--mlflow"),
        ({"mlflow": "mlflow-prod", "version": "7"}, "--version"),
        ({"mlflow_run": "../7"}, "--mlflow-run"),
    ],
)
def test_names_wrong(given: Mapping[str, str], option: str) -> None:
    """What names nothing is told with the option that says it."""
    _, wrong = read(name, **given)

    assert wrong
    assert {line.split(":")[0] for line in wrong} == {option}


def test_documents(tmp_path: Path) -> None:
    """A card without front matter says nothing, which is told and no fault; broken files are."""
    card, empty, broken = (tmp_path / one for one in ("card.md", "empty.md", "bom.json"))
    card.write_text("---\nlicense: mit\ndatasets: [acme/reviews]\n---\n# Churn\n")
    empty.write_text("# Churn\n")
    broken.write_text('{"bomFormat": "SPDX"}')
    faults = Faults()

    (read_card,) = documents_of(Asked(model_card=card), faults)
    (nothing,) = documents_of(Asked(model_card=empty), faults)
    documents_of(Asked(ml_bom=broken), faults)

    model = model_of(read_card, called="churn", faults=faults)
    assert model is not None
    assert model.facts == {"license": "mit"}
    assert [one.kind for one in read_card.found] == [Kind.MODEL, Kind.DATASET]
    assert model_of(nothing, called="churn", faults=faults) is None
    assert faults.notes == [f"{empty}: says nothing that the catalog holds"]
    assert faults.wrong == [f"--ml-bom {broken}: its bomFormat is not CycloneDX"]


def test_documents_several() -> None:
    """Of several models in a bill of materials, the one of the name; none of it: told."""
    from cli.pushing.documents import Document  # noqa: PLC0415  # for this test alone

    two = [Found(Kind.MODEL, {}, name=called) for called in ("acme/churn", "scoring")]
    document, faults = Document("ml_bom", Path("b"), two), Faults()

    assert model_of(document, called="churn", faults=faults) == two[0]
    assert faults.wrong == []
    assert model_of(document, called="fraud", faults=faults) is None
    assert faults.wrong == ["b: describes 2 models, not one called fraud"]


def test_provenance(tmp_path: Path) -> None:
    """A file without any statement, and a key that is none, are wrong."""
    file, key = tmp_path / "p.json", tmp_path / "key.pem"
    file.write_text("{}")
    key.write_text("-----BEGIN PRIVATE KEY-----")

    _, wrong = read(provenance_of, provenance=[file], provenance_key=key)

    assert [line.split(": ")[0] for line in wrong] == [
        f"--provenance-key {key}", f"--provenance {file}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Say what: --ci, a model.yaml, or a file of observations."),
        (("ci", "--metric", "auc=1"), "metrics: belong to a version"),
        (("ci", "--image", "x"), "--image: needs --deployed ENVIRONMENT"),
        (("ci", "--traffic", "5", "--target", "x"), "--target: needs --deployed ENVIRONMENT"),
        (("ci", "--artifact", "x"), "there is nothing to say"),
        (("ci", "--ci"), "No CI is recognised"),
        (("ci", "gone.json"), "gone.json: there is no such file."),
        (("ci", "--ci", "--traffic", "101"), "Invalid value for '--traffic'"),
        (("ci", "--ci", "--status", "done"), "Invalid value for '--status'"),
    ],
)
def test_misuse(
    command: Command, words: tuple[str, ...], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """What does not go together ends with 2 and asks nobody, also with --best-effort."""
    monkeypatch.chdir(tmp_path)

    ran = command("push", *words, **NOWHERE)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    if words and "--best-effort" not in words:
        assert command("push", *words, "--best-effort", **NOWHERE).code == 2


def test_faults_together(command: Command, tmp_path: Path) -> None:
    """All faults are told at once."""
    file = tmp_path / "m.json"
    file.write_text('{"auc": "x", "f1": "y"}')

    ran = command(
        "push", "ci", "--build", "7", "--model", "churn", "--metrics", str(file),
        "--dataset", "here.csv", **NOWHERE,
    )  # fmt: skip

    assert ran.code == 2
    assert [line.split(": ")[0] for line in ran.err.splitlines()] == [
        "--model", f"{file}/auc/value", f"{file}/f1/value", "--dataset here.csv",
        "Nothing was sent.",
    ]  # fmt: skip
