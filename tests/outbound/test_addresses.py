"""The policy over addresses, URLs and next pages."""

import re
from ipaddress import ip_address

import httpx2
import pytest

from outbound.addresses import Allowed, OutboundRefused, checked, next_url, read_url, resolve

EVERYTHING = Allowed("0.0.0.0/0,::/0")

NEVER = (
    "0.0.0.0", "0.1.2.3",  # noqa: S104  # nothing is bound
    "169.254.169.254", "168.63.129.16", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255", "::", "::7f00:1", "::a9fe:a9fe", "fe80::1", "fe80::1%eth0",
    "febf::1", "fec0::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "::ffff:169.254.169.254", "::ffff:0.0.0.0",
)  # fmt: skip
PRIVATE = (
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "100.64.0.1", "100.127.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "::1", "fc00::1", "fdff::1", "2001:db8::1",
    "3fff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "fd00::1%eth0",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1",
          "169.253.255.255", "223.255.255.255", "2606:4700::1", "2001:1::1", "2003::1")  # fmt: skip


@pytest.mark.parametrize("literal", NEVER)
def test_checked_never(literal: str) -> None:
    """No setting opens a link-local, metadata, multicast or translated address."""
    with pytest.raises(OutboundRefused, match="never reached"):
        checked(literal, 443, allowed=EVERYTHING)


@pytest.mark.parametrize("literal", PRIVATE)
def test_checked_private(literal: str) -> None:
    """A private address is refused with the line that opens it; with that line it is reached."""
    with pytest.raises(OutboundRefused, match="private") as refused:
        checked(literal, 443, allowed=Allowed("192.0.2.128/32"))

    line = str(refused.value).partition("MODEL_CATALOG_OUTBOUND_ALLOW=")[2]
    assert line.startswith("192.0.2.128/32,")
    assert str(checked(literal, 5000, allowed=Allowed(line), plain=True)) in line


@pytest.mark.parametrize("literal", PUBLIC)
def test_checked_public(literal: str) -> None:
    """The edges of every range are where they belong: their neighbours are public."""
    assert checked(literal, 443, allowed=Allowed()) == ip_address(literal)


@pytest.mark.parametrize(
    ("port", "plain", "reason"),
    [(80, True, "plain http"), (443, True, "plain http"), (22, False, "port 22")],
)
def test_checked_public_otherwise(port: int, *, plain: bool, reason: str) -> None:
    """Plain http, and any port but 443, exist only inside the ranges that an operator opened."""
    with pytest.raises(OutboundRefused, match=f"{reason}.*MODEL_CATALOG_OUTBOUND_ALLOW=1.1.1.1/32"):
        checked("1.1.1.1", port, allowed=Allowed(), plain=plain)

    assert checked("1.1.1.1", port, allowed=Allowed("1.1.1.0/24"), plain=plain)


@pytest.mark.parametrize(
    "notation",
    ["127.1", "0x7f000001", "0177.0.0.1", "127.0.0.01", "localhost", "", "\u0661.0.0.1"],
)
def test_checked_other_notation(notation: str) -> None:
    """What is not written as an address is not judged: nobody knows what a resolver makes of it."""
    with pytest.raises(OutboundRefused, match="not written as an address"):
        checked(notation, 443, allowed=EVERYTHING)


@pytest.mark.parametrize(
    "host",
    ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "::ffff:7f00:1"],
)
def test_resolve_loopback_in_disguise(host: str) -> None:
    """Whatever the system's resolver takes for loopback is refused as loopback."""
    with pytest.raises(OutboundRefused, match=f"^{re.escape(host)}: .* private"):
        resolve(host, 443, allowed=Allowed())


def test_resolve_final_dot() -> None:
    """Whether a resolver knows `localhost.` or not, it is not reached."""
    with pytest.raises(OSError, match=r"private|not known|[Nn]o address"):
        resolve("localhost.", 443, allowed=Allowed())


