"""A small client of yaml-language-server: what an editor would be told at a place in a file."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Self

from tests.conftest import alone

VERSION: Final = "2.0.0"
MISSING: Final = tuple(name for name in ("node", "npm") if shutil.which(name) is None)
PATIENCE: Final = "120000"  # milliseconds that npm waits for an answer


def installed() -> Path:
    """The server's script, fetched once into the user's cache."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    if not os.access(caches.parent, os.W_OK):
        caches = Path(tempfile.gettempdir())
    folder = caches / "model-catalog-tests" / f"yaml-language-server-{VERSION}"
    script = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    done = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "lock"):
        if not done.exists():
            options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save")
            subprocess.run(  # noqa: S603  # a fixed package
                [str(shutil.which("npm")), "install", *options, "--fetch-timeout", PATIENCE,
                 "--prefix", str(folder), f"yaml-language-server@{VERSION}"],
                check=True, capture_output=True, timeout=300,
            )  # fmt: skip
            done.touch()
    return script


class LanguageServer:
    """One running server, with one schema for all files."""

    def __init__(self, process: subprocess.Popen[bytes], schema: str) -> None:
        """`schema` is the address of the schema."""
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.schema = process, schema
        self.to: IO[bytes] = process.stdin
        self.of: IO[bytes] = process.stdout
        self.asked = 0
        self.files = 0

    @classmethod
    @contextmanager
    def running(cls, schema: str) -> Iterator[Self]:
        """Start one, and stop it."""
        command = [str(shutil.which("node")), str(installed()), "--stdio"]
        with subprocess.Popen(  # noqa: S603  # see `installed`
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                server = cls(process, schema)
                configuring = {"workspace": {"configuration": True}}
                server.ask(
                    "initialize",
                    {"processId": os.getpid(), "rootUri": None, "capabilities": configuring},
                )
                server.tell("initialized", {})
                server.wait_for("kind: 5\n")  # until it has read the schema
                yield server
            finally:
                process.kill()

    def complete(self, text: str) -> dict[str, Any]:
        """What is offered where `|` stands in a text, by its label."""
        before, _, after = text.partition("|")
        uri = self._open(before + after)
        line = before.count("\n")
        place = {"line": line, "character": len(before) - before.rfind("\n") - 1}
        answer = self.ask(
            "textDocument/completion", {"textDocument": {"uri": uri}, "position": place}
        )
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: item for item in items}

    def hover(self, text: str) -> str:
        """What is shown over the word before `|`."""
        before, _, after = text.partition("|")
        uri = self._open(before + after)
        line = before.count("\n")
        place = {"line": line, "character": len(before) - before.rfind("\n") - 2}
        answer = self.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": place})
        return str(answer["contents"]["value"])

    def diagnose(self, text: str) -> list[str]:
        """What is wrong with a file, in the server's words."""
        return self._diagnosed(self._open(text))

    def wait_for(self, wrong: str) -> None:
        """Until something wrong is said to be so: before, the server has no settings yet."""
        uri = self._open(wrong)
        while not self._diagnosed(uri):
            pass

    def _diagnosed(self, uri: str) -> list[str]:
        while True:
            told = self._read()
            self._answer(told)
            about: dict[str, Any] = told.get("params") or {}
            if told.get("method") == "textDocument/publishDiagnostics" and about["uri"] == uri:
                return [one["message"] for one in about["diagnostics"]]

    def ask(self, method: str, params: Any) -> Any:
        """Send a request and wait for its answer."""
        self.asked += 1
        self._send({"id": self.asked, "method": method, "params": params})
        while True:
            told = self._read()
            if told.get("id") == self.asked and "method" not in told:
                assert "error" not in told, told["error"]
                return told["result"]
            self._answer(told)

    def tell(self, method: str, params: Any) -> None:
        """Send a notice."""
        self._send({"method": method, "params": params})

    def _open(self, text: str) -> str:
        self.files += 1
        uri = f"file:///models/{self.files}/model.yaml"
        file = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": file})
        return uri

    def _answer(self, told: dict[str, Any]) -> None:
        """What the server asks of its editor: the settings."""
        if "id" in told and "method" in told:
            asked: dict[str, Any] = told.get("params") or {}
            items = [self._setting(one.get("section")) for one in asked.get("items", ())]
            self._send({"id": told["id"], "result": items})

    def _setting(self, section: str | None) -> Any:
        settings = {
            "completion": True, "hover": True, "validate": True,
            "schemaStore": {"enable": False, "url": ""}, "schemas": {self.schema: "*.yaml"},
        }  # fmt: skip
        return settings if section == "yaml" else {}

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self.to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.to.flush()

    def _read(self) -> dict[str, Any]:
        length = 0
        while (line := self.of.readline().strip()) or not length:
            assert line or self.process.poll() is None, "the server ended"
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        told: dict[str, Any] = json.loads(self.of.read(length))
        return told
