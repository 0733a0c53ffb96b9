"""Facets and counts: of the filtered set, and of nothing that the caller may not see."""

from typing import Any

import pytest

from service.catalog.facets import TOP
from tests.conftest import Statements
from tests.support.catalog import gone, make_source, model, post
from tests.support.http import Service

ADA, BOB = (
    {"owner": {"kind": "owner", "scheme": "email", "value": f"{name}@acme.example"}}
    for name in ("ada", "bob")
)


def shown(answer: Any, name: str) -> dict[str, int]:
    """A facet's values with their counts, and its states as far as anything is in them."""
    facet = answer["facets"][name]
    values = {one["value"]: one["count"] for one in facet["values"]}
    states = {f"({name})": facet[name] for name in ("unknown", "empty", "narrowed", "others")}
    return values | {name: count for name, count in states.items() if count}


@pytest.fixture
def counted(service: Service) -> Service:
    """Models in two namespaces, with every state of a field."""
    prod = make_source(service.database)
    other = make_source(service.database, "mlflow-other", namespace="wholesale")
    post(
        service.database,
        prod,
        model("a", lifecycle="production", owners=[ADA, BOB], tags=["pii", "x"]),
        model("b", lifecycle="production", owners=[ADA], tags=["x"]),
        model("c", lifecycle=None, owners=[], model_class={"one_of": ["agentic", "generative"]}),
        model("d", model_class="agentic"),
    )
    hidden = model("e", source="mlflow-other", lifecycle="pilot", owners=[BOB])
    hidden["facts"]["namespace"] = "wholesale"
    post(service.database, other, hidden)
    return service


FACETS = "namespace,lifecycle,owner,source,model_class,gone,stub"
ALL = {
    "namespace": {"retail": 4, "wholesale": 1},
    "lifecycle": {"production": 2, "pilot": 1, "(unknown)": 1, "(empty)": 1},
    "owner": {"ada@acme.example": 2, "bob@acme.example": 2, "(unknown)": 1, "(empty)": 1},
    "source": {"mlflow-prod": 4, "mlflow-other": 1},
    "model_class": {"agentic": 1, "(unknown)": 3, "(narrowed)": 1},
    "gone": {"false": 5},
    "stub": {"false": 5},
}
RETAIL = {
    "namespace": {"retail": 4},
    "lifecycle": {"production": 2, "(unknown)": 1, "(empty)": 1},
    "owner": {"ada@acme.example": 2, "bob@acme.example": 1, "(unknown)": 1, "(empty)": 1},
    "source": {"mlflow-prod": 4},
    "model_class": {"agentic": 1, "(unknown)": 2, "(narrowed)": 1},
    "gone": {"false": 4},
    "stub": {"false": 4},
}


def test_facets(counted: Service) -> None:
    """Each value with its rows; unknown, empty and narrowed stay apart."""
    answer = counted.get("models", facet=FACETS, page_size="1", count="exact")

    assert {name: shown(answer, name) for name in ALL} == ALL
    assert (answer["total"], len(answer["items"])) == (5, 1)


def test_facets_visible(counted: Service) -> None:
    """A reader of one namespace is not told by counts that there are others."""
    token = counted.token(namespaces=["retail"])
    for count in ("exact", "estimated"):
        answer = counted.get("models", token, facet=FACETS, count=count)

        assert {name: shown(answer, name) for name in RETAIL} == RETAIL
        assert answer["total"] == 4


def test_facets_filtered(counted: Service) -> None:
    """They count what matches all filters, their own field's too."""
    asked = {"lifecycle": "production", "owner": "bob@acme.example"}
    answer = counted.get("models", facet="lifecycle,owner,tags", count="exact", **asked)

    assert answer["total"] == 1
    assert shown(answer, "lifecycle") == {"production": 1}
    assert shown(answer, "owner") == {"ada@acme.example": 1, "bob@acme.example": 1}
    assert shown(answer, "tags") == {"pii": 1, "x": 1}
    searched = counted.get("models", facet="lifecycle", q="ada")
    assert shown(searched, "lifecycle") == {"production": 2}
    none = counted.get("models", facet="lifecycle", q="nowhere", count="exact")
    assert (shown(none, "lifecycle"), none["total"]) == ({}, 0)


def test_facets_of_cards_and_facts_alike(counted: Service) -> None:
    """What is counted from the cards is what the facts say, also where a card has no room."""
    post(
        counted.database,
        make_source(counted.database),
        model("long", owners=[
            {"owner": {"kind": "owner", "scheme": "handle", "value": f"{n:03}{'é' * 90}"}}
            for n in range(30)
        ]),
        gone(model("d"), "2026-11-21T00:00:00Z"),
    )  # fmt: skip
    by_card = counted.get("models", facet=FACETS)
    by_facts = counted.get("models", facet=f"{FACETS},tags")  # tags stand on no card

    assert shown(by_card, "gone") == {"false": 5, "true": 1}
    assert shown(by_card, "owner")["(others)"] == 32 - TOP
    assert {n: shown(by_card, n) for n in ALL} == {n: shown(by_facts, n) for n in ALL}


def test_facets_follow_changes(counted: Service) -> None:
    """A change of facts or owners, and an end, show at once."""
    source = make_source(counted.database)
    later = "2026-11-21T00:00:00Z"
    post(
        counted.database, source,
        model("a", at=later, lifecycle="suspended", owners=[BOB]),
        gone(model("b"), later),
    )  # fmt: skip
    answer = counted.get("models", facet="lifecycle,owner,gone")

    assert shown(answer, "lifecycle") == {
        "pilot": 1, "production": 1, "suspended": 1, "(unknown)": 1, "(empty)": 1,
    }  # fmt: skip
    assert shown(answer, "owner") == {
        "bob@acme.example": 2, "ada@acme.example": 1, "(unknown)": 1, "(empty)": 1,
    }  # fmt: skip
    assert shown(answer, "gone") == {"false": 4, "true": 1}


def test_counts_estimated(counted: Service) -> None:
    """An estimate is a number; what it costs is a plan."""
    assert counted.get("models", count="estimated")["total"] >= 0
    assert counted.get("models")["total"] is None
    assert counted.get("models")["facets"] is None


def test_invariant_12_statements_of_counts(counted: Service, statements: Statements) -> None:
    """Each count is one statement, however many facets there are."""
    counted.get("models")  # the first request of a token notes its use
    counts = {}
    for asked in (
        "",
        "facet=owner",
        f"facet={FACETS}",
        f"facet={FACETS}&count=exact",
        "q=a",
        "q=retial&facet=owner",
        "source=mlflow-prod",
        "as_of=2026-01-01",
    ):
        with statements() as said:
            counted.get(f"models?{asked}")
        counts[asked] = len(said)

    assert list(counts.values()) == [3, 4, 4, 5, 4, 7, 4, 5]


def test_facets_of_several_lines(service: Service) -> None:
    """A fact may be written on several lines; its facet shows the value as it is."""
    prod = make_source(service.database)
    post(service.database, prod, model("a", license="MIT\n\tand others", tags=["x\ny"]))

    answer = service.get("models", facet="license,tags")

    assert shown(answer, "license") == {"MIT\n\tand others": 1}
    assert shown(answer, "tags") == {"x\ny": 1}
