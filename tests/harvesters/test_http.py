"""A polite client, before servers that answer as a test tells them."""

from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import PoliteClient, SourceDenied, TokenHeader, joined
from harvesters.manners import Waiting
from outbound.credentials import Credential
from tests.support.scripted import LOOPBACK, NOON, SECRET, Asked, Slept, answer


def test_client_reads(asking: Asked) -> None:
    """Path, query and credential arrive; requests are counted by kind."""
    client, source = asking(lambda _path, h: answer(h, {"id": 1}))

    found = client.get_json(joined("repos", "a/b"), {"page": 2}, kind="head")

    assert found.json == {"id": 1}
    assert source.asked == [("/api/repos/a%2Fb?page=2", f"Bearer {SECRET}")]
    assert client.requests == {"head": 1}


def test_client_half_characters(asking: Asked) -> None:
    """PARSE-07: half a character, which nothing could keep, is replaced; whole ones stay."""
    body = b'{"a": ["\\ud800", "\\uD83D\\uDE00", "\\udc00x"], "\\ud83d": 1}'
    client, _ = asking(lambda _path, h: answer(h, body))

    assert client.get_json("/x", kind="head").json == {
        "a": ["\ufffd", "\U0001f600", "\ufffdx"], "\ufffd": 1,
    }  # fmt: skip


LIES: Final[dict[str, tuple[Any, dict[str, str]]]] = {
    "html": (b"<html>Please sign in.</html>", {"Content_Type": "text/html"}),
    "html said to be json": (b"<html>Please sign in.</html>", {}),
    "empty": (b"", {}),
    "blank": (b" \n", {}),
    "null": (b"null", {}),
    "text": (b'"canary-4711"', {}),
    "nothing in it": (b"{}", {}),
    "an error": ({"error": SECRET}, {}),
    "a message": ({"message": SECRET}, {}),
    "broken off": (b'{"id": [1, 2', {}),
    "twice": (b'{"id": 1, "id": 2}', {}),
    "no number": (b'{"id": NaN}', {}),
    "5,000 digits": (b'{"id": ' + b"1" * 5_000 + b"}", {}),
    "utf-16": ('{"id": 1}'.encode("utf-16"), {}),
    "deep": (b'{"id": ' + b"[" * 100 + b"]" * 100 + b"}", {}),
    "deeper": (b"[" * 200_000, {}),
    "another type": (b'{"id": 1}', {"Content_Type": "text/plain"}),
    "a list": ([1], {}),
    "redirect": (b"", {"status": "302", "Location": "http://127.0.0.1:1/"}),
    "teapot": ({"id": 1}, {"status": "418"}),
}


@pytest.mark.parametrize("name", LIES)
def test_client_lied_to(asking: Asked, slept: Slept, name: str) -> None:
    """HARV-06: what is no answer is refused at once, and its body stands in no error."""
    body, headers = LIES[name]
    status = int(headers.get("status", "200"))
    rest = {key: value for key, value in headers.items() if key != "status"}
    client, _ = asking(lambda _path, h: answer(h, body, status=status, **rest))

    with pytest.raises(SourceRefused) as refused:
        client.get_json("/x", kind="head")

    assert SECRET not in str(refused.value)
    assert (client.requests["head"], slept.seconds) == (1, [])


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_client_tries_again(asking: Asked, slept: Slept, status: int) -> None:
    """HARV-03: five tries, each wait about twice as long; then it is later's business."""
    client, _ = asking(lambda _path, h: answer(h, {"message": SECRET}, status=status))

    with pytest.raises(SourceUnavailable, match=f"answers {status}.*tried 5 times") as error:
        client.get_json("/x", kind="head")

    assert SECRET not in str(error.value)
    assert client.requests["head"] == 5
    assert all(0.75 <= waited / 2**i <= 1.25 for i, waited in enumerate(slept.seconds))
    assert len(slept.seconds) == 4


def test_client_recovers(asking: Asked) -> None:
    """What breaks off, is half, or garbage packed as gzip is asked for again."""

    def half(_path: str, h: BaseHTTPRequestHandler) -> None:
        h.send_response(200)
        h.send_header("Content-Length", "1000")
        h.end_headers()
        h.wfile.write(b'{"id": 1')

    def cut(_path: str, _h: BaseHTTPRequestHandler) -> None:
        return

    def garbage(_path: str, h: BaseHTTPRequestHandler) -> None:
        answer(h, b"no gzip", Content_Encoding="gzip")

    def good(_path: str, h: BaseHTTPRequestHandler) -> None:
        answer(h, {"id": 1})

    scripts = iter((half, cut, garbage, good))
    client, _ = asking(lambda path, h: next(scripts)(path, h))  # noqa: PLW0108  # one a request

    assert client.get_json("/x", kind="head").json == {"id": 1}
    assert client.requests["head"] == 4


