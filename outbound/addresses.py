"""Which addresses may be reached: a pure policy over resolved addresses."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
ALWAYS_REFUSED: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "fe80::/10", "fec0::/10",
        "fd00:ec2::254/128", "ff00::/8", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32",
    )
)  # fmt: skip
COMPATIBLE: Final = IPv6Network("::/96")  # but ::1
UNTIL_ALLOWED: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "fc00::/7", "192.0.0.0/24", "198.18.0.0/15", "192.0.2.0/24", "198.51.100.0/24",
        "203.0.113.0/24", "2001:db8::/32",
    )
)  # fmt: skip
VARIABLE: Final = "MODEL_CATALOG_OUTBOUND_ALLOW"


class OutboundRefused(OSError):
    """An address may not be reached; the text says which, and what an operator can do."""


class Allowed:
    """The private ranges that an operator lets harvests reach; plain http only inside them."""

    def __init__(self, text: str = "", *, also: Iterable[str] = ()) -> None:
        """Read comma-separated ranges; `also` adds single addresses. Raises `ValueError`."""
        ranges = [part.strip() for part in text.split(",") if part.strip()]
        self.networks = tuple(ip_network(part) for part in (*ranges, *also))

    def __contains__(self, address: Address) -> bool:
        """Does one of the ranges hold it?"""
        return any(address in network for network in self.networks)

    def check(self, text: str) -> Address:
        """The address, if it may be reached. Raises `OutboundRefused`."""
        address = unwrapped(ip_address(text.split("%", 1)[0]))
        if is_always_refused(address):
            message = f"{address} is never reached: it is a link-local, metadata or special address"
            raise OutboundRefused(message)
        if any(address in network for network in UNTIL_ALLOWED) and address not in self:
            message = (
                f"{address} is a private address; an operator allows it with "
                f"{VARIABLE}={address}/{address.max_prefixlen}"
            )
            raise OutboundRefused(message)
        return address


def unwrapped(address: Address) -> Address:
    """An IPv4 address in IPv6 clothing is judged as what it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_always_refused(address: Address) -> bool:
    """A list of our own: `is_global` is true for some of these."""
    if isinstance(address, IPv6Address) and address in COMPATIBLE and not address.is_loopback:
        return True
    return any(address in network for network in ALWAYS_REFUSED)
