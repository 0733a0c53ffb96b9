"""A real git server for tests: `git http-backend` behind HTTP on loopback, which can misbehave.

    with run_git_server(tmp_path) as server:
        churn = server.create("acme/churn")             # a bare repository, still empty
        churn.commit({"model.yaml": b"...", "link": Link("/etc/passwd")})
        churn.url                                       # http://127.0.0.1:<port>/acme/churn.git
        server.behave("acme/churn", Hang())             # Hang, Drip, Redirect, Status, HalfPack
        server.behave("acme/churn", None)               # well again
        server.require("Bearer t0ken")                  # of every request, until `require(None)`
        server.commands                                 # what clients began: one a git command
        server.requests, server.sent, server.headers    # by kind, bytes by repository, all seen
        server.forget()                                 # begin to count anew

Repositories are written by `git fast-import`, so 200,000 files take seconds. `Repository` has also
`force`, `empty`, `rename`, `delete` and `raw_tree`, for trees that no well-behaved git would write.
"""

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

HOST: Final = "127.0.0.1"
AUTHOR: Final = "Anna <anna@example.com> 1700000000 +0000"


class Link(NamedTuple):
    """A symbolic link in a tree."""

    target: str


class Module(NamedTuple):
    """A submodule in a tree: a commit of another repository."""

    commit: str = "1" * 40


class Executable(NamedTuple):
    """A plain file with its bit set."""

    raw: bytes


class Hang(NamedTuple):
    """Take the request, answer nothing for so long."""

    seconds: float = 60


class Drip(NamedTuple):
    """Answer, a byte at a time."""

    pause: float = 0.5


class Redirect(NamedTuple):
    """Answer 302 to this URL; the path of the request is added to one that ends in `*`."""

    to: str


class Status(NamedTuple):
    """Answer with a status, and words of the server's own."""

    code: int
    body: bytes = b"as the test asked\n"


class HalfPack(NamedTuple):
    """Break off in the middle of what is fetched."""

    bytes: int = 600


Behaviour = Hang | Drip | Redirect | Status | HalfPack
Content = bytes | Link | Module | Executable | None


