"""Tiers by vectors, and by what holds for every profile."""

from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.policies import PolicyDocument
from schemas.policy_scale import TIERS
from service.risk.tiering import (
    Rating,
    ask_next,
    compile_policy,
    explain,
    grounds,
    profile_of,
    rate,
)
from tests.risk import oracle
from tests.risk.strategies import (
    CATALOG,
    REGULATED,
    Facts,
    completed,
    default_document,
    default_policy,
    narrowed,
    nearly_stated,
    possible,
    profiles,
    purposes,
    vectors,
    without_floors,
)

POLICY = default_policy()
BARE = without_floors()
MOST_ANSWERS = 19  # that a use has: more questions can never be asked


def place(tier: str) -> int:
    """Tiers in their order."""
    return [*TIERS].index(tier)  # type: ignore[arg-type]  # a test may ask for any text


def ranges(rating: Rating) -> tuple[tuple[int, int], ...]:
    """Everything of a rating that is a range."""
    return (
        (place(rating.tier_low), place(rating.tier_high)),
        (place(rating.own_low), place(rating.own_high)),
        (rating.materiality_low, rating.materiality_high),
        (rating.inherent_low, rating.inherent_high),
    )


def inside(inner: Rating, outer: Rating) -> bool:
    """Does every range of one lie in the other's?"""
    pairs = zip(ranges(inner), ranges(outer), strict=True)
    return all(low <= least and most <= high for (least, most), (low, high) in pairs)


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
def test_rate_vector(vector: dict[str, Any]) -> None:
    """The vectors match in every member."""
    rating = rate(POLICY, vector["facts"])
    asked = [question.fact for question in ask_next(POLICY, vector["facts"])]

    got = {**rating._asdict(), "ask_next": asked}
    got |= {name: list(got[name]) for name in ("floors", "floors_undecided")}

    assert {name: got[name] for name in vector["expected"]} == vector["expected"]


def test_vectors_whole() -> None:
    """Sixty vectors, each with all eleven members: a shorter file would pass unseen."""
    assert [len(vector["expected"]) for vector in vectors()] == [11] * 60


@settings(max_examples=300)
@given(profiles())
def test_rate_oracle(facts: Facts) -> None:
    """Points, floors and ends are those that the document gives in the plainest way."""
    rating, stands = rate(POLICY, facts), oracle.states(facts)

    assert (rating.materiality_low, rating.materiality_high) == oracle.points(facts, "materiality")
    assert (rating.inherent_low, rating.inherent_high) == oracle.points(facts, "inherent")
    assert (rating.tier_low, rating.tier_high) == oracle.ends(facts)
    assert rating.floors == tuple(name for name, state in stands.items() if state is True)
    assert rating.floors_undecided == tuple(n for n, state in stands.items() if state is None)
    assert rating.status == ("FIRM" if rating.tier_low == rating.tier_high else "PROVISIONAL")
    assert rating.tier == rating.tier_high


@settings(max_examples=200)
@given(nearly_stated())
def test_rate_brute_force(facts: Facts) -> None:
    """The range is just what the facts may still turn out to be: no wider, no narrower."""
    tiers = {oracle.ends(one) for one in oracle.completions(facts)}
    rating = rate(POLICY, facts)

    assert all(low == high for low, high in tiers)
    assert place(rating.tier_low) == min(place(low) for low, _ in tiers)
    assert place(rating.tier_high) == max(place(high) for _, high in tiers)


@settings(max_examples=300)
@given(profiles(), st.data())
def test_rate_narrowed(facts: Facts, data: st.DataObject) -> None:
    """Stating or narrowing never widens a range, moves a decided floor or leaves FIRM."""
    before, after = rate(POLICY, facts), rate(POLICY, data.draw(narrowed(facts)))
    decided = {floor.rule.id for floor in POLICY.floors} - set(before.floors_undecided)

    assert inside(after, before)
    assert decided & set(after.floors) == set(before.floors)
    assert not decided & set(after.floors_undecided)
    assert not (before.firm and not after.firm)


@settings(max_examples=200)
@given(profiles(), st.data())
def test_rate_completed(facts: Facts, data: st.DataObject) -> None:
    """Every completion of a profile is FIRM and lies in its range."""
    complete = rate(POLICY, data.draw(completed(facts)))

    assert complete.firm
    assert not complete.floors_undecided
    assert inside(complete, rate(POLICY, facts))


@settings(max_examples=200)
@given(profiles())
def test_rate_floors_only_raise(facts: Facts) -> None:
    """Floors never lower an end, be they all floors or a model's own."""
    plain, rating = rate(BARE, facts), rate(POLICY, facts)

    assert place(plain.tier_low) <= place(rating.own_low) <= place(rating.tier_low)
    assert place(plain.tier_high) <= place(rating.own_high) <= place(rating.tier_high)


