"""Receivers that mean harm, or are in a bad way: slow, endless, leading elsewhere, closed."""

from http.server import BaseHTTPRequestHandler
from socket import socket
from typing import Any

import pytest
import sqlalchemy as sa

from service.outgoing import post as posting
from tests.outgoing.desk import LOOPBACK, Desk, Sink, answering, listening

DYING = """
import sys
from service.db import Database
from service.outgoing.post import make_sender
from service.outgoing.sending import send_waiting
from tests.support.killable import die_at
url, key, boundary = sys.argv[1:]
database = Database(url)
die_at(database, int(boundary))
send_waiting(database, make_sender(secret_key=key, source="x", allow="127.0.0.1/32"))
"""
BEFORE_CLAIM, AFTER_CLAIM, SENT, NOTED = 3, 4, 5, 6  # of giving up, claiming and noting each two


def endless(sink: Sink) -> Any:
    """200, and then more than anybody reads."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not sink.stopping.is_set():
            handler.wfile.write(b"x" * 65_536)

    return answer


def silent(sink: Sink) -> Any:
    """Takes everything and says nothing."""
    return lambda _handler: sink.stopping.wait(60)


def dripping(sink: Sink) -> Any:
    """A header that never ends, a byte at a time."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not sink.stopping.wait(0.05):
            handler.wfile.write(b"x")

    return answer


def test_hostile_slow(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that never answers, or byte by byte, is left after the time that a try has."""
    monkeypatch.setattr(posting, "LIMITS", posting.LIMITS._replace(read=0.5, total=0.5))
    desk.make()
    for answer in (silent, dripping):
        desk.tell("retail/churn")
        desk.sink.answer = answer(desk.sink)
        assert desk.send() == (0, 1)
        [told, *_] = desk.log()
        assert told["last_error"].startswith("no answer within")
        desk.later("1 day")
        with desk.database.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM outgoing_delivery"))


def test_hostile_endless(desk: Desk) -> None:
    """The status is all that is read: an answer without an end is as good as an empty one."""
    desk.make()
    desk.tell("retail/churn")
    desk.sink.answer = endless(desk.sink)

    assert desk.send() == (1, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_hostile_redirect(desk: Desk, status: int) -> None:
    """No redirect is followed, neither to the machine's metadata nor to another receiver."""
    desk.make()
    desk.tell("retail/churn")
    with listening() as elsewhere:
        desk.sink.answer = answering(status, Location=elsewhere.url)
        assert desk.send() == (0, 1)
        assert elsewhere.got == []
    [told] = desk.log()
    assert told["last_error"].endswith(": redirects are not followed")


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://[::ffff:169.254.169.254]/",
        "http://10.1.2.3/",
        "http://0x7f000001/",
    ],
)
def test_hostile_address(desk: Desk, url: str) -> None:
    """An address that nobody allowed is not reached; the log says what an operator may do."""
    desk.make(url=url)
    desk.tell("retail/churn")
    assert desk.send(allow="192.0.2.0/24") == (0, 1)

    [told] = desk.log()
    assert told["last_status"] is None
    assert told["last_error"]


def test_private_until_allowed(desk: Desk) -> None:
    """A receiver on a private network gets nothing until an operator allows its range."""
    desk.make()
    desk.tell("retail/churn")
    assert desk.send(allow="") == (0, 1)
    assert desk.sink.got == []
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=127.0.0.1/32" in desk.log()[0]["last_error"]
    desk.later("1 min")

    assert desk.send(allow=LOOPBACK) == (1, 0)


def test_closed(desk: Desk) -> None:
    """Nobody listens: it is tried again later."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        desk.make(url=f"http://127.0.0.1:{free.getsockname()[1]}/")
        desk.tell("retail/churn")
        assert desk.send() == (0, 1)

    assert desk.log()[0]["last_error"] == "cannot be reached (ConnectError)"
