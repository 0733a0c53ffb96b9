"""What the guarded client takes from sources that misbehave."""

import gzip
import zlib
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.addresses import Allowed
from outbound.client import AnswerRefused, Limits, guarded_client, retry_after
from tests.outbound.servers import Serve, Source, say

LOOPBACK = Allowed("127.0.0.1/32")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("part", ["header", "body"])
def test_answer_drip(serve: Serve, part: str) -> None:
    """A source that sends a byte now and then ends with the time for the whole answer."""
    sources: list[Source] = []

    def drip(handler: BaseHTTPRequestHandler) -> None:
        start = b"HTTP/1.1 200 OK\r\nX-Slow: " if part == "header" else b"HTTP/1.1 200 OK\r\n\r\n"
        handler.wfile.write(start)
        while not sources[0].stopping.wait(0.02):
            handler.wfile.write(b"x")

    sources.append(serve(drip))
    limits = Limits(total=0.3)
    with guarded_client(LOOPBACK, limits=limits) as client, pytest.raises(httpx2.ReadTimeout):
        client.get(sources[0].url)


def test_answer_flood(serve: Serve) -> None:
    """The time for the whole answer also ends a source that never makes us wait."""

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # ends with the connection
            handler.wfile.write(bytes(1000))

    limits = Limits(total=0.2, decoded=2**40)
    with (
        guarded_client(LOOPBACK, limits=limits) as client,
        client.stream("GET", serve(pour).url) as answer,
        pytest.raises(httpx2.ReadTimeout),
    ):
        sum(len(piece) for piece in answer.iter_bytes())


@pytest.mark.parametrize("limits", [Limits(read=0.1), Limits(total=0.1)])
def test_answer_silence(serve: Serve, limits: Limits) -> None:
    """A source that says nothing ends with the shorter of the two times."""
    sources: list[Source] = []

    def hesitate(handler: BaseHTTPRequestHandler) -> None:
        sources[0].stopping.wait(2)  # until the test is over, unless nobody counts
        say(handler)

    sources.append(serve(hesitate))

    with guarded_client(LOOPBACK, limits=limits) as client, pytest.raises(httpx2.ReadTimeout):
        client.get(sources[0].url)


def test_answer_endless(serve: Serve) -> None:
    """An answer without an end is cut where the limit stands."""

    def pour(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # ends with the connection
            handler.wfile.write(bytes(10_000))

    with (
        guarded_client(LOOPBACK, limits=Limits(decoded=100_000)) as client,
        pytest.raises(AnswerRefused, match="larger than 100000 bytes"),
    ):
        client.get(serve(pour).url)


def test_answer_exactly_full(serve: Serve) -> None:
    """The limit itself may be reached."""
    with guarded_client(LOOPBACK, limits=Limits(decoded=5)) as client:
        assert client.get(serve(say).url).content == b"hello"


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZip", gzip.compress)],
)
def test_answer_packed(serve: Serve, encoding: str, pack: Any) -> None:
    """A packed answer is unpacked, and its headers no longer describe the packed one."""
    source = serve(lambda handler: say(handler, pack(b"x" * 999), Content_Encoding=encoding))

    with guarded_client(LOOPBACK) as client:
        answer = client.get(source.url)

    assert answer.content == b"x" * 999
    assert not {"content-encoding", "content-length"} & set(answer.headers)


def test_answer_bomb(serve: Serve) -> None:
    """What is counted is the unpacked size: 20 KB may not become 20 MB."""
    bomb = gzip.compress(bytes(20 * 2**20))
    source = serve(lambda handler: say(handler, bomb, Content_Encoding="gzip"))

    sizes: list[int] = []
    with (
        guarded_client(LOOPBACK, limits=Limits(decoded=2**20)) as client,
        client.stream("GET", source.url) as answer,
        pytest.raises(AnswerRefused),
    ):
        sizes.extend(len(piece) for piece in answer.iter_bytes())

    assert sum(sizes) <= 2**20


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd"])
def test_answer_packed_otherwise(serve: Serve, encoding: str) -> None:
    """Packed twice, an answer multiplies twice before anybody counts: not read."""
    source = serve(lambda handler: say(handler, b"", Content_Encoding=encoding))

    with guarded_client(LOOPBACK) as client, pytest.raises(AnswerRefused, match="packed"):
        client.get(source.url)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None),
        ("\u0663", None), ("nan", None),
        ("0", 0), ("30", 30), (" 30 ", 30), ("86400", 900), ("9" * 5000, 900),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60), ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("Thu, 01 Jan 2026 12:01:00 -0000", 60), ("Fri, 02 Jan 2026 12:00:00 GMT", 900),
        ("Thu, 99 Jan 2026 12:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """Seconds or a date, never negative, 15 minutes at most; anything else says nothing."""
    assert retry_after(text, now=NOON) == seconds


@given(st.text())
def test_retry_after_garbage(text: str) -> None:
    """No header breaks the harvest that reads it."""
    waiting = retry_after(text, now=NOON)

    assert waiting is None or 0 <= waiting <= 900


def test_answer_header_in_another_encoding(serve: Serve) -> None:
    """A header that is no ASCII, as of a file's name, ends no harvest."""

    def odd(handler: BaseHTTPRequestHandler) -> None:
        head = b"HTTP/1.1 200 OK\r\nX-Name: m\xc3\xa4rz\r\nContent-Length: 2\r\nConnection: close"
        handler.wfile.write(head + b"\r\n\r\nok")

    with guarded_client(LOOPBACK) as client:
        assert client.get(serve(odd).url).text == "ok"
