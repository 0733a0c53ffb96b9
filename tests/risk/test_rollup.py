"""Overrides, exemptions and the roll-up of a model over its uses."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policy_scale import TIERS, Tier
from service.risk.tiering import Rating, profile_of, rate
from service.risk.tiers.override_rules import (
    Asked,
    direction_of,
    ends_down_override,
    exemption_refusals,
    hard_floors_above,
    override_refusals,
    triggers_at,
)
from service.risk.tiers.rollup import RolledUp, Settled, roll_up, settled
from tests.risk.strategies import REGULATED, Facts, default_policy, profiles, vectors

POLICY = default_policy()
CHURN: Facts = next(one["facts"] for one in vectors() if one["name"] == "churn propensity")
CARDS: Facts = next(one["facts"] for one in vectors() if one["name"] == "card fraud scorer")
LEFT_OUT = ("decision_role", "financial_exposure_per_year")
OPEN: Facts = {name: said for name, said in CHURN.items() if name not in LEFT_OUT}
OVERRIDES: st.SearchStrategy[Tier | None] = st.sampled_from([None, "LOW", "MEDIUM", "HIGH"])


def rated(facts: Facts, **more: Any) -> Rating:
    """The rating of a use that differs so."""
    return rate(POLICY, facts | more)


def ends(one: Settled | RolledUp) -> tuple[str, str, str, str]:
    """How a use or a model stands."""
    return one.tier, one.status, one.tier_low, one.tier_high


def test_settled_plain() -> None:
    """Without an override a use stands as it is rated."""
    assert ends(settled(rated(CHURN))) == ("LOW", "FIRM", "LOW", "LOW")
    assert ends(settled(rated(OPEN))) == ("HIGH", "PROVISIONAL", "LOW", "HIGH")


@pytest.mark.parametrize("tier", ["LOW", "MEDIUM", "HIGH"])
def test_settled_override(tier: Tier) -> None:
    """An override is a point, also within an open range; the computed tier stays visible."""
    use = settled(rated(OPEN), tier)

    assert ends(use) == (tier, "OVERRIDDEN", tier, tier)
    assert use.computed_tier == "HIGH"


def test_settled_same_override() -> None:
    """An override to what is computed anyway overrides nothing."""
    assert ends(settled(rated(CHURN), "LOW")) == ("LOW", "FIRM", "LOW", "LOW")


def test_settled_override_below_hard_floor() -> None:
    """A hard floor that holds, or may hold, stops an older override from counting below it."""
    assert ends(settled(rated(CHURN, regulated_purposes=["safety_component"]), "LOW"))[0] == "HIGH"
    assert ends(settled(rated(CHURN, regulated_purposes={}), "LOW"))[0] == "HIGH"
    assert ends(settled(rated(CHURN, data_sensitivity="special_category"), "LOW"))[0] == "LOW"


def test_settled_exemption() -> None:
    """NEGLIGIBLE by an exemption alone; that is no override."""
    use = settled(rated(CHURN), exempt=True)

    assert ends(use) == ("NEGLIGIBLE", "FIRM", "NEGLIGIBLE", "NEGLIGIBLE")
    assert (use.computed_tier, use.exempt) == ("LOW", True)


@pytest.mark.parametrize(
    "more",
    [
        {"decision_role": "automated"},
        {"data_sensitivity": {"one_of": ["personal", "special_category"]}},
        {"feeds_high_model": True},
    ],
)
def test_settled_exemption_over(more: Facts) -> None:
    """What is no longer FIRM LOW without a floor is not NEGLIGIBLE, before anybody revokes it."""
    use = settled(rated(CHURN, **more), exempt=True)

    assert use.tier != "NEGLIGIBLE"
    assert not use.exempt


def test_settled_override_up() -> None:
    """One that raises does not hold a use down when its facts come to say more."""
    low, high = rated(CHURN), rated(CARDS)

    assert settled(low, "MEDIUM", raises=True).tier == "MEDIUM"
    assert settled(high, "MEDIUM", raises=True).tier == "HIGH"
    assert settled(high, "MEDIUM").tier == "MEDIUM"
    assert settled(high, "MEDIUM", raises=True).status == "FIRM"


def test_settled_override_beats_exemption() -> None:
    """Whoever sets a tier higher is heard, beside an exemption too."""
    assert ends(settled(rated(CHURN), "MEDIUM", exempt=True))[:2] == ("MEDIUM", "OVERRIDDEN")


@settings(max_examples=200)
@given(profiles(), OVERRIDES, st.booleans())
def test_settled_any(facts: Facts, override: Tier | None, exempt: bool) -> None:  # noqa: FBT001  # drawn
    """Below LOW only exempt, never below a hard floor, a point whenever people decided."""
    rating = rate(POLICY, facts)
    use = settled(rating, override, exempt=exempt)

    assert (use.tier == "NEGLIGIBLE") is (use.exempt and override is None)
    assert use.exempt or TIERS.index(use.tier) >= TIERS.index(rating.hard_floor)
    assert override is None or use.tier_low == use.tier_high == use.tier
    assert use.computed_tier == rating.tier


def test_roll_up_maxima() -> None:
    """The greatest of each end, and the first use by name of those that have it."""
    uses = {
        "offers": settled(rated(CHURN)),
        "b": settled(rated(OPEN)),
        "B": settled(rated(OPEN)),
        "z": settled(rated(CHURN, feeds_high_model=True)),
    }

    assert roll_up(uses) == RolledUp("HIGH", "PROVISIONAL", "MEDIUM", "HIGH", "HIGH", "B")


def test_roll_up_firm() -> None:
    """A FIRM HIGH use makes the model FIRM, whatever else is open."""
    uses = {"a": settled(rated(OPEN)), "cards": settled(rated(CARDS))}

    assert roll_up(uses) == RolledUp("HIGH", "FIRM", "HIGH", "HIGH", "HIGH", "a")


def test_roll_up_overridden() -> None:
    """OVERRIDDEN when the model would stand otherwise without its overrides."""
    down = {"a": settled(rated(CARDS), "MEDIUM"), "b": settled(rated(CHURN))}
    hidden = {"a": settled(rated(CARDS)), "b": settled(rated(CHURN), "MEDIUM")}
    firmed = {"a": settled(rated(OPEN), "HIGH")}

    assert roll_up(down) == RolledUp("MEDIUM", "OVERRIDDEN", "MEDIUM", "MEDIUM", "HIGH", "a")
    assert roll_up(hidden) == RolledUp("HIGH", "FIRM", "HIGH", "HIGH", "HIGH", "a")
    assert roll_up(firmed) == RolledUp("HIGH", "OVERRIDDEN", "HIGH", "HIGH", "HIGH", "a")


def test_roll_up_exempt() -> None:
    """Exempt when every use is; one other use outweighs it."""
    exempt = settled(rated(CHURN), exempt=True)

    assert ends(roll_up({"a": exempt, "b": exempt}))[:2] == ("NEGLIGIBLE", "FIRM")
    assert ends(roll_up({"a": exempt, "b": settled(rated(CHURN))}))[:2] == ("LOW", "FIRM")


def test_roll_up_nothing() -> None:
    """A model without a use is a mistake of the caller: it would look NEGLIGIBLE."""
    with pytest.raises(ValueError, match="undeclared"):
        roll_up({})


@settings(max_examples=100)
@given(st.lists(st.tuples(profiles(), OVERRIDES), min_size=1, max_size=4), st.randoms())
def test_roll_up_order(uses: list[tuple[Facts, Tier | None]], random: Any) -> None:
    """The order of uses changes nothing, and one more use never lowers a model."""
    by_name = {str(n): settled(rate(POLICY, f), tier) for n, (f, tier) in enumerate(uses)}
    rolled = roll_up(by_name)
    fewer = dict(list(by_name.items())[:1])

    assert roll_up(dict(random.sample(list(by_name.items()), k=len(by_name)))) == rolled
    assert by_name[rolled.deciding_use].tier == rolled.tier
    assert TIERS.index(roll_up(fewer).tier) <= TIERS.index(rolled.tier)


def refused(facts: Facts, **asked: Any) -> list[str]:
    """The rules that an override breaks; by default a reviewer's sound one for a year."""
    sound = Asked("LOW", 366, frozenset({"reviewer"}), evidence=True)
    profile = profile_of(POLICY, facts)
    return [one.rule for one in override_refusals(POLICY, profile, asked=sound._replace(**asked))]