@settings(max_examples=100)
@given(profiles(), st.randoms())
def test_rate_key_order(facts: Facts, random: Random) -> None:
    """Neither the order of facts nor the one inside them changes anything."""
    shuffled = dict(random.sample(list(facts.items()), k=len(facts)))
    for fact, said in shuffled.items():
        if isinstance(said, dict) and "one_of" in said:
            shuffled[fact] = {"one_of": random.sample(said["one_of"], k=len(said["one_of"]))}

    assert profile_of(POLICY, shuffled) == profile_of(POLICY, facts)
    assert ask_next(POLICY, shuffled) == ask_next(POLICY, facts)
    assert explain(POLICY, shuffled) == explain(POLICY, facts)


@settings(max_examples=20)
@given(profiles(), st.randoms())
def test_rate_member_order(facts: Facts, random: Random) -> None:
    """A database may give a policy's members in any order: it stays the same policy."""
    document = PolicyDocument.model_validate(shuffled_members(default_document(), random))
    policy = type(POLICY)(document, POLICY.digest)  # compiled anew, not remembered

    assert compile_policy(document) is POLICY
    assert grounds(policy, facts) == grounds(POLICY, facts)
    assert ask_next(policy, facts) == ask_next(POLICY, facts)


def shuffled_members(value: Any, random: Random) -> Any:
    """The same document with its mappings in another order; lists keep theirs."""
    if isinstance(value, list):
        return [shuffled_members(one, random) for one in value]
    if not isinstance(value, dict):
        return value
    members = random.sample(list(value.items()), k=len(value))
    return {name: shuffled_members(member, random) for name, member in members}


@settings(max_examples=200)
@given(profiles(stated=CATALOG))
def test_ask_next_provisional(facts: Facts) -> None:
    """PROVISIONAL with both catalog facts stated always asks something; FIRM never does.

    What is asked has several possible answers, comes by swing, then by span, and never more than
    three at once.
    """
    rating, asked = rate(POLICY, facts), ask_next(POLICY, facts)

    assert bool(asked) is not rating.firm
    assert len(asked) <= 3
    assert [*asked] == sorted(asked, key=lambda one: (-one.swing, -one.span))
    for one in asked:
        assert one.fact not in CATALOG
        assert one.question.endswith("?")
        if one.fact == REGULATED:
            assert {*one.answers} == {n for n, left in purposes(facts).items() if len(left) == 2}
        else:
            assert {*one.answers} == {*possible(facts, one.fact)}
            assert len(one.answers) > 1


@settings(max_examples=100)
@given(profiles(stated=CATALOG), st.data())
def test_ask_next_ends(facts: Facts, data: st.DataObject) -> None:
    """Who answers what is asked, whatever the answers are, comes to a FIRM tier."""
    truth = data.draw(completed(facts))
    for _ in range(MOST_ANSWERS):
        if not (asked := ask_next(POLICY, facts)):
            break
        facts = facts | {asked[0].fact: truth[asked[0].fact]}

    assert rate(POLICY, facts).firm
    assert inside(rate(POLICY, truth), rate(POLICY, facts))


@settings(max_examples=200)
@given(profiles())
def test_explain_moves(facts: Facts) -> None:
    """Each answer that would move a tier does, as it says; an open one stays in the range."""
    explained = explain(POLICY, facts)
    rating = explained.rating
    for one in explained.what_if:
        stated = one.answer
        if one.fact == REGULATED and isinstance(stated, dict):
            known = {n: left[0] for n, left in purposes(facts).items() if len(left) == 1}
            stated = known | stated
        then = rate(POLICY, facts | {one.fact: stated})

        assert (then.tier_low, then.tier_high) == (one.tier_low, one.tier_high)
        assert one.lowers is (place(then.tier_high) < place(rating.tier_high))
        assert one.raises is (place(then.tier_low) > place(rating.tier_low))
        assert one.lowers or one.raises
        assert not one.possible or inside(then, rating)


@settings(max_examples=200)
@given(profiles(), st.data())
def test_explain_because(facts: Facts, data: st.DataObject) -> None:
    """The facts that a decided floor stands on decide it alone, whatever else is stated."""
    decided = [f for f in grounds(POLICY, facts).floors if f.state != "UNKNOWN"]
    assume(decided)
    floor = data.draw(st.sampled_from(decided))
    alone: Facts = {REGULATED: {}}
    for ground in floor.because:
        question, _, purpose = ground.fact.partition(".")
        if purpose:
            alone[REGULATED][purpose] = ground.possible[0]
        else:
            alone[question] = {"one_of": [*ground.possible]}

    assert floor.state == {one.id: one.state for one in grounds(POLICY, alone).floors}[floor.id]
