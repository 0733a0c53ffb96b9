"""A scripted GitLab API on a local HTTP server, in the shapes of recorded answers.

What it knows of branches, commits, people and projects is laid over files of the recorded payloads
where they are, so that a harvester meets all that real answers hold beside what it reads.
"""

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.support.gitlab_ci import Pipelines
from tests.support.gitlab_state import Commit, GitLabState, Group, Project, entries

ROOT: Final = Path(__file__).parents[2]
JSON: Final = {"Content-Type": "application/json"}
API: Final = "/api/v4/"
BEARERS: Final = ("PRIVATE-TOKEN", "Authorization")
RECORDED: Final = {
    "branch": "gitlab_api/xanzy__go-gitlab/get_branch.json",
    "commit": "gitlab_api/xanzy__go-gitlab/get_commit.json",
    "member": "gitlab_api/xanzy__go-gitlab/get_user.json",
    "project": "gitlab_webhooks/drone__go-scm/push.json",
}


class Answered(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = JSON

    @classmethod
    def of(
        cls, found: Any, status: int = 200, *, headers: Mapping[str, str] | None = None
    ) -> "Answered":
        """As JSON."""
        return cls(status, json.dumps(found).encode(), {**JSON, **(headers or {})})


class Asked(NamedTuple):
    """A request: its path below the API, decoded, part by part."""

    path: str
    parts: Sequence[str]
    query: Mapping[str, str]
    token: str | None
    header: str | None  # that bore the token


def missing(what: str) -> Answered:
    """Not there, or not shown."""
    return Answered.of({"message": f"404 {what} Not Found"}, 404)


class GitLabServer:
    """Answers from its state. `before` may answer in its stead; `asked` is what was asked for."""

    def __init__(self, *, token: str | None = None, root: str = "") -> None:
        """`token`: the only one that is let in; `root`: where the GitLab lies on its host."""
        self.state, self.token, self.root = GitLabState(), token, root
        self.url = ""
        self.is_member = True  # is the token's account, number 7, one of every group?
        self.is_admin = False
        self.a_page = 100  # the most that a page holds
        self.ci = Pipelines()
        self.asked: list[str] = []
        self.before: Callable[[Asked], Answered | None] = lambda _asked: None
        self._recorded = recorded()

    def kinds(self) -> list[str]:
        """What was asked for, by the last words of the paths; the list is emptied."""
        asked, self.asked = self.asked, []
        return [_kind(path) for path in asked]

    def answer(self, asked: Asked) -> Answered:
        """As GitLab would."""
        if self.token is not None and asked.token != self.token:
            return Answered.of({"message": "401 Unauthorized"}, 401)
        match asked.parts:
            case ["user"]:
                return Answered.of({"id": 7, "username": "catalog", "is_admin": self.is_admin})
            case ["groups", key, *rest]:
                return self._group_answer(self._group(key), rest, asked)
            case ["projects", key, *rest]:
                return self._project_answer(key, rest, asked)
        return missing("Route")

    def _group_answer(self, group: Group | None, rest: Sequence[str], asked: Asked) -> Answered:
        if group is None or group.hidden:
            return missing("Group")
        match rest:
            case []:
                return Answered.of(self._as_group(group))
            case ["projects"]:
                return self._page([self._as_project(p) for p in self._in(group, asked)], asked)
            case ["descendant_groups"]:
                below = [one for one in self.state.below(group) if not one.hidden]
                return self._page([self._as_group(one) for one in below], asked)
            case ["members", *rest]:
                return self._members_answer(group, rest, asked)
        return missing("Route")

    def _members_answer(self, group: Group, rest: Sequence[str], asked: Asked) -> Answered:
        if rest:
            return Answered.of({"id": 7}) if self.is_member else missing("Member")
        people = [self._as_member(*one) for one in enumerate(group.members.items(), 1)]
        return self._page(people, asked)

    def _project_answer(self, key: str, rest: Sequence[str], asked: Asked) -> Answered:
        project = self._project(key)
        if project is None:
            return self._moved(key)
        match rest:
            case []:
                return Answered.of(self._as_project(project))
            case ["repository", *rest]:
                return self._repository_answer(project, rest, asked)
            case ["pipelines" | "deployments" | "environments", *_]:
                return self._ci_answer(project, rest, asked)
        return missing("Route")

    def _ci_answer(self, project: Project, rest: Sequence[str], asked: Asked) -> Answered:
        found = self.ci.answer(
            project, rest, asked.query, page=lambda rows: self._page(rows, asked)
        )
        if isinstance(found, Answered):
            return found
        status, body = found
        return Answered.of(body, status)

    def _moved(self, key: str) -> Answered:
        number = self.state.moved.get(key.lower())
        if number is None or number not in self.state.projects:
            return missing("Project")
        there = f"{self.url}{API}projects/{number}"
        text = f"This resource has been moved permanently to {there}".encode()
        return Answered(301, text, {"Content-Type": "text/plain", "Location": there})

    def _repository_answer(self, project: Project, rest: Sequence[str], asked: Asked) -> Answered:
        match rest:
            case ["branches", branch]:
                commits = project.branches.get(branch)
                if not commits:
                    return missing("Branch")
                return Answered.of(self._as_branch(project, branch, commits[-1]))
            case ["tree"]:
                commit = project.commits.get(asked.query.get("ref", ""))
                return missing("Tree") if commit is None else self._tree(commit, asked)
            case ["blobs", blob, "raw"]:
                return _raw(project, blob)
            case ["commits"]:
                return self._page(self._log(project, asked.query), asked)
        return missing("Route")

    def _in(self, group: Group, asked: Asked) -> list[Project]:
        deep = asked.query.get("include_subgroups") == "true"
        found = []
        for one in self.state.projects.values():
            above = one.path.rpartition("/")[0].lower()
            inside = (
                f"{above}/".startswith(f"{group.path.lower()}/")
                if deep
                else (above == group.path.lower())
            )
            shared = asked.query.get("with_shared") != "false" and group.id in one.shared_with
            archived = asked.query.get("archived")
            fits = archived is None or (archived == "true") is bool(one.more.get("archived"))
            if (inside or shared) and fits and not one.hidden:
                found.append(one)
        return sorted(found, key=lambda one: one.id)

    def _page(self, rows: Sequence[Any], asked: Asked) -> Answered:
        """Offsets, as GitLab pages most things."""
        size = min(int(asked.query.get("per_page", "20")), self.a_page)
        number = int(asked.query.get("page", "1"))
        more = len(rows) > number * size
        headers = {"X-Next-Page": str(number + 1) if more else "", "X-Page": str(number)}
        links = [self._link(asked, "first", page="1")]
        links += [self._link(asked, "next", page=str(number + 1))] if more else []
        headers["Link"] = ", ".join(links)
        return Answered.of(rows[(number - 1) * size : number * size], headers=headers)

    def _tree(self, commit: Commit, asked: Asked) -> Answered:
        """By the last entry of the page before."""
        assert (asked.query["recursive"], asked.query["pagination"]) == ("true", "keyset")
        rows = entries(commit)
        after = asked.query.get("page_token")
        rows = [row for row in rows if after is None or row["path"] > after]
        size = min(int(asked.query["per_page"]), self.a_page)
        page = rows[:size]
        headers = {}
        if len(page) == size:
            headers["Link"] = self._link(asked, "next", page_token=page[-1]["path"])
        return Answered.of(page, headers=headers)

    def _link(self, asked: Asked, rel: str, **more: str) -> str:
        return f'<{self.url}{API}{asked.path}?{urlencode({**asked.query, **more})}>; rel="{rel}"'

    def _log(self, project: Project, query: Mapping[str, str]) -> list[Any]:
        folder = query.get("path", "")
        found = []
        for commits in project.branches.values():
            ids = [one.id for one in commits]
            if query["ref_name"] in ids:
                found = commits[: ids.index(query["ref_name"]) + 1]
        kept = [
            one for one in reversed(found)
            if one.at.isoformat() >= query["since"]
            and any(path.startswith(f"{folder}/" if folder else "") for path in one.touched)
        ]  # fmt: skip
        return [self._as_commit(one) for one in kept]

    def _group(self, key: str) -> Group | None:
        if key.isdigit():
            return self.state.groups.get(int(key))
        found = (one for one in self.state.groups.values() if one.path.lower() == key.lower())
        return next(found, None)

    def _project(self, key: str) -> Project | None:
        found = (
            self.state.projects.get(int(key)) if key.isdigit() else next(
                (p for p in self.state.projects.values() if p.path.lower() == key.lower()), None
            )
        )  # fmt: skip
        return None if found is None or found.hidden else found

    def _as_project(self, project: Project) -> dict[str, Any]:
        empty = not project.branches
        groups = (self.state.groups[number] for number in project.shared_with)
        return self._recorded["project"] | {
            "id": project.id,
            "path_with_namespace": project.path,
            "web_url": f"{self.url}/{project.path}",
            "default_branch": project.default_branch,
            "visibility": "private",
            "archived": False,
            "topics": [],
            "created_at": "2026-11-01T08:00:00.000Z",
            "last_activity_at": "2026-11-01T08:00:00.000Z",
            "empty_repo": empty,
            "repository_access_level": "enabled",
            "shared_with_groups": [
                {"group_id": one.id, "group_full_path": one.path} for one in groups
            ],
        } | project.more  # fmt: skip

    def _as_branch(self, project: Project, name: str, commit: Commit) -> dict[str, Any]:
        default = name == project.default_branch
        return self._recorded["branch"] | {
            "name": name, "default": default, "commit": self._as_commit(commit),
        }  # fmt: skip

    def _as_commit(self, commit: Commit) -> dict[str, Any]:
        name, email = commit.author
        return self._recorded["commit"] | {
            "id": commit.id, "short_id": commit.id[:8], "author_name": name, "author_email": email,
            "committed_date": commit.at.isoformat(),
        }  # fmt: skip

    def _as_group(self, group: Group) -> dict[str, Any]:
        return {
            "id": group.id, "full_path": group.path, "full_name": group.path.replace("/", " / "),
            "web_url": f"{self.url}/groups/{group.path}", "visibility": "private",
        }  # fmt: skip

    def _as_member(self, number: int, member: tuple[str, str]) -> dict[str, Any]:
        login, name = member
        return self._recorded["member"] | {
            "id": number, "username": login, "name": name, "access_level": 30,
        }  # fmt: skip


def recorded() -> dict[str, dict[str, Any]]:
    """Recorded answers by what they are of; empty ones where there is no folder of them."""
    folder = Path(os.environ.get("TEST_CORPORA", ROOT.parent / "shared" / "corpora"))
    found = {}
    for name, path in RECORDED.items():
        read = json.loads((folder / path).read_bytes()) if (folder / path).is_file() else {}
        found[name] = read.get("project", {}) if name == "project" else read
    return found


def _raw(project: Project, blob: str) -> Answered:
    for commit in project.commits.values():
        for _, number, contents in commit.files.values():
            if number == blob:
                return Answered(200, contents, {"Content-Type": "application/octet-stream"})
    return missing("Blob")


def _kind(path: str) -> str:
    parts = [part for part in urlsplit(path).path.split(API, 1)[1].split("/") if part]
    words = [part for part in parts[2:] if part != "repository"]
    return words[0] if words else parts[0].removesuffix("s")


@contextmanager
def gitlab(**asked: Any) -> Iterator[GitLabServer]:
    """A GitLab that answers on loopback, until it is left."""
    scripted = GitLabServer(**asked)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            scripted.asked.append(self.path)
            path, _, query = self.path.partition("?")
            below = path.removeprefix(f"{scripted.root}{API}")
            bore = next((name for name in BEARERS if self.headers[name]), None)
            token = self.headers[bore].removeprefix("Bearer ") if bore else None
            parts = [unquote(part) for part in below.split("/")]
            request = Asked(below, parts, dict(parse_qsl(query)), token, bore)
            answered = scripted.before(request) or scripted.answer(request)
            with suppress(OSError):  # the client has left
                self.send_response(answered.status)
                for name, value in answered.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answered.body)))
                self.end_headers()
                self.wfile.write(answered.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scripted.url = f"http://127.0.0.1:{server.server_port}{scripted.root}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield scripted
        finally:
            server.shutdown()
            thread.join()