def test_override_refusals_up() -> None:
    """Up by owner, reviewer or approver, at once, for a year at most."""
    up: Facts = {"tier": "HIGH", "evidence": False, "reason": False}

    for role in ("owner", "reviewer", "approver"):
        assert refused(CHURN, **up, roles=frozenset({role})) == []
    assert refused(CHURN, **up, roles=frozenset()) == ["not_by_this_role"]
    assert refused(CHURN, **up, days=367) == ["too_long"]
    assert refused(CHURN, **up, days=0) == ["too_long"]


def test_override_refusals_down() -> None:
    """Down by owner or reviewer, with reason and evidence, and not to NEGLIGIBLE."""
    assert refused(CARDS) == []
    assert refused(CARDS, roles=frozenset({"approver"})) == ["not_by_this_role"]
    assert refused(CARDS, reason=False, evidence=False) == ["needs_reason", "needs_evidence"]
    assert refused(CARDS, tier="NEGLIGIBLE") == ["negligible_by_exemption_only"]
    assert refused(CHURN, tier="NEGLIGIBLE", days=400) == [
        "negligible_by_exemption_only", "too_long"
    ]  # fmt: skip


def test_override_refusals_hard_floor() -> None:
    """Not below a hard floor that is TRUE or undecided; the refusal names it."""
    holds, may_hold = CHURN | {REGULATED: ["safety_component"]}, CHURN | {REGULATED: {}}

    assert refused(holds, tier="MEDIUM") == ["below_hard_floor"]
    assert refused(holds, tier="HIGH") == []
    assert refused(CHURN | {"data_sensitivity": "special_category"}) == []
    asked = Asked("LOW", 9, frozenset({"owner"}), evidence=True)
    (found,) = override_refusals(POLICY, profile_of(POLICY, may_hold), asked=asked)
    assert found.floors == ("F1", "F2", "F3", "F4", "F5", "F10")
    assert "F10" in found.says


