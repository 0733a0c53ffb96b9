"""A scripted Jenkins: a local HTTP server that prunes its answers by `tree`, as Jenkins does.

    with jenkins() as server:
        churn = server.job("shop", "churn")           # folders are made on the way
        churn.build(commit="a" * 40, remotes=["https://github.com/acme/churn.git"])
        server.folder("secret").status = 403
        ...                                           # harvest `server.url`, with `server.secret`
        assert server.asked_by_kind() == {"jobs": 1, "builds": 1}

`before` may answer in its stead: it gets the path with its query, and answers `Said` or None.
"""

import json
import re
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.support.github_answers import Said

HOST: Final = "127.0.0.1"
BASE: Final = "/ci"
TOKEN: Final = re.compile(r"[^\[\]{},]+|[\[\]{},]")
GIT: Final = "hudson.plugins.git.util.BuildData"
CAUSES: Final = "hudson.model.CauseAction"
Tree = dict[str, tuple[dict[str, Any], slice]]


@dataclass
class Job:
    """A job and its builds, the newest first."""

    name: str
    server: "Jenkins"
    path: tuple[str, ...]
    builds: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def build(
        self,
        *,
        commit: str | None = None,
        remotes: list[str] | None = None,
        branch: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Start and end a build now; `more` says it otherwise."""
        number = self.builds[0]["number"] + 1 if self.builds else 1
        actions: list[dict[str, Any]] = [
            {"_class": CAUSES, "causes": [{"shortDescription": "Push event", "userId": "anna"}]},
            {"_class": "hudson.model.ParametersAction", "parameters": [{"value": "canary-4711"}]},
            {},
        ]
        if commit is not None:
            actions.append(checkout(commit, remotes or [], branch=branch))
        made = {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun", "actions": actions,
            "building": False, "duration": 2_000, "estimatedDuration": 1_000, "number": number,
            "result": "SUCCESS", "timestamp": self.server.milliseconds(),
            "url": f"https://ci.example.com{BASE}{below(self.path)}/{number}/",
        } | more  # fmt: skip
        self.builds.insert(0, made)
        return made

    def document(self) -> dict[str, Any]:
        """All that Jenkins knows of it."""
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowJob", "name": self.name,
            "fullName": "/".join(self.path), "color": "blue", "builds": self.builds,
            "lastBuild": self.builds[0] if self.builds else None,
        }  # fmt: skip


@dataclass
class Folder:
    """A folder, an organisation or a job of many branches."""

    name: str
    path: tuple[str, ...]
    items: dict[str, "Folder | Job"] = field(default_factory=dict)
    status: int = 200

    def document(self) -> dict[str, Any]:
        """What it holds, in the order of names."""
        held = [self.items[name].document() for name in sorted(self.items)]
        cls = "com.cloudbees.hudson.plugins.folder.Folder"
        return {"_class": cls, "name": self.name, "jobs": held}


class Jenkins:
    """What is held, what was asked, and what happens on the way."""

    def __init__(self) -> None:
        """Nothing in it."""
        self.root = Folder("", ())
        self.url = ""
        self.secret = "anna:jenkins-canary-4711"  # noqa: S105  # of this server alone
        self.anonymous = False  # is whoever does not sign in shown an empty list?
        self.before: Callable[[str], Said | None] = lambda _path: None
        self.asked: list[str] = []
        self.ahead = timedelta()  # what its clock shows too much

    @property
    def host(self) -> str:
        """Where it listens."""
        return urlsplit(self.url).netloc

    def now(self) -> datetime:
        """Its clock."""
        return datetime.now(UTC) + self.ahead

    def milliseconds(self, **ago: float) -> int:
        """A time as Jenkins writes it."""
        return int((self.now() - timedelta(**ago)).timestamp() * 1_000)

    def folder(self, *path: str) -> Folder:
        """A folder, made if it is not there."""
        at = self.root
        for depth, name in enumerate(path, start=1):
            found = at.items.setdefault(name, Folder(name, path[:depth]))
            assert isinstance(found, Folder)
            at = found
        return at

    def job(self, *path: str) -> Job:
        """A job, made if it is not there."""
        made = Job(path[-1], self, path)
        found = self.folder(*path[:-1]).items.setdefault(path[-1], made)
        assert isinstance(found, Job)
        return found

    def asked_by_kind(self) -> Counter[str]:
        """What was asked, by kind; starts to count anew."""
        asked, self.asked = self.asked, []
        return Counter(kind_of(path) for path in asked)

    def answer(self, path: str, signed: str | None) -> Said:
        """What Jenkins would say."""
        self.asked.append(path)
        if (said := self.before(path)) is not None:
            return said
        expected = f"Basic {b64encode(self.secret.encode()).decode()}"
        if signed != expected:
            if signed is None and self.anonymous:
                return Said(200, {"_class": "hudson.model.Hudson", "jobs": []})
            return Said(401, b"<html>Sign in</html>", {"Content-Type": "text/html"})
        parts = urlsplit(path)
        asked = parse_qs(parts.query)
        if "tree" not in asked or not parts.path.startswith(BASE):
            return Said(400, {"message": "this server is asked with tree"})
        steps = parts.path.removeprefix(BASE).strip("/").split("/")
        return self._found([unquote(step) for step in steps], read_tree(asked["tree"][0]))

    def _found(self, steps: list[str], tree: Tree) -> Said:
        at: Folder | Job = self.root
        while steps[0] == "job":
            held = at.items.get(steps[1]) if isinstance(at, Folder) else None
            if held is None:
                return _missing()
            at, steps = held, steps[2:]
            if at.status != 200:
                return Said(at.status, b"<html>No</html>", {"Content-Type": "text/html"})
        found = at.document()
        if steps[:2] != ["api", "json"]:
            number, steps = steps[0], steps[1:]
            builds = at.builds if isinstance(at, Job) else []
            one = next((b for b in builds if str(b.get("number")) == number), None)
            if one is None:
                return _missing()
            found = one
        return Said(200, pruned(found, tree))


def checkout(commit: str, remotes: list[str], *, branch: str | None = None) -> dict[str, Any]:
    """What the git plugin adds to a build."""
    branches = [{"SHA1": commit, "name": branch}] if branch else []
    revision = {"SHA1": commit, "branch": branches}
    return {"_class": GIT, "lastBuiltRevision": revision, "remoteUrls": remotes, "scmName": ""}


def read_tree(text: str) -> Tree:
    """`jobs[name]{0,10},url`: members, what is wanted of each, and which of a list."""
    found, rest = _members(TOKEN.findall(text))
    assert rest == [], text
    return found


def _members(tokens: list[str]) -> tuple[Tree, list[str]]:
    found: Tree = {}
    while tokens and tokens[0] not in "]}":
        name, span = tokens.pop(0), slice(None)
        inner: Tree = {}
        if tokens and tokens[0] == "[":
            inner, tokens = _members(tokens[1:])
            assert tokens.pop(0) == "]"
        if tokens and tokens[0] == "{":
            first, comma, last, end = tokens[1:5]
            assert (comma, end) == (",", "}")
            span, tokens = slice(int(first), int(last)), tokens[5:]
        found[name] = (inner, span)
        if tokens and tokens[0] == ",":
            tokens = tokens[1:]
    return found, tokens


def pruned(value: Any, tree: Tree) -> Any:
    """Only what was asked for; every object keeps its class."""
    if not isinstance(value, dict):
        return value
    said = {"_class": value["_class"]} if "_class" in value else {}
    for name, (inner, span) in tree.items():
        if name not in value:
            continue
        one = value[name]
        if isinstance(one, list):
            said[name] = [pruned(item, inner) if inner else item for item in one[span]]
        else:
            said[name] = pruned(one, inner) if inner else one
    return said


def below(path: tuple[str, ...]) -> str:
    """Where a job lies."""
    return "".join(f"/job/{quote(name, safe='')}" for name in path)


def kind_of(path: str) -> str:
    """What a request asks for."""
    tree = parse_qs(urlsplit(path).query).get("tree", [""])[0]
    return (
        "jobs" if tree.startswith("jobs[") else "builds" if tree.startswith("builds[") else "build"
    )


def _missing() -> Said:
    return Said(404, b"<html>Not found</html>", {"Content-Type": "text/html"})


@contextmanager
def jenkins() -> Iterator[Jenkins]:
    """A running server."""
    state = Jenkins()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            said = state.answer(self.path, self.headers["Authorization"])
            raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response_only(said.status)
            headers = {"Content-Type": "application/json", "Date": format_datetime(state.now())}
            for name, value in (headers | dict(said.headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        state.url = f"http://{HOST}:{server.server_port}{BASE}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
