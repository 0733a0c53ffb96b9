"""No route without a policy, and every policy holds for every kind of caller."""

import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import BaseRoute, Mount

from schemas.identities import Proved
from service.app import build
from service.db import Database
from service.routing import CatalogRoute
from tests.access.asked import HARVEST, ROLES, UNPROVED, Row
from tests.access.matrix import MATRIX
from tests.conftest import Statements
from tests.support.accounts import make_owner, owned_by
from tests.support.catalog import make_source, model, post, rows, version, written
from tests.support.http import HOST, Service, make_settings, opened, spoken

GUARDED = [row for row in MATRIX if row.statuses[0] == 401 and row.statuses != UNPROVED]
UNSAFE = [row for row in GUARDED if row.method != "GET"]
UNDECLARED = ("HEAD", "OPTIONS", "TRACE", "PATCH", "SEARCH")
ODD_PATHS = (
    "/api/v1/models;/livez", "/api/v1/models;x=/livez", "/api/v1/models/%2e%2e/livez",
    "/livez/../api/v1/models", "/livez/%2e%2e/api/v1/models", "//api/v1/models",
    "/API/V1/models", "/api/v1/models/", "/api/v1/models.", "/api/v1/models%00",
    "/api/v1%2fmodels", "/api/v1/models%2f", "/api/v1/models%3f", "/./api/v1/models",
    "/livez%2f..%2fapi/v1/models", "/static/../api/v1/models", "/api/v1/./models", "/livez%00",
)  # fmt: skip
MALFORMED = (
    "", "Bearer", "Bearer ", "Bearer  {token}", "bearer\t{token}", "Basic {token}", "{token}",
    "Bearer {token}, Bearer {token}", "Bearer {token} x", "Token {token}", "Bearer {token}=",
    "Bearer null", "Bearer mcatp_", "Bearer mcätp_x", "Bearer " + "A" * 20_000,
)  # fmt: skip
UNBOUND = Proved(provider="oidc", issuer="https://ci", subject="job", binding="none any more")
NAMELESS = "postgresql://nobody@127.0.0.1/nothing"


def routes_of(routes: Iterable[BaseRoute | RouteContext], below: str = "") -> Iterator[Any]:
    """Every real route, mounted ones too; an object of an unknown kind fails the test."""
    for context in iter_route_contexts(list(routes)):
        route = context.original_route
        if isinstance(route, Mount):
            yield from routes_of(route.routes, below + route.path)
        else:
            assert isinstance(route, CatalogRoute), f"{route!r} at {below} has no policy"
            yield from (
                (method, below + str(context.path), route) for method in sorted(route.methods or ())
            )


def address(row: Row) -> str:
    """Where a row's request goes."""
    return row.asked or row.path


@pytest.fixture
def callers(service: Service) -> dict[str, str | None]:
    """A token for each kind of caller, and something to read in namespace `retail`."""
    source = make_source(service.database, may_grant_ownership=True)
    make_source(service.database, "mlflow-other")
    post(service.database, source, model(owners=[owned_by("anna")]), version(1))
    make_owner(service, "anna", "handle:anna", namespace="retail")
    return {
        "anonymous": None,
        "reader": service.token(namespaces=["retail"]),
        "elsewhere": service.token(namespaces=["wholesale"]),
        "owner": service.token_of("anna"),
        "reviewer": service.token("reviewer", namespaces=["retail"]),
        "auditor": service.token("auditor"),
        "source": service.token("source", source_name="mlflow-prod"),
        "other_source": service.token("source", source_name="mlflow-other"),
        "ci": service.token("ci", kind="s", source_name="mlflow-prod", proved=UNBOUND),
        "admin": service.token("admin"),
        "bootstrap": service.token("bootstrap"),
    }


def test_invariant_11_matrix_names_every_route() -> None:
    """No route works without a declared access policy; the test enumerates the real routes.

    AUTH-05, AUTHZ-01: a route without a row fails, and so does a row without a route.
    """
    database = Database(NAMELESS)
    app = build(make_settings(database), database)
    found = [(method, path) for method, path, _ in routes_of(app.routes)]

    assert sorted(found) == sorted((row.method, row.path) for row in MATRIX)
    assert {len(row.statuses) for row in MATRIX} == {len(ROLES)}


