"""Every kind of sender over HTTP: proved, told apart, and refused in all the ways of its kind."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import pytest

from service.db import Database
from service.hooks.process import Processed, process_deliveries
from tests.hooks.deliveries import change
from tests.hooks.senders import (
    AZURE,
    BUILT,
    COMPLETED,
    FORM,
    GITHUB,
    GITLAB,
    GITLAB_PUSH,
    JENKINS,
    JSON,
    MLFLOW,
    MODEL_CREATED,
    PASSWORD,
    PREFIX,
    PROJECT,
    PUSH,
    SIGNING,
    TOKEN,
    basic_headers,
    github_headers,
    given_headers,
    mlflow_headers,
    said,
    send,
    signed_headers,
    token_headers,
    written,
)
from tests.support.catalog import rows
from tests.support.http import Service

OTHER: Final = "somebody-elses-secret-that-is-long"
OTHERS: Final = "whsec_b3RoZXI="
OLD: Final = 360  # seconds: beyond the window
THING: Final = (
    "SELECT about, event, thing_kind, thing_scheme, thing_value, url FROM hint ORDER BY id"
)
Made = Callable[[bytes], Mapping[str, str]]


class Way(NamedTuple):
    """One way of one kind of sender: how it proves a body, and how nobody does."""

    to: str
    payload: Mapping[str, Any]
    made: Made
    forged: tuple[Made, ...]
    signs: bool = True  # the body, too: one bit changed is refused
    timed: tuple[Made, ...] = ()  # the same, proved too long ago or ahead
    secret: str | None = None  # in place of the source's usual one
    forms: bool = False


WAYS: Final[Mapping[str, Way]] = {
    "github": Way(
        GITHUB, PUSH, github_headers, (lambda b: github_headers(b, secret=OTHER),), forms=True
    ),
    "gitlab token": Way(
        GITLAB, GITLAB_PUSH, lambda _: token_headers(), (lambda _: token_headers(token=OTHER),),
        signs=False,
    ),
    "gitlab signing": Way(
        GITLAB, GITLAB_PUSH, signed_headers,
        (lambda _: token_headers(token=SIGNING), lambda b: signed_headers(b, secret=OTHERS)),
        timed=(lambda b: signed_headers(b, at=time.time() - OLD),
               lambda b: signed_headers(b, at=time.time() + OLD)),
        secret=SIGNING,
    ),
    "mlflow": Way(
        MLFLOW, MODEL_CREATED, mlflow_headers,
        (lambda b: mlflow_headers(b, secret=OTHER), signed_headers,
         lambda _: given_headers(), lambda _: basic_headers()),
        timed=(lambda b: mlflow_headers(b, at=time.time() - OLD),
               lambda b: mlflow_headers(b, at=time.time() + OLD),
               lambda b: mlflow_headers(b, at=time.time() * 1_000)),
    ),
    "jenkins password": Way(
        JENKINS, BUILT, lambda _: basic_headers(),
        (lambda _: basic_headers(password=OTHER),
         lambda _: basic_headers(password="", user=PASSWORD),
         lambda _: {"Content-Type": "application/json", "Authorization": f"Bearer {PASSWORD}"},
         lambda _: {"Content-Type": "application/json", "Authorization": "Basic é"}),
        signs=False, forms=True,
    ),
    "jenkins header": Way(
        JENKINS, BUILT, lambda _: given_headers(), (lambda _: given_headers(token=OTHER),),
        signs=False, forms=True,
    ),
    "jenkins signing": Way(
        JENKINS, BUILT, signed_headers,
        (lambda _: given_headers(token=SIGNING), lambda _: basic_headers(password=SIGNING)),
        timed=(lambda b: signed_headers(b, at=time.time() - OLD),), secret=SIGNING, forms=True,
    ),
    "azure password": Way(
        AZURE, COMPLETED, lambda _: basic_headers(),
        (lambda _: basic_headers(password=OTHER), signed_headers), signs=False,
    ),
    "azure header": Way(
        AZURE, COMPLETED, lambda _: given_headers(), (lambda _: given_headers(token=TOKEN),),
        signs=False,
    ),
}  # fmt: skip


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch, owner_database: Database) -> Iterator[Way]:
    """Each of them with its secret, one after the other; each finds an empty inbox."""

    def each() -> Iterator[Way]:
        for way in WAYS.values():
            with monkeypatch.context() as patched:
                if way.secret is not None:
                    variable = way.to.upper().replace("-", "_")
                    patched.setenv(f"{PREFIX}{variable}", way.secret)
                yield way
            change(owner_database, "DELETE FROM hint")
            change(owner_database, "DELETE FROM hook_delivery")

    return each()


def deliver(service: Service, way: Way, body: bytes, **headers: str) -> tuple[int, str]:
    """Send a body with its proof."""
    return said(send(service, body, dict(way.made(body)) | headers, to=way.to))


def test_sender(everybody: Service, ways: Iterator[Way]) -> None:
    """HOOK-01, HOOK-06: stored, told apart when it comes again, read once."""
    for way in ways:
        body = written(way.payload)
        headers = way.made(body)

        assert said(send(everybody, body, headers, to=way.to)) == (202, "stored")
        assert said(send(everybody, body, headers, to=way.to)) == (200, "duplicate")
        assert process_deliveries(everybody.database) == Processed(1, 1)
        assert process_deliveries(everybody.database) == Processed()


def test_sender_forged(everybody: Service, ways: Iterator[Way]) -> None:
    """HOOK-02, HOOK-03: no proof, another's secret, another way than its own: one answer."""
    for way in ways:
        body = written(way.payload)
        wrong = [JSON, *(made(body) for made in (*way.forged, *way.timed))]
        for headers in wrong:
            answer = send(everybody, body, headers, to=way.to)
            assert said(answer) == (401, "delivery_not_proved")
        assert rows(everybody.database, "SELECT id FROM hook_delivery") == []


