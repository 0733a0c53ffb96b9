"""Sweeps of a large registry between two full ones: what changed, and what no change tells."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.mlflow.changes import FULL_EVERY, changed_since, changes_do
from harvesters.mlflow.client import Registry
from harvesters.mlflow.cursor import SweepCursor
from harvesters.mlflow.names import Place
from harvesters.mlflow.sweep import RegistrySweep
from harvesters.runner import harvest
from schemas.harvest import Coverage
from tests.harvesters.mlflow.conftest import Catalog, make_sweep

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT_NOON = int(NOON.timestamp() * 1_000)
LARGE = SweepCursor(format=1, max_updated=AT_NOON - 1, last_full=NOON, versions=20_001)


@pytest.fixture
def large(place: Place, monkeypatch: pytest.MonkeyPatch) -> RegistrySweep:
    """A sweep to which more than two versions are many, and which reads nothing twice."""
    monkeypatch.setattr("harvesters.mlflow.changes.OVERLAP", timedelta(0))
    monkeypatch.setattr("harvesters.mlflow.changes.CHANGED_A_PAGE", 2)
    sweep = make_sweep(place, most_in_full=2)
    sweep.clock = lambda: datetime.now(UTC)
    return sweep


@pytest.fixture
def registry(writer: Any, large: RegistrySweep, catalog: Catalog) -> Any:
    """Two models, one with three versions; swept in full, and something changed last."""
    writer.create_registered_model("churn", tags={"catalog.use": "offers"})
    for number in (1, 2, 3):
        writer.create_model_version("churn", f"s3://models/churn/{number}")
    writer.set_registered_model_alias("churn", "champion", "1")
    writer.create_registered_model("fraud")
    catalog.sweep(large)
    return writer


def changes(catalog: Catalog, sweep: RegistrySweep) -> dict[str, Any]:
    """What a sweep of changes posted, by name and number."""
    report = catalog.sweep(sweep)
    assert (catalog.opened[-1].coverage, report.outcome) == (Coverage.DELTA, "complete")
    return {one.subject.value.split("/", 2)[2]: one for one in catalog.posted}


@pytest.mark.usefixtures("registry")
def test_changes_none(large: RegistrySweep, catalog: Catalog) -> None:
    """Nothing is posted when nothing changed, and the cursor stays that of the full sweep."""
    cursor = catalog.cursor
    assert changes(catalog, large) == {}
    assert catalog.cursor == cursor


def test_changes_of_versions(registry: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """New and described versions are read, and a model's new tag, however many pages that takes."""
    registry.create_model_version("fraud", "s3://models/fraud/1")
    for number in (1, 2, 3):
        registry.update_model_version("churn", str(number), "Retrained.")
    registry.set_registered_model_tag("churn", "domain", "retention")
    assert changes(catalog, large).keys() == {
        "churn", "churn/1", "churn/2", "churn/3", "fraud/1",
    }  # fmt: skip
    assert changes(catalog, large) == {}


