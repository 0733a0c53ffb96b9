"""Deliveries over HTTP: who is let in, what is answered, what is kept."""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, Final

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from service.app import create_app
from service.db import Database
from service.hooks.admission import LANES
from tests.hooks.senders import (
    GITHUB,
    GITLAB,
    GITLAB_PUSH,
    PREFIX,
    PUSH,
    SECRET,
    SIGNING,
    TOKEN,
    github_headers,
    said,
    send,
    signed_headers,
    token_headers,
    written,
)
from tests.support.catalog import make_source, rows
from tests.support.http import HOST, Service, make_settings, opened, spoken

BODY: Final = written(PUSH)
PASSING: Final = {"x-trace-id", "date", "connection"}  # a body that is not read ends it
EARLIER: Final = "UPDATE hook_delivery SET received_at = received_at - CAST(:by AS interval)"
STORED: Final = "SELECT event, state, delivery_id FROM hook_delivery ORDER BY id"


def earlier(owner: Database, interval: str) -> None:
    """As if everything had been delivered so much earlier."""
    with owner.writing() as session:
        session.execute(sa.text(EARLIER), {"by": interval})


def test_delivery_stored(service: Service) -> None:
    """HOOK-01: 202 with a trace once it is stored; nothing was read yet."""
    answer = send(service, PUSH, github_headers(BODY, delivery="one"))

    assert said(answer) == (202, "stored")
    assert answer.json()["trace_id"] == answer.headers["x-trace-id"]
    assert rows(service.database, STORED) == [("push", "waiting", "one")]
    ((body,),) = rows(service.database, "SELECT body FROM hook_delivery")
    assert json.loads(body) == PUSH
    assert rows(service.database, "SELECT id FROM hint") == []


def test_delivery_gitlab_plain(service: Service) -> None:
    """The same of GitLab's secret token; the event is the body's own word."""
    body = written(GITLAB_PUSH)

    assert said(send(service, body, token_headers(delivery="one"), to=GITLAB)) == (202, "stored")
    assert rows(service.database, STORED) == [("push", "waiting", "one")]


def test_delivery_gitlab_signed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signing token in place of the secret token: the token is no proof any more."""
    monkeypatch.setenv(f"{PREFIX}GITLAB_ACME", SIGNING)
    body = written(GITLAB_PUSH)
    both = signed_headers(body, delivery="one") | {"X-Gitlab-Token": "whatever"}

    assert said(send(service, body, both, to=GITLAB)) == (202, "stored")
    for headers in (token_headers(), token_headers(token=SIGNING)):
        assert said(send(service, body, headers, to=GITLAB)) == (401, "delivery_not_proved")


def test_delivery_ping(service: Service) -> None:
    """HOOK-12: a ping is 200, and counts as a delivery that needs no reading."""
    body = written({"zen": "Design for failure.", "hook_id": 1})

    assert said(send(service, body, github_headers(body, "ping"))) == (200, "ping")
    assert [row[:2] for row in rows(service.database, STORED)] == [("ping", "done")]


def unproved() -> Mapping[str, tuple[str, bytes, Mapping[str, str]]]:
    """Deliveries that nothing proves: where to, body, headers."""
    signed = github_headers(BODY, delivery="one")
    sha1 = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()
    bare = {name: text for name, text in signed.items() if name != "X-Hub-Signature-256"}
    return {
        "no signature": (GITHUB, BODY, bare),
        "empty signature": (GITHUB, BODY, bare | {"X-Hub-Signature-256": ""}),
        "SHA-1 alone": (GITHUB, BODY, bare | {"X-Hub-Signature": f"sha1={sha1}"}),
        "another secret": (GITHUB, BODY, github_headers(BODY, secret=TOKEN)),
        "another body": (GITHUB, BODY + b" ", signed),
        "the secret itself": (GITHUB, BODY, token_headers(token=SECRET)),
        "another's way": (GITLAB, BODY, github_headers(BODY, secret=TOKEN)),
        "unknown source": ("github-other", BODY, signed),
        "odd source": ("..%2Fgithub-acme", BODY, signed),
        "no secret": ("github-bare", BODY, signed),
        "secret unset": ("github-unset", BODY, signed),
        "empty secret": ("github-empty", BODY, github_headers(BODY, secret="")),
        "short secret": ("github-short", BODY, github_headers(BODY, secret="x" * 15)),
        "disabled": ("github-off", BODY, signed),
        "sends nothing": ("people", BODY, signed),
    }


@pytest.fixture
def unready(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Sources that lack something."""
    made: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("github-bare", {}), ("github-unset", {"webhook_secret": "NOWHERE"}),
        ("github-empty", {"webhook_secret": "EMPTY"}),
        ("github-short", {"webhook_secret": "SHORT"}),
        ("github-off", {"webhook_secret": "GITHUB_ACME", "enabled": False}),
        ("people", {"webhook_secret": "GITHUB_ACME", "kind": "directory"}),
    )  # fmt: skip
    for name, settings in made:
        make_source(service.database, name, **{"kind": "github"} | dict(settings))
    monkeypatch.setenv(f"{PREFIX}EMPTY", "")
    monkeypatch.setenv(f"{PREFIX}SHORT", "x" * 15)
    return service