def test_sender_changed(everybody: Service, ways: Iterator[Way]) -> None:
    """HOOK-03, HOOK-04: who signs, signs the bytes; who only shows a secret proves none of them.

    Such a body is still nothing but a hint.
    """
    for way in ways:
        body = written(way.payload)
        again = json.dumps(json.loads(body), sort_keys=True, indent=1).encode()
        for other in (again, body + b" ", body.replace(b"e", b"\\u0065", 1)):
            answer = said(send(everybody, other, way.made(body), to=way.to))
            assert answer == (401, "delivery_not_proved") if way.signs else answer[0] in {200, 202}


def test_sender_replayed(everybody: Service, ways: Iterator[Way], owner_database: Database) -> None:
    """HOOK-05, HOOK-07: what was captured does nothing within a day; a signed id is a new one."""
    for way in ways:
        body = written(way.payload)
        assert deliver(everybody, way, body) == (202, "stored")
        change(owner_database, "UPDATE hook_delivery SET received_at = now() - interval '23 h'")
        again = deliver(everybody, way, body)
        assert again == ((202, "stored") if way.timed else (200, "duplicate"))


def test_sender_unreadable(everybody: Service, ways: Iterator[Way]) -> None:
    """Proved, and no JSON: 400; another charset, compression or type: 400 or 415; never a 5xx."""
    for way in ways:
        text = json.dumps(dict(way.payload) | {"é": "ü"}, ensure_ascii=False)
        bodies = {
            b"": 400, b"{": 400, b"\xff\xfe{}": 400, text.encode("utf-16"): 400,
            text.encode("latin-1"): 400, b"[" * 200 + b"]" * 200: 400,
        }  # fmt: skip

        for body, status in bodies.items():
            assert deliver(everybody, way, body)[0] == status, body[:20]
        for odd in ({"Content-Encoding": "gzip"}, {"Content-Type": "text/xml"}):
            assert deliver(everybody, way, written(way.payload), **odd)[0] == 415
        with_bom = deliver(everybody, way, text.encode("utf-8-sig"), **{
            "Content-Type": "application/json;charset=UTF-8",
        })  # fmt: skip
        assert with_bom == (202, "stored")


def test_sender_form(everybody: Service, ways: Iterator[Way]) -> None:
    """Form data: read where the sender knows it, else refused; a broken form is refused anyway."""
    for way in ways:
        form = urlencode({"payload": json.dumps(dict(way.payload))}).encode()

        assert deliver(everybody, way, form, **FORM)[0] == (202 if way.forms else 415)
        for broken in (b"payload", b"a=1", b"payload=%ff", b"payload={}&payload={}"):
            assert deliver(everybody, way, broken, **FORM)[0] == (400 if way.forms else 415)


def test_sender_oversized(everybody: Service, ways: Iterator[Way]) -> None:
    """HOOK-12: beyond 1 MiB it is 413, proved or not."""
    for way in ways:
        body = written(dict(way.payload) | {"more": "y" * (1024 * 1024)})

        assert deliver(everybody, way, body)[0] == 413
        assert send(everybody, body, way.forged[0](body), to=way.to).status_code == 413