def test_changes_alias_moved(registry: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """A moved alias changes no time: still exactly the loser and the winner are posted."""
    registry.set_registered_model_alias("churn", "champion", "2")
    posted = changes(catalog, large)
    assert {name: one.facts.aliases for name, one in posted.items()} == {
        "churn/1": (), "churn/2": ("champion",),
    }  # fmt: skip

    registry.set_registered_model_alias("churn", "best", "2")
    assert [one.facts.aliases for one in changes(catalog, large).values()] == [("best", "champion")]
    assert changes(catalog, large) == {}


def test_changes_alias_of_new_version(
    registry: Any, large: RegistrySweep, catalog: Catalog
) -> None:
    """An alias that moves away from a version of which no full sweep knows is noticed, too."""
    registry.create_model_version("churn", "s3://models/churn/4")
    registry.set_registered_model_alias("churn", "champion", "4")
    assert changes(catalog, large).keys() == {"churn/1", "churn/4"}
    registry.set_registered_model_alias("churn", "champion", "1")
    assert {name: one.facts.aliases for name, one in changes(catalog, large).items()} == {
        "churn/1": ("champion",), "churn/4": (),
    }  # fmt: skip


def test_changes_odd_name(writer: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """A name that is not in normal form is asked for as the server writes it."""
    name = "re\u0301sume\u0301"
    writer.create_registered_model(name)
    for number in (1, 2, 3):
        writer.create_model_version(name, f"s3://models/{number}")
    writer.create_registered_model("fraud")
    catalog.sweep(large)
    assert changes(catalog, large) == {}
    writer.set_registered_model_alias(name, "champion", "1")
    (posted,) = changes(catalog, large).values()
    assert posted.facts.aliases == ("champion",)


def test_changes_renamed(registry: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """A rename is a change; the old names, asked for, are gone. Absence itself says nothing."""
    registry.rename_registered_model("churn", "attrition")
    registry.delete_model_version("attrition", "3")
    changes(catalog, large)
    old = [catalog.told(f"/churn{below}").gone for below in ("", "/1", "/2", "/3", "/offers")]
    new = [catalog.told(f"/attrition{below}") for below in ("", "/1", "/2", "/offers")]
    assert old == [True] * 5
    assert [len(one.same_as) for one in new] == [2, 1, 1, 1]


def test_changes_deleted(registry: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """A deleted version is left to the next full sweep; a model is missed and asked for."""
    registry.delete_model_version("churn", "3")
    assert changes(catalog, large) == {}
    registry.delete_registered_model("churn")
    registry.update_registered_model("fraud", "Changed last.")
    posted = changes(catalog, large)
    assert {name for name, one in posted.items() if one.gone} == {
        "churn", "churn/1", "churn/2", "churn/3", "offers",
    }  # fmt: skip


def test_changes_doubtful(registry: Any, large: RegistrySweep, catalog: Catalog) -> None:
    """When changes cannot tell whether this is an old copy, nothing is said to be gone."""
    registry.update_model_version("churn", "2", "Moves no time of the model.")
    registry.create_registered_model("newest")
    harvest(large, catalog, full=True)
    registry.delete_registered_model("newest")
    registry.set_registered_model_alias("churn", "champion", "2")
    assert changes(catalog, large) == {}

    harvest(large, catalog, full=True)
    posted = {one.subject.value.rsplit("/", 1)[1]: one.gone for one in catalog.posted}
    assert posted == {"1": False, "2": False, "newest": True}


@pytest.mark.usefixtures("registry")
def test_changes_went_back(
    large: RegistrySweep, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is shown as it was before its last change refuses the sweep, as does nothing."""
    assert catalog.cursor is not None
    before = SweepCursor.model_validate_json(catalog.cursor)
    later = {name: at + 1_000 for name, at in before.newest.items()}
    moved = before.model_copy(update={"newest": later, "max_updated": before.max_updated + 1_000})
    catalog.cursor = moved.model_dump_json()
    with pytest.raises(SourceRefused, match="source_went_back"):
        catalog.sweep(large)

    catalog.cursor = before.model_dump_json()
    monkeypatch.setattr(Registry, "models", lambda _: iter([()]))
    with pytest.raises(SourceRefused, match="listing is empty"):
        catalog.sweep(large)
    assert catalog.opened[-1].coverage is Coverage.DELTA


@pytest.mark.usefixtures("registry")
def test_changes_full_when_asked(large: RegistrySweep, catalog: Catalog) -> None:
    """A full sweep can be asked for, and a registry that is not large has no others."""
    assert harvest(large, catalog, full=True).outcome == "complete"
    catalog.sweep(make_sweep(large.place))
    assert [one.coverage for one in catalog.opened] == [Coverage.FULL] * 3


def test_changes_do() -> None:
    """Changes are enough above so many versions, for so many hours."""
    soon = NOON + FULL_EVERY - timedelta(seconds=1)
    assert changes_do(LARGE, above=20_000, now=soon)
    assert not changes_do(LARGE, above=20_000, now=NOON + FULL_EVERY)
    assert not changes_do(LARGE, above=20_001, now=soon)
    assert not changes_do(None, above=0, now=soon)


def test_changed_since() -> None:
    """From five minutes before the newest change, or before a sweep that took long began."""
    five = 5 * 60 * 1_000
    late = LARGE.model_copy(update={"max_updated": AT_NOON + 10 * five})
    assert [changed_since(one) for one in (LARGE, late)] == [AT_NOON - 1 - five, AT_NOON - five]
