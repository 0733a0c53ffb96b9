"""The address policy for clients with a transport of their own (mlflow, boto3): a connect hook."""

import socket
import sys
from functools import cache
from typing import Any, Final

from outbound.addresses import Allowed, checked, look_up, port_of, read_url

EVENTS: Final = {"socket.connect", "socket.sendto", "socket.sendmsg"}
INET: Final = {socket.AF_INET, socket.AF_INET6}


@cache  # audit hooks are never removed: the same policy is installed once, another one narrows
def guard_sockets(allowed: str, *, also: tuple[str, ...] = ()) -> None:
    """Check every connection of this process from now on; cannot be undone.

    `allowed` are ranges as `MODEL_CATALOG_OUTBOUND_ALLOW` writes them; `also` are URLs of our own
    (the catalog itself), whose present addresses may be reached on their port and no other. C
    libraries that open their own sockets (libpq) are not seen. Raises `ValueError` for ranges that
    cannot be read, `OSError` for a URL that has no address.
    """
    guard = Allowed(allowed)
    own = frozenset(endpoint for url in also for endpoint in _endpoints(url))

    def check(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or arguments[0].family not in INET:
            return
        destination = arguments[1]
        if destination is None:  # sendmsg on a socket whose connection was checked
            return
        host, port = _text(destination[0]), destination[1]
        if (host, port) not in own:
            checked(host, port, allowed=guard)

    sys.addaudithook(check)


def _text(host: str | bytes | bytearray) -> str:
    """Python connects to bytes as to text, but `ip_address` reads four of them as an address."""
    return host if isinstance(host, str) else host.decode("ascii", "replace")


def _endpoints(text: str) -> set[tuple[str, int]]:
    url = read_url(text)
    return {(literal, port_of(url)) for literal in look_up(url.host, port_of(url))}
