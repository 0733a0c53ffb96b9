"""The service, a system that receives its events, and a way to send them."""

from collections.abc import Iterator

import pytest

from service.db import Database
from tests.outgoing.desk import Desk, Sink, listening
from tests.support.http import opened


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A receiver on this machine, which takes what comes unless told otherwise."""
    with listening() as found:
        yield found


@pytest.fixture
def desk(database: Database, sink: Sink) -> Iterator[Desk]:
    """A running service whose events go to the receiver `desk`."""
    with opened(database) as service:
        yield Desk(service, sink)
