"""Whatever is delivered, once it is proved: taken or refused with a reason, never a 5xx."""

import json
from typing import Any, Final
from urllib.parse import urlencode

from tests.hooks.senders import (
    FORM,
    GITLAB,
    GITLAB_PUSH,
    PUSH,
    github_headers,
    said,
    send,
    token_headers,
    written,
)
from tests.support.catalog import rows
from tests.support.http import Service

BODY: Final = written(PUSH)
STORED: Final = "SELECT event, state, delivery_id FROM hook_delivery ORDER BY id"


def test_delivery_form(service: Service) -> None:
    """GitHub's other content type: signed as it is sent, read from `payload`."""
    form = urlencode({"payload": json.dumps(PUSH)}).encode()
    headers = github_headers(form) | FORM

    assert said(send(service, form, headers)) == (202, "stored")
    ((body,),) = rows(service.database, "SELECT body FROM hook_delivery")
    assert json.loads(body) == PUSH
    assert said(send(service, BODY, headers)) == (401, "delivery_not_proved")


FORMS: Final = (
    b"payload", b"x=1", b"payload=", b"payload={}&payload={}", b"payload=%ff", b"payload=[",
    b"payload={}&a", "payload=é".encode(), b"&".join(b"a=1" for _ in range(20)),
)  # fmt: skip


def test_delivery_form_unreadable(service: Service) -> None:
    """A form that holds no payload is refused once it is proved."""
    answers = {form: said(send(service, form, github_headers(form) | FORM)) for form in FORMS}

    assert answers == dict.fromkeys(FORMS, (400, "bad_request"))
    assert rows(service.database, STORED) == []


def test_delivery_media(service: Service) -> None:
    """Other types are refused; a form is GitHub's alone."""
    form = urlencode({"payload": json.dumps(GITLAB_PUSH)}).encode()

    plain = send(service, PUSH, github_headers(BODY) | {"Content-Type": "text/plain"})
    packed = send(service, PUSH, github_headers(BODY) | {"Content-Encoding": "gzip"})
    of_gitlab = send(service, form, token_headers() | FORM, to=GITLAB)

    assert [one.status_code for one in (plain, packed, of_gitlab)] == [415] * 3


UNREADABLE: Final = (
    b"", b"{", b"\xff\xfe{}", b"{} {}", b"[" * 100_000 + b"]" * 100_000, b"[" * 120 + b"]" * 120,
)  # fmt: skip
FOREIGN: Final = (  # what others write, and we would not
    b'\xef\xbb\xbf{"bom": 1}', b'{"a": 1, "a": 2}', b'{"a": NaN, "b": -Infinity}', b'{"a": 1e999}',
    b'{"a": ' + b"9" * 5_000 + b"}", b"[" * 90 + b"]" * 90,
)  # fmt: skip


def test_delivery_unreadable(service: Service) -> None:
    """Proved, and no JSON that can be read: 400, nothing kept."""
    answers = [said(send(service, body, github_headers(body))) for body in UNREADABLE]

    assert answers == [(400, "bad_request")] * len(UNREADABLE)
    assert rows(service.database, STORED) == []


ODD: Final[tuple[Any, ...]] = (
    None, 0, "text", [], {}, {"a": "\x00"}, {"\x00": "\ud800"}, {"ref": ["x"] * 1_000},
    {"repository": "x"}, {"object_kind": ["push"]}, {"object_kind": "\x00"}, {"a": 1e300},
)  # fmt: skip


def test_delivery_foreign(service: Service) -> None:
    """What can be read at all is taken: refused again and again, GitLab would stop sending."""
    answers = [said(send(service, body, github_headers(body))) for body in FOREIGN]
    kept = rows(service.database, "SELECT body FROM hook_delivery ORDER BY id")

    assert answers == [(202, "stored")] * len(FOREIGN)
    assert [json.loads(body) for (body,) in kept][:4] == [
        {"bom": 1}, {"a": 2}, {"a": "NaN", "b": "-Infinity"}, {"a": "1e999"},
    ]  # fmt: skip


def test_delivery_odd(service: Service) -> None:
    """HOOK-12: whatever JSON it is, and of whatever event, it is stored: never a 5xx."""
    statuses = set()
    for payload in ODD:
        body = written(payload)
        for event in ("push", "", "no such event", "é" * 200, "x" * 5_000):
            statuses.add(send(service, body, github_headers(body, event)).status_code)
        statuses.add(send(service, body, token_headers(), to=GITLAB).status_code)

    assert statuses == {200, 202}
    assert len(rows(service.database, STORED)) == 2 * len(ODD)


def test_delivery_odd_id(service: Service) -> None:
    """An id that cannot be kept as it is still tells deliveries apart."""
    for number, odd in enumerate(("x" * 3_000, "a b", "é", "ghp_" + "a" * 36)):
        body = written({"number": number})
        headers = github_headers(body, delivery=odd)
        answers = [said(send(service, body, headers)) for _ in range(2)]
        assert answers == [(202, "stored"), (200, "duplicate")]
    kept = rows(service.database, "SELECT delivery_id FROM hook_delivery")
    assert all(one.startswith("sha256:") for (one,) in kept)
