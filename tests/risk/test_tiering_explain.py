"""Why a tier is what it is, and what differs between two ratings."""

from schemas.policies import PolicyDocument
from service.risk.tiering import (
    Change,
    Ground,
    ask_next,
    compare,
    compile_policy,
    explain,
    grounds,
)
from tests.risk.strategies import REGULATED, Facts, default_document, default_policy, vectors

POLICY = default_policy()
CHURN: Facts = next(one["facts"] for one in vectors() if one["name"] == "churn propensity")


def floor_grounds(floor: str, **facts: object) -> tuple[str, tuple[Ground, ...]]:
    """A floor's state and what it stands on, when a harmless model differs so."""
    stands = {one.id: one for one in grounds(POLICY, CHURN | facts).floors}[floor]
    return stands.state, stands.because


def test_explain_reasons() -> None:
    """Every factor says what it may be and what it adds; the sums are the axes."""
    explained = explain(POLICY, CHURN | {"data_sensitivity": {"one_of": ["public", "personal"]}})
    by_factor = {one.factor: one for one in explained.reasons}
    inherent = [one for one in explained.reasons if one.axis == "inherent"]

    assert by_factor["decision_role"].possible == ("assists",)
    assert by_factor["data_sensitivity"].possible == ("public", "personal")
    assert (by_factor["data_sensitivity"].points_low, explained.rating.inherent_low) == (0, 25)
    assert sum(one.points_high for one in inherent) == explained.rating.inherent_high == 35
    assert [(one.axis, one.low, one.high) for one in explained.bands] == [
        ("materiality", "LOW", "LOW"),
        ("inherent", "LOW", "MEDIUM"),
    ]


def test_explain_because_true() -> None:
    """Of `any` the true member is the reason, of `all` each."""
    purpose = f"{REGULATED}.aml_of_record"

    assert floor_grounds("F5", regulated_purposes=["aml_of_record"]) == (
        "TRUE", (Ground(purpose, (True,)),)
    )  # fmt: skip
    assert floor_grounds("F6b", data_sensitivity="special_category", decision_role="automated") == (
        "TRUE",
        (
            Ground("data_sensitivity", ("special_category",)),
            Ground("decision_role", ("automated",)),
        ),
    )


def test_explain_because_undecided() -> None:
    """The undecided facts leave it open; those that are stated do not."""
    state, because = floor_grounds(
        "F2", regulated_purposes=["annex_iii_area"], profiling=False, art6_3_assessed=True
    )

    assert state == "UNKNOWN"
    assert [ground.fact for ground in because] == ["art6_3_basis"]


def test_explain_because_false() -> None:
    """One false member of `all` is enough of a reason."""
    assert floor_grounds("F7") == ("FALSE", (Ground("model_class", ("tree_or_ensemble",)),))


def test_explain_what_if() -> None:
    """What would lower a tier: open answers and those that contradict what is stated."""
    facts = CHURN | {"data_sensitivity": {"one_of": ["personal", "special_category"]}}
    lowering = [one for one in explain(POLICY, facts).what_if if one.lowers]

    assert [(one.fact, one.answer, one.possible, one.tier_high) for one in lowering] == [
        ("data_sensitivity", "public", False, "LOW"),
        ("data_sensitivity", "internal", False, "LOW"),
        ("data_sensitivity", "personal", True, "LOW"),
    ]


def test_explain_what_if_purposes() -> None:
    """None of the open purposes reads as the list of all that are stated."""
    facts = CHURN | {REGULATED: {"us_high_impact": False}}
    moving = [one for one in explain(POLICY, facts).what_if if one.fact == REGULATED]

    assert (moving[0].answer, moving[0].possible, moving[0].lowers) == ([], True, True)
    assert {"aml_of_record": True} in [one.answer for one in moving if one.possible]
    assert {"us_high_impact": True} in [one.answer for one in moving if not one.possible]


def test_compare_facts() -> None:
    """Factors by their points, floors by their state; what stays is not listed."""
    before = grounds(POLICY, CHURN)
    after = grounds(POLICY, CHURN | {"data_sensitivity": "special_category"})
    difference = compare(before, after)

    assert difference.factors == (Change("data_sensitivity", (10, 10), (15, 15)),)
    assert difference.floors == (Change("F6a", ("FALSE",), ("TRUE", "MEDIUM")),)
    assert difference.bands == ()
    assert compare(after, after) == ((), (), ())


def test_compare_policies() -> None:
    """Of two policies also floors that only one has, unless they hold nowhere, and other limits."""
    document = default_document()
    document["bands"] = {"MEDIUM": 20, "HIGH": 60}
    document["axes"]["inherent"]["exposure"]["offline_batch"] = 2
    document["floors"] = [one for one in document["floors"] if one["id"] not in {"F9", "F10"}]
    next(one for one in document["floors"] if one["id"] == "F6a")["to"] = "HIGH"
    other = compile_policy(PolicyDocument.model_validate(document))
    facts = CHURN | {"data_sensitivity": "special_category", REGULATED: ["safety_component"]}

    difference = compare(grounds(POLICY, facts), grounds(other, facts))

    assert difference.factors == (Change("exposure", (0, 0), (2, 2)),)
    assert difference.bands == (Change("materiality", ("LOW", "LOW"), ("MEDIUM", "MEDIUM")),)
    assert difference.floors == (
        Change("F6a", ("TRUE", "MEDIUM"), ("TRUE", "HIGH")),
        Change("F10", ("TRUE", "HIGH"), None),
    )


def test_ask_next_below_floor() -> None:
    """What moves an axis below a floor that holds anyway is not asked for."""
    facts = CHURN | {"financial_exposure_per_year": "gt_100m", REGULATED: {}}
    facts["explainability"] = {"one_of": ["intrinsic", "none"]}

    lifted = ask_next(POLICY, facts | {"feeds_high_model": True})
    plain = ask_next(POLICY, facts)

    assert [one.fact for one in plain] == [REGULATED, "explainability"]
    assert [one.fact for one in lifted] == [REGULATED]
