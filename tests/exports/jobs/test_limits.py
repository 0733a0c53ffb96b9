"""CSV-08: nobody has more than two bundles unfinished, or more than two files on their way."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest
import sqlalchemy as sa

from tests.exports.jobs.office import Office, states
from tests.support.catalog import make_source, model, post
from tests.support.http import HOST

MANY: Final = 4_000
LISTED: Final = ("models.csv", "changes.jsonl", "exports/versions.csv", "export-log.xlsx")


@contextmanager
def hanging(office: Office, who: str, path: str = "models.jsonl") -> Iterator[socket.socket]:
    """A file that somebody began to read, and does not go on with."""
    with socket.create_connection((HOST, office.service.port), timeout=30) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        head = f"GET /api/v1/{path} HTTP/1.1\r\nHost: {HOST}\r\n"
        line.sendall(f"{head}Authorization: Bearer {office.tokens[who]}\r\n\r\n".encode())
        assert line.recv(12) == b"HTTP/1.1 200"
        yield line


@pytest.fixture
def large(office: Office) -> Office:
    """So many models that no socket holds their file."""
    source = make_source(office.database, "large")
    text = "x" * 2_000
    for start in range(0, MANY, 1_000):
        said = [model(f"m{n}", "large", description=text) for n in range(start, start + 1_000)]
        post(office.database, source, *said)
    return office


def test_limit_unfinished(office: Office) -> None:
    """The third unfinished bundle is 429 with `Retry-After`; others may ask, and one later."""
    first, _ = office.request(), office.request()
    third = office.ask("POST", "exports", json={})
    other = office.ask("POST", "exports", "second", json={})
    office.ask("POST", f"{first['url']}:cancel")
    later = office.ask("POST", "exports", json={})

    assert (third.status_code, third.json()["code"]) == (429, "too_many_exports")
    assert int(third.headers["retry-after"]) > 0
    assert (other.status_code, later.status_code) == (202, 202)
    assert states(office.database) == ["CANCELLED", "QUEUED", "QUEUED", "QUEUED"]


def test_limit_streams(large: Office) -> None:
    """The third file at once is 429, whichever it is; when one has ended there is room again."""
    export = large.request()
    large.build()
    with ExitStack() as stack:
        stack.enter_context(hanging(large, "reader"))
        with hanging(large, "reader", "models.jsonl?sort=name"):
            third = [large.ask("GET", path) for path in (*LISTED, f"{export['url']}/bundle.zip")]
            other = large.ask("GET", "models.csv?name=churn", "second")
        broken = wait_for_room(large)

    assert {(one.status_code, one.json()["code"]) for one in third} == {(429, "too_many_streams")}
    assert {one.headers["retry-after"] for one in third} == {"5"}
    assert (other.status_code, broken) == (200, 200)


def wait_for_room(office: Office) -> int:
    """What is answered once the service has seen that a reader left."""
    while (answer := office.ask("GET", "versions.csv")).status_code == 429:
        pass
    return int(answer.status_code)


def test_limit_one_after_the_other(office: Office) -> None:
    """Whoever reads one file after the other never meets the limit."""
    paths = ("models.csv", "models.xlsx", "models.csv?dialect=excel", "models.jsonl")

    assert {office.ask("GET", path).status_code for path in paths * 5} == {200}


def test_limit_across_processes(office: Office) -> None:
    """The slots are the database's: another process of the service knows them."""
    with ExitStack() as stack:
        for number in (1, 2):
            session = stack.enter_context(office.database.reading())
            slot = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:whose, :n))")
            session.execute(slot, {"whose": "export:person:reader", "n": number})
        refused = office.ask("GET", "models.csv")

    assert refused.status_code == 429
    assert office.ask("GET", "models.csv").status_code == 200
