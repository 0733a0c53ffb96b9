"""An ssh server for tests that serves repositories of a git server's folder, to one key.

with run_ssh_server(git_server.root, folder) as ssh:
    ssh.url("acme/churn")        # ssh://git@localhost:<port>/acme/churn.git
    ssh.known_hosts              # a file with the server's key, as ssh-keyscan would write it
    ssh.key                      # the private key that is let in
    ssh.commands                 # what was asked to be run
"""

import asyncio
import os
import shlex
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

import asyncssh

HOST: Final = "127.0.0.1"
NAME: Final = "localhost"


class SshServer:
    """Where it is, and what it has seen."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Keys are made; nobody listens yet."""
        self.root, self.port = root, 0
        self._host = asyncssh.generate_private_key("ssh-ed25519")
        self._client = asyncssh.generate_private_key("ssh-ed25519")
        self.key = self._client.export_private_key().decode()
        self.known_hosts = folder / "known_hosts"
        self.commands: list[str] = []

    def url(self, name: str) -> str:
        """What git is told of a repository."""
        return f"ssh://git@{NAME}:{self.port}/{name}.git"

    async def listen(self) -> asyncssh.SSHAcceptor:
        """Begin to listen on a free port."""
        known = asyncssh.import_authorized_keys(self._client.export_public_key().decode())
        acceptor = await asyncssh.listen(
            HOST, 0, server_host_keys=[self._host], authorized_client_keys=known,
            process_factory=self._serve, encoding=None, password_auth=False,
        )  # fmt: skip
        self.port = acceptor.get_port()
        public = self._host.export_public_key().decode().strip()
        self.known_hosts.write_text(f"[{NAME}]:{self.port} {public}\n")
        return acceptor

    async def _serve(self, asked: "asyncssh.SSHServerProcess[Any]") -> None:
        """Only `git-upload-pack`, below the root."""
        self.commands.append(asked.command or "")
        verb, path = shlex.split(asked.command or "")
        assert verb == "git-upload-pack"
        running = subprocess.Popen(  # noqa: ASYNC220, S603  # its pipes are what redirect takes
            ["git", "upload-pack", str(self.root / path.lstrip("/"))],  # noqa: S607
            stdin=PIPE, stdout=PIPE, stderr=PIPE,
            env={"PATH": os.environ["PATH"], "GIT_PROTOCOL": asked.env.get("GIT_PROTOCOL", "")},
        )  # fmt: skip
        await asked.redirect(running.stdin, running.stdout, running.stderr)
        code = await asyncio.to_thread(running.wait)
        await asked.stdout.drain()
        await asked.stderr.drain()
        asked.exit(code)
        await asked.wait_closed()


@contextmanager
def run_ssh_server(root: Path, folder: Path) -> Iterator[SshServer]:
    """Serve the repositories below a root, in a thread of this process."""
    loop = asyncio.new_event_loop()
    server = SshServer(root, folder)
    acceptor = loop.run_until_complete(server.listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_close(acceptor), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(acceptor: asyncssh.SSHAcceptor) -> None:
    acceptor.close()
    await acceptor.wait_closed()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(left, timeout=5) if left else None  # connections that are just ending
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
