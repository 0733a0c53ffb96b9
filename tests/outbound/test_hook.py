"""The connect hook, in processes of its own: a hook is never removed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.outbound.servers import Serve, say

ROOT = Path(__file__).parents[2]
CHILD = """
import asyncio, json, socket, sys, urllib.request
import httpx2, requests
from outbound.hook import guard_sockets

hooks = []
sys.addaudithook(lambda event, _: hooks.append(event) if event == "sys.addaudithook" else None)
calls, url = json.loads(sys.argv[1]), sys.argv[2]
for allowed, also in calls:
    guard_sockets(allowed, also=tuple(also))
host, port = "127.0.0.1", int(url.rsplit(":")[-1].strip("/"))


async def stream():
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


def dial(target, kind=socket.SOCK_STREAM, family=socket.AF_INET):
    with socket.socket(family, kind) as dialling:
        dialling.connect(target)


def send(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        if name == "sendto":
            sending.sendto(b"x", 0, (host, port))
        elif name == "sendmsg":
            sending.sendmsg([b"x"], [], 0, (host, port))
        else:
            sending.connect((host, port))
            sending.sendmsg([b"x"])


def local():
    one, other = socket.socketpair()
    one.close(), other.close()
    with socket.socket(socket.AF_UNIX) as dialling:
        dialling.connect("/nowhere")


WAYS = {
    "urllib": lambda: urllib.request.urlopen(url).close(),
    "requests": lambda: requests.get(url),
    "httpx2": lambda: httpx2.get(url),
    "asyncio": lambda: asyncio.run(stream()),
    "socket": lambda: dial((host, port)),
    "udp": lambda: dial((host, port), socket.SOCK_DGRAM),
    "sendto": lambda: send("sendto"),
    "sendmsg": lambda: send("sendmsg"),
    "connected": lambda: send("connected"),
    "mapped": lambda: dial(("::ffff:127.0.0.1", port), family=socket.AF_INET6),
    "name": lambda: dial(("localhost", port)),
    "short": lambda: dial(("127.1", port)),
    "bytes": lambda: dial((b"0x7f", 443)),
    "metadata": lambda: dial(("169.254.169.254", 80)),
    "plain": lambda: dial(("1.1.1.1", 80)),
    "local": local,
}
outcomes = {}
for name, way in WAYS.items():
    try:
        way()
    except Exception as error:
        text = str(error)
        refused = ("is a private" in text or "never reached" in text or "not written" in text
                   or "outside the ranges" in text)
        outcomes[name] = "refused" if refused else type(error).__name__
    else:
        outcomes[name] = "reached"
print(json.dumps(outcomes | {"hooks": len(hooks)}))
"""
BY_NAME = {"name", "short", "bytes"}  # what was resolved out of sight is never reached
ELSEWHERE = {"metadata", "plain"}


def outcomes(url: str, *calls: tuple[str, list[str]]) -> dict[str, str]:
    """What a process with these guards can reach."""
    child = subprocess.run(  # noqa: S603  # our own text
        [sys.executable, "-c", CHILD, json.dumps(calls), url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    found: dict[str, Any] = json.loads(child.stdout)
    assert found.pop("hooks") == len(set(map(repr, calls)))  # the same guard twice is one
    assert found.pop("local") == "FileNotFoundError"  # no inet address: not our business
    return found


def test_hook_refuses(serve: Serve) -> None:
    """Without an allowed range no client reaches loopback, by whatever call or notation."""
    source = serve(say)

    found = outcomes(source.url, ("", []))

    assert set(found.values()) == {"refused"}, found
    assert not source.connected


@pytest.mark.parametrize("times", [1, 2])
def test_hook_allows(serve: Serve, times: int) -> None:
    """Inside an allowed range all clients work, also when the guard is asked for twice."""
    found = outcomes(serve(say).url, *[("127.0.0.0/8", [])] * times)

    assert {name for name, outcome in found.items() if outcome == "refused"} == BY_NAME | ELSEWHERE


def test_hook_own_service(serve: Serve) -> None:
    """The catalog's own port is open; another port of the same machine is not."""
    own, other = serve(say), serve(say)

    assert outcomes(own.url, ("", [own.url]))["httpx2"] == "reached"
    assert outcomes(other.url, ("", [own.url]))["httpx2"] == "refused"
    assert not other.connected


def test_hook_narrows(serve: Serve) -> None:
    """A later guard never widens an earlier one."""
    source = serve(say)

    found = outcomes(source.url, ("10.0.0.0/8", []), ("127.0.0.0/8", []))

    assert set(found.values()) == {"refused"}, found
    assert not source.connected
