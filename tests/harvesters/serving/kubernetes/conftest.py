"""A scripted cluster on loopback, and a way to harvest it."""

from collections.abc import Iterator

import pytest

from tests.harvesters.serving.kubernetes.ways import Ways
from tests.support.kubernetes_server import KubernetesServer, kubernetes


@pytest.fixture
def server() -> Iterator[KubernetesServer]:
    """An empty cluster."""
    with kubernetes() as running:
        yield running


@pytest.fixture
def ways(server: KubernetesServer) -> Iterator[Ways]:
    """A way to it."""
    made = Ways(server)
    yield made
    made.client.close()