def test_invariant_11_unmarked_route() -> None:
    """No route works without a declared access policy: it cannot even be defined."""

    def unguarded() -> None:
        """Nothing."""

    with pytest.raises(ValueError, match="declares no policy"):
        CatalogRoute("/x", unguarded)


def test_invariant_11_matrix_holds(service: Service, callers: dict[str, str | None]) -> None:
    """AUTHZ-01, AUTHZ-10, AUTHZ-11, TOK-05: every route answers every caller as the matrix says."""
    answered = {
        (row.method, row.path, role): service.ask(
            row.method, address(row), callers[role], json=row.body
        ).status_code
        for row, role in product(MATRIX, ROLES)
    }

    assert answered == {
        (row.method, row.path, role): status
        for row in MATRIX
        for role, status in zip(ROLES, row.statuses, strict=True)
    }


def test_invariant_11_policy_before_body(service: Service) -> None:
    """The policy is checked before the body is read: a malformed one is 401, not 400 or 422."""
    for row, headers in product(GUARDED, ({"Content-Type": "application/json"}, {})):
        answer = service.ask(row.method, address(row), content=b"{", headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), row


def test_invariant_11_body_never_arrives(service: Service) -> None:
    """A body that is announced and never sent still gets its 401, and its connection an end."""
    for row in UNSAFE:
        head = (
            f"{row.method} {address(row)} HTTP/1.1\r\nHost: {HOST}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        answer = spoken(service.port, head.encode())

        assert answer.startswith(b"HTTP/1.1 401 "), row
        assert b"\r\nconnection: close\r\n" in answer


def test_invariant_11_parallel_writes_on_small_pool(database_url: str) -> None:
    """The policy is checked without holding a pooled connection: 20 writes pass 5 connections."""
    database = Database(database_url, pool=5)
    with opened(database) as service, ThreadPoolExecutor(20) as pool:
        admin = service.token("admin")

        def make(_number: int) -> int:
            return service.ask("POST", "tokens", admin, json={"role": "reader"}).status_code

        assert list(pool.map(make, range(20))) == [201] * 20
    database.dispose()


def test_policy_refused_writes_nothing(
    service: Service, callers: dict[str, str | None], statements: Statements
) -> None:
    """AUTHZ-02: whoever may not do something is refused before anything is written."""
    for role in ("reader", "source"):
        service.ask("GET", "/version", callers[role])  # its use is noted once a minute
    before = written(service.database)
    with statements() as said:
        for row, role in product(UNSAFE, ("anonymous", "reader")):
            if (refused := row.statuses[ROLES.index(role)]) in {401, 403}:
                answer = service.ask(row.method, address(row), callers[role], json=row.body)
                assert answer.status_code == refused, (row.method, row.path, role)

    reading = ("SELECT", "WITH", "SET LOCAL", "UPDATE token SET last_used_at")
    assert [one for one in said if not one.lstrip().startswith(reading)] == []
    assert written(service.database) == before


def test_policy_safe_methods_write_nothing(
    service: Service, callers: dict[str, str | None], statements: Statements
) -> None:
    """AUTHZ-03: nothing changes through GET, for any caller; the database would not let it.

    But for the export log: that a file went out is written down when it ends.
    """
    for role in ROLES:
        service.ask("GET", "/version", callers[role])
    before = written(service.database)
    with statements() as said:
        for row, role in product(MATRIX, ROLES):
            if row.method == "GET":
                service.ask("GET", address(row), callers[role])

    allowed = ("SELECT", "WITH", "SET LOCAL", "SHOW", "FETCH", "CLOSE")
    noted = "UPDATE token SET last_used_at"  # once a minute: this may take longer
    logged = "INSERT INTO change "
    assert [one for one in said if not one.lstrip().startswith((*allowed, noted, logged))] == []
    ops = "SELECT DISTINCT canon::jsonb ->> 'op' FROM change WHERE kind = 'export'"
    assert rows(service.database, ops) == [("stream",)]
    assert written(service.database) | {"change": ()} == before | {"change": ()}


def test_policy_undeclared_method(service: Service) -> None:
    """AUTH-05: a method that no route declares is 405, for anyone; `Allow` lists those that are."""
    known: dict[str, tuple[str, set[str]]] = {}
    for row in MATRIX:
        known.setdefault(row.path, (address(row).partition("?")[0], set()))[1].add(row.method)
    for (template, (path, methods)), method in product(known.items(), UNDECLARED):
        answer = service.ask(method, path, service.reader)

        assert answer.status_code == 405, (method, path)
        allowed = set(answer.headers["allow"].split(", "))
        _, also = known.get(template.rpartition(":")[0], ("", set()))  # a name may have a colon
        assert methods <= allowed <= methods | also, (method, path)
        assert method == "HEAD" or answer.json()["code"] == "method_not_allowed"


def test_policy_odd_path(service: Service) -> None:
    """AUTH-06, PARSE-14: routes are matched as routes, never by a piece of the raw path."""
    for path in ODD_PATHS:
        head = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"

        assert spoken(service.port, head.encode()).split()[1] in {b"401", b"404"}, path


def test_policy_forwarded_headers(service: Service) -> None:
    """AUTH-07: no header of a client that is no proxy changes who asks, for what, or how."""
    headers = {
        "X-Forwarded-User": "admin", "X-User": "admin", "X-Actor": "admin",
        "X-Remote-User": "admin", "X-Original-URL": "/livez", "X-Rewrite-URL": "/livez",
        "X-HTTP-Method-Override": "DELETE", "X-Forwarded-Host": "evil.example",
        "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https", "Forwarded": "for=10.0.0.1",
    }  # fmt: skip

    assert service.ask("GET", "models", headers=headers).status_code == 401
    plain = service.ask("GET", "models", service.reader)
    odd = service.ask("GET", "models", service.reader, headers=headers)
    assert (odd.status_code, odd.json()["items"]) == (200, plain.json()["items"])
    assert odd.headers.keys() == plain.headers.keys()
    assert service.ask("GET", "quarantine", service.reader, headers=headers).status_code == 403


def test_policy_malformed_authorization(service: Service, statements: Statements) -> None:
    """AUTH-08: a header that is there and no token is no identity; it costs no query."""
    head = f"GET /api/v1/models HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nAuthorization: "
    for sent in MALFORMED:
        value = sent.replace("{token}", service.reader)
        with statements() as said:
            answer = spoken(service.port, f"{head}{value}\r\n\r\n".encode())

        assert answer.startswith(b"HTTP/1.1 401 "), sent
        assert b'\r\nwww-authenticate: Bearer realm="model-catalog"\r\n' in answer
        assert said == []


def test_policy_two_authorizations(service: Service) -> None:
    """AUTH-08: two headers name nobody, whatever is in them."""
    line = f"Authorization: Bearer {service.reader}\r\n"
    head = f"GET /api/v1/models HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{line}{line}\r\n"

    assert spoken(service.port, head.encode()).startswith(b"HTTP/1.1 401 ")


def test_policy_source_speaks_for_itself(service: Service, callers: dict[str, str | None]) -> None:
    """AUTHZ-10: a source named in the path or meant by the body is refused; the token decides."""
    other = callers["other_source"]
    pushed = service.ask(
        "POST", "sources/mlflow-prod/observations", other, json={"observations": [model()]}
    )
    body = {"observations": [model()], "source": "mlflow-prod"}
    claimed = service.ask("POST", "sources/mlflow-other/observations", other, json=body)
    foreign = service.ask(
        "POST", "sources/mlflow-other/observations", other, json={"observations": [model()]}
    )
    opening = {
        "harvest": HARVEST, "scope": "registry/x", "coverage": "full", "harvester_version": "x",
    }  # fmt: skip
    begun = service.ask("POST", "sources/mlflow-prod/harvests", callers["source"], json=opening)
    joined = service.ask("POST", f"harvests/{HARVEST}:heartbeat", other)

    assert (pushed.status_code, pushed.json()["code"]) == (403, "foreign_source")
    assert claimed.status_code == 422
    assert [one["code"] for one in foreign.json()["refused"]] == ["foreign_source"]
    assert (begun.status_code, joined.status_code) == (201, 404)


def test_policy_refused_without_pool(service: Service) -> None:
    """A line that is opened and never finished holds up nobody else."""
    with socket.create_connection((HOST, service.port)) as idle:
        idle.sendall(b"POST /api/v1/tokens HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")

        assert service.get("/livez") == {"status": "alive"}