@pytest.mark.parametrize(
    ("said", "waited"),
    [
        ("7", 7),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90),
        ("soon", 1),
        ("-5", 1),
        ("", 1),
        (format_datetime(NOON - timedelta(days=2), usegmt=True), 1),
    ],
)
def test_client_retry_after(asking: Asked, slept: Slept, said: str, waited: float) -> None:
    """HARV-03: `Retry-After` is obeyed; garbage leaves the usual wait."""
    left = iter((True, False))

    def script(_path: str, h: BaseHTTPRequestHandler) -> None:
        if next(left):
            answer(h, {}, status=429, Retry_After=said)
        else:
            answer(h, {"id": 1})

    client, _ = asking(script)

    client.get_json("/x", kind="head")

    (seconds,) = slept.seconds
    assert 0.75 * waited <= seconds <= max(1.25, waited)


@pytest.mark.parametrize("said", ["864000", "600"])
def test_client_asked_to_wait_long(asking: Asked, slept: Slept, said: str) -> None:
    """HARV-03: ten days, or ten minutes, are not slept through: the harvest ends and says when."""
    client, _ = asking(lambda _path, h: answer(h, {}, status=503, Retry_After=said))

    with pytest.raises(SourceUnavailable, match=r"again after 2026-11-27 12:1[05]:00Z"):
        client.get_json("/x", kind="head")

    assert (client.requests["head"], slept.seconds) == (1, [])


def test_client_limiter(asking: Asked, slept: Slept) -> None:
    """A source's own way to say that it was asked too often goes before all else."""
    left = iter((403, 200))
    client, _ = asking(
        lambda _path, h: answer(h, {"id": 1}, status=next(left)),
        limiter=lambda response, _now: (
            Waiting(60, "too often") if response.status_code == 403 else None
        ),
    )

    assert client.get_json("/x", kind="head", also={403}).status == 200
    assert slept.seconds == [60]


@pytest.mark.parametrize("status", [401, 403])
def test_client_denied(asking: Asked, slept: Slept, status: int) -> None:
    """HARV-23: a credential that is not let in stops at once."""
    client, _ = asking(lambda _path, h: answer(h, {"message": SECRET}, status=status))

    with pytest.raises(SourceDenied, match="not let in") as error:
        client.get_json("/x", kind="head")

    assert SECRET not in str(error.value)
    assert (client.requests["head"], slept.seconds) == (1, [])


def test_client_expected_status(asking: Asked) -> None:
    """A status that the caller knows the meaning of is an answer without contents."""
    client, _ = asking(lambda _path, h: answer(h, b"<html>", status=404, Content_Type="text/html"))

    found = client.get_json("/x", kind="head", also={404})

    assert (found.status, found.json) == (404, None)


def test_client_pace(asking: Asked, slept: Slept) -> None:
    """After a burst, so many requests a second."""
    client, _ = asking(lambda _path, h: answer(h, {"id": 1}), a_second=5.0)

    for _ in range(20):
        client.get_json("/x", kind="head")

    assert slept.passed == pytest.approx(3.0)


def test_client_not_its_host(asking: Asked) -> None:
    """SSRF-07: a credential goes to its host alone; read without it a source would look empty."""
    client, source = asking(lambda _path, h: answer(h, {"id": 1}))
    other = PoliteClient(
        str(client.base), allow=LOOPBACK, auth=Credential("api.github.com", SECRET)
    )

    with pytest.raises(SourceRefused, match="does not go to") as refused:
        other.get_json("/x", kind="head")

    assert SECRET not in str(refused.value)
    assert source.asked == []


def test_token_header(asking: Asked) -> None:
    """A token may travel in a header of its own, and not beside it in the usual one."""
    said: list[tuple[str | None, str | None]] = []

    def script(_path: str, h: BaseHTTPRequestHandler) -> None:
        said.append((h.headers["PRIVATE-TOKEN"], h.headers["Authorization"]))
        answer(h, {"id": 1})

    client, source = asking(script)
    auth = TokenHeader("127.0.0.1", SECRET)
    mine = PoliteClient(str(client.base), allow=LOOPBACK, auth=auth)
    mine.get_json("/x", kind="head")
    elsewhere = PoliteClient(str(client.base), allow=LOOPBACK, auth=TokenHeader("a.b", SECRET))
    with pytest.raises(SourceRefused):
        elsewhere.get_json("/x", kind="head")

    assert said == [(SECRET, None)]
    assert SECRET not in repr(auth)
    assert len(source.asked) == 1


@pytest.mark.parametrize(
    ("base", "why"),
    [
        ("http://127.0.0.1:1/", "private address"),
        ("ftp://a.example/", "neither http nor https"),
        ("https://u:p@a.example/", "holds a credential"),
        ("https://a.example/\\", "backslash"),
    ],
)
def test_client_addresses(base: str, why: str) -> None:
    """SSRF-01: where the catalog does not go, a client does not either."""
    with pytest.raises(SourceRefused, match=why):
        PoliteClient(base, allow="").get_json("/x", kind="head")


@pytest.mark.parametrize("name", ["..", ".", "", "a\nb"])
def test_joined_refuses(name: str) -> None:
    """SSRF-05: a name from outside never steps out of its place in a path."""
    with pytest.raises(SourceRefused):
        joined("repos", name)
    assert joined("repos", "../../x?y#z") == "/repos/..%2F..%2Fx%3Fy%23z"
