"""Repositories, harvest after harvest: what did not change is not read, what went is gone."""

from datetime import timedelta
from typing import Any

import pytest

from harvesters.manifests.sweep import RepositorySweep
from harvesters.runner import harvest
from schemas.harvest import Coverage, HarvestReport
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from tests.harvesters.mlflow.conftest import Catalog
from tests.support.shelf import NOON, Shelf, make_sweep, model_yaml

MANIFEST = "github.com/1#model.yaml"


class Place:
    """A shelf, and a catalog that it is harvested into."""

    def __init__(self) -> None:
        """Both are empty; half an hour passes before each harvest."""
        self.shelf, self.catalog, self.count = Shelf(), Catalog(), 0
        self.hints: list[Hint] = []

    def harvest(self, **told: Any) -> HarvestReport:
        """Once, by the real runner; counts what is asked of the host from here on."""
        self.count += 1
        self.shelf.asked.clear()
        self.sweep = make_sweep(self.shelf, at=NOON + timedelta(minutes=30 * self.count), **told)
        self.catalog.hints = lambda: self.hints  # type: ignore[method-assign]
        return harvest(self.sweep, self.catalog)

    def models(self) -> set[str]:
        """Manifests that live."""
        found = self.catalog.live()
        return {one.value for one in found if (one.kind, one.scheme) == (Kind.MODEL, "manifest")}

    def facts(self, value: str) -> Any:
        """What is current of a subject."""
        return self.catalog.told(value).facts


@pytest.fixture
def place() -> Place:
    """Two repositories of which one holds a manifest."""
    made = Place()
    made.shelf.add(1, "acme/churn", model_yaml=model_yaml(license="MIT"), README_md="# Churn\n")
    made.shelf.add(2, "acme/tools", README_md="# Tools\n")
    return made


def test_first(place: Place) -> None:
    """What is known of a model from the first day: proposed, owned, with its repository."""
    place.harvest(holds_models=["acme/*"])

    model = place.facts(MANIFEST)
    assert (model.name, model.license, model.lifecycle) == ("churn", "MIT", "proposed")
    assert place.catalog.told(MANIFEST).inferred == ("lifecycle",)
    assert [one.owner.value for one in model.owners] == ["team:retention-ds"]
    assert [one.repository.value for one in model.repositories] == ["github.com/1"]
    one, two = place.facts("github.com/1"), place.facts("github.com/2")
    assert (one.manifests, two.manifests) == (("model.yaml",), ())
    assert (one.expects_models, two.expects_models) == (True, True)
    assert one.url == "https://github.com/acme/churn"
    assert place.models() == {MANIFEST}


def test_unchanged(place: Place) -> None:
    """One question for each head, nothing is sent."""
    place.harvest()
    place.harvest()

    assert dict(place.shelf.asked) == {"list": 1, "head": 2}
    assert place.catalog.posted == []
    assert place.models() == {MANIFEST}


def test_unchanged_stamp(place: Place) -> None:
    """Where the listing says that nothing changed, not even the head is asked for."""
    place.shelf.stamping = True
    place.harvest()
    place.harvest()

    assert dict(place.shelf.asked) == {"list": 1}
    assert place.catalog.posted == []
    assert place.models() == {MANIFEST}


def test_changed_elsewhere(place: Place) -> None:
    """A push that touches no file that is read costs a tree and no file."""
    place.harvest()
    place.shelf.kept[1].push(main_py="print()")
    place.harvest()

    assert dict(place.shelf.asked) == {"list": 1, "head": 2, "tree": 1}
    assert {one.subject.value for one in place.catalog.posted} == {"github.com/1"}


def test_listing_changed(place: Place) -> None:
    """What only the listing says needs no file either."""
    place.harvest()
    place.shelf.kept[1].facts["description"] = "Who leaves?"
    place.harvest()

    assert dict(place.shelf.asked) == {"list": 1, "head": 2}
    assert place.facts("github.com/1").description == "Who leaves?"
    assert place.facts("github.com/1").manifests == ("model.yaml",)


