"""Hostile requests: every route refuses them in its own words, and lives on."""

import json
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.access.asked import Row
from tests.access.matrix import MATRIX
from tests.support.catalog import make_source
from tests.support.http import HOST, Service, spoken

CANARY = "cAnArY7531"
JSON = {"Content-Type": "application/json"}
WITH_BODY = [row for row in MATRIX if row.method in {"POST", "PUT"}]


@pytest.fixture
def admin(service: Service) -> str:
    """Someone who may write."""
    return service.token("admin")


def test_hostile_names_nearest(service: Service, admin: str) -> None:
    """INJ-01, INJ-02, INJ-08: unknown, repeated and absurd parameters are 422."""
    near = {
        "models?page_sise=5": ("?page_sise", "Did you mean page_size?"),
        "models?owner__si=unknown": ("?owner__si", "Did you mean owner__is?"),
        "versions?modell=x": ("?modell", "Did you mean model?"),
        "models/retail/churn?provenanse=true": ("?provenanse", "Did you mean provenance?"),
        "models/retail/churn/versions?sise=1": ("?sise", None),
        "tokens?limit=1": ("?limit", None),
        "models?page_size=1&page_size=2": ("?page_size", None),
        "models?name=a&name=b": ("?name", None),
    }
    for path, (pointer, fix) in near.items():
        answer = service.ask("GET", path, admin)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), path
        errors = answer.json()["errors"]
        assert [error["pointer"] for error in errors] == [pointer]
        assert fix in {None, errors[0]["fix"]}
    for refused in (
        "page_size=0", "page_size=1001", "page_size=-1", "page_size=1e3", "page_size=%201",
        "page_size=1_0", f"page_size={10**30}", "page_size=%D9%A3", "page_size=", "page_token=",
        "page_size=1%0a", "sort=name;drop table", "sort=(select 1)", "token_hash=a", "name[gt]=1",
        "name__startswith=a", "offset=1", "namespace=", "namespace=a,,b", "name=%00", "name=a%0ab",
        "lifecycle=prod", "stub=1", "gone=yes", "owner__is=maybe", "tags__has=%e2%80%ae",
        f"name={','.join(['x'] * 101)}", "source=%ED%A0%80%00",
    ):  # fmt: skip
        answer = service.ask("GET", f"models?{refused}", admin)
        expected = {400, 422} if refused == "page_token=" else {422}
        assert answer.status_code in expected, refused


HOSTILE = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
        | st.just(CANARY),
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([
                "role", "source", "days", "namespaces", "harvest", "scope", "coverage", "subject",
                "observations", "sightings", "facts", "outcome", "name", "kind", "settings",
                "observed_at", "value", "digest", "namespace", "may_name", "cursor", "skipped",
            ]),
            inner, max_size=5,
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip


def test_hostile_bodies(service: Service, admin: str) -> None:
    """PARSE-07: whatever is sent to whatever route, nothing is a 5xx, and no value comes back."""
    make_source(service.database)
    token = service.token("source", source_name="mlflow-prod")

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.sampled_from(WITH_BODY), HOSTILE)
    def send(row: Row, body: bytes) -> None:
        who = admin if row.statuses[5] < 400 else token
        answer = service.ask(row.method, row.asked or row.path, who, content=body, headers=JSON)

        assert answer.status_code < 500, (row.path, body, answer.text)
        assert CANARY not in answer.text

    send()


def test_hostile_addresses(service: Service, admin: str) -> None:
    """PARSE-14, INJ-03: names in addresses are opaque: found or not, never a 5xx."""
    odd = (
        "..", "%2e%2e%2f", "%252e", "file:%2f%2f%2f", "C:%5c", "%00", "%0d%0a", "%ed%a0%80", "%ff",
        "'%20OR%201=1", "%25", "%5f", "@", "@champion", "@%00", "%e2%80%ae", "%", "%zz",
        "x" * 3_000,
        "%f0%9f%98%80", "%c3%a9", "{0.__class__}", "%ef%bc%9d", "a%2fb", "a%252fb", "%ef%bf%be",
    )  # fmt: skip
    with_place = [row for row in MATRIX if "{" in row.path]
    for row, text in product(with_place, odd):
        path = row.path
        for name in (
            "{namespace}",
            "{name}",
            "{version}",
            "{source}",
            "{harvest}",
            "{public_id}",
            "{code}",
        ):
            path = path.replace(name, text)
        head = (
            f"{row.method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n"
            f"Authorization: Bearer {admin}\r\n\r\n"
        )
        said = spoken(service.port, head.encode())

        proved = {b"401"} if row.path.startswith("/hooks/") else set()  # by a signature alone
        refused = {b"400", b"403", b"404", b"415", b"422"} | proved
        assert said.split()[1] in refused, (row, text)
