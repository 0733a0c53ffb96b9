"""The sweep of a real server's registry, row by row of what its calls are known to hide."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from harvesters.mlflow.rows import Absent
from harvesters.mlflow.sweep import RegistrySweep
from schemas.identifiers import Identifier, Kind
from tests.harvesters.mlflow.conftest import Catalog, make_sweep
from tests.support.mlflow_server import MlflowServer

RUN = "0123456789abcdef0123456789abcdef"
ODD = """it's 50% "odd" #1 é"""


@pytest.fixture
def churn(writer: Any) -> Any:
    """A model with two versions, an alias and tags."""
    writer.create_registered_model("churn", tags={"domain": "retention"}, description="Monthly.")
    writer.create_model_version("churn", "s3://models/churn/1", RUN, tags={"auc": "0.81"})
    writer.create_model_version("churn", "s3://models/churn/2", description="Retrained.")
    writer.set_registered_model_alias("churn", "champion", "1")
    return writer


@pytest.mark.usefixtures("churn")
def test_sweep_models_and_versions(sweep: RegistrySweep, place: Place, catalog: Catalog) -> None:
    """A model is observed with its names and tags, a version with its model's aliases."""
    report = catalog.sweep(sweep)

    here = f"mlflow-prod/{place.workspace}/churn"
    run = Identifier(
        kind=Kind.TRAINING_RUN, scheme="mlflow", value=f"mlflow-prod/{place.workspace}/{RUN}"
    )
    model = catalog.told("/churn")
    first, second = catalog.told("/churn/1"), catalog.told("/churn/2")
    assert report.outcome == "complete"
    assert {subject.value for subject in catalog.current} == {here, f"{here}/1", f"{here}/2"}
    assert [str(other) for other in model.same_as] == ["model:name:retail/churn"]
    stated = model.facts.model_dump(exclude_unset=True, exclude={"created_at"})
    assert stated == {
        "namespace": "retail", "name": "churn", "description": "Monthly.",
        "tags": ("domain=retention",), "warnings": (),
    }  # fmt: skip
    assert first.facts.model_dump(exclude_unset=True, exclude={"created_at"}) == {
        "model": model.subject.model_dump(), "number": "1", "description": None,
        "aliases": ("champion",), "stage": None, "status": "READY", "tags": ("auc=0.81",),
        "training_run": run.model_dump(), "logged_model": None,
        "source_uri": "s3://models/churn/1", "created_by": None, "warnings": (),
    }  # fmt: skip
    assert second.facts.model_dump(include={"aliases", "training_run", "description"}) == {
        "aliases": (), "training_run": None, "description": "Retrained.",
    }  # fmt: skip
    assert first.evidence.url.startswith(f"{place.uri}/#/models/churn/versions/1")


