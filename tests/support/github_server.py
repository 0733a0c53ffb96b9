"""A scripted GitHub: a local HTTP server whose answers are shaped after recorded ones.

    with serving(corpora) as github:               # the fixture `corpora` may skip the test
        churn = github.state.create("acme/churn", {"model.yaml": b"..."}, topics=["retail"])
        github.state.pass_time(hours=1)            # pushes of the last minutes are not settled
        ...                                        # harvest `github.url`, with `github.secret`
        github.push(churn, {"model.yaml": b"..."})
        github.state.rename(churn, "acme/attrition")
        assert github.asked_by_kind() == {"listing": 1, "head": 1, ...}

`before` may answer in its stead: it gets the path with its query, and answers `Said` or None. An
App signs in with `github.app_key()`; `github.selection` is its `repository_selection`.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support.github_answers import Said
from tests.support.github_app import App
from tests.support.github_ci import Actions
from tests.support.github_recorded import Recorded
from tests.support.github_state import Contents, Repo, State

HOST: Final = "127.0.0.1"
BASE: Final = "/api/v3"
KINDS: Final = {
    "ref": "head", "trees": "tree", "blobs": "blob", "commits": "authors", "teams": "teams",
    "members": "members", "repos": "listing", "installation": "auth", "access_tokens": "auth",
    "runs": "runs", "deployments": "deployments", "statuses": "statuses", "hooks": "hooks",
    "environments": "environment", "deliveries": "deliveries", "attempts": "redelivery",
}  # fmt: skip


Before = Callable[[str], Said | None]


class GitHub:
    """What is held, what was asked, and what happens on the way."""

    def __init__(self, recorded: Recorded, actions: Actions) -> None:
        """It is some days ago: nothing that is pushed happens in our future."""
        self.recorded, self.actions, self.url = recorded, actions, ""
        self.state = State(datetime.now(UTC).replace(microsecond=0) - timedelta(days=9))
        self.app = App()
        self.secret = "ghtest-canary-4711"  # noqa: S105  # of this server alone
        self.before: Before = lambda _path: None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # Apps are signed by it
        self.asked: list[str] = []
        self.a_page = 100
        self.most_rows = 100_000  # of a tree in one answer
        self.remaining = 5_000

    @property
    def host(self) -> str:
        """As its identifiers have it."""
        return urlsplit(self.url).netloc

    @property
    def selection(self) -> str:
        """Which repositories the App may see: `all` or `selected`."""
        return self.app.selection

    @selection.setter
    def selection(self, which: str) -> None:
        self.app.selection = which

    def app_key(self) -> str:
        """The App's private key, as PEM."""
        return self.app.key

    def push(self, repo: Repo, files: Mapping[str, Contents | None], **how: Any) -> str:
        """Push now."""
        return repo.push(files, at=self.state.now, **how)

    def asked_by_kind(self) -> Counter[str]:
        """What was asked, by kind; starts to count anew."""
        asked, self.asked = self.asked, []
        return Counter(kind_of(path) for path in asked)

    def identity(self, repo: Repo) -> str:
        """The value of a repository's identifier."""
        return f"{self.host}/{repo.number}"

    def answer(  # noqa: PLR0911  # a table of refusals
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> Said:
        """What GitHub would say."""
        self.asked.append(path)
        if (said := self.before(path)) is not None:
            return said
        parts = urlsplit(path)
        if not parts.path.startswith(BASE):
            return Said(404, b"<html>Not here.</html>", {"Content-Type": "text/html"})
        steps = [unquote(step) for step in parts.path.removeprefix(BASE).strip("/").split("/")]
        query = dict(parse_qsl(parts.query))
        if (said := self.app.answer(method, steps, headers, now=self.clock())) is not None:
            return said
        if not self._lets_in(steps, headers):
            return Said(401, {"message": "Bad credentials", "status": "401"})
        if self.remaining <= 0:
            return self._used_up()
        self.remaining -= 1
        if "hooks" in steps or steps[:2] == ["app", "hook"]:
            url = f"{self.url}/{'/'.join(steps)}"
            return self.actions.box(method, steps, query=query, url=url)
        return self._routed(steps, query, path)

    def _lets_in(self, steps: list[str], headers: Mapping[str, str]) -> bool:
        if steps[:2] == ["app", "hook"]:  # the App itself, with no installation's token
            return self.app.signs(headers, self.clock())
        return headers.get("Authorization") in {f"Bearer {self.secret}", self.app.signed}

    def _used_up(self) -> Said:
        reset = str(int((self.state.now + timedelta(minutes=40)).timestamp()))
        told = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        return Said(403, {"message": "API rate limit exceeded for installation."}, told)

    def _routed(  # noqa: PLR0911  # a table of routes
        self, steps: list[str], query: Mapping[str, str], path: str
    ) -> Said:
        match steps:
            case ["orgs" | "users" as kind, owner, "repos"]:
                return self._listing(kind, owner, query=query, path=path)
            case ["orgs", owner, "teams"]:
                return self._teams(owner, path, query)
            case ["orgs", owner, "teams", slug, "members"]:
                return self._members(owner, slug, query=query, path=path)
            case ["repositories", number, *rest]:
                found = self.state.repos.get(int(number))
                return self._of(found, rest, query)
            case ["repos", owner, name, *rest]:
                found = self.state.named(f"{owner}/{name}")
                to = self.state.moved.get(f"{owner}/{name}".lower())
                if found is None and to is not None:
                    return self.recorded.moved("/".join((f"{self.url}/repositories/{to}", *rest)))
                return self._of(found, rest, query)
        return self.recorded.not_found()

    def _listing(self, kind: str, owner: str, *, query: Mapping[str, str], path: str) -> Said:
        if self.state.owners.get(owner.lower()) != kind:
            return self.recorded.not_found()
        rows = [
            self.recorded.repository(one, url=self.url)
            for one in sorted(
                self.state.repos.values(), key=lambda one: (one.created_at, one.number)
            )
            if one.owner.lower() == owner.lower() and not one.hidden
        ]
        return self._page(rows, query, path)

    def _page(self, rows: list[Any], query: Mapping[str, str], path: str) -> Said:
        """One page with `Link`, as recorded: absolute, by number."""
        size, page = min(int(query.get("per_page", "30")), self.a_page), int(query.get("page", "1"))
        start = (page - 1) * size
        headers = {}
        if start + size < len(rows):
            where = urlsplit(path).path.removeprefix(BASE)
            headers["Link"] = (
                f'<{self.url}{where}?per_page={size}&page={page + 1}>; rel="next", '
                f'<{self.url}{where}?per_page={size}&page={-(-len(rows) // size)}>; rel="last"'
            )
        elif page > 1:
            headers["Link"] = f'<{self.url}?page=1>; rel="first"'
        return Said(200, rows[start : start + size], headers)

    def _teams(self, owner: str, path: str, query: Mapping[str, str]) -> Said:
        teams = self.state.teams.get(owner.lower(), [])
        if teams is None:
            return Said(403, {"message": "Resource not accessible by integration"})
        rows = [self.recorded.team(one, owner, url=self.url) for one in teams]
        return self._page(rows, query, path)

    def _members(self, owner: str, slug: str, *, query: Mapping[str, str], path: str) -> Said:
        teams = self.state.teams.get(owner.lower()) or []
        team = next((one for one in teams if one.slug == slug), None)
        if team is None or team.members is None:
            return self.recorded.not_found()
        return self._page([self.recorded.user(login) for login in team.members], query, path)

    def _of(  # noqa: PLR0911  # a table of routes
        self, repo: Repo | None, rest: list[str], query: Mapping[str, str]
    ) -> Said:
        if repo is None or repo.hidden:
            return self.recorded.not_found()
        if repo.refused and (rest or repo.refused in {403, 451}):
            return Said(repo.refused, {"message": "Repository access blocked"})
        match rest:
            case []:
                return Said(200, self.recorded.repository(repo, url=self.url))
            case ["git", "ref", "heads", *branch]:
                return self._ref(repo, "/".join(branch))
            case ["git", "trees", sha]:
                return self._tree(repo, sha, recursive=bool(query.get("recursive")))
            case ["git", "blobs", sha]:
                return self._blob(repo, sha)
            case ["commits"]:
                return self._commits(repo, query)
            case ["actions" | "deployments" | "environments", *_]:
                url = f"{self.url}/repositories/{repo.number}/{'/'.join(rest)}"
                return self.actions.answer(repo, rest, query=query, url=url)
        return self.recorded.not_found()

    def _ref(self, repo: Repo, branch: str) -> Said:
        if not repo.heads:
            return Said(409, {"message": "Git Repository is empty.", "status": "409"})
        commits = repo.heads.get(branch)
        if not commits:
            return self.recorded.not_found()
        return Said(200, self.recorded.ref(branch, commits[-1].id))

    def _tree(self, repo: Repo, sha: str, *, recursive: bool) -> Said:
        tree = repo.trees.get(sha)
        if tree is None:
            return self.recorded.not_found()
        rows = tree.everything() if recursive else tree.rows
        said = {"sha": sha, "url": f"{self.url}/repositories/{repo.number}/git/trees/{sha}"}
        cut = len(rows) > self.most_rows
        return Said(200, said | {"tree": rows[: self.most_rows], "truncated": cut})

    def _blob(self, repo: Repo, sha: str) -> Said:
        raw = repo.blobs.get(sha)
        if raw is None:
            return self.recorded.not_found()
        said = {"sha": sha, "size": len(raw), "encoding": "base64"}
        return Said(200, said | {"content": base64.encodebytes(raw).decode()})

    def _commits(self, repo: Repo, query: Mapping[str, str]) -> Said:
        below, since = query.get("path", ""), datetime.fromisoformat(query["since"])
        rows = [
            self.recorded.commit(one)
            for commits in repo.heads.values()
            for one in reversed(commits)
            if one.at >= since and any(f"/{path}".startswith(f"/{below}") for path in one.paths)
        ]
        return self._page(rows, query, "")


def kind_of(path: str) -> str:
    """What a request is for, as the client counts it."""
    steps = urlsplit(path).path.removeprefix(BASE).strip("/").split("/")
    found = [KINDS[step] for step in steps[2:] if step in KINDS]
    return found[-1] if found else "find"


@contextmanager
def serving(corpora: Path) -> Iterator[GitHub]:
    """A scripted GitHub on a free port, until it is left."""
    github = GitHub(Recorded(corpora), Actions(corpora))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = github.answer(self.command, self.path, dict(self.headers))
            raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response_only(said.status)
            standard = {
                "Content-Type": "application/json; charset=utf-8",
                "Date": format_datetime(github.state.now, usegmt=True),
                "X-RateLimit-Remaining": str(github.remaining),
            }
            for name, value in (standard | dict(said.headers)).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = answer  # noqa: N815  # http.server's

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as listening:
        listening.daemon_threads = True  # kept-alive connections
        github.url = f"http://{HOST}:{listening.server_port}{BASE}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield github
        finally:
            listening.shutdown()
            thread.join()
