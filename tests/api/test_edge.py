"""The edge: one form for every error, headers on every answer, bounds for every request."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from service.access import tokens
from service.db import Database
from tests.access.asked import Row
from tests.access.matrix import MATRIX
from tests.support.catalog import make_source, model, post, rows
from tests.support.http import HOST, Service, bearer, logged, opened, settled, spoken

CANARY = "cAnArY7531"
MEMBERS = {"type", "title", "status", "detail", "code", "errors", "trace_id"}
SECURE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
JSON = {"Content-Type": "application/json"}
WITH_BODY = [row for row in MATRIX if row.method in {"POST", "PUT"}]

MALFORMED: list[tuple[tuple[int, str], bytes]] = [
    ((400, "bad_request"), b"{"),
    ((400, "bad_request"), b"[" * 100_000),
    ((400, "bad_request"), b'{"role": "reader", "role": "admin"}'),
    ((400, "bad_request"), b'\xef\xbb\xbf{"role": "reader"}'),
    ((400, "bad_request"), '{"role": "reader"}'.encode("utf-16")),
    ((400, "bad_request"), b'{"role": "\xff"}'),
    ((400, "bad_request"), b'{"days": NaN}'),
    ((400, "bad_request"), b'{"days": 1e400}'),
    ((400, "bad_request"), b'{"days": ' + b"9" * 4_301 + b"}"),
    ((413, "too_large"), b'{"role": "' + b"x" * 1_048_576),
    ((422, "invalid"), b'{"role": "\\ud800"}'),
    ((422, "invalid"), b'{"\\ud800": "reader"}'),
    ((422, "invalid"), b'{"role": "reader", "source": "a\\u0000"}'),
    ((422, "invalid"), b"[]"),
    ((422, "invalid"), b'"role"'),
    ((422, "invalid"), b"null"),
    ((422, "invalid"), b""),
]


def address(row: Row) -> str:
    """Where a row's request goes."""
    return row.asked or row.path