ODD: Final[tuple[Any, ...]] = (
    None, 0, "text", [], {}, {"a": "\x00"}, {"\x00": "\ud800"}, {"eventType": 7}, {"entity": []},
    {"eventType": "no such event", "id": {"a": 1}}, {"entity": "gateway", "action": "burnt"},
    {"build": "x"}, {"build": {"number": "21"}}, {"object_kind": "\x00"}, {"url": "job/x/21"},
    {"eventType": "build.complete", "id": "\x00" * 9}, {"entity": "model_version", "data": 7},
    {"eventType": "build.complete", "resourceContainers": [], "resource": None},
)  # fmt: skip


def test_sender_odd(everybody: Service, ways: Iterator[Way], owner_database: Database) -> None:
    """HOOK-12: whatever JSON of whatever event is stored, then read or parked; never a 5xx."""
    for way in ways:
        for payload in ODD:
            assert deliver(everybody, way, written(payload))[0] in {200, 202}, payload

        for _ in range(6):
            process_deliveries(everybody.database)
            change(owner_database, "UPDATE hook_delivery SET next_try_at = now()")
        kept = rows(everybody.database, "SELECT state, count(*) FROM hook_delivery GROUP BY 1")
        assert {state for state, _ in kept} <= {"done", "parked"}
        reasons = rows(
            everybody.database, "SELECT DISTINCT reason FROM hook_delivery WHERE reason > ''"
        )
        assert all(reason.startswith("does not say which") for (reason,) in reasons), reasons


@pytest.mark.parametrize(
    ("to", "made", "payload", "hint"),
    [
        (MLFLOW, mlflow_headers, MODEL_CREATED,
         ("model", "model_version.created", "version", "mlflow", "mlflow-acme/default/churn/7",
          None)),
        (JENKINS, lambda _: basic_headers(), BUILT,
         ("build", "build.finalized", "build", "jenkins", "ci.example.com/shop/main#21",
          "https://ci.example.com/job/shop/job/main/21/")),
        (AZURE, lambda _: given_headers(), COMPLETED,
         ("build", "build.complete", "build", "azure", f"dev.azure.com/{PROJECT}/12",
          f"https://dev.azure.com/acme/{PROJECT}/_apis/build/Builds/12")),
    ],
)  # fmt: skip
def test_sender_hint(everybody: Service, to: str, made: Made, payload: Any, hint: Any) -> None:
    """What is left of a delivery: what to read again, by the identifier that its harvester uses."""
    body = written(payload)
    assert send(everybody, body, made(body), to=to).status_code == 202

    process_deliveries(everybody.database)

    assert rows(everybody.database, THING) == [hint]
    admin = everybody.token("admin")
    (listed,) = everybody.get(f"/api/v1/sources/{to}/hints", admin)["hints"]
    assert (listed["about"], listed["thing"]["value"]) == (hint[0], hint[4])


def test_sender_azure_again(everybody: Service) -> None:
    """Azure's retries are the same by the body's own id, whatever else is in them by then."""
    later = dict(COMPLETED) | {"notificationId": 2}
    nobodys = dict(COMPLETED) | {"id": "00000000-0000-0000-0000-000000000000"}

    answers = [
        said(send(everybody, one, given_headers(), to=AZURE))
        for one in (COMPLETED, later, nobodys, nobodys | {"notificationId": 3})
    ]

    assert [state for _, state in answers] == ["stored", "duplicate", "stored", "stored"]


def test_sender_parameters(everybody: Service, owner_database: Database) -> None:
    """What people pass to their builds is stored nowhere: nobody can tell what of it is secret."""
    told = {"PIN": "canary-of-a-pin", "nested": [{"name": "X_TOKEN", "value": "canary-of-a-value"}]}
    build = dict(BUILT["build"]) | {"parameters": told, "log": "canary-of-a-log"}
    payload = dict(BUILT) | {
        "build": build, "buildVars": "A=canary-of-a-var",
        "list": [{"name": "DB_PASSWORD", "value": "canary-of-a-pair"}],
    }  # fmt: skip

    assert send(everybody, payload, basic_headers(), to=JENKINS).status_code == 202

    ((kept,),) = rows(owner_database, "SELECT body FROM hook_delivery")
    assert "canary" not in kept
    assert process_deliveries(everybody.database) == Processed(1, 1)