@pytest.mark.parametrize("host", ["0", "0x0", "2852039166", "169.254.169.254"])
def test_resolve_never_in_disguise(host: str) -> None:
    """Other notations of 0.0.0.0 and of the metadata address are refused, whatever is allowed."""
    with pytest.raises(OutboundRefused, match="never reached"):
        resolve(host, 443, allowed=EVERYTHING)


def test_resolve_mixed() -> None:
    """One refused address refuses the host: which one would be dialled is chance."""
    with pytest.raises(OutboundRefused, match=r"a\.example: fd00::1 is a private address"):
        resolve("a.example", 443, allowed=Allowed(), resolver=lambda *_: ["1.1.1.1", "fd00::1"])


def test_resolve_all() -> None:
    """All addresses come back once each, in the resolver's order."""
    found = resolve(
        "a.example", 443, allowed=Allowed(), resolver=lambda *_: ["1.1.1.1", "1.0.0.1"] * 2
    )

    assert [str(address) for address in found] == ["1.1.1.1", "1.0.0.1"]


def test_resolve_nothing() -> None:
    """A host without an address is a failure, but none of the policy."""
    with pytest.raises(OSError, match="no address") as failure:
        resolve("a.example", 443, allowed=Allowed(), resolver=lambda *_: [])

    assert not isinstance(failure.value, OutboundRefused)


@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example"])
def test_resolve_impossible_name(host: str) -> None:
    """A name that cannot be encoded fails like one that is not found."""
    with pytest.raises(OSError, match="cannot be a host name"):
        resolve(host, 443, allowed=Allowed())


@pytest.mark.parametrize("text", ["10.20.0.1/16", "10.0.0.0/33", "localhost", "10.0.0.0/8;::1"])
def test_allowed_unreadable(text: str) -> None:
    """A range that cannot be read stops the start and names its variable: nothing is guessed."""
    with pytest.raises(ValueError, match=r"^MODEL_CATALOG_OUTBOUND_ALLOW: "):
        Allowed(text)


def test_allowed_empty_parts() -> None:
    """Spaces and a last comma are no ranges; an empty text allows nothing."""
    assert [str(found) for found in Allowed(" 10.0.0.0/8 , ::1,").ranges] == [
        "10.0.0.0/8",
        "::1/128",
    ]
    assert not Allowed("").ranges


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd", "gopher://a.example/", "ftp://a.example/", "unix:/run/a.sock", "",
        "//a.example/", "a.example", "http:///x", "http://", "https://user:secret@a.example/",
        "https://secret@a.example/", "https://b.example\\@a.example/", "https://a.example/\\x",
        "https://a.example/\n", "https://a.example/\x00", "https://a.example /", " https://a.example",
        "https://a.example/\u202e", "https://a.example:0/", "https://a.example:65536/",
        "https://a.example:x/", "https://a.example:-1/", "https://[::1/",
    ],
)  # fmt: skip
def test_read_url_refused(text: str) -> None:
    """A URL that another parser could read otherwise, or that holds a secret, is not read."""
    with pytest.raises(OutboundRefused) as refused:
        read_url(text)

    assert "secret" not in str(refused.value)


def test_read_url_canonical() -> None:
    """One canonical form is stored and used."""
    assert str(read_url("HTTPS://A.Example:443/x")) == "https://a.example/x"


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("?page=2", "https://a.example/api?page=2"),
        ("/other", "https://a.example/other"),
        ("https://A.example:443/api?page=2", "https://a.example/api?page=2"),
    ],
)
def test_next_url_same_origin(link: str, following: str) -> None:
    """A next page on the same origin is followed, absolute or relative."""
    assert str(next_url(httpx2.URL("https://a.example/api"), link)) == following


@pytest.mark.parametrize(
    "link",
    ["https://b.example/", "//b.example/", "http://a.example/", "https://a.example:8443/",
     "https://a.example@b.example/", "https://u:p@a.example/", "file:///etc/passwd",
     "\\\\b.example", "/\\b.example", "https://a.example:x/", "\t//b.example"],
)  # fmt: skip
def test_next_url_elsewhere(link: str) -> None:
    """A link in harvested data never leaves its origin."""
    with pytest.raises(OutboundRefused):
        next_url(httpx2.URL("https://a.example/api"), link)
