"""Which addresses may be reached: one policy for the client and for the connect hook."""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

import httpx2

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Iterable[str]]

VARIABLE: Final = "MODEL_CATALOG_OUTBOUND_ALLOW"
HTTPS: Final = 443
HIGHEST_PORT: Final = 65535

# A list of our own: `is_global` is true for 64:ff9b::a9fe:a9fe, ::127.0.0.1 and 224.0.0.1.
ALWAYS_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent: public by its number, answers every machine
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # but ::1
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2002::/16",
        "fd00:ec2::254/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
UNTIL_ALLOWED: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "::1/128",
        "2001:db8::/32",
        "3fff::/20",
        "fc00::/7",
    )
)


class OutboundRefused(OSError):
    """The catalog does not go there.

    An `OSError`: clients with a transport of their own take it for a failed connection. Trying
    again does not help; the text says what was refused and, where an operator may, how to allow it.
    """


class Allowed:
    """The ranges that an operator opens; plain http and ports but 443 exist only inside them."""

    def __init__(self, text: str = "") -> None:
        """Read ranges as `10.20.0.0/16,127.0.0.1/32`. Raises `ValueError`."""
        try:
            self.ranges = tuple(
                ip_network(part.strip()) for part in text.split(",") if part.strip()
            )
        except ValueError as error:
            message = f"{VARIABLE}: {error}"
            raise ValueError(message) from None

    def __contains__(self, address: Address) -> bool:
        """Does one of the ranges hold it?"""
        return any(address in network for network in self.ranges)

    def line_with(self, address: Address) -> str:
        """The line that allows this address too, ready to be pasted."""
        ranges = [*self.ranges, ip_network(address)]
        return f"{VARIABLE}={','.join(str(network) for network in ranges)}"


def unwrapped(address: Address) -> Address:
    """An IPv4 address in IPv6 clothing is judged as what it is; a scope changes nothing."""
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Address(int(address))


def checked(literal: str, port: int, *, allowed: Allowed, plain: bool = False) -> Address:
    """The address behind its notation, if it may be reached. Raises `OutboundRefused`."""
    try:
        address = unwrapped(ip_address(literal))
    except ValueError:  # 127.1, 0x7f000001, a name: what the resolver makes of it is unknown here
        message = f"{literal!r} is not written as an address; only resolved addresses are reached"
        raise OutboundRefused(message) from None
    if not address.is_loopback and any(address in network for network in ALWAYS_REFUSED):
        message = (
            f"{address} is never reached: a link-local, metadata, multicast or special address"
        )
        raise OutboundRefused(message)
    if address in allowed:
        return address
    if any(address in network for network in UNTIL_ALLOWED):
        reason = "a private address"
    elif plain:
        reason = "outside the ranges where plain http is allowed (use https)"
    elif port != HTTPS:
        reason = f"outside the ranges where port {port} is allowed"
    else:
        return address
    message = f"{address} is {reason}; an operator allows it with {allowed.line_with(address)}"
    raise OutboundRefused(message)


def resolve(
    host: str, port: int, *, allowed: Allowed, plain: bool = False, resolver: Resolver | None = None
) -> tuple[Address, ...]:
    """The addresses of a host, all of them checked: one that is refused refuses the host.

    Raises `OutboundRefused`, or another `OSError` when the host has no address.
    """
    try:
        found = [
            checked(literal, port, allowed=allowed, plain=plain)
            for literal in (resolver or look_up)(host, port)
        ]
    except OutboundRefused as refused:
        message = f"{host}: {refused}"
        raise OutboundRefused(message) from None
    if not found:
        message = f"{host} has no address"
        raise OSError(message)
    return tuple(dict.fromkeys(found))


def look_up(host: str, port: int) -> list[str]:
    """Ask the system's resolver, which also reads 127.1 and 0x7f000001."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty label, or one of more than 63 characters
        message = f"{host} cannot be a host name"
        raise OSError(message) from None
    return [str(address[0]) for *_, address in answers]


def read_url(text: str) -> httpx2.URL:
    """Read a URL with the parser that will also use it: two may see two different hosts.

    `str()` of it is the canonical form. Raises `OutboundRefused`; the text, which may hold a
    secret, is not repeated.
    """
    _check_characters(text)
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        raise OutboundRefused("a URL cannot be read") from None
    return httpx2.URL(str(check_url(url)))  # again: :443 is dropped after a lower-case scheme only


def check_url(url: httpx2.URL) -> httpx2.URL:
    """The URL, if it is http or https to a host, without a credential. Raises `OutboundRefused`."""
    if url.scheme not in {"http", "https"}:
        raise OutboundRefused("a URL is neither http nor https")
    if url.userinfo:
        raise OutboundRefused("a URL holds a credential; name it in the source's settings instead")
    if not url.host:
        raise OutboundRefused("a URL has no host")
    if not 1 <= port_of(url) <= HIGHEST_PORT:
        raise OutboundRefused("a URL has a port that does not exist")
    return url


def port_of(url: httpx2.URL) -> int:
    """The port of a URL, also where it goes without saying."""
    if url.port is not None:
        return url.port
    return HTTPS if url.scheme == "https" else 80


def next_url(current: httpx2.URL, link: str) -> httpx2.URL:
    """The next page that an answer names, on the origin that named it or not at all.

    Raises `OutboundRefused`.
    """
    _check_characters(link)
    try:
        following = check_url(current.join(link))
    except httpx2.InvalidURL:
        raise OutboundRefused("a next page cannot be read") from None
    if _origin(following) != _origin(current):
        message = f"a next page lies on {following.host}, not on {current.host}: not followed"
        raise OutboundRefused(message)
    return following


def _check_characters(text: str) -> None:
    if not text.isprintable() or " " in text or "\\" in text:
        raise OutboundRefused("a URL holds a space, a backslash or a control character")


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, port_of(url)
