"""Repositories by ssh: the host must be known, the key is the source's alone."""

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.git.host import GitHost, Told
from harvesters.manifests.git.settings import GitSettings
from outbound.addresses import Allowed
from outbound.credentials import Credential
from tests.harvesters.manifests.git.conftest import LOOPBACK, code_of, contents, listed, read
from tests.support.git_server import GitServer
from tests.support.ssh_server import SshServer, run_ssh_server

MANIFEST = b"apiVersion: model-catalog/v1\n"

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh")


@pytest.fixture
def ssh(git_server: GitServer, tmp_path: Path) -> Iterator[SshServer]:
    """A server with a repository of two files, of which one is large."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST, "big.bin": bytes(300_000)})
    with run_ssh_server(git_server.root, tmp_path) as server:
        yield server


def host_of(ssh: SshServer, *names: str, key: str | None, known: Path | None = None) -> GitHost:
    """The host of repositories of a server, with a key."""
    path = str(known or ssh.known_hosts)
    urls = tuple(ssh.url(name) for name in names)
    settings = GitSettings(repositories=urls, ssh_known_hosts=path)
    credential = None if key is None else Credential("localhost", key.strip())
    return GitHost(
        Told(
            settings.remotes(), Allowed(LOOPBACK), 30.0, 64 * 2**20,
            credential=credential, known_hosts=Path(path),
            resolver=lambda *_: ["127.0.0.1"],
        )
    )  # fmt: skip


def test_ssh(ssh: SshServer, work_folders: Path) -> None:
    """A key opens the server; neither it nor anything else is left on the disk."""
    _, files = read(host_of(ssh, "acme/churn", key=ssh.key))

    assert contents(files) == {"model.yaml": MANIFEST, "big.bin": "too_large"}
    assert ssh.commands == ["git-upload-pack '/acme/churn.git'"] * 2
    assert list(work_folders.iterdir()) == []


def test_ssh_missing(ssh: SshServer) -> None:
    """A repository that is not there."""
    host = host_of(ssh, "acme/churn", "acme/none", key=ssh.key)

    heads = {one.path: code_of(head) for one, head in host.heads(listed(host))}

    assert heads == {"acme/churn": None, "acme/none": "not_found_or_hidden"}


def test_ssh_unknown_host(ssh: SshServer, tmp_path: Path) -> None:
    """A host whose key is another one, or not known, is not spoken to."""
    other = tmp_path / "other"
    for known in ("", ssh.known_hosts.read_text().replace("AAAAC3NzaC1lZDI1NTE5AAAAI", "AAAAx")):
        other.write_text(known)
        host = host_of(ssh, "acme/churn", "acme/none", key=ssh.key, known=other)
        assert {code_of(head) for _, head in host.heads(listed(host))} == {"host_key_unknown"}
    host = host_of(ssh, "acme/churn", "acme/none", key=ssh.key, known=tmp_path / "missing")
    with pytest.raises(SourceRefused, match="`ssh_known_hosts` cannot be read: No such file"):
        list(host.heads(listed(host)))
    assert ssh.commands == []


@pytest.mark.parametrize("key", [None, "t0ken"])
def test_ssh_not_let_in(ssh: SshServer, key: str | None) -> None:
    """Without a key nobody is let in; a token is no key, and an agent is not asked."""
    host = host_of(ssh, "acme/churn", key=key)
    with pytest.raises(SourceRefused, match="lets us in"):
        list(host.heads(listed(host)))
    assert ssh.commands == []


def test_ssh_key_file(ssh: SshServer) -> None:
    """The key stands in a file that its owner alone may read, for as long as git runs."""
    host = host_of(ssh, "acme/churn", key=ssh.key)
    (remote,) = host.told.remotes.values()
    with host._work() as work:  # noqa: SLF001  # what it leaves for ssh
        made = host._ssh(remote, work)  # noqa: SLF001
        assert made.identity is not None
        assert stat.S_IMODE(made.identity.stat().st_mode) == 0o600
        assert made.identity.read_text().strip() == ssh.key.strip()
    assert not made.identity.exists()
