"""The demo's git host: bare repositories over HTTP on loopback, and who its CI jobs are."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cli.demo.identities import Issuer

LARGEST_REQUEST = 1024 * 1024


class ReadOnly(BaseHTTPRequestHandler):
    """Hands what git asks for to `git http-backend`."""

    root: Path
    issuer: Issuer

    def do_GET(self) -> None:  # the name that the server calls
        """What there is to fetch; a job's identity, and the keys to check it."""
        asked = urlsplit(self.path)
        said = self.issuer.published(asked.path)
        if asked.path == "/token":
            job = dict(parse_qsl(asked.query))
            said = {"value": self.issuer.token(job, audience=job["audience"])}
        if said is None:
            self._answer(b"")
        else:
            self._say(json.dumps(said).encode())

    def do_POST(self) -> None:  # likewise
        """A fetch; a push is refused by the repository's own configuration."""
        length = int(self.headers.get("Content-Length") or 0)
        self._answer(self.rfile.read(min(length, LARGEST_REQUEST)))

    def log_message(self, *_: Any) -> None:
        """Git says itself what goes wrong."""

    def _say(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: bytes) -> None:
        asked = urlsplit(self.path)
        done = subprocess.run(
            ["git", "http-backend"],  # noqa: S607  # the git that made the repositories
            input=body, capture_output=True, check=False, env={
                "PATH": os.environ.get("PATH", ""),
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_INFO": asked.path,
                "QUERY_STRING": asked.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
            },
        )  # fmt: skip
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line]
        headers = {name: value for name, _, value in lines}
        status = int(headers.pop("Status", "200" if headers else "500").split()[0])
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve a folder of repositories on a port of this machine alone."""
    ReadOnly.root, port = Path(sys.argv[1]), int(sys.argv[2])
    ReadOnly.issuer = Issuer(f"http://127.0.0.1:{port}")
    ThreadingHTTPServer(("127.0.0.1", port), ReadOnly).serve_forever()


if __name__ == "__main__":
    main()
