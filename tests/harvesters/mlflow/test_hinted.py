"""Sweeps for the sake of webhooks: the models that they named are read, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

import pytest

from harvesters.mlflow.hinted import MOST_BY_NAME
from harvesters.mlflow.names import Place
from harvesters.mlflow.sweep import RegistrySweep
from schemas.harvest import Coverage
from schemas.hooks import About, Hint
from tests.harvesters.mlflow.conftest import Catalog, FakeServer, make_sweep

NUMBERS: Final = count(1)


def hint(place: Place, *names: str, about: About = "model") -> Hint:
    """What a webhook left about a model, or about a version."""
    thing = None
    if names:
        thing = place.version(*names) if len(names) > 1 else place.model(*names)
    return Hint(
        id=next(NUMBERS), about=about, event="model_version.created", thing=thing,
        received_at=datetime.now(UTC),
    )  # fmt: skip


@pytest.fixture
def registry(writer: Any, sweep: RegistrySweep, catalog: Catalog) -> Any:
    """Two models, one with two versions and a use; swept in full, then both changed."""
    writer.create_registered_model("churn", tags={"catalog.use": "offers"})
    writer.create_registered_model("fraud")
    for number in (1, 2):
        writer.create_model_version("churn", f"s3://models/churn/{number}")
    writer.set_registered_model_alias("churn", "champion", "1")
    catalog.sweep(sweep)
    writer.update_registered_model("fraud", description="Changed.")
    return writer


def follow(catalog: Catalog, sweep: RegistrySweep, *hints: Hint) -> dict[str, Any]:
    """What a sweep posted after these hints, by name and number; it was one of changes."""
    catalog.left = hints
    assert catalog.sweep(sweep).outcome == "complete"
    assert catalog.opened[-1].coverage is Coverage.DELTA
    assert catalog.opened[-1].follows == ("model",)
    return {one.subject.value.split("/", 2)[-1]: one for one in catalog.posted}


def settled(catalog: Catalog) -> Sequence[int]:
    """The hints that the last harvest followed."""
    return catalog.closed[-1].hints


def test_hinted_version(
    registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place
) -> None:
    """A new version is read with its model; another model, changed too, waits for its own turn."""
    registry.create_model_version("churn", "s3://models/churn/3")
    cursor = catalog.cursor
    told = hint(place, "churn", "3")

    posted = follow(catalog, sweep, told)

    assert posted.keys() == {"churn/3"}
    assert (settled(catalog), catalog.cursor) == ((told.id,), cursor)
    catalog.left = ()
    catalog.sweep(sweep)
    assert [one.facts.description for one in catalog.posted] == ["Changed."]
    assert catalog.opened[-1].coverage is Coverage.FULL


def test_hinted_alias(registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place) -> None:
    """An alias that moved changes the version that has it and the one that had it."""
    registry.set_registered_model_alias("churn", "champion", "2")
    told = [hint(place, "churn", "2"), hint(place, "churn")]

    posted = follow(catalog, sweep, *told)

    assert {name: one.facts.aliases for name, one in posted.items()} == {
        "churn/1": (), "churn/2": ("champion",),
    }  # fmt: skip
    assert settled(catalog) == tuple(one.id for one in told)


def test_hinted_gone(registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place) -> None:
    """Of a model that is there, a version and a use that are not any more are gone."""
    registry.delete_model_version("churn", "1")
    registry.delete_registered_model_tag("churn", "catalog.use")

    follow(catalog, sweep, hint(place, "churn"))

    gone = {one.subject.value.rpartition("/")[2] for one in catalog.posted if one.gone}
    assert gone == {"1", "offers"}


def test_hinted_renamed(
    registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place
) -> None:
    """A model that is not there may have another name: only the next full sweep can tell."""
    registry.rename_registered_model("churn", "attrition")
    told = hint(place, "churn", "1")

    assert follow(catalog, sweep, told) == {}
    assert settled(catalog) == ()
    catalog.left = ()
    catalog.sweep(sweep)
    renamed = catalog.told("/attrition")
    assert place.model("churn") in renamed.same_as


def test_hinted_too_early(
    registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place
) -> None:
    """HOOK-09: a version that the server does not show yet is waited for: its hint stays open."""
    early, known = hint(place, "churn", "3"), hint(place, "churn", "2")
    assert follow(catalog, sweep, early, known) == {}
    assert settled(catalog) == (known.id,)
    registry.create_model_version("churn", "s3://models/churn/3")

    assert follow(catalog, sweep, early).keys() == {"churn/3"}
    assert settled(catalog) == (early.id,)


@pytest.mark.usefixtures("registry")
def test_hinted_elsewhere(sweep: RegistrySweep, catalog: Catalog, place: Place) -> None:
    """What is about another workspace, or no model, costs this one nothing and is not its own."""
    others = [
        hint(place._replace(workspace="other"), "churn"),
        hint(place._replace(source="other"), "churn"),
        hint(place, about="build"),
    ]

    assert follow(catalog, sweep, *others) == {}
    assert settled(catalog) == ()


@pytest.mark.parametrize("why", ["many", "all", "odd name", "long ago", "never"])
def test_hinted_in_full(
    registry: Any, sweep: RegistrySweep, catalog: Catalog, place: Place, why: str
) -> None:
    """Where names do not do, the usual sweep follows the hints: it reads everything anyway."""
    hints = [hint(place, "churn", "2")]
    if why == "many":
        hints += [hint(place, f"m{number}") for number in range(MOST_BY_NAME)]
    elif why == "all":
        hints.append(hint(place))
    elif why == "odd name":
        registry.create_registered_model('it\'s "odd"')
        hints.append(hint(place, 'it\'s "odd"'))
    elif why == "long ago":
        sweep.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
    else:
        catalog.cursor = None
    catalog.left = hints

    assert catalog.sweep(sweep).outcome == "complete"

    assert catalog.opened[-1].coverage is Coverage.FULL
    assert catalog.told("/fraud").facts.description == "Changed."
    found = {"many": 1, "all": 2, "odd name": 2}.get(why, 1)
    assert settled(catalog) == tuple(one.id for one in hints[:1] + hints[-1:])[:found]


def test_hinted_left_out(catalog: Catalog, registry: Any, place: Place) -> None:
    """Hints about what is left out are settled: nobody waits for it."""
    sweep = make_sweep(place, exclude=("tmp-*",))
    registry.create_registered_model("tmp-1")
    told = hint(place, "tmp-1", "1")

    assert follow(catalog, sweep, told) == {}
    assert settled(catalog) == (told.id,)


def test_hinted_costs(fake: FakeServer, catalog: Catalog) -> None:
    """One question for the model and one for its versions: the registry is not listed."""
    place = Place("mlflow-prod", "default", "retail", fake.uri)
    sweep = make_sweep(place)
    catalog.sweep(sweep)
    fake.asked.clear()

    follow(catalog, sweep, hint(place, "churn", "1"))

    assert fake.asked == ["registered-models/get", "model-versions/search"]
