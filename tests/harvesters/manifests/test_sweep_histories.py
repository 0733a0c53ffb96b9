"""Random histories of repositories, harvested step by step: the last state is what counts."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harvesters.manifests.test_sweep import Place, hint
from tests.support.shelf import model_yaml

KINDS: Final = ("add", "change", "break", "mend", "remove", "elsewhere", "rename", "hide", "empty")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 2), st.booleans()), max_size=14))
def test_harvests_add_up(steps: list[tuple[str, int, bool]]) -> None:
    """After any history the catalog holds what one first harvest of the last state would find.

    Less what is hidden, of which the last word stays, and more of what cannot be read now.
    """
    place = Place()
    for number in (1, 2, 3):
        place.shelf.add(number, f"acme/r{number}", model_yaml=model_yaml(f"m{number}"))
    place.harvest()
    broken: set[int] = set()
    for kind, number, hinted in steps:
        _step(place, kind, number=number, broken=broken)
        if kind != "hide":
            place.hints = [hint(number)] if hinted else []
            place.harvest()
    place.hints = []
    place.harvest()

    fresh = Place()
    fresh.shelf = place.shelf
    fresh.harvest()
    unknown = place.shelf.hidden | broken
    assert _readable(place, unknown) == _readable(fresh, unknown)


def _step(place: Place, kind: str, *, number: int, broken: set[int]) -> None:
    kept = place.shelf.kept[number]
    if kind == "break" or (kind == "change" and number in broken):
        kept.push(model_yaml=model_yaml(f"m{number}", lifecycle="nowhere"))
        broken.add(number)
    elif kind == "mend":
        kept.push(model_yaml=model_yaml(f"m{number}"))
        broken.discard(number)
    elif kind == "change":
        kept.push(model_yaml=model_yaml(f"m{number}", license=f"L{kept.pushes}"))
    elif kind == "add":
        kept.push(more__model_yaml=model_yaml(f"more{number}"))
    elif kind == "remove":
        kept.push(model_yaml=None, more__model_yaml=None, README_md="# Nothing\n")
        broken.discard(number)
    elif kind == "elsewhere":
        kept.push(main_py=f"print({kept.pushes})")
    elif kind == "rename":
        kept.path = f"acme/renamed{number}-{kept.pushes}"
    elif kind == "hide":
        place.shelf.hidden ^= {number}
    else:
        kept.files.clear()
        broken.discard(number)


def _readable(place: Place, unknown: set[int]) -> dict[str, str]:
    """What is said of repositories that can be read, by subject."""
    left_out = {f"github.com/{number}" for number in unknown}
    return {
        str(subject): one.digest()
        for subject, one in place.catalog.live().items()
        if subject.value.partition("#")[0] not in left_out
    }
