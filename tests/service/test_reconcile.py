"""The fold: pure, in any order, by the rule that stands on each fact."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.digest import canonical_json
from schemas.values import Merge
from service.reconcile import Folded, Statement, reconcile

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES: Final = {
    "name": Merge.TOP,
    "status": Merge.LATEST,
    "tags": Merge.UNION,
    "owners": Merge.OWNERS,
}
RANKS: Final = {"mlflow-prod": 40, "mlflow-staging": 40, "manifests": 70, "lineage": 30}
NOBODY: list[Any] = []


def precedence(source: str, field: str) -> int:
    """Manifests outrank registries, but for the status; registries rank alike."""
    return 10 if (source, field) == ("manifests", "status") else RANKS[source]


def make_statement(source: str = "mlflow-prod", /, **facts: Any) -> Statement:
    """What a source said at noon."""
    return Statement(source, facts, NOON, digest=canonical_json(facts), subject=source)


def later(said: Statement, hours: int) -> Statement:
    """The same statement, at another time."""
    return said._replace(since=NOON + timedelta(hours=hours))


def fold(*said: Statement) -> dict[str, Folded]:
    """Fold statements by the rules and precedence of these tests."""
    return reconcile(said, RULES, precedence=precedence)


def decided(fields: dict[str, Folded]) -> dict[str, tuple[Any, bool]]:
    """What was decided, without who said it."""
    return {name: (one.value, one.conflict) for name, one in fields.items()}


def owned(name: str, role: str | None = None) -> dict[str, Any]:
    """An ownership as it is stored."""
    owner = {"kind": "owner", "scheme": "handle", "value": name}
    return {"owner": owner} | ({"role": role} if role else {})


LETTERS: Final = st.sampled_from("ab")
OWNERS: Final = st.builds(owned, LETTERS, st.sampled_from([None, "accountable", "developer"]))
FACTS: Final = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.none(), LETTERS, st.just({"one_of": ["a", "b"]})),
        "status": LETTERS,
        "tags": st.one_of(st.none(), st.lists(LETTERS, max_size=2)),
        "owners": st.one_of(st.none(), st.lists(OWNERS, max_size=2)),
        "forgotten": LETTERS,  # stated under a facts version that is known no more
    },
)


def statements(*, pinned: bool = True) -> st.SearchStrategy[list[Statement]]:
    """Current statements: one for each source and subject, times and digests often equal."""
    one = st.builds(
        Statement,
        source=st.sampled_from(sorted(RANKS)),
        facts=FACTS,
        since=st.integers(0, 2).map(lambda hours: NOON + timedelta(hours=hours)),
        digest=LETTERS,
        subject=LETTERS,
        inferred=st.frozensets(st.sampled_from(sorted(RULES)), max_size=2),
        pinned=st.sampled_from([False, False, pinned]),
        joined=st.sampled_from([False]),
        below=st.sampled_from([0, 20]),
    )
    return st.lists(one, max_size=4, unique_by=lambda said: (said.source, said.subject))


@given(statements(), st.randoms(use_true_random=False))
def test_reconcile_any_order(said: list[Statement], random: Random) -> None:
    """The order of arrival changes nothing, not even which statement stands behind a value."""
    shuffled = random.sample(said, k=len(said))

    assert fold(*shuffled) == fold(*said)


@given(statements(), st.data())
def test_reconcile_repetition(said: list[Statement], data: st.DataObject) -> None:
    """A statement that comes twice changes nothing."""
    again = data.draw(st.lists(st.sampled_from(said), max_size=4)) if said else []

    assert decided(fold(*said, *again)) == decided(fold(*said))


@given(statements(pinned=False))
def test_reconcile_idempotent(said: list[Statement]) -> None:
    """What was folded, folded again, stays."""
    once = {name: one.value for name, one in fold(*said).items()}

    assert {name: one.value for name, one in fold(make_statement(**once)).items()} == once


@given(statements())
def test_invariant_8_missing_stays_missing(said: list[Statement]) -> None:
    """Missing is not false, not zero, not low: what nobody states is absent from the fold."""
    assert fold(*said).keys() == {name for one in said for name in one.facts} - {"forgotten"}


@given(statements(pinned=False), st.integers(-2, 2), st.randoms(use_true_random=False))
def test_invariant_7_a_pinned_fact_stays(said: list[Statement], hours: int, random: Random) -> None:
    """A pin outranks all that is harvested.

    "A fact that a person pinned stays until its pin expires or is released; the harvested value
    stays visible beside it."
    """
    facts = {"name": "pinned", "status": "pinned", "tags": ["pinned"], "owners": [owned("pin")]}
    pin = later(make_statement("lineage", **facts), hours)._replace(pinned=True)
    everything = random.sample([pin, *said], k=len(said) + 1)

    folded = fold(*everything)

    assert {name: one.value for name, one in folded.items()} == facts
    for name, one in folded.items():
        beside = [other for other in said if name in other.facts]
        assert one.ranked[0] == pin
        assert sorted(map(repr, one.ranked[1:])) == sorted(map(repr, beside))
        disputed = any(canonical_json(o.facts[name]) != canonical_json(facts[name]) for o in beside)
        assert one.conflict == (disputed and name != "status")
    assert fold(*(one for one in everything if not one.pinned)) == fold(*said)


def joined_pin(hours: int = 0, /, *fields: str) -> Statement:
    """A person says that all who speak of these fields are right."""
    said = make_statement("mlflow-prod", **dict.fromkeys(fields))
    return later(said, hours)._replace(pinned=True, joined=True, digest="joined", subject="pin")


@given(statements(pinned=False), st.randoms(use_true_random=False))
def test_reconcile_joined(said: list[Statement], random: Random) -> None:
    """Both are right: the members of all statements hold together, and nothing is disputed."""
    pin = joined_pin(1, "owners")
    folded = fold(*random.sample([pin, *said], k=len(said) + 1))
    beside = [other for other in said if "owners" in other.facts]

    assert ("owners" in folded) == bool(beside)  # a pin that joins states nothing by itself
    if beside:
        one = folded["owners"]
        stated: list[Any] = [s.facts["owners"] or () for s in beside]
        members = {canonical_json(owner) for owners in stated for owner in owners}
        assert isinstance(one.value, list)
        assert {canonical_json(owner) for owner in one.value} == members
        assert (one.ranked[0], one.conflict) == (pin, False)


@pytest.mark.parametrize(("hours", "value"), [(1, ["a", "b"]), (3, ["pinned"])])
def test_reconcile_two_pins(hours: int, value: list[str]) -> None:
    """Of two pins of one field, which met when their entries merged, the newest holds."""
    said = [make_statement(tags=["a"]), make_statement("manifests", tags=["b"])]
    valued = later(make_statement("lineage", tags=["pinned"]), hours)._replace(pinned=True)

    one = fold(*said, valued, joined_pin(2, "tags"))["tags"]

    assert one.value == value if hours > 2 else set(value) <= set(one.value)  # type: ignore[call-overload]
    assert [s.pinned for s in one.ranked].count(True) == (1 if hours > 2 else 2)


@given(statements(), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_reconcile_confirmed_again(said: list[Statement], hours: list[int]) -> None:
    """A confirmation decides nothing: an unchanged harvest changes no entry (RULES 3.7).

    Two sources that disagree, or agree, do not change places with every harvest.
    """
    confirmed = [
        one._replace(confirmed=NOON + timedelta(hours=hour))
        for one, hour in zip(said, hours, strict=False)
    ]
    before = fold(*said)

    after = fold(*confirmed)

    for name, one in after.items():
        places = [(s.source, s.subject) for s in before[name].ranked]
        assert (one.value, one.conflict) == (before[name].value, before[name].conflict)
        assert [(s.source, s.subject) for s in one.ranked] == places


def rank_of(said: Statement, name: str) -> int:
    """What a source says of foreign files ranks below what else it says."""
    return max(precedence(said.source, name) - said.below, 0)


@given(statements())
def test_reconcile_strongest_first(said: list[Statement]) -> None:
    """Pinned before stated before inferred; then by precedence, but where the newest decides."""
    for name, one in fold(*said).items():
        ranks = [
            (s.pinned, name not in s.inferred, name != "status" and rank_of(s, name))
            for s in one.ranked
        ]
        assert name == "owners" or ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("said", "value", "winner", "conflict"),
    [
        ([make_statement(name="a"), make_statement("manifests", name="b")], "b", 1, True),
        ([make_statement(name="a"), later(make_statement("lineage", name="b"), 9)], "a", 0, True),
        ([make_statement(name="a"), later(make_statement("mlflow-staging", name="b"), 1)],
         "b", 1, True),
        ([make_statement(name="a"), make_statement("manifests", name=None)], None, 1, True),
        ([make_statement(name="a"), make_statement("manifests", name="a")], "a", 1, False),
        ([make_statement(name="e\u0301"), make_statement("lineage", name="\u00e9")],
         "e\u0301", 0, False),
        ([make_statement(name="a"),
          make_statement("manifests", name="b")._replace(inferred=frozenset({"name"}))],
         "a", 0, True),
    ],
)  # fmt: skip
def test_top(said: list[Statement], value: Any, winner: int, conflict: bool) -> None:  # noqa: FBT001  # a parameter of the case
    """The highest precedence decides, then the newest; the inferred below all that is stated.

    Sources that say something else are a conflict, those that spell it otherwise are none.
    """
    folded = fold(*said)["name"]

    assert (folded.value, folded.ranked[0], folded.conflict) == (value, said[winner], conflict)


def test_latest() -> None:
    """The newest decides, of equally new ones the higher precedence; it is no conflict."""
    old, new = make_statement(status="a"), later(make_statement("manifests", status="b"), 1)
    tie = later(make_statement("lineage", status="c"), 1)

    assert decided(fold(old, new)) == {"status": ("b", False)}
    assert decided(fold(old, new, tie)) == {"status": ("c", False)}
    assert decided(fold(old, new._replace(inferred=frozenset({"status"})))) == {
        "status": ("a", False)
    }


def test_union() -> None:
    """Sets add up, each item once, sorted; stated empty adds nothing, and nobody disagrees."""
    said = [
        make_statement(tags=["b", "a"]),
        make_statement("manifests", tags=["c", "a"]),
        make_statement("lineage", tags=None),
    ]
    assert decided(fold(*said)) == {"tags": (["a", "b", "c"], False)}
    assert decided(fold(said[2])) == {"tags": ([], False)}


@pytest.mark.parametrize(
    ("manifest", "registry", "value", "conflict"),
    [
        ([owned("a")], [owned("b")], [owned("a")], True),
        ([owned("a")], [owned("a", "accountable")], [owned("a")], True),
        ([owned("a"), owned("x", "developer")], [owned("a"), owned("y", "developer")],
         [owned("a"), owned("x", "developer"), owned("y", "developer")], False),
        ([owned("x", "developer")], [owned("b")], [owned("b"), owned("x", "developer")], False),
        ([owned("x", "developer")], [owned("y", "delegate")],
         [owned("x", "developer"), owned("y", "delegate")], False),
        (NOBODY, [owned("b"), owned("y", "developer")], [owned("y", "developer")], True),
        (None, [owned("b")], NOBODY, True),
    ],
)  # fmt: skip
def test_owners(
    manifest: list[Any] | None, registry: list[Any], value: list[Any], conflict: bool  # noqa: FBT001  # a parameter of the case
) -> None:  # fmt: skip
    """RULES 2.7: the accountable ones are one value, of the strongest source that speaks of them.

    Developers and delegates add up. Only developers: says nothing of who is accountable.
    """
    strong, weak = make_statement("manifests", owners=manifest), make_statement(owners=registry)
    folded = fold(strong, weak)["owners"]

    assert (folded.value, folded.conflict) == (value, conflict)
    speaks = weak if manifest == [owned("x", "developer")] and registry == [owned("b")] else strong
    assert folded.ranked[0] == speaks


def test_owners_newest_among_equals() -> None:
    """Registries that rank alike: the later statement says who is accountable."""
    one, other = make_statement(owners=[owned("a")]), make_statement(
        "mlflow-staging", owners=[owned("b")]
    )  # fmt: skip
    first, then = fold(later(one, 1), other)["owners"], fold(one, later(other, 1))["owners"]

    assert [first.value, then.value] == [[owned("a")], [owned("b")]]


@pytest.mark.parametrize(
    ("value", "candidates"),
    [
        ({"one_of": ["a", "b"]}, ("a", "b")),
        ({"one_of": 0.5}, ()),  # a metric of this name
        ({"one_of": "lasso"}, ()),  # a parameter
        ({"one_of": ["a"], "more": 1}, ()),
        (["one_of"], ()),
        (None, ()),
    ],
)
def test_narrowed(value: Any, candidates: tuple[str, ...]) -> None:
    """A narrowed value has its candidates; a map that happens to look like one has none."""
    assert fold(make_statement(name=value))["name"].candidates == candidates


def test_reconcile_nothing() -> None:
    """An entry that nobody describes has no fields."""
    assert fold() == {}
