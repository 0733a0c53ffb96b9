"""Strategies of what may be stated about a use, and the policy that ships with the software."""

import copy
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from schemas.policies import PolicyDocument
from schemas.yaml_walk import read_typed
from service.risk.tiering import Policy, compile_policy

SHIPPED: Final = files("service.risk").joinpath("policies/tiering-policy-v1.yaml")
VECTORS: Final = Path(__file__).parent / "data" / "tier-vectors.json"
REGULATED: Final = "regulated_purposes"
CATALOG: Final = ("feeds_high_model", "red_signal_open")
Facts = dict[str, Any]


def default_document() -> dict[str, Any]:
    """The policy that ships with the software, as a document of one's own."""
    document: dict[str, Any] = copy.deepcopy(_shipped())
    return document


@cache
def _shipped() -> Any:
    return read_typed(SHIPPED.read_bytes())


@cache
def default_policy() -> Policy:
    """The same, compiled."""
    return compile_policy(PolicyDocument.model_validate(_shipped()))


def without_floors() -> Policy:
    """A policy whose one floor never holds."""
    document = default_document()
    document["floors"] = document["floors"][:1]
    document["floors"][0]["when"] = {"not": {"fact": "profiling", "in": [True, False]}}
    return compile_policy(PolicyDocument.model_validate(document))


@cache
def vectors() -> list[dict[str, Any]]:
    """Profiles with what they must be rated, in every member."""
    read: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["vectors"]
    return read


def values_of(fact: str) -> list[Any]:
    """What a fact may be, by the document alone."""
    document = _shipped()
    for factors in document["axes"].values():
        if fact in factors:
            return list(factors[fact])
    return list(document["facts"][fact].get("values", [False, True]))


def fact_names() -> list[str]:
    """All factors and facts; not the purposes."""
    document = _shipped()
    return [*document["axes"]["materiality"], *document["axes"]["inherent"], *document["facts"]]


def purpose_names() -> list[str]:
    """All regulated purposes."""
    return list(_shipped()["purposes"])


def possible(facts: Mapping[str, Any], fact: str) -> list[Any]:
    """The values that a fact may still have, by what is stated."""
    said = facts.get(fact, {"one_of": values_of(fact)})
    return list(said["one_of"]) if isinstance(said, dict) else [said]


def purposes(facts: Mapping[str, Any]) -> dict[str, list[bool]]:
    """The answers that each purpose may still have."""
    said = facts.get(REGULATED, {})
    if isinstance(said, list):
        return {name: [name in said] for name in purpose_names()}
    return {name: [said[name]] if name in said else [False, True] for name in purpose_names()}


def _statements(fact: str) -> st.SearchStrategy[Any]:
    values = st.sampled_from(values_of(fact))
    narrowed = st.lists(values, min_size=2, unique=True).map(lambda some: {"one_of": some})
    return st.one_of(values, narrowed)


def _purposes() -> st.SearchStrategy[Any]:
    names = st.sampled_from(purpose_names())
    return st.one_of(
        st.just([]),
        st.lists(names, unique=True, max_size=2),
        st.dictionaries(names, st.booleans()),
        st.just(dict.fromkeys(purpose_names()[1:], False)),
    )


@st.composite
def profiles(draw: st.DrawFn, *, stated: tuple[str, ...] = ()) -> Facts:
    """Facts of a use: each a value, narrowed or not stated; `stated` ones are a value."""
    facts: Facts = {
        fact: draw(st.sampled_from(values_of(fact)) if fact in stated else _statements(fact))
        for fact in fact_names()
        if fact in stated or draw(st.booleans())
    }
    if draw(st.booleans()):
        facts[REGULATED] = draw(_purposes())
    return facts


@st.composite
def nearly_stated(draw: st.DrawFn) -> Facts:
    """Facts of a use of which all but a few are values: every completion can be tried."""
    left = draw(st.sets(st.sampled_from(fact_names()), max_size=4))
    facts: Facts = {
        fact: draw(_statements(fact) if fact in left else st.sampled_from(values_of(fact)))
        for fact in fact_names()
    }
    open_ones = draw(st.sets(st.sampled_from(purpose_names()), max_size=2))
    likely = st.sampled_from([False, False, False, False, True])
    facts[REGULATED] = {n: draw(likely) for n in purpose_names() if n not in open_ones}
    return facts


@st.composite
def narrowed(draw: st.DrawFn, facts: Facts) -> Facts:
    """The same facts with some stated or narrowed further."""
    more = dict(facts)
    for fact in draw(st.lists(st.sampled_from(fact_names()), min_size=1, max_size=4)):
        left = possible(more, fact)
        some = draw(st.lists(st.sampled_from(left), min_size=1, unique=True))
        more[fact] = some[0] if len(some) == 1 else {"one_of": some}
    if draw(st.booleans()):
        more[REGULATED] = {n: draw(st.sampled_from(a)) for n, a in purposes(more).items()}
    return more


def completed(facts: Facts) -> st.SearchStrategy[Facts]:
    """Everything stated, each fact by a value that it may still have."""
    answers = {name: st.sampled_from(left) for name, left in purposes(facts).items()}
    return st.fixed_dictionaries(
        {fact: st.sampled_from(possible(facts, fact)) for fact in fact_names()}
        | {REGULATED: st.fixed_dictionaries(answers)}
    )