def problem(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of an error; every one has the members of RFC 9457 and no others."""
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert set(said) == MEMBERS
    assert (said["status"], said["type"]) == (answer.status_code, f"/errors/{said['code']}")
    assert said["trace_id"] == answer.headers["x-trace-id"]
    assert said["title"]
    assert said["detail"]
    assert len(said["errors"]) <= 50
    return answer.status_code, said["code"]


@pytest.fixture
def admin(service: Service) -> str:
    """Someone who may write."""
    return service.token("admin")


def test_edge_every_error_is_a_problem(service: Service, admin: str) -> None:
    """400, 401, 403, 404, 405, 413, 415, 422, 431: RFC 9457 for all, with what to do."""
    make_source(service.database)
    asked: list[tuple[tuple[int, str], Any]] = [
        ((401, "not_authenticated"), ("GET", "models")),
        ((403, "insufficient_scope"), ("GET", "quarantine", service.reader)),
        ((404, "not_found"), ("GET", "nothing", admin)),
        ((404, "model_not_found"), ("GET", "models/retail/none", admin)),
        ((404, "source_not_found"), ("GET", "sources/none", admin)),
        ((405, "method_not_allowed"), ("PATCH", "models", admin)),
        ((422, "invalid"), ("GET", "models?page_size=0", admin)),
        ((422, "invalid"), ("GET", "harvests/7/known", service.token(
            "source", source_name="mlflow-prod"))),
    ]  # fmt: skip
    for expected, call in asked:
        assert problem(service.ask(*call)) == expected, call
    for expected, body in MALFORMED:
        sent = service.ask("POST", "tokens", admin, content=body, headers=JSON)
        assert problem(sent) == expected, body[:60]
    crowd = {f"X-{number}": "" for number in range(101)}
    for headers in (crowd, {"X-Long": "x" * 33_000}):
        assert problem(service.ask("GET", "models", admin, headers=headers)) == (
            431, "headers_too_large",
        )  # fmt: skip
    assert problem(service.ask("GET", f"models?name={'x' * 33_000}", admin))[0] == 431


def test_edge_error_page(service: Service) -> None:
    """`type` leads to a page that says what happened and how to mend it, to anyone."""
    said = service.ask("GET", "models").json()
    page = service.get(said["type"])

    assert page == {name: said[name] for name in ("code", "status", "title", "detail")}


def test_edge_pool_exhausted(database_url: str) -> None:
    """CONC-07: when all connections are in use it is a 503 that says when to come back."""
    database = Database(database_url, pool=1)
    with opened(database) as service:
        with database.reading() as session:
            session.execute(sa.text("SELECT 1"))
            answer = service.ask("GET", "models", service.reader)
            alive = service.get("/livez")
        after = service.ask("GET", "models", service.reader)
    database.dispose()

    assert problem(answer) == (503, "connections_exhausted")
    assert answer.headers["retry-after"] == "5"
    assert (alive, after.status_code) == ({"status": "alive"}, 200)


def test_edge_wrong_content_type(service: Service, admin: str) -> None:
    """What is not JSON is 415, also by its encoding; who may not send anything learns less."""
    types = (
        "text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonp",
    )  # fmt: skip
    signed = [row for row in WITH_BODY if row.path.startswith("/hooks/")]  # say it before all else
    for row, kind in product([row for row in WITH_BODY if row not in signed], types):
        token = admin if row.statuses[5] < 400 else None
        answer = service.ask(
            row.method, address(row), token, content=b"{}", headers={"Content-Type": kind}
        )
        anybody = row.path.endswith("/tokens:exchange")  # who asks is what it is about
        assert problem(answer)[0] == (415 if token or anybody else 401)
    packed = service.ask(
        "POST", "tokens", admin, content=b"{}", headers=JSON | {"Content-Encoding": "gzip"}
    )
    assert problem(packed) == (415, "unsupported_media")


def test_edge_json_content_types(service: Service, admin: str) -> None:
    """Parameters and case of the content type do not matter."""
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/json;"):
        answer = service.ask(
            "POST", "tokens", admin, content=b'{"role": "reader"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 201, kind


def test_edge_unknown_host(service: Service) -> None:
    """A request names one host, and one that the service is called by; nothing is built from it."""
    for hosts in (
        (), ("evil.example",), (HOST, HOST), (HOST, "evil.example"), ("127.0.0.1.evil.example",),
        ("",), ("[::1",), (f"evil.example:{service.port}",), (f"x@{HOST}",),
    ):  # fmt: skip
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        said = spoken(
            service.port, f"GET /livez HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode()
        )

        assert said.startswith(b"HTTP/1.1 400 "), hosts
        assert b"evil" not in said
    named = f"GET /livez HTTP/1.1\r\nHost: {HOST}:1\r\nConnection: close\r\n\r\n"
    assert spoken(service.port, named.encode()).startswith(b"HTTP/1.1 200 ")


def test_edge_security_headers(service: Service) -> None:
    """Every answer carries them, an error's too, and none says what the server is."""
    for call in (
        ("GET", "/livez"), ("GET", "models"), ("GET", "models", service.reader), ("PUT", "/"),
        ("GET", "models.csv", service.reader), ("GET", "openapi.json"), ("GET", "/favicon.ico"),
    ):  # fmt: skip
        headers = service.ask(*call).headers

        assert {name: headers.get(name) for name in SECURE} == SECURE, call
        assert headers["content-security-policy"].startswith("default-src 'none';")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert "strict-transport-security" not in headers
    with opened(service.database, base_url="https://127.0.0.1") as encrypted:
        there = encrypted.ask("GET", "/livez").headers
    assert there["strict-transport-security"] == "max-age=31536000"


def test_edge_too_large(service: Service, admin: str) -> None:
    """PARSE-09: too large is 413, declared or not; a lie about the length reads no further."""
    source = make_source(service.database)
    token = service.token("source", source_name=source.name)
    batch = "/api/v1/sources/mlflow-prod/observations"
    for path, who, limit in (("tokens", admin, 1_048_576), (batch, token, 8 * 1_048_576)):
        big = b'"' + b"x" * limit
        declared = service.ask("POST", path, who, content=big, headers=JSON)
        streamed = service.ask("POST", path, who, content=chunks(big), headers=JSON)

        assert problem(declared) == problem(streamed) == (413, "too_large")
    head = (
        f"POST /api/v1/tokens HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {admin}\r\n"
        "Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n{"
    )
    assert spoken(service.port, head.encode()).startswith(b"HTTP/1.1 413 ")
    assert rows(service.database, "SELECT count(*) FROM quarantine") == [(0,)]


def chunks(body: bytes) -> Iterator[bytes]:
    """A body in pieces, whose length nobody declares."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def test_edge_slow_body(database: Database) -> None:
    """PARSE-09: a body that drips ends as 408, the connection with it; others are served."""
    with opened(database, body_seconds=0.3) as service:
        admin = service.token("admin")
        head = (
            f"POST /api/v1/tokens HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {admin}\r\n"
            "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        )
        with socket.create_connection((HOST, service.port), timeout=30) as line:
            line.sendall(head.encode() + b'{"role"')
            served = service.ask("GET", "models", admin).status_code
            time.sleep(0.1)
            line.sendall(b":")
            answer = b"".join(iter(lambda: line.recv(65_536), b""))

    assert served == 200
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timed_out"' in answer


def test_edge_answer_never_echoes(service: Service, admin: str) -> None:
    """LEAK-02: an unknown member is named, no value is repeated; places are escaped and cut."""
    asked = {"role": CANARY, "api_token": CANARY, "days": CANARY, "a/b~c\n": {"x": CANARY}}
    answer = service.ask("POST", "tokens", admin, json=asked)
    long = service.ask("POST", "tokens", admin, json={"é" * 5_000: 1, "role": "reader"})
    many = service.ask("POST", "tokens", admin, json={f"m{n}": CANARY for n in range(60)})

    assert problem(answer) == problem(long) == problem(many) == (422, "invalid")
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"/role", "/api_token", "/days", "/a~1b~0c\n"}
    assert CANARY not in answer.text + many.text
    assert len(many.json()["errors"]) == 50
    assert {len(e["pointer"]) for e in long.json()["errors"]} == {500}
    assert long.text.isascii()


def test_edge_database_gone(database: Database) -> None:
    """CONC-07: without its database every route says so as 503, and the process lives on."""
    with opened(database) as service:
        assert service.ask("GET", "models", service.reader).status_code == 200
        settled(database)
        database.dispose()
        with logged() as said, nowhere(database):
            for call in (("GET", "models"), ("GET", "models.csv"), ("GET", "/version")):
                gone = service.ask(*call, service.reader)
                assert problem(gone) == (503, "database_unavailable")
                assert gone.headers["retry-after"] == "5"
            assert problem(service.ask("GET", "/readyz"))[0] == 503
            assert service.get("/livez") == {"status": "alive"}
        assert service.ask("GET", "models", service.reader).status_code == 200
    refused = [event for event in said if event["event"] == "refused"]
    assert {event["level"] for event in refused} == {"error"}
    assert all(event["trace_id"] and event["facts"]["cause"] for event in refused)


@contextmanager
def nowhere(database: Database) -> Iterator[None]:
    """Meanwhile new connections find nobody."""

    def away(_dialect: object, _record: object, _args: object, options: dict[str, Any]) -> None:
        options |= {"host": HOST, "port": "1"}

    sa.event.listen(database.engine, "do_connect", away)
    yield
    sa.event.remove(database.engine, "do_connect", away)


def test_edge_unexpected_error(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """LEAK-01: a fault of ours is a 500 that says nothing, and a log that says everything once."""

    def broken(*_: object, **__: object) -> None:
        message = f"postgresql://catalog:{CANARY}@db/x is broken"
        raise RuntimeError(message)

    monkeypatch.setattr(tokens, "list_tokens", broken)
    admin = service.token("admin")
    with logged() as said:
        answer = service.ask("GET", "tokens", admin)
        time.sleep(0.2)  # the log of an answer is written after it

    assert problem(answer) == (500, "catalog_error")
    assert CANARY not in answer.text
    (event,) = [one for one in said if one["event"] == "unexpected"]
    assert event["trace_id"] == answer.json()["trace_id"]
    assert "is broken" in event["exception"]
    assert CANARY not in json.dumps(said)


def test_edge_heartbeat_without_body(service: Service) -> None:
    """A POST that carries nothing needs no content type."""
    source = make_source(service.database)
    token = service.token("source", source_name=source.name)
    post(service.database, source, model())
    asked = {
        "harvest": "0193a0f4-0000-7000-8000-000000000009", "scope": "registry/x",
        "coverage": "full", "harvester_version": "tests",
    }  # fmt: skip
    begun = service.ask("POST", "sources/mlflow-prod/harvests", token, json=asked)
    beaten = service.http.post(
        f"/api/v1/harvests/{asked['harvest']}:heartbeat", headers=bearer(token)
    )

    assert (begun.status_code, beaten.status_code) == (201, 200)
