"""Random snapshots of models, made from what a snapshot may hold."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st

from service.risk.controls.snapshot_schema import SNAPSHOT, Kind, Member

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
WORDS: Final = (  # that conditions of the default pack compare with, and one that none knows
    "production", "accountable", "developer", "person", "team", "bot", "approval", "open_review",
    "exception", "nothing", "vendor_service", "rule_engine", "MEDIUM", "HIGH", "LOW", "IN_FORCE",
    "LAPSED", "REQUESTED", "PROVISIONAL", "FIRM", "down", "up", "sha256:aa", "sha256:bb", "",
    "Chooses which customers the call centre calls first.", "TODO", "LIN-01", "OWN-01", "word é",
)  # fmt: skip
words = st.sampled_from(WORDS)
moments = st.builds(
    lambda hours, ticks: NOON + timedelta(hours=hours, microseconds=ticks),
    st.integers(-24 * 500, 24 * 500),
    st.sampled_from((-1, 0, 1)),
)
OF_KIND: Final[Mapping[Kind, st.SearchStrategy[Any]]] = {
    Kind.TEXT: words,
    Kind.TEXTS: st.lists(words, max_size=3),
    Kind.FLAG: st.booleans(),
    Kind.WHOLE: st.integers(0, 48),
    Kind.MOMENT: moments,
}


def _values(member: Member) -> st.SearchStrategy[Any]:
    if member.kind is Kind.ITEMS:
        whole: st.SearchStrategy[Any] = st.lists(_members(member.members or {}), max_size=3)
    elif member.kind is Kind.PART:
        whole = _members(member.members or {})
    else:
        whole = OF_KIND[member.kind]
    return st.none() | whole if member.nullable else whole


def _members(members: Mapping[str, Member]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {name: _values(one) for name, one in members.items() if not one.may_lack},
        optional={name: _values(one) for name, one in members.items() if one.may_lack},
    )


def snapshots() -> st.SearchStrategy[dict[str, Any]]:
    """Snapshots that the schema allows, at noon."""
    return _members(SNAPSHOT).map(lambda made: made | {"now": NOON})


def lackable(document: Any, members: Mapping[str, Member] = SNAPSHOT) -> Iterator[tuple[Any, ...]]:
    """Where something stands that might as well not be stated."""
    for name, member in members.items():
        if not isinstance(document, Mapping) or name not in document:
            continue
        if member.may_lack and member.who:
            yield (name,)
        below, inside = document[name], member.members or {}
        if isinstance(below, list) and member.kind is Kind.ITEMS:
            for index, item in enumerate(below):
                yield from ((name, index, *rest) for rest in lackable(item, inside))
        else:
            yield from ((name, *rest) for rest in lackable(below, inside))


def without(document: dict[str, Any], *places: tuple[Any, ...]) -> dict[str, Any]:
    """A copy in which places are not stated; those inside another one are gone with it."""
    left = deepcopy(document)
    for place in places:
        held: Any = left
        for step in place[:-1]:
            gone = isinstance(held, dict) and step not in held
            held = None if held is None or gone else held[step]
        if held is not None:
            held.pop(place[-1], None)
    return left