def test_changed(place: Place) -> None:
    """Another word in a manifest."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=model_yaml(license="Apache-2.0"))
    place.harvest()

    assert place.facts(MANIFEST).license == "Apache-2.0"


def test_settings_changed(place: Place) -> None:
    """What is read by other settings is read anew."""
    place.harvest()
    place.harvest(holds_models=["acme/tools"])

    assert place.shelf.asked["tree"] == 2
    assert place.facts("github.com/2").expects_models is True


def test_settings_changed_back(place: Place) -> None:
    """Read anew once: what says the same is marked as read by the new settings."""
    place.harvest()
    for seconds in (60, 60):
        place.harvest(seconds=seconds)

    assert dict(place.shelf.asked) == {"list": 1, "head": 2}
    assert place.catalog.posted == []


def test_no_manifest(place: Place) -> None:
    """Without a manifest nothing else is read: there is no model that it could add to."""
    place.harvest()
    assert place.shelf.asked["blob"] == 2  # of the repository with the manifest

    report = place.harvest(foreign={"model_card": "create"})
    assert place.shelf.asked["blob"] == 3
    assert report.skipped == ()


def test_removed(place: Place) -> None:
    """A manifest that is no longer there is gone at once; so is one that moved."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=None, models__churn__model_yaml=model_yaml())
    place.harvest()

    assert place.models() == {"github.com/1#models/churn/model.yaml"}


def test_emptied(place: Place) -> None:
    """A repository without a commit holds nothing, and is still there."""
    place.harvest()
    place.shelf.kept[1].files.clear()
    place.harvest()

    assert place.models() == set()
    assert place.facts("github.com/1").manifests == ()


def test_renamed(place: Place) -> None:
    """The number stays: one fact changes."""
    place.harvest()
    place.shelf.kept[1].path = "acme/churn-scores"
    place.harvest()

    assert place.models() == {MANIFEST}
    assert {one.subject.value for one in place.catalog.posted} == {"github.com/1"}
    assert place.facts("github.com/1").url == "https://github.com/acme/churn-scores"


def test_faulty(place: Place) -> None:
    """A manifest with a mistake is refused with its place; what it said last stays, and is told."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=model_yaml(lifecycle="producton"))
    for _ in range(2):  # also while nothing changes
        report = place.harvest()
        skipped = report.skipped[0]
        assert str(skipped.subject) == f"model:manifest:{MANIFEST}"
        assert "line 6, column" in skipped.message
        assert "production" in skipped.message
        assert place.models() == {MANIFEST}
        assert place.facts(MANIFEST).license == "MIT"
    assert place.facts("github.com/1").warnings

    place.shelf.kept[1].push(model_yaml=model_yaml(lifecycle="production"))
    assert place.harvest().skipped == ()
    assert place.facts(MANIFEST).lifecycle == "production"


def test_doubted(place: Place) -> None:
    """A purpose that may be a slip is taken as it stands, and told with the repository."""
    uses = "[{name: offers, regulated_purposes: [creditworthines]}]"
    place.shelf.kept[1].push(model_yaml=model_yaml(uses=uses))
    assert place.harvest().skipped == ()
    (told,) = place.facts("github.com/1").warnings
    assert told.startswith("model.yaml: line 6: `creditworthines` is no purpose of the default")

    place.shelf.kept[1].push(model_yaml=model_yaml())
    place.harvest()
    assert not place.facts("github.com/1").warnings


def test_symbolic_link(place: Place) -> None:
    """A link that is called like a manifest is not followed."""
    place.shelf.kept[1].modes["model.yaml"] = "120000"
    report = place.harvest()

    assert [one.code for one in report.skipped] == ["not_a_file"]
    assert place.models() == set()


def test_hidden(place: Place) -> None:
    """What is not listed any more was not seen, and is not gone either; nor what stands in it."""
    place.harvest()
    place.shelf.hidden.add(1)
    report = place.harvest()

    assert report.skipped == ()
    assert place.models() == {MANIFEST}
    assert MANIFEST not in {one.value for one in place.catalog.seen}


def test_unreadable(place: Place) -> None:
    """One that the host does not show is excused with all that is known of it."""
    place.harvest()
    place.shelf.unreadable[1] = "answers 403"
    report = place.harvest()

    told = [(one.code, one.subject.value) for one in report.skipped if one.subject]
    assert told == [("not_readable", "github.com/1")]
    assert place.models() == {MANIFEST}


def test_excluded(place: Place) -> None:
    """What is left out is counted."""
    report = place.harvest(exclude=["ACME/tools"])

    assert report.counts["excluded"] == 1
    assert "github.com/2" not in {one.value for one in place.catalog.live()}


def hint(number: int, url: str | None = None, identifier: int = 1) -> Hint:
    """A push to a repository."""
    repository = Identifier(kind=Kind.REPOSITORY, scheme="github", value=f"github.com/{number}")
    return Hint(id=identifier, event="push", repository=repository, url=url, received_at=NOON)


def test_hinted(place: Place) -> None:
    """A webhook lets one repository be read, and nothing else; what went from it is gone."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=None, b_model_yaml=model_yaml("other"))
    place.hints = [hint(1), hint(1, identifier=2)]
    place.harvest()

    assert place.sweep.coverage is Coverage.DELTA
    assert dict(place.shelf.asked) == {"find": 1, "head": 1, "tree": 1, "blob": 2}
    assert place.models() == {"github.com/1#b.model.yaml"}
    assert place.catalog.closed[-1].hints == (1, 2)


