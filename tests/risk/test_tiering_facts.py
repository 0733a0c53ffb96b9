"""How facts are read, and what a policy makes of them when it changes."""

from itertools import pairwise
from typing import Any

import pytest

from schemas.policies import PolicyDocument
from schemas.policy_scale import Tier
from service.risk.tiering import (
    FactRefused,
    Policy,
    compile_policy,
    feeds_high_model,
    normalised,
    rate,
    readable,
)
from tests.risk.strategies import (
    REGULATED,
    Facts,
    default_document,
    default_policy,
    purpose_names,
    vectors,
)

POLICY = default_policy()
CHURN: Facts = next(one["facts"] for one in vectors() if one["name"] == "churn propensity")


def changed(**members: Any) -> Policy:
    """The shipped policy with other members."""
    return compile_policy(PolicyDocument.model_validate(default_document() | members))


@pytest.mark.parametrize(
    ("fact", "number", "value"),
    [
        ("people_affected_per_year", 0, "none"),
        ("people_affected_per_year", 1, "lt_1k"),
        ("people_affected_per_year", 999, "lt_1k"),
        ("people_affected_per_year", 1_000, "1k_50k"),
        ("people_affected_per_year", 499_999, "50k_500k"),
        ("people_affected_per_year", 500_000, "gt_500k"),
        ("people_affected_per_year", 8_000_000_000, "gt_500k"),
        ("financial_exposure_per_year", 99_999.99, "lt_100k"),
        ("financial_exposure_per_year", 100_000, "100k_1m"),
        ("downstream_dependents", 0, "0"),
        ("downstream_dependents", 2, "1_2"),
        ("downstream_dependents", 3, "3_9"),
        ("downstream_dependents", 10, "ge_10"),
    ],
)
def test_normalised_number(fact: str, number: float, value: str) -> None:
    """A number becomes the value whose limit is the greatest that is not above it."""
    assert normalised(POLICY, {fact: number})[fact] == (value,)


def test_normalised_states() -> None:
    """A value states, `one_of` narrows, also by numbers; absent is not stated."""
    facts = normalised(
        POLICY,
        {
            "origin": "in_house",
            "downstream_dependents": {"one_of": [4, "ge_10", 7]},
            "profiling": False,
            REGULATED: {"annex_iii_area": True},
        },
    )

    assert facts["origin"] == ("in_house",)
    assert facts["downstream_dependents"] == ("3_9", "ge_10")
    assert facts["profiling"] == (False,)
    assert facts["art6_3_assessed"] == (False, True)
    assert facts["update_mode"] == ("static", "scheduled_retrain", "self_learning")
    assert facts[f"{REGULATED}.annex_iii_area"] == (True,)
    assert facts[f"{REGULATED}.aml_of_record"] == (False, True)


def test_normalised_purposes() -> None:
    """A list states every purpose, a mapping only those that it names."""
    whole = normalised(POLICY, {REGULATED: ["aml_of_record"]})
    nothing = normalised(POLICY, {REGULATED: {}})

    for name in purpose_names():
        assert whole[f"{REGULATED}.{name}"] == (name == "aml_of_record",)
        assert nothing[f"{REGULATED}.{name}"] == (False, True)


REFUSED: list[tuple[str, Any]] = [
    ("origin", "inhouse"),
    ("origin", None),
    ("origin", True),
    ("origin", 1),
    ("origin", ["in_house"]),
    ("origin", {"one_of": []}),
    ("origin", {"one_of": ["in_house", "elsewhere"]}),
    ("origin", {"one_of": "in_house"}),
    ("origin", {"one_of": [{"one_of": ["in_house"]}]}),
    ("origin", {"one_of": ["in_house"], "or": "else"}),
    ("people_affected_per_year", -1),
    ("people_affected_per_year", float("nan")),
    ("people_affected_per_year", float("inf")),
    ("people_affected_per_year", True),
    ("people_affected_per_year", "1000"),
    ("profiling", "false"),
    ("profiling", 0),
    ("profiling", None),
    (REGULATED, None),
    (REGULATED, "aml_of_record"),
    (REGULATED, ["aml"]),
    (REGULATED, [["aml_of_record"]]),
    (REGULATED, {"aml": True}),
    (REGULATED, {"aml_of_record": "true"}),
    (REGULATED, {"aml_of_record": None}),
]


@pytest.mark.parametrize(("fact", "value"), REFUSED)
def test_rate_refused(fact: str, value: Any) -> None:
    """What the policy does not know is refused by name, and is not in the message."""
    with pytest.raises(FactRefused, match=rf"^{fact} must be of .*; leave it out") as refused:
        rate(POLICY, {fact: value})

    assert refused.value.fact == fact
    assert "elsewhere" not in str(refused.value)