@settings(max_examples=200)
@given(profiles())
def test_hard_floor_agrees(facts: Facts) -> None:
    """The lowest tier that a rating allows is the lowest that no hard floor speaks against."""
    profile, rating = profile_of(POLICY, facts), rate(POLICY, facts)
    allowed = [t for t in TIERS[1:] if not hard_floors_above(POLICY, profile, tier=t)]

    assert allowed[0] == rating.hard_floor


def test_direction_of() -> None:
    """The computed tier is the upper end: below it is down, also inside the range."""
    assert direction_of(rated(OPEN), "MEDIUM") == "down"
    assert direction_of(rated(OPEN), "HIGH") == "up"
    assert direction_of(rated(CHURN), "MEDIUM") == "up"


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        (CHURN, []),
        (CARDS, ["not_low"]),
        (OPEN, ["not_firm"]),
        (CHURN | {"data_sensitivity": "special_category"}, ["not_low", "floor_holds"]),
    ],
)
def test_exemption_refusals(facts: Facts, rules: list[str]) -> None:
    """Only from FIRM LOW with no floor TRUE."""
    assert [one.rule for one in exemption_refusals(rate(POLICY, facts))] == rules


def test_triggers() -> None:
    """Each tier has its own beside those of any; a down override ends by every one of them."""
    assert triggers_at(POLICY, "LOW") == {"tier_up", "severity_1_incident"}
    assert "material_change" in triggers_at(POLICY, "MEDIUM")
    assert "new_use" not in triggers_at(POLICY, "MEDIUM")
    assert ends_down_override(POLICY) == triggers_at(POLICY, "HIGH")
