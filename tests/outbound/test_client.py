"""Where the guarded client goes, and what it takes along."""

from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest

from outbound.addresses import Allowed, OutboundRefused
from outbound.client import guarded_client
from outbound.credentials import Credential
from tests.outbound.servers import Certify, Serve, say

LOOPBACK = Allowed("127.0.0.1/32")


def here(_host: str, _port: int) -> list[str]:
    """A resolver for which every name is this machine."""
    return ["127.0.0.1"]


def test_client_allowed(serve: Serve) -> None:
    """An allowed address is read over plain http on any port, again and again."""
    source = serve(say)

    with guarded_client(LOOPBACK) as client:
        assert [client.get(source.url).text for _ in range(2)] == ["hello", "hello"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f000001", "localhost"])
def test_client_private(serve: Serve, host: str) -> None:
    """No byte and no connection reaches an address that is not allowed."""
    source = serve(say)

    with guarded_client(Allowed()) as client, pytest.raises(OutboundRefused, match="private"):
        client.get(f"http://{host}:{source.port}/")

    assert not source.connected


def test_client_rebinding(serve: Serve) -> None:
    """A name that turns into another address between two looks is refused at the second."""
    source = serve(say)
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    url = f"http://a.example:{source.port}/"

    with guarded_client(LOOPBACK, resolver=lambda *_: next(answers)) as client:
        assert client.get(url).text == "hello"
        with pytest.raises(OutboundRefused, match=r"127\.0\.0\.2 is a private address"):
            client.get(url)

    assert len(source.connected) == 1


def test_client_dials_what_was_checked(serve: Serve) -> None:
    """The checked address is dialled, not the name: it is looked up once for a connection."""
    source = serve(say)
    looked_up: list[str] = []

    def resolver(host: str, _port: int) -> list[str]:
        looked_up.append(host)
        return ["127.0.0.1"]

    with guarded_client(LOOPBACK, resolver=resolver) as client:
        client.get(f"http://never.invalid:{source.port}/")

    assert looked_up == ["never.invalid"]


def test_client_other_peer(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers in the place of the dialled address gets no byte."""
    source, dial = serve(say), httpcore2.SyncBackend.connect_tcp
    elsewhere: Any = lambda self, _host, port, *rest: dial(self, "127.0.0.1", port, *rest)  # noqa: E731
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", elsewhere)

    with (
        guarded_client(Allowed("127.0.0.0/8")) as client,
        pytest.raises(OutboundRefused, match=r"127\.0\.0\.1 answered in the place of"),
    ):
        client.get(f"http://127.0.0.9:{source.port}/")

    assert not source.asked


def test_client_next_address(serve: Serve) -> None:
    """When one address of a host does not answer, the next one is tried."""
    source = serve(say)

    allowed = Allowed("::1/128,127.0.0.1/32")

    with guarded_client(allowed, resolver=lambda *_: ["::1", "127.0.0.1"]) as client:
        assert client.get(f"http://a.example:{source.port}/").text == "hello"


def test_client_nobody_there(serve: Serve) -> None:
    """A refused connection and an unknown name are failures that a client knows."""
    source = serve(say)

    def unknown(*_: object) -> list[str]:
        raise OSError

    with guarded_client(Allowed("::1/128")) as client, pytest.raises(httpx2.ConnectError):
        client.get(f"http://[::1]:{source.port}/")
    with (
        guarded_client(LOOPBACK, resolver=unknown) as client,
        pytest.raises(httpx2.ConnectError, match=r"a\.example cannot be resolved"),
    ):
        client.get("https://a.example/")


@pytest.mark.parametrize(
    "url", ["http://u:p@127.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1:70000/"]
)
def test_client_bad_url(url: str) -> None:
    """The transport checks each URL itself, whoever made it."""
    with guarded_client(LOOPBACK) as client, pytest.raises(OutboundRefused):
        client.get(url)


@pytest.mark.parametrize("url", ["http://a.example/", "http://a.example:443/"])
def test_client_plain(url: str) -> None:
    """Plain http leaves for no address that an operator has not opened, whatever its port."""
    with (
        guarded_client(LOOPBACK, resolver=lambda *_: ["1.1.1.1"]) as client,
        pytest.raises(OutboundRefused, match="plain http"),
    ):
        client.get(url)


def test_client_redirect(serve: Serve) -> None:
    """A redirect is given back, not followed."""
    other = serve(say)

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", other.url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with guarded_client(LOOPBACK) as client:
        assert client.get(serve(redirect).url).status_code == 302

    assert not other.connected


def test_client_redirect_followed(serve: Serve) -> None:
    """Who follows redirects all the same has every hop checked."""

    def redirect(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", "http://169.254.169.254/latest/")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with guarded_client(LOOPBACK) as client, pytest.raises(OutboundRefused, match="never reached"):
        client.get(serve(redirect).url, follow_redirects=True)


def test_client_credential(serve: Serve) -> None:
    """A credential goes to its host, and another host is not even connected to."""
    source = serve(say)
    credential = Credential("a.example", "token")

    with guarded_client(LOOPBACK, credential=credential, resolver=here) as client:
        client.get(f"http://a.example:{source.port}/mine")
        with pytest.raises(OutboundRefused, match="does not go to"):
            client.get(f"http://b.example:{source.port}/theirs")

    assert source.asked == [("/mine", "Bearer token")]


def test_client_environment(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Proxy variables and `.netrc` are not for us."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    source = serve(say)

    with guarded_client(LOOPBACK) as client:
        client.get(source.url)

    assert source.asked == [("/", None)]


def test_client_certificate(serve: Serve, certify: Certify) -> None:
    """A private authority counts where its file is named, for the name and not the address."""
    certificate = certify("a.example")
    source = serve(say, certificate=certificate)

    with guarded_client(LOOPBACK, ca_file=certificate, resolver=here) as client:
        assert client.get(f"https://a.example:{source.port}/").text == "hello"


@pytest.mark.parametrize(
    ("name", "days", "known"),
    [("a.example", 1, False), ("b.example", 1, True), ("a.example", -1, True)],
    ids=["self-signed", "other name", "expired"],
)
def test_client_certificate_refused(
    serve: Serve, certify: Certify, *, name: str, days: int, known: bool
) -> None:
    """No request reaches a server that cannot prove its name, whatever name the caller passes."""
    certificate = certify(name, days=days)
    source = serve(say, certificate=certificate)
    ca_file = certificate if known else None

    with (
        guarded_client(LOOPBACK, ca_file=ca_file, resolver=here) as client,
        pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get(f"https://a.example:{source.port}/", extensions={"sni_hostname": name})

    assert not source.asked
