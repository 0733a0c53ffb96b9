"""Pages in any order: no row is skipped or repeated, whatever is unknown, equal or descending."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.filters import sortable
from schemas.identifiers import Kind
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service

LIFECYCLES = ("production", "pilot", None)
MOMENTS = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-03-01T00:00:00Z")


@pytest.fixture
def many(service: Service) -> Service:
    """Models with few different values, and with none."""
    documents = []
    for n in range(36):
        facts: dict[str, Any] = {"display_name": f"Title {n % 5}"} if n % 4 else {}
        if n % 3:
            facts |= {"lifecycle": LIFECYCLES[n % 3 - 1], "downstream_dependents": n % 7}
        if n % 5:
            facts["created_at"] = MOMENTS[n % 3]
        documents.append(model(f"m{n:02}", **facts))
    source = make_source(service.database)
    post(service.database, source, *documents, *(version(n, "m00") for n in range(1, 13)))
    return service


def walked(service: Service, path: str, **asked: str) -> list[Any]:
    """All rows, page by page."""
    found: list[Any] = []
    token = None
    while True:
        page = service.get(path, **asked, **({"page_token": token} if token else {}))
        found += page["items"]
        token = page["next_page_token"]
        if token is None:
            return found


ORDERS = st.lists(
    st.tuples(st.sampled_from(["", "-"]), st.sampled_from(sortable(Kind.MODEL))).map("".join),
    min_size=1, max_size=3,
)  # fmt: skip


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ORDERS, st.sampled_from(["1", "5", "13"]))
def test_pages_any_order(many: Service, order: list[str], size: str) -> None:
    """The pages hold the rows of the whole list, in its order."""
    asked = {"sort": ",".join(order)}
    whole = many.get("models", page_size="1000", **asked)["items"]

    assert walked(many, "models", page_size=size, **asked) == whole
    assert len({row["id"] for row in whole}) == 36


def test_order(many: Service) -> None:
    """What is not known comes last, whichever the direction; ties are broken by the next field."""
    found = {}
    for order in ("created_at,name", "-created_at,name", "-downstream_dependents,-name"):
        rows = many.get("models", sort=order, page_size="1000")["items"]
        field = order.split(",")[0].removeprefix("-")
        found[order] = [(row["facts"].get(field), row["name"]) for row in rows]
    known = {
        order: [pair for pair in pairs if pair[0] is not None] for order, pairs in found.items()
    }

    for order, pairs in found.items():
        assert pairs[: len(known[order])] == known[order]
        assert len(pairs) > len(known[order]) > 0
    by_time = known["created_at,name"]
    assert by_time == sorted(by_time)
    assert known["-created_at,name"] == sorted(
        by_time, key=lambda pair: (-MOMENTS.index(moment(pair[0])), pair[1])
    )
    descending = known["-downstream_dependents,-name"]
    assert descending == sorted(descending, reverse=True)


def moment(written: str) -> str:
    """As it was stated."""
    return written.replace(".000000Z", "Z")


def test_order_of_versions(many: Service) -> None:
    """Versions stand by number, not by its digits; also in pages."""
    numbers = [row["number"] for row in walked(many, "versions", page_size="5")]

    assert numbers == [str(n) for n in range(1, 13)]


def test_tokens_bound_to_order_and_moment(many: Service) -> None:
    """A token of another order, search, moment or list is refused."""
    token = many.get("models", page_size="5", sort="-name")["next_page_token"]
    others: tuple[dict[str, str], ...] = (
        {}, {"sort": "name"}, {"sort": "-name", "q": "m01"},
        {"sort": "-name", "as_of": "2026-01-01"}, {"sort": "-name", "gone": "false"},
    )  # fmt: skip
    for asked in others:
        answer = many.ask("GET", "models", many.reader, params=asked | {"page_token": token})

        assert (answer.status_code, answer.json()["code"]) == (400, "page_token_refused"), asked
    same = many.get("models", page_size="3", sort="-name", page_token=token, count="exact")
    assert [row["facts"]["name"] for row in same["items"]] == ["m30", "m29", "m28"]
    assert same["total"] == 36
