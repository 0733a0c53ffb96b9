"""A polite client before a server that a test writes the answers of."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from harvesters.http import PoliteClient
from harvesters.manners import Manners
from outbound.credentials import Credential
from tests.outbound.servers import Source, serving
from tests.support.scripted import LOOPBACK, SECRET, Asked, Script, Slept


@pytest.fixture
def slept() -> Slept:
    """How long the client slept."""
    return Slept()


@pytest.fixture
def asking(slept: Slept) -> Iterator[Asked]:
    """A client before a server that answers each request as `script(path, handler)` does."""
    with ExitStack() as stack:

        def started(script: Script, **manners: Any) -> tuple[PoliteClient, Source]:
            source = stack.enter_context(serving(lambda h: script(h.path, h), None))
            host = f"127.0.0.1:{source.port}"
            client = PoliteClient(
                f"http://{host}/api/",
                allow=LOOPBACK,
                auth=Credential(host, SECRET),
                manners=Manners(clock=slept.clock(), **manners),
            )
            stack.callback(client.close)
            return client, source

        yield started
