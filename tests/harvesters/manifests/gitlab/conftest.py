"""A scripted GitLab on loopback, and the harvesters' ways to it."""

from collections.abc import Iterator

import pytest

from tests.harvesters.manifests.gitlab.ways import Time, Ways
from tests.support.gitlab_server import GitLabServer, gitlab


@pytest.fixture
def server() -> Iterator[GitLabServer]:
    """A GitLab with the group `acme` and nothing in it."""
    with gitlab() as running:
        running.state.group("acme", ada="Ada Example")
        yield running


@pytest.fixture
def time() -> Time:
    """Nobody waits."""
    return Time()


@pytest.fixture
def ways(server: GitLabServer, time: Time) -> Iterator[Ways]:
    """The ways to the server."""
    made = Ways(server, time)
    yield made
    made.client.close()
