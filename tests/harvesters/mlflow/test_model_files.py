"""The harvest of `MLmodel` files from a real server, and what hostile ones do to it."""

from collections.abc import Callable
from typing import Any

import pytest

from harvesters.errors import SourceUnavailable
from harvesters.mlflow import artifacts
from harvesters.mlflow.client import Registry
from harvesters.mlflow.model_files import FilesCursor, ModelFiles, Wanted, _Reading
from harvesters.mlflow.names import Place
from harvesters.runner import harvest
from tests.harvesters.mlflow.conftest import Catalog
from tests.support.mlflow_server import MlflowServer

SIGNED = b"""\
flavors: {xgboost: {}, python_function: {}}
model_size_bytes: 7
signature: {inputs: '[]', outputs: '[{"type": "long"}]'}
"""
Log = Callable[..., str]


@pytest.fixture
def log(writer: Any, mlflow_server: MlflowServer) -> Log:
    """Make a version of `churn` whose logged model holds this `MLmodel`."""
    writer.create_registered_model("churn")
    experiment = writer.get_experiment_by_name("first").experiment_id

    def make(mlmodel: bytes | None = SIGNED) -> str:
        logged = writer.create_logged_model(experiment)
        if mlmodel is not None:
            place = logged.artifact_location.removeprefix("mlflow-artifacts:/")
            folder = mlflow_server.database.parent / "artifacts" / place
            folder.mkdir(parents=True)
            (folder / "MLmodel").write_bytes(mlmodel)
        source = f"models:/{logged.model_id}"
        made = writer.create_model_version("churn", source, model_id=logged.model_id)
        return str(made.version)

    return make


@pytest.fixture
def files(place: Place) -> ModelFiles:
    """The harvest of the workspace."""
    return ModelFiles(Registry(place.uri, workspace=place.workspace), place)


def test_model_files(log: Log, files: ModelFiles, place: Place, catalog: Catalog) -> None:
    """What a version's file says is a statement of its own about it; each file is read once."""
    log()
    report = harvest(files, catalog)

    (said,) = catalog.posted
    version = f"mlflow-prod/{place.workspace}/churn/1"
    assert [str(said.subject), *map(str, said.same_as)] == [
        f"version:mlflow-mlmodel:{version}", f"version:mlflow:{version}",
    ]  # fmt: skip
    assert said.facts.model_dump(exclude_unset=True) == {
        "framework": "xgboost", "input_schema": "[]", "output_schema": '[{"type": "long"}]',
        "size_bytes": 7, "model_class": "tree_or_ensemble",
    }  # fmt: skip
    assert said.inferred == ("model_class",)
    assert said.evidence.url.startswith(f"{place.uri}/#/models/churn/versions/1")
    assert (report.counts, report.skipped) == ({}, ())

    harvest(files, catalog)
    assert catalog.posted == []
    log()
    harvest(files, catalog)
    assert [one.subject.value.rsplit("/", 1)[1] for one in catalog.posted] == ["2"]


def test_model_files_bounded(log: Log, place: Place, catalog: Catalog) -> None:
    """So many files a harvest, the oldest first; over several harvests all are read, each once."""
    for _ in range(5):
        log()
    registry = Registry(place.uri, workspace=place.workspace)
    read = []
    for _ in range(4):
        harvest(ModelFiles(registry, place, most=2), catalog)
        read.append([one.subject.value.rsplit("/", 1)[1] for one in catalog.posted])

    assert read == [["1", "2"], ["3", "4"], ["5"], []]


def test_model_files_hostile(log: Log, files: ModelFiles, catalog: Catalog) -> None:
    """Files that are missing, huge, clever, cut or in another encoding stop no other."""
    hostile = [
        None,
        b"#" * 300_000,
        b"a: &x 1\nb: *x",
        b"[" * 100_000,
        SIGNED.decode().encode("utf-16"),
        SIGNED[:50],
        b"\0" * 10,
    ]
    for mlmodel in hostile:
        log(mlmodel)
    log(b"flavors: {hftransformersv2: {}}\nmodel_size_bytes: many")
    report = harvest(files, catalog)

    assert report.outcome == "complete"
    assert [one.facts.framework for one in catalog.posted] == ["hftransformersv2"]
    assert catalog.posted[0].facts.warnings == (
        "MLmodel, size_bytes: Input should be a valid integer",
    )
    assert report.counts == {
        "mlmodel_missing": 1, "mlmodel_too_large": 1, "mlmodel_unreadable": 5,
        "flavor_unknown": 1, "mlmodel_value_dropped": 1,
    }  # fmt: skip
    assert [one.message.split(": ")[0] for one in report.skipped] == [
        f"churn {number}" for number in range(2, 8)
    ]