def test_sweep_unchanged(churn: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A second sweep of an unchanged registry posts nothing; a moved alias posts two versions."""
    catalog.sweep(sweep)
    catalog.sweep(sweep)
    assert catalog.posted == []

    churn.set_registered_model_alias("churn", "champion", "2")
    catalog.sweep(sweep)

    assert {one.subject.value[-2:]: one.facts.aliases for one in catalog.posted} == {
        "/1": (), "/2": ("champion",),
    }  # fmt: skip


def test_sweep_renamed(churn: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A renamed model and its versions state what they were called before that is gone."""
    catalog.sweep(sweep)
    churn.rename_registered_model("churn", "attrition")
    catalog.sweep(sweep)

    def old_names(value: str) -> list[str]:
        mlflow = (other for other in catalog.told(value).same_as if other.scheme == "mlflow")
        return [other.value.rsplit("/churn", 1)[1] for other in mlflow]

    assert [old_names(f"/attrition{below}") for below in ("", "/1", "/2")] == [[""], ["/1"], ["/2"]]
    assert all(catalog.told(f"/churn{below}").gone for below in ("", "/1", "/2"))
    order = [
        one.subject.value.split("/", 2)[2]
        for one in catalog.posted
        if one.gone or len(one.same_as) > 1
    ]
    assert order.index("attrition") < order.index("churn")


def test_sweep_deleted(churn: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A version that is not there when asked for by name is gone; so is a model with all of its."""
    churn.create_registered_model("stays")
    catalog.sweep(sweep)
    churn.delete_model_version("churn", "2")
    catalog.sweep(sweep)
    assert [one.subject.value[-8:] for one in catalog.posted if one.gone] == ["/churn/2"]

    churn.delete_registered_model("churn")
    report = catalog.sweep(sweep)

    assert report.outcome == "complete"
    assert [one.subject.value.split("/", 2)[2] for one in catalog.posted] == ["churn", "churn/1"]
    assert [subject.value.rsplit("/", 1)[1] for subject in catalog.live()] == ["stays"]


def test_sweep_recreated(churn: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A model created anew under its old name states another time of creation."""
    catalog.sweep(sweep)
    before = catalog.told("/churn")
    churn.delete_registered_model("churn")
    churn.create_registered_model("churn")
    catalog.sweep(sweep)

    after = catalog.told("/churn")
    assert after.facts.created_at > before.facts.created_at
    assert after.marker != before.marker
    assert {one.subject.value[-8:] for one in catalog.posted if one.gone} == {
        "/churn/1",
        "/churn/2",
    }


def test_sweep_odd_names(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """Names that no filter takes are read; those that no identifier can hold are reported."""
    for name in (ODD, "a\tb", "a\nb", "x" * 300):
        writer.create_registered_model(name)
    writer.create_model_version(ODD, "s3://models/odd")
    report = catalog.sweep(sweep)

    assert {skipped.code for skipped in report.skipped} == {"name_unreadable"}
    assert len(report.skipped) == 2
    assert {one.facts.name for one in catalog.current.values() if one.subject.kind == "model"} == {
        ODD, "x" * 300,
    }  # fmt: skip
    writer.delete_model_version(ODD, "1")
    catalog.sweep(sweep)
    assert [one.gone for one in catalog.posted] == [True]


def test_sweep_odd_values(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """A tag that is too long or holds NUL is left out and counted, the model is observed."""
    writer.create_registered_model("churn", tags={"long": "x" * 100_000, "nul": "a\0b", "ok": "1"})
    report = catalog.sweep(sweep)

    assert catalog.told("/churn").facts.tags == ("ok=1",)
    assert report.counts == {"tag_dropped": 2}
    assert report.skipped == ()


def test_sweep_prompts(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """Prompts stand in the registry's tables and are no models."""
    writer.create_registered_model("churn")
    writer.register_prompt("greeting", "Hello {{name}}")
    report = catalog.sweep(sweep)

    assert report.counts == {"prompts_left_out": 1}
    assert [subject.value.rsplit("/", 1)[1] for subject in catalog.current] == ["churn"]


@pytest.mark.usefixtures("churn")
def test_sweep_excluded(writer: Any, place: Place, catalog: Catalog) -> None:
    """What the settings exclude is counted, with its versions, and never said to be gone."""
    writer.create_registered_model("tmp-1")
    writer.create_model_version("tmp-1", "s3://models/tmp")
    catalog.sweep(make_sweep(place))
    report = catalog.sweep(make_sweep(place, exclude=("tmp-*",)))

    assert report.counts == {"excluded": 1}
    assert catalog.posted == []


def test_sweep_pages(
    churn: Any, sweep: RegistrySweep, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry of many pages is read to its end, each row once."""
    for number in range(5):
        churn.create_registered_model(f"m{number}")
    monkeypatch.setattr("harvesters.mlflow.client.MODELS_A_PAGE", 2)
    monkeypatch.setattr("harvesters.mlflow.client.VERSIONS_A_PAGE", 1)

    pages = list(sweep.pages(None))

    assert [len(page.models) for page in pages if page.models] == [2, 2, 2]
    assert [len(page.versions) for page in pages if page.versions] == [1, 1]
    assert pages[-1].cursor is not None
    assert catalog.sweep(sweep).outcome == "complete"


@pytest.mark.usefixtures("churn")
def test_sweep_deletion_between_pages(
    writer: Any, sweep: RegistrySweep, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are offsets: a model skipped by a deletion between pages is found by name."""
    for name in ("a", "b", "d"):
        writer.create_registered_model(name)
    catalog.sweep(sweep)
    monkeypatch.setattr("harvesters.mlflow.client.MODELS_A_PAGE", 2)
    walk = sweep.registry.models

    def deleting() -> Any:
        for index, page in enumerate(walk()):
            yield page
            if index == 0:
                writer.delete_registered_model("a")

    monkeypatch.setattr(sweep.registry, "models", deleting)
    report = catalog.sweep(sweep)

    live = {subject.value.split("/", 2)[2] for subject in catalog.live()}
    assert report.outcome == "complete"
    assert live == {"a", "b", "churn", "churn/1", "churn/2", "d"}  # `a` was seen before


def test_sweep_two_workspaces(churn: Any, place: Place, catalog: Catalog) -> None:
    """Names repeat across workspaces; each scope sees its own, whichever was read before."""
    import mlflow  # noqa: PLC0415  # in the prepared environment only

    other = place._replace(workspace=f"{place.workspace}-b", namespace="wholesale")
    churn.create_workspace(other.workspace)
    mlflow.set_workspace(other.workspace)
    churn.create_registered_model("churn")
    here, there = make_sweep(place), make_sweep(other)
    second = Catalog()
    catalog.sweep(here)
    second.sweep(there)
    catalog.sweep(here)

    assert catalog.posted == []
    assert len(catalog.current) == 3
    assert [str(name) for one in second.current.values() for name in one.same_as] == [
        "model:name:wholesale/churn"
    ]
    listed = Registry(place.uri, workspace="default").workspaces()
    assert {"default", place.workspace, other.workspace} <= set(listed)


def test_sweep_empty(place: Place, catalog: Catalog) -> None:
    """A workspace that holds neither model nor experiment cannot be told from a wrong address."""
    with pytest.raises(SourceRefused, match="neither model nor experiment"):
        catalog.sweep(make_sweep(place))


@pytest.mark.usefixtures("writer")
def test_sweep_unknown_workspace(place: Place, catalog: Catalog) -> None:
    """A workspace that the server lacks is refused, not empty."""
    with pytest.raises(SourceRefused, match="Workspace 'nowhere' not found"):
        catalog.sweep(make_sweep(place._replace(workspace="nowhere")))


def test_sweep_workspace_deleted_meanwhile(
    churn: Any, sweep: RegistrySweep, place: Place, catalog: Catalog
) -> None:
    """A workspace that vanished answers "not found" to everything: nothing is said to be gone."""
    catalog.sweep(sweep)
    churn.delete_workspace(place.workspace, mode="CASCADE")

    with pytest.raises(SourceRefused, match=r"search_experiments: .*not found"):
        list(sweep.ask(catalog.alive()))


def test_sweep_unmapped_namespace(place: Place, catalog: Catalog) -> None:
    """A workspace without a namespace fails its own scope."""
    with pytest.raises(SourceRefused, match="namespace_unmapped"):
        catalog.sweep(make_sweep(place._replace(namespace=None)))


def test_sweep_newest_deleted(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> None:
    """When the model that changed last was deleted, the registry only seems to have gone back."""
    writer.create_registered_model("first")
    writer.create_registered_model("second")
    catalog.sweep(sweep)
    writer.delete_registered_model("second")

    assert catalog.sweep(sweep).outcome == "complete"


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("late", ["", "created since", "created since, hidden", "all others gone"])
def test_sweep_source_went_back(
    fresh_server: MlflowServer, catalog: Catalog, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    """A server restored from a backup shows older changes than the last sweep saw: refused.

    That the newest model is not there, or not shown, excuses nothing; a change since heals it.
    """
    import mlflow  # noqa: PLC0415  # in the prepared environment only

    place = Place("mlflow-prod", "default", "retail", fresh_server.uri)
    writer = mlflow.MlflowClient(place.uri, place.uri)
    writer.create_registered_model("churn")
    backup = fresh_server.database.with_suffix(".backup")
    copy_database(fresh_server.database, backup)
    writer.update_registered_model("churn", "Said after the backup.")
    if late:
        writer.create_registered_model("fraud")
    if late == "all others gone":
        writer.delete_registered_model("churn")
    if late == "created since, hidden":
        monkeypatch.setattr(Registry, "find_model", lambda *_: Absent.NOT_READABLE)
    catalog.sweep(make_sweep(place))
    cursor = catalog.cursor
    copy_database(backup, fresh_server.database)

    with pytest.raises(SourceRefused, match="source_went_back"):
        catalog.sweep(make_sweep(place))
    assert catalog.cursor == cursor

    writer.update_registered_model("churn", "Said after it was restored.")
    assert catalog.sweep(make_sweep(place)).outcome == "complete"


def copy_database(source: Path, target: Path) -> None:
    """Copy a database while others read it."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)
