"""Servers and certificates that a test may ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.outbound.servers import Certify, Serve, certificate_for, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers: `serve(answer, certificate=…)`; all are stopped after the test."""
    with ExitStack() as stack:
        yield lambda answer, certificate=None: stack.enter_context(serving(answer, certificate))


@pytest.fixture
def certify(tmp_path: Path) -> Certify:
    """Make certificates: `certify("name", days=1)`."""
    return partial(certificate_for, folder=tmp_path)