@pytest.mark.parametrize(
    "location",
    ["s3://lake/m", "mlflow-artifacts://elsewhere.example/m", "/srv/models", "http://x.example/m",
     "mlflow-artifacts:/m?x=1", "", "file:///etc"],
)  # fmt: skip
def test_model_files_elsewhere(
    log: Log, files: ModelFiles, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """Files that the tracking server does not keep are counted; no other store is asked."""
    log()
    asked: list[str] = []
    monkeypatch.setattr(artifacts, "_download", lambda _, uri: asked.append(uri))
    where = artifacts.locate
    monkeypatch.setattr(
        "harvesters.mlflow.model_files.locate",
        lambda *given: dict.fromkeys(where(*given), location),
    )
    report = harvest(files, catalog)

    assert (asked, catalog.posted, report.counts) == ([], [], {"mlmodel_elsewhere": 1})


def test_model_files_server_gone(
    log: Log, files: ModelFiles, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the server fails on is passed over; a server that is gone ends the harvest."""

    def failing(*_: object) -> bytes:
        raise SourceUnavailable("too many 500 error responses")

    for _ in range(2):
        log()
    monkeypatch.setattr(artifacts, "_download", failing)
    assert harvest(files, catalog).counts == {"mlmodel_unreadable": 2}

    log()
    cursor = catalog.cursor
    monkeypatch.setattr(Registry, "probe", failing)
    with pytest.raises(SourceUnavailable):
        harvest(files, catalog)
    assert catalog.cursor == cursor


def test_model_files_again(
    log: Log, files: ModelFiles, catalog: Catalog, mlflow_server: MlflowServer
) -> None:
    """A file that was not there is looked for again when all is asked for, and only then."""
    log(None)
    assert harvest(files, catalog).counts == {"mlmodel_missing": 1}
    (logged,) = artifacts.locate(files.registry, [_logged_model(files)]).values()
    folder = mlflow_server.database.parent / "artifacts" / logged.removeprefix("mlflow-artifacts:/")
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_bytes(SIGNED)

    assert (harvest(files, catalog).counts, catalog.posted) == ({}, [])
    harvest(files, catalog, full=True)
    assert [one.facts.framework for one in catalog.posted] == ["xgboost"]


def _logged_model(files: ModelFiles) -> str:
    """The only one."""
    ((version,),) = files.registry.versions()
    return str(version.source).removeprefix("models:/")


def test_model_files_excluded(log: Log, place: Place, catalog: Catalog) -> None:
    """Models that are left out have no files either, nor have versions without a logged model."""
    log()
    registry = Registry(place.uri, workspace=place.workspace)
    assert harvest(ModelFiles(registry, place, exclude=["chu*"]), catalog).counts == {}
    assert catalog.posted == []


def test_files_cursor_size() -> None:
    """However many versions one moment made, the cursor can be stored, and none is read twice."""
    many = [Wanted(3_600_000 + n, "a" * 300, str(n), "m") for n in range(5_000)]
    text = _Reading(FilesCursor()).after(many)

    again = _Reading(FilesCursor.of(text))
    assert len(text) < 65_536
    assert [again.lacks(one) for one in (many[0], many[-1])] == [True, False]
    assert again.cursor.since == many[-1_500].created
    assert FilesCursor.of('{"format": 2}') == FilesCursor()


def test_files_cursor_late() -> None:
    """A version that is stored minutes later than its time is still read, and only once."""
    minute = 60_000
    cursor = FilesCursor.of(_Reading(FilesCursor()).after([Wanted(90 * minute, "a", "1", "m")]))
    late, too_late = Wanted(87 * minute, "b", "1", "m"), Wanted(84 * minute, "c", "1", "m")
    reading = _Reading(cursor)
    assert (cursor.since <= late.created, reading.lacks(late)) == (True, True)
    assert cursor.since > too_late.created
    reading.after([late])
    assert not _Reading(reading.cursor).lacks(late)
