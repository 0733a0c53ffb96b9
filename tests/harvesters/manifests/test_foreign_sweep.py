"""Files of others, harvest after harvest: changed, broken, mended, removed."""

from datetime import timedelta
from typing import Final

from harvesters.runner import harvest
from schemas.harvest import HarvestReport
from tests.harvesters.mlflow.conftest import Catalog
from tests.support.shelf import NOON, Shelf, make_sweep, model_yaml

CARD: Final = "github.com/1#README.md#model.yaml"
DATASET: Final = "github.com/1#README.md#acme/calls"


class Place:
    """A shelf with one repository, and a catalog that it is harvested into."""

    def __init__(self) -> None:
        """A manifest, and a README with front matter."""
        self.shelf, self.catalog, self.count = Shelf(), Catalog(), 0
        card = "---\nlicense: mit\ndatasets: [acme/calls]\n---\n"
        self.kept = self.shelf.add(1, "acme/churn", model_yaml=model_yaml(), README_md=card)

    def harvest(self) -> HarvestReport:
        """Once, by the real runner."""
        self.count += 1
        sweep = make_sweep(self.shelf, at=NOON + timedelta(minutes=30 * self.count))
        return harvest(sweep, self.catalog)

    def live(self) -> set[str]:
        """What lives, without the manifest and the repository."""
        return {one.value for one in self.catalog.live() if one.scheme == "foreign"}


def test_sweep_foreign() -> None:
    """What a file says is told once, changes with it, and goes with it."""
    place = Place()
    place.harvest()
    assert place.live() == {CARD, DATASET}
    assert place.catalog.told(CARD).facts.license == "mit"

    place.kept.push(README_md="---\nlicense: gpl-3.0\n---\n")
    place.harvest()
    assert place.live() == {CARD}
    assert place.catalog.told(CARD).facts.license == "gpl-3.0"

    place.kept.push(README_md=None)
    place.harvest()
    assert place.live() == set()


def test_sweep_broken() -> None:
    """While a file is broken, what it said stays: the model, and the dataset too."""
    place = Place()
    place.harvest()

    place.kept.push(README_md="---\nlicense: mit\nlicense: gpl-3.0\n---\n")
    report = place.harvest()
    assert place.live() == {CARD, DATASET}
    assert place.catalog.told(CARD).facts.license == "mit"
    assert {one.code for one in report.skipped} == {"not_yaml"}

    place.kept.push(README_md="---\nlicense: bsd\n---\n")
    place.harvest()
    assert place.live() == {CARD}


def test_sweep_faulty_manifest() -> None:
    """While the manifest is faulty, what stands by it stays too."""
    place = Place()
    place.harvest()

    place.kept.push(model_yaml=model_yaml(lifecycle="nonsense"), README_md="---\nlicense: x\n---\n")
    place.harvest()

    assert place.live() == {CARD, DATASET}
    assert place.catalog.told(CARD).facts.license == "mit"
