"""Servers that a directory may be read from."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.outbound.servers import Serve, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; all are stopped after the test."""
    with ExitStack() as stack:
        yield lambda answer, certificate=None: stack.enter_context(serving(answer, certificate))
