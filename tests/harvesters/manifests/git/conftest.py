"""A git server on loopback, and hosts that read from it as a source would."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harvesters.manifests.git.host import GitHost, Told
from harvesters.manifests.git.settings import GitSettings
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Entry, File, Head, Repository, Unread
from outbound.addresses import Allowed
from tests.support.git_server import GitServer, run_git_server

LOOPBACK = "127.0.0.1/32"
MakeHost = Callable[..., GitHost]


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A server without repositories."""
    with run_git_server(tmp_path) as server:
        yield server


@pytest.fixture
def make_host() -> MakeHost:
    """Makes the host of a list of URLs; loopback is allowed unless told otherwise."""

    def made(*urls: str, allow: str = LOOPBACK, **more: Any) -> GitHost:
        settings = GitSettings(repositories=urls)
        usual = {"seconds": 30.0, "most": 64 * 2**20}
        return GitHost(Told(settings.remotes(), Allowed(allow), **usual | more))

    return made


@pytest.fixture
def work_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made: it should be empty whenever nothing runs."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def listed(host: GitHost) -> list[Repository]:
    """All repositories of a host."""
    return [one for some in host.repositories() for one in some]


def code_of(head: Head | RepositoryUnreadable) -> str | None:
    """Why there is no head."""
    return head.code if isinstance(head, RepositoryUnreadable) else None


def only(host: GitHost) -> tuple[Repository, Any]:
    """The one repository of a host, with its head or why there is none."""
    ((repository, head),) = host.heads(listed(host))
    return repository, head


def read(host: GitHost) -> tuple[list[Entry], list[File | Unread]]:
    """The entries of the one repository of a host, and the contents of all."""
    repository, head = only(host)
    assert isinstance(head, Head), head
    with host.open(repository, head) as tree:
        entries = list(tree.entries())
        return entries, list(tree.files(entries))


def contents(files: Sequence[File | Unread]) -> dict[str, Any]:
    """What was read by path, or the code of why not."""
    return {one.path: one.raw if isinstance(one, File) else one.code for one in files}
