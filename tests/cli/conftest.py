"""A catalog that is really served, and the command as a person runs it."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any, Final, NamedTuple
from urllib.request import urlopen

import pytest
import structlog

from cli.client import Client
from cli.main import main
from service.access.tokens import bootstrap
from service.db import Database
from service.ledger.change import Actor
from tests.conftest import ROOT, created

KEY: Final = "Zt8-qWn3_fYpLk20vXcR7bHs9dGmJ4aE1uTi6oQ5"
PROGRAM: Final = (sys.executable, "-m", "cli.main")
PREFIX: Final = "MODEL_CATALOG_"


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The data, line by line."""
        return self.out.splitlines()


class Served(NamedTuple):
    """A catalog that answers."""

    url: str
    database_url: str
    admin: str
    log: Path

    def client(self) -> Client:
        """The admin's way in."""
        return Client(self.url, self.admin)

    def token(self, **asked: Any) -> str:
        """Another token, made by the admin."""
        return str(self.client().post("/api/v1/tokens", asked)["token"])

    def source(self, name: str, **settings: Any) -> str:
        """Declare a source; answers a token that speaks for it."""
        body = {"name": name, "kind": "ci", "namespace": "retail"} | settings
        self.client().put(f"/api/v1/sources/{name}", body)
        return self.token(role="source", source=name)


Command = Callable[..., Ran]
Write = Callable[..., str]


def environment(**variables: str) -> dict[str, str]:
    """Ours without any setting of the product, and these."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
    return kept | {PREFIX + name: text for name, text in variables.items()}


@contextmanager
def serving(log: Path, **variables: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `model-catalog serve` on a free port; answers its address when it listens."""
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*PROGRAM, "serve", "--port", "0"],
            stdout=said, stderr=said, cwd=ROOT, env=environment(SECRET_KEY=KEY, **variables),
        )  # fmt: skip
        try:
            yield _address(process, log), process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while process.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith("The catalog answers on "):
                url = line.removeprefix("The catalog answers on ")
                with urlopen(f"{url}/livez", timeout=60):  # noqa: S310  # loopback
                    return url
        time.sleep(0.05)
    pytest.fail(log.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def catalog(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A process that serves a database of this module's own, and an admin's token."""
    log = tmp_path_factory.mktemp("catalog") / "log"
    with created(server, template) as url, serving(log, DATABASE_URL=url) as (address, _):
        database = Database(url, role=None, pool=1)
        actor = Actor("operator", "tests")
        first, _ = database.transact(lambda session: bootstrap(session, actor=actor, recover=False))
        database.dispose()
        made = Client(address, first).post("/api/v1/tokens", {"role": "admin", "days": 1})
        yield Served(address, url, made["token"], log)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs `model-catalog` in this process, with no setting but those that are given."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    handlers, level, configured = (
        logging.root.handlers[:],
        logging.root.level,
        structlog.get_config(),
    )

    def ran(*arguments: str, **variables: str) -> Ran:
        with monkeypatch.context() as during:
            during.setattr(sys, "argv", ["model-catalog", *arguments])
            for name, text in variables.items():
                during.setenv(PREFIX + name, text)
            before = dict(os.environ)
            with pytest.raises(SystemExit) as left:
                main()
            restore(before)
        out, err = capsys.readouterr()
        return Ran(int(left.value.code or 0), out, err)

    yield ran
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.configure(**configured)


def restore(before: Mapping[str, str]) -> None:
    """Undo what a command did to the environment of its process."""
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def ask(catalog: Served, command: Command) -> Command:
    """Runs the command as the served catalog's admin."""

    def asked(*arguments: str, **variables: str) -> Ran:
        known = {"URL": catalog.url, "TOKEN": catalog.admin, "DATABASE_URL": catalog.database_url}
        return command(*arguments, **(known | variables))

    return asked


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a sources file; answers its path."""

    def written(*sources: str) -> str:
        file = tmp_path / "sources.yaml"
        listed = indent("".join(sources), "  ")
        file.write_text(f"apiVersion: model-catalog/v1\nkind: Sources\nsources:\n{listed}")
        return str(file)

    return written
