"""The facts that a use is rated by: of wholes with parts, counted ones, strange ones."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.risk.picture import Consumer, Looks, Part, Picture
from service.risk.tiering import compile_policy, rate
from service.risk.tiers.facts import UseFacts, use_facts
from tests.risk.pictures import NOON, SEEN, dataset, make_part, make_picture, make_policy

POLICY = make_policy()
SENSITIVITY = ("public", "internal", "personal", "special_category")
LATER, BEFORE = "2026-11-20T12:00:00.5+00:00", "2026-11-20T11:59:59.999999+00:00"


def read(picture: Picture, use: Part | None = None, **more: Any) -> UseFacts:
    """What is known of a use of the model."""
    return use_facts(picture, use, rules=more.pop("rules", POLICY), red_signal=False, **more)


def made_of(*datasets: Any, model: Part | None = None, **more: Any) -> Picture:
    """A model whose live version was made of these."""
    return make_picture(model, live=(make_part("retail/churn/1", *datasets),), **more)


def consumed(*ends: tuple[Any, Any], looks: Looks, model: Part | None = None) -> Picture:
    """A model that others say to depend on, with their own tiers."""
    return make_picture(
        model, consumers=tuple(Consumer(uuid4(), *one) for one in ends), looks=looks
    )


def test_facts_of_nothing() -> None:
    """What nobody states is absent; that no severe incident is open is known all the same."""
    found = read(make_picture())

    assert found.values == {"feeds_high_model": False, "red_signal_open": False}
    assert found.outside == {}


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        (["personal"], "personal"),
        (["public", "personal", "internal"], "personal"),
        (["personal", None], {"one_of": ["personal", "special_category"]}),
        (["special_category", None], "special_category"),
        ([{"one_of": ["public", "personal"]}], {"one_of": ["public", "internal", "personal"]}),
        ([{"one_of": ["public", "personal"]}, "internal"], {"one_of": ["internal", "personal"]}),
        (["personal", {"one_of": ["public", "internal"]}], "personal"),
    ],
)
def test_facts_of_a_whole(parts: list[Any], value: Any) -> None:
    """Any value between the greatest lower and the greatest upper end of the parts is possible.

    One personal dataset and one unknown give one of personal and special_category.
    """
    linked = [
        dataset(f"s3://lake/{at}", **({} if one is None else {"data_sensitivity": one}))
        for at, one in enumerate(parts)
    ]

    assert read(made_of(*linked)).values["data_sensitivity"] == value


@pytest.mark.parametrize("parts", [[], [None], ["public", None], [{"one_of": list(SENSITIVITY)}]])
def test_facts_of_a_whole_that_may_be_anything(parts: list[Any]) -> None:
    """What excludes no value is not stated."""
    linked = [
        dataset(f"s3://lake/{at}", **({} if one is None else {"data_sensitivity": one}))
        for at, one in enumerate(parts)
    ]

    assert "data_sensitivity" not in read(made_of(*linked)).values


def test_facts_the_model_speaks_for_its_parts() -> None:
    """What is said of the model holds for parts of which nobody says anything, and never lowers."""
    model = make_part("retail/churn", data_sensitivity="internal")

    assert read(made_of(dataset("a"), model=model)).values["data_sensitivity"] == "internal"
    worse = made_of(dataset("a"), dataset("b", data_sensitivity="personal"), model=model)
    assert read(worse).values["data_sensitivity"] == "personal"
    assert read(worse).facts["data_sensitivity"].entry == dataset("b").target.id
    better = made_of(dataset("a", data_sensitivity="public"), model=model)
    assert read(better).values["data_sensitivity"] == "internal"


def test_facts_of_all_live_versions() -> None:
    """The riskiest live version counts; a model without a version may say what it is itself."""
    live = (
        make_part("retail/churn/1", model_class="tree_or_ensemble", origin="in_house"),
        make_part("retail/churn/2", model_class="generative"),
    )
    found = read(make_picture(live=live)).values
    assert found["model_class"] == "generative"
    assert "origin" not in found  # the second version's may be any

    alone = make_picture(make_part("retail/churn", model_class="agentic"))
    assert read(alone).values["model_class"] == "agentic"


def test_facts_datasets_of_the_model_count_too() -> None:
    """What the model names for all of its versions is data that it uses."""
    model = make_part("retail/churn", dataset("a", data_sensitivity="special_category"))

    found = read(made_of(dataset("b", data_sensitivity="public"), model=model))

    assert found.values["data_sensitivity"] == "special_category"


def test_facts_strange_values_are_kept_raw() -> None:
    """A value that the policy does not know is never mapped: it is kept, and counts as unknown."""
    alone = read(made_of(dataset("a", data_sensitivity="biometric")))
    assert alone.outside == {"data_sensitivity": "biometric"}
    assert "data_sensitivity" not in alone.values

    beside = read(
        made_of(
            dataset("a", data_sensitivity="biometric"), dataset("b", data_sensitivity="personal")
        )
    )
    assert beside.outside == {"data_sensitivity": "biometric"}
    assert beside.values["data_sensitivity"] == {"one_of": ["personal", "special_category"]}

    narrowed = {"one_of": ["public", "biometric"]}
    partly = read(made_of(dataset("a", data_sensitivity=narrowed)))
    assert partly.outside == {"data_sensitivity": narrowed}
    assert "data_sensitivity" not in partly.values


def counting(limits: dict[str, int] | None) -> Any:
    """The policy with other limits of how many consume an output, or none at all."""
    numeric = {n: v for n, v in POLICY.document.numeric.items() if n != "downstream_dependents"}
    if limits is not None:
        numeric["downstream_dependents"] = limits
    document = POLICY.document.model_copy(update={"numeric": numeric})
    return POLICY._replace(document=document, compiled=compile_policy(document))


@pytest.mark.parametrize("looks", [SEEN, Looks()])
@pytest.mark.parametrize("ends", [(), (("LOW", "LOW"),)])
def test_facts_of_a_policy_that_counts_otherwise(ends: Any, looks: Looks) -> None:
    """A policy may count no consumers, or begin above those that there are: nothing breaks."""
    numbers = POLICY.document.numeric["downstream_dependents"]
    above = {name: limit + 5 for name, limit in numbers.items()}

    for limits in (None, above):
        found = read(consumed(*ends, looks=looks), rules=counting(limits))
        assert "downstream_dependents" not in found.values


def test_facts_strange_values_of_a_use() -> None:
    """The same holds for what a use states."""
    use = make_part("offers", decision_role="ponders", exposure="internal_api")

    found = read(make_picture(uses=(use,)), use)

    assert found.outside == {"decision_role": "ponders"}
    assert found.values["exposure"] == "internal_api"
    assert "decision_role" not in found.values


def test_facts_of_use_and_model() -> None:
    """Exposure is the use's, or else the model's; a linked assessment is one that is written."""
    model = make_part("retail/churn", exposure="offline_batch", update_mode="static",
                      explainability={"one_of": ["intrinsic", "post_hoc"]})  # fmt: skip
    use = make_part("offers", source="owners", people_affected_per_year=70_000,
                    art6_3_ref="https://wiki.acme.example/6-3")  # fmt: skip
    picture = make_picture(model, uses=(use,))

    found = read(picture, use)
    assert found.values == {
        "art6_3_assessed": True,
        "explainability": {"one_of": ["intrinsic", "post_hoc"]},
        "exposure": "offline_batch",
        "feeds_high_model": False,
        "people_affected_per_year": 70_000,
        "red_signal_open": False,
        "update_mode": "static",
    }
    told = found.facts["people_affected_per_year"]
    assert (told.source, told.observed_at, told.entry) == ("owners", NOON, use.id)

    declined = make_part("offers", art6_3_ref=None, exposure="customer_facing")
    found = read(picture, declined)
    assert found.values["art6_3_assessed"] is False
    assert found.values["exposure"] == "customer_facing"


def test_facts_three_consumers_without_a_complete_look() -> None:
    """What was found without a complete look counts as at least this."""
    three = [("LOW", "LOW")] * 3
    looked = consumed(*three, looks=SEEN)
    assert read(looked).values["downstream_dependents"] == 3

    partly = consumed(*three, looks=Looks(observed=True))
    assert read(partly).values["downstream_dependents"] == {"one_of": ["3_9", "ge_10"]}
    many = consumed(*three * 4, looks=Looks(observed=True))
    assert read(many).values["downstream_dependents"] == 12


def test_facts_no_consumers() -> None:
    """Nothing found is a zero only after a complete look."""
    assert read(consumed(looks=SEEN)).values["downstream_dependents"] == 0
    assert "downstream_dependents" not in read(consumed(looks=Looks(observed=True))).values


def test_facts_counting_only_raises() -> None:
    """A stated number stands until more consumers are seen than that."""
    model = make_part("retail/churn", downstream_dependents=2)

    fewer = consumed(("LOW", "LOW"), looks=SEEN, model=model)
    assert read(fewer).values["downstream_dependents"] == 2
    assert read(fewer).facts["downstream_dependents"].source == "mlflow-prod"
    more = consumed(*[("LOW", "LOW")] * 5, looks=SEEN, model=model)
    assert read(more).values["downstream_dependents"] == 5
    assert read(more).facts["downstream_dependents"].source == "catalog"
    at_least = consumed(*[("LOW", "LOW")] * 5, looks=Looks(observed=True), model=model)
    assert read(at_least).values["downstream_dependents"] == {"one_of": ["3_9", "ge_10"]}


@pytest.mark.parametrize(
    ("ends", "looks", "fed"),
    [
        ([("HIGH", "HIGH")], Looks(observed=True), True),
        ([("LOW", "LOW"), ("HIGH", "HIGH")], SEEN, True),
        ([("LOW", "HIGH")], SEEN, None),
        ([(None, None)], SEEN, None),  # nobody has rated it: it may be anything
        ([("LOW", "MEDIUM")], SEEN, False),
        ([("LOW", "MEDIUM")], Looks(observed=True), None),  # there may be others
        ([], SEEN, False),
        ([], Looks(observed=True), None),
        ([], Looks(), False),  # there is nothing that could ever see one
    ],
)
def test_facts_feeds_high_model(ends: list[Any], *, looks: Looks, fed: bool | None) -> None:
    """One HIGH consumer is enough; none is a statement only when all have been looked for."""
    found = read(consumed(*ends, looks=looks)).values

    assert found.get("feeds_high_model") is fed


def test_facts_purposes_as_a_list() -> None:
    """A list states every purpose; what it does not name is false."""
    use = make_part("offers", regulated_purposes=["creditworthiness"])
    said = read(make_picture(uses=(use,)), use).values["regulated_purposes"]
    assert said.keys() == POLICY.document.purposes.keys()
    assert [name for name, holds in said.items() if holds] == ["creditworthiness"]

    none = make_part("offers", regulated_purposes=None)  # stated empty
    said = read(make_picture(uses=(none,)), none).values["regulated_purposes"]
    assert said == dict.fromkeys(sorted(POLICY.document.purposes), False)


def test_facts_purposes_as_a_mapping() -> None:
    """A mapping states only those that it names."""
    use = make_part("offers", regulated_purposes={"creditworthiness": False})

    found = read(make_picture(uses=(use,)), use)

    assert found.values["regulated_purposes"] == {"creditworthiness": False}


@pytest.mark.parametrize(
    ("since", "stated"), [(LATER, False), (BEFORE, True), (NOON, True), (None, True)]
)
def test_facts_purpose_of_a_later_policy(since: str | None, *, stated: bool) -> None:
    """A list that was given before a purpose was asked for does not state that one."""
    rules = make_policy({"safety_component": since} if since else {})
    use = make_part("offers", regulated_purposes=[])

    found = read(make_picture(uses=(use,)), use, rules=rules).values["regulated_purposes"]

    assert ("safety_component" in found) is stated
    assert len(found) == len(POLICY.document.purposes) - (not stated)


def test_facts_purpose_of_a_later_policy_that_is_named() -> None:
    """Whoever names it has stated it, whenever that was."""
    use = make_part("offers", regulated_purposes=["safety_component"])

    found = read(
        make_picture(uses=(use,)), use, rules=make_policy({"safety_component": LATER})
    ).values["regulated_purposes"]

    assert found["safety_component"] is True


def test_facts_strange_purpose() -> None:
    """A list with a strange purpose states those that it names, and no other is false."""
    use = make_part("offers", regulated_purposes=["creditworthiness", "astrology"])

    found = read(make_picture(uses=(use,)), use)

    assert found.outside == {"regulated_purposes": ["creditworthiness", "astrology"]}
    assert found.values["regulated_purposes"] == {"creditworthiness": True}


said = st.sampled_from(SENSITIVITY)
part = said | st.none() | st.sets(said, min_size=1).map(lambda one: {"one_of": sorted(one)})


@given(parts=st.lists(part, min_size=1, max_size=4), at=st.integers(0, 3), value=said)
def test_facts_stating_a_part_never_widens(parts: list[Any], at: int, value: str) -> None:
    """To say of one dataset what nobody said leaves a tier that was possible before."""
    at %= len(parts)
    told = [*parts[:at], value, *parts[at + 1 :]]
    if parts[at] is not None and value not in (
        parts[at]["one_of"] if isinstance(parts[at], dict) else [parts[at]]
    ):
        return
    before, after = (
        rate(POLICY.compiled, read(made_of(*(
            dataset(f"d{i}", **({} if one is None else {"data_sensitivity": one}))
            for i, one in enumerate(many)
        ))).values)
        for many in (parts, told)
    )  # fmt: skip

    assert before.inherent_low <= after.inherent_low <= after.inherent_high <= before.inherent_high