def test_hinted_elsewhere(place: Place) -> None:
    """Hints about other places are left to them: nothing is read here for their sake."""
    place.harvest()
    place.hints = [hint(7, "https://github.com/other/x")]
    place.harvest()

    assert place.sweep.coverage is Coverage.DELTA
    assert dict(place.shelf.asked) == {}
    assert place.catalog.closed[-1].hints == ()


def test_hinted_at_all(place: Place) -> None:
    """A hint that names no repository, of a group that was renamed, lets all be read."""
    place.harvest()
    place.hints = [Hint(id=5, event="group_rename", received_at=NOON)]
    place.harvest()

    assert place.sweep.coverage is Coverage.FULL
    assert place.catalog.closed[-1].hints == (5,)


def test_hinted_first(place: Place) -> None:
    """Nothing was ever read in full: everything is, and the hint is settled with it."""
    place.hints = [hint(1)]
    place.harvest()

    assert place.sweep.coverage is Coverage.FULL
    assert place.catalog.closed[-1].hints == (1,)
    assert place.models() == {MANIFEST}


def test_many_manifests(place: Place) -> None:
    """Several in one repository; one with a mistake takes no other one along."""
    place.shelf.add(
        3, "acme/many", a__model_yaml=model_yaml("a"), b__model_yaml="apiVersion: model-catalog/v1",
        c__model_yaml="name: azure\n",
    )  # fmt: skip
    report = place.harvest()

    assert place.models() == {MANIFEST, "github.com/3#a/model.yaml"}
    assert report.counts["not_our_manifest"] == 1
    assert [one.subject.value for one in report.skipped if one.subject] == [
        "github.com/3#b/model.yaml"
    ]
    assert place.facts("github.com/3").manifests == ("a/model.yaml",)


def test_broken_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not told to its end is read again: a marker comes last, and vouches for all."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=None, b_model_yaml=model_yaml("other", license="MIT"))
    with monkeypatch.context() as patched:
        patched.setattr(RepositorySweep, "ask", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            place.harvest()
    assert place.models() == {MANIFEST, "github.com/1#b.model.yaml"}

    place.harvest()
    assert place.models() == {"github.com/1#b.model.yaml"}


def test_held_back(place: Place) -> None:
    """What is said to be gone may be held back: its repository is read until it took effect."""
    place.harvest()
    place.shelf.kept[1].push(model_yaml=None, b_model_yaml=model_yaml("other"))
    for asked in (2, 2, 0):
        place.harvest()
        assert place.shelf.asked["blob"] == asked


def test_marked_at_the_end(place: Place) -> None:
    """A repository bears its marker once all is told; of at most 200 bytes."""
    place.harvest()

    markers = [one.marker for one in place.catalog.posted if one.subject.value == "github.com/1"]
    assert markers[0] is None
    assert 0 < len(markers[-1]) <= 200