def test_delivery_unproved(unready: Service) -> None:
    """HOOK-02, HOOK-03, HOOK-13: whatever is missing or wrong, one and the same answer."""
    answers = {
        how: send(unready, body, headers, to=to) for how, (to, body, headers) in unproved().items()
    }

    seen = set()
    for how, answer in answers.items():
        body = answer.json() | {"trace_id": ""}
        headers = {n: v for n, v in answer.headers.items() if n not in PASSING}
        seen.add((answer.status_code, json.dumps(body), json.dumps(headers, sort_keys=True)))
        assert said(answer) == (401, "delivery_not_proved"), how
    assert len(seen) == 1
    assert rows(unready.database, "SELECT id FROM hook_delivery") == []


def test_delivery_unproved_same_work(unready: Service, statements: Any) -> None:
    """HOOK-13: an unknown source costs the statements that a known one costs."""
    asked = []
    for to in (GITHUB, "github-other"):
        with statements() as executed:
            send(unready, BODY, github_headers(BODY, secret=TOKEN), to=to)
        asked.append([one for one in executed if "source" in one])

    assert asked[0] == asked[1]
    assert len(asked[0]) == 1


def test_delivery_unproved_is_not_read(service: Service) -> None:
    """HOOK-02: without any proof the answer does not wait for the body."""
    head = (
        f"POST /hooks/{GITHUB} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )

    answer = spoken(service.port, head.encode())

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_delivery_without_room_is_not_read(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P-15: what looks like a proof costs nothing: so many bodies are held at once, and no more."""
    monkeypatch.setattr("service.hooks.admission.MOST_WAITING", -LANES)
    head = (
        f"POST /hooks/{GITHUB} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
        "X-Hub-Signature-256: sha256=0\r\nTransfer-Encoding: chunked\r\n\r\n"
    )

    answer = spoken(service.port, head.encode())

    assert answer.startswith(b"HTTP/1.1 429 ")
    assert b"\r\nconnection: close\r\n" in answer


def test_delivery_methods(service: Service) -> None:
    """HOOK-13: only POST is known here, for sources that are and are not."""
    for name, method in ((name, m) for name in (GITHUB, "nobody") for m in ("GET", "PUT", "HEAD")):
        answer = service.http.request(method, f"/hooks/{name}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_delivery_twice(service: Service, owner_database: Database) -> None:
    """HOOK-06: the same id is one delivery, at once, after an hour, and in another process."""
    headers = github_headers(BODY, delivery="one")
    assert said(send(service, PUSH, headers)) == (202, "stored")
    assert said(send(service, PUSH, headers)) == (200, "duplicate")
    earlier(owner_database, "1 hour")
    assert said(send(service, PUSH, headers)) == (200, "duplicate")
    earlier(owner_database, "25 hours")
    with opened(service.database) as restarted:
        assert said(send(restarted, PUSH, headers)) == (200, "duplicate")

    assert len(rows(service.database, STORED)) == 1


def test_delivery_same_id_elsewhere(service: Service) -> None:
    """An id is one source's: another may use the same."""
    body = written(GITLAB_PUSH)

    first = send(service, PUSH, github_headers(BODY, delivery="one"))
    second = send(service, body, token_headers(delivery="one"), to=GITLAB)

    assert [said(first), said(second)] == [(202, "stored")] * 2


def test_delivery_replayed(service: Service, owner_database: Database) -> None:
    """HOOK-07: where no id is signed, the same body under a new one counts once within a day."""
    assert said(send(service, PUSH)) == (202, "stored")
    assert said(send(service, PUSH)) == (200, "duplicate")
    earlier(owner_database, "23 hours 50 minutes")
    assert said(send(service, PUSH)) == (200, "duplicate")
    earlier(owner_database, "11 minutes")
    assert said(send(service, PUSH)) == (202, "stored")


def test_delivery_signed_id(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the id is signed, two ids are two deliveries, and one is one, whatever else it says."""
    monkeypatch.setenv(f"{PREFIX}GITLAB_ACME", SIGNING)
    body = written(GITLAB_PUSH)
    asked = [
        signed_headers(body, delivery="one"), signed_headers(body, delivery="two"),
        signed_headers(body, delivery="one") | {"Idempotency-Key": "three"},
        signed_headers(body, delivery="an id of three words"),
        signed_headers(body, delivery="an id of three words"),
    ]  # fmt: skip

    answers = [said(send(service, body, headers, to=GITLAB)) for headers in asked]

    assert [state for _, state in answers] == [
        "stored", "stored", "duplicate", "stored", "duplicate",
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["same id", "same body"])
def test_delivery_parallel(service: Service, way: str) -> None:
    """HOOK-06: of fifty at the same moment one is stored, the others are duplicates."""
    barrier = Barrier(50)

    def deliver(_number: int) -> tuple[int, str]:
        headers = github_headers(BODY, delivery="one" if way == "same id" else None)
        barrier.wait()
        return said(send(service, PUSH, headers))

    with ThreadPoolExecutor(50) as pool:
        answers = sorted(pool.map(deliver, range(50)))

    assert answers == [(200, "duplicate")] * 49 + [(202, "stored")]
    assert len(rows(service.database, STORED)) == 1


def test_delivery_large(hooked: Database) -> None:
    """HOOK-12: 413 beyond 1 MiB, declared or not; a setting allows more, up to 25 MiB."""
    large = written({"x": "y" * (1024 * 1024)})
    chunked = github_headers(large) | {"Transfer-Encoding": "chunked"}

    def parts() -> Iterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    with opened(hooked) as service:
        declared = send(service, large)
        told = service.http.post(f"/hooks/{GITHUB}", content=parts(), headers=chunked)
    with opened(hooked, hook_body_bytes=str(25 * 1024 * 1024)) as wide:
        huge = written({"x": "y" * (24 * 1024 * 1024)})
        taken = send(wide, huge)
        beyond = send(wide, written({"x": "y" * (25 * 1024 * 1024)}))

    assert [one.status_code for one in (declared, told, taken, beyond)] == [413, 413, 202, 413]


def test_delivery_rate(hooked: Database) -> None:
    """HOOK-12: a source has its share; forged deliveries spend nobody's, another's is untouched."""
    limits = {"hook_requests_per_second": "0.001", "hook_requests_burst": "3"}
    with opened(hooked, **limits) as service:
        forged = [send(service, PUSH, github_headers(BODY, secret=TOKEN)) for _ in range(5)]
        own = [send(service, {"number": number}) for number in range(5)]
        other = send(service, GITLAB_PUSH, token_headers(), to=GITLAB)

    assert [one.status_code for one in forged] == [401] * 5
    assert [one.status_code for one in own] == [202] * 3 + [429] * 2
    assert (own[3].json()["code"], own[3].headers["retry-after"]) == ("too_many_deliveries", "5")
    assert other.status_code == 202


def test_delivery_rotation(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """HOOK-14: two secrets while both ends change, then the old one is refused; also in files."""
    new = "the-next-secret-of-github-long"

    def proved(number: int) -> list[int]:
        bodies = [written({"number": number, "secret of": one}) for one in ("old", "new")]
        return [
            send(service, body, github_headers(body, secret=secret)).status_code
            for body, secret in zip(bodies, (SECRET, new), strict=True)
        ]

    assert proved(0) == [202, 401]
    monkeypatch.setenv(f"{PREFIX}GITHUB_ACME", new)
    monkeypatch.setenv(f"{PREFIX}GITHUB_ACME_PREVIOUS", SECRET)
    assert proved(1) == [202, 202]
    monkeypatch.delenv(f"{PREFIX}GITHUB_ACME_PREVIOUS")
    assert proved(2) == [401, 202]
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv(f"{PREFIX}GITHUB_ACME_FILE", str(file))
    assert proved(3) == [202, 401]
    file.write_text(new)
    assert proved(4) == [401, 202]
    file.unlink()
    assert proved(5) == [401, 401]


def test_delivery_database_away(hooked: Database) -> None:
    """Where nothing can be stored, nothing is promised: 503, and it may be sent again."""
    del hooked
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(make_settings(away), away)
    with TestClient(app, base_url=f"http://{HOST}") as client:
        answer = client.post(f"/hooks/{GITHUB}", content=BODY, headers=github_headers(BODY))

    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


def test_delivery_readers_go_on(service: Service) -> None:
    """P-15: while deliveries come as fast as they can, reads are answered."""
    until = time.monotonic() + 2

    def flood(number: int) -> int:
        sent = 0
        while time.monotonic() < until:
            send(service, PUSH, github_headers(BODY, secret=TOKEN if number % 2 else SECRET))
            sent += 1
        return sent

    with ThreadPoolExecutor(20) as pool:
        flooded = [pool.submit(flood, number) for number in range(20)]
        answers = [service.ask("GET", "models", service.reader).status_code for _ in range(20)]
        assert sum(one.result() for one in flooded) > 0

    assert answers == [200] * 20