@pytest.mark.parametrize(("fact", "value"), REFUSED)
def test_readable_refused(fact: str, value: Any) -> None:
    """Kept raw, and counted as not stated: unknown is neither low nor no."""
    sorted_out = readable(POLICY, CHURN | {fact: value})

    assert sorted_out.outside == {fact: value}
    assert sorted_out.facts == {name: said for name, said in CHURN.items() if name != fact}
    assert rate(POLICY, sorted_out.facts).tier == rate(POLICY, sorted_out.facts).tier_high


def test_readable_purposes() -> None:
    """Beside a strange purpose the known ones still stand, and no other counts as excluded."""
    listed = readable(POLICY, {REGULATED: ["aml_of_record", "tax_advice"]})
    mapped = readable(POLICY, {REGULATED: {"tax_advice": False, "annex_iii_area": False}})

    assert listed.facts == {REGULATED: {"aml_of_record": True}}
    assert listed.outside == {REGULATED: ["aml_of_record", "tax_advice"]}
    assert mapped.facts == {REGULATED: {"annex_iii_area": False}}
    assert rate(POLICY, listed.facts).floors == ("F5",)
    assert "F3" in rate(POLICY, listed.facts).floors_undecided


def test_readable_other_facts() -> None:
    """What no policy of this kind reads is neither rated nor kept as an unknown value."""
    assert readable(POLICY, CHURN | {"colour": "blue"}) == readable(POLICY, CHURN)
    assert rate(POLICY, CHURN | {"colour": "blue"}) == rate(POLICY, CHURN)


def test_compile_policy_same() -> None:
    """One object a digest, however often the document is read."""
    again = PolicyDocument.model_validate(default_document())

    assert compile_policy(again) is POLICY
    assert changed(version="1.0.1") is not POLICY


def test_rate_disabled_regime() -> None:
    """Floors of a regime that is not enabled are neither TRUE nor undecided."""
    regimes = default_document()["regimes"]
    regimes["eu-ai-act"]["enabled"] = False
    without = changed(regimes=regimes)

    assert rate(POLICY, CHURN | {REGULATED: ["annex_i_product"]}).tier == "HIGH"
    assert rate(without, CHURN | {REGULATED: ["annex_i_product"]}).tier == "LOW"
    assert "F1" not in rate(without, {}).floors_undecided


def test_rate_added_purpose() -> None:
    """An older answer, kept as a mapping, does not state a purpose that a later policy adds."""
    document = default_document()
    document["purposes"]["tax_advice"] = {"regime": "firm", "asks": "advice on taxes"}
    document["floors"].append(
        {"id": "F11", "title": "tax advice", "regime": "firm", "hard": True, "to": "HIGH",
         "when": {"purpose": "tax_advice"}}
    )  # fmt: skip
    later = compile_policy(PolicyDocument.model_validate(document))
    answered = CHURN | {REGULATED: dict.fromkeys(purpose_names(), False)}

    assert rate(POLICY, answered).status == "FIRM"
    assert rate(later, answered).status == "PROVISIONAL"
    assert rate(later, answered).floors_undecided == ("F11",)


def test_rate_blocked() -> None:
    """A prohibited practice blocks; one that may be none does not, yet."""
    assert rate(POLICY, CHURN | {REGULATED: ["prohibited_practice"]}).blocked
    assert not rate(POLICY, CHURN | {REGULATED: {}}).blocked


def test_rate_own() -> None:
    """What feeds others is told by a model's own tier: before F8 and F9."""
    rating = rate(POLICY, CHURN | {"feeds_high_model": True, "red_signal_open": True})

    assert (rating.tier_low, rating.tier_high) == ("HIGH", "HIGH")
    assert (rating.own_low, rating.own_high) == ("LOW", "LOW")


@pytest.mark.parametrize(
    ("consumers", "feeds"),
    [
        ([], False),
        ([("LOW", "LOW"), ("MEDIUM", "MEDIUM")], False),
        ([("LOW", "HIGH"), ("MEDIUM", "MEDIUM")], None),
        ([("LOW", "HIGH"), ("HIGH", "HIGH")], True),
    ],
)
def test_feeds_high_model(consumers: list[tuple[Tier, Tier]], *, feeds: bool | None) -> None:
    """TRUE by a lower end that is HIGH, undecided by an upper one alone."""
    assert feeds_high_model(consumers) is feeds


def test_feeds_high_model_cycle() -> None:
    """Models that feed each other do not lift each other: after one pass nothing moves."""
    ring = [CHURN | {"feeds_high_model": False, REGULATED: [p]} for p in ("aml_of_record",)]
    ring += [CHURN, CHURN]
    tiers = []
    for _ in range(3):
        own = [(one.own_low, one.own_high) for one in (rate(POLICY, facts) for facts in ring)]
        ring = [
            facts | {"feeds_high_model": feeds_high_model([own[(at + 1) % 3]])}
            for at, facts in enumerate(ring)
        ]
        tiers.append([rate(POLICY, facts).tier for facts in ring])

    assert tiers[0] == ["HIGH", "LOW", "MEDIUM"]
    assert all(before == after for before, after in pairwise(tiers))