class Repository:
    """A bare repository below a server's root."""

    def __init__(self, folder: Path, url: str) -> None:
        """It exists."""
        self.folder, self.url = folder, url

    def git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What a git command on it prints."""
        done = subprocess.run(  # noqa: S603  # our own words
            ["git", "--git-dir", str(self.folder), *arguments],  # noqa: S607
            input=stdin, check=True, capture_output=True, env=_environment(self.folder),
        )  # fmt: skip
        return done.stdout

    def commit(
        self,
        files: Mapping[str | bytes, Content],
        *,
        branch: str = "main",
        anew: bool = False,
        author: str = AUTHOR,
        message: str = "Change",
    ) -> str:
        """Add a commit, and answer its id. None removes a file; `anew` begins without a parent."""
        ref = f"refs/heads/{branch}"
        self.git("fast-import", "--quiet", "--force", stdin=b"".join(
            _stream(files, ref=ref, anew=anew or not self._has(ref), author=author, message=message)
        ))  # fmt: skip
        return self.git("rev-parse", ref).decode().strip()

    def force(self, files: Mapping[str | bytes, Content], *, branch: str = "main") -> str:
        """As `push --force` does: another history, in which the old commits are not."""
        return self.commit(files, branch=branch, anew=True)

    def raw_tree(self, entries: Iterable[tuple[str, bytes, str]]) -> str:
        """A tree of (mode, name, object), unchecked; answers its id."""
        raw = b"".join(
            mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries
        )
        asked = ("hash-object", "-t", "tree", "--literally", "-w", "--stdin")
        return self.git(*asked, stdin=raw).decode().strip()

    def blob(self, raw: bytes) -> str:
        """A blob that stands in no tree yet."""
        return self.git("hash-object", "-w", "--stdin", stdin=raw).decode().strip()

    def commit_tree(self, tree: str, *, branch: str = "main") -> str:
        """Let a branch stand at a tree, without a parent."""
        made = self.git("commit-tree", tree, "-m", "By hand").decode().strip()
        self.git("update-ref", f"refs/heads/{branch}", made)
        return made

    def empty(self) -> None:
        """Remove every branch."""
        for ref in self.git("for-each-ref", "--format=%(refname)").decode().split():
            self.git("update-ref", "-d", ref)

    def rename(self, name: str) -> "Repository":
        """Move it; its old URL is gone."""
        root = self.folder.parents[1]
        folder = root / f"{name}.git"
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.rename(folder)
        base = self.url.removesuffix(f"{self.folder.relative_to(root)}")
        return Repository(folder, f"{base}{name}.git")

    def delete(self) -> None:
        """Remove it."""
        shutil.rmtree(self.folder)

    def _has(self, ref: str) -> bool:
        return bool(self.git("for-each-ref", ref))


class GitServer:
    """What the tests do to it, and what it has seen."""

    def __init__(self, root: Path, port: int) -> None:
        """Serve the repositories below a folder."""
        self.root, self.port, self.url = root, port, f"http://{HOST}:{port}"
        self.behaviours: dict[str, Behaviour] = {}
        self.authorization: str | None = None
        self.forget()

    def create(self, name: str, *, object_format: str = "sha1", filters: bool = True) -> Repository:
        """A bare repository `owner/name` with branch main; `filters`: partial clones are served."""
        folder = self.root / f"{name}.git"
        folder.mkdir(parents=True)
        made = Repository(folder, f"{self.url}/{name}.git")
        made.git("init", "--quiet", "--bare", "--template=", "--initial-branch=main",
                 f"--object-format={object_format}", str(folder))  # fmt: skip
        if filters:
            made.git("config", "uploadpack.allowFilter", "true")
        return made

    def behave(self, name: str, how: Behaviour | None) -> None:
        """Misbehave for one repository, until told otherwise."""
        if how is None:
            self.behaviours.pop(name, None)
        else:
            self.behaviours[name] = how

    def require(self, authorization: str | None) -> None:
        """Answer 401 to requests without this header."""
        self.authorization = authorization

    def forget(self) -> None:
        """Begin to count anew."""
        self.requests: Counter[str] = Counter()  # refs, ls-refs, fetch, other
        self.by_repository: Counter[tuple[str, str]] = Counter()  # (name, kind)
        self.sent: Counter[str] = Counter()  # bytes by repository
        self.headers: list[dict[str, str]] = []

    @property
    def commands(self) -> int:
        """Git commands that asked: each begins with one request for refs."""
        return self.requests["refs"]


@contextmanager
def run_git_server(folder: Path) -> Iterator[GitServer]:
    """Serve `folder/repositories` on a free port, in threads of this process."""
    root = folder / "repositories"
    root.mkdir(parents=True, exist_ok=True)
    http = _Http((HOST, 0), _Handler)
    http.git = server = GitServer(root, http.server_address[1])
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # some hang on purpose
    request_queue_size = 64
    git: GitServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_: object) -> None:
        """The tests read what was counted."""

    def do_GET(self) -> None:
        """References, or a file."""
        self._answer(b"")

    def do_POST(self) -> None:
        """What is asked for of the references or objects."""
        self._answer(self._body())

    def _answer(self, body: bytes) -> None:
        git, (_, _, path, query, _) = self.server.git, urlsplit(self.path)
        name = path.strip("/").partition(".git")[0]
        kind = _kind_of(path, body)
        git.requests[kind] += 1
        git.by_repository[name, kind] += 1
        git.headers.append({key.lower(): value for key, value in self.headers.items()})
        with suppress(ConnectionError):
            if git.authorization not in {None, self.headers.get("Authorization")}:
                self._say(401, b"who are you?\n", {"WWW-Authenticate": 'Basic realm="git"'})
                return
            how = git.behaviours.get(name)
            if how is not None and self._misbehave(how, path=path, query=query):
                return
            status, headers, answer = self._backend(path, query, body=body)
            git.sent[name] += len(answer)
            if isinstance(how, HalfPack) and kind == "fetch":
                self._say(status, answer, headers, most=how.bytes)
            elif isinstance(how, Drip):
                self._say(status, answer, headers, pause=how.pause)
            else:
                self._say(status, answer, headers)

    def _misbehave(self, how: Behaviour, *, path: str, query: str) -> bool:
        if isinstance(how, Hang):
            time.sleep(how.seconds)
            self.close_connection = True
        elif isinstance(how, Redirect):
            to = how.to[:-1] + f"{path}?{query}" if how.to.endswith("*") else how.to
            self._say(302, b"", {"Location": to})
        elif isinstance(how, Status):
            self._say(how.code, how.body, {"Content-Type": "text/plain"})
        else:
            return False
        return True

    def _say(
        self, status: int, body: bytes, headers: Mapping[str, str], *,
        most: int | None = None, pause: float = 0,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if most is not None:
            self.close_connection = True
        for start in range(len(body) if pause else 0):
            self.wfile.write(body[start : start + 1])
            self.wfile.flush()
            time.sleep(pause)
        if not pause:
            self.wfile.write(body[:most])

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        pieces = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _backend(self, path: str, query: str, *, body: bytes) -> tuple[int, dict[str, str], bytes]:
        git = self.server.git
        environment = _environment(git.root) | {
            "GIT_PROJECT_ROOT": str(git.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(path), "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": HOST,
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"],  # noqa: S607
            input=body, capture_output=True, env=environment, check=False,
        )  # fmt: skip
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        headers = dict(
            line.decode().split(": ", 1) for line in head.split(b"\r\n") if b": " in line
        )
        status = int(headers.pop("Status", "200").split()[0])
        return status, headers, answer


def _kind_of(path: str, body: bytes) -> str:
    if path.endswith("/info/refs"):
        return "refs"
    if not path.endswith("/git-upload-pack"):
        return "other"
    return "ls-refs" if b"command=ls-refs" in body[:200] else "fetch"


def _stream(
    files: Mapping[str | bytes, Content], *, ref: str, anew: bool, author: str, message: str
) -> Iterator[bytes]:
    """A commit as `git fast-import` reads it."""
    if anew:
        yield f"reset {ref}\n\n".encode()
    yield f"commit {ref}\nauthor {author}\ncommitter {author}\n".encode()
    yield _data(message.encode())
    if not anew:
        yield f"from {ref}^0\n".encode()
    for path, content in files.items():
        named = _quoted(path)
        if content is None:
            yield b"D " + named + b"\n"
        elif isinstance(content, Module):
            yield f"M 160000 {content.commit} ".encode() + named + b"\n"
        elif isinstance(content, Link):
            yield b"M 120000 inline " + named + b"\n" + _data(content.target.encode())
        elif isinstance(content, Executable):
            yield b"M 100755 inline " + named + b"\n" + _data(content.raw)
        else:
            yield b"M 100644 inline " + named + b"\n" + _data(content)


def _data(raw: bytes) -> bytes:
    return f"data {len(raw)}\n".encode() + raw + b"\n"


def _quoted(path: str | bytes) -> bytes:
    raw = path.encode() if isinstance(path, str) else path
    return b'"' + b"".join(b"\\%03o" % byte for byte in raw) + b'"'


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C", "GIT_AUTHOR_NAME": "Anna",
        "GIT_AUTHOR_EMAIL": "anna@example.com", "GIT_COMMITTER_NAME": "Anna",
        "GIT_COMMITTER_EMAIL": "anna@example.com",
    }  # fmt: skip
