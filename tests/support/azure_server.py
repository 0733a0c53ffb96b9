"""A scripted Azure DevOps: a local HTTP server whose builds are shaped after recorded ones.

    with azure() as server:
        project = server.project("churn")
        project.build(commit="a" * 40, repository=tfs("churn"))
        ...                                           # harvest `server.url`, with `server.secret`
        assert server.asked_by_kind() == {"projects": 1, "running": 1, "finished": 1}

`before` may answer in its stead: it gets the path with its query, and answers `Said` or None.
"""

import json
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID, uuid5

from tests.support.github_answers import Said

HOST: Final = "127.0.0.1"
BASE: Final = "/acme"
SPACE: Final = UUID("0d50ba13-f9ad-49b0-9b21-d29eda50ca33")
SIGN_IN: Final = Said(203, b"<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})
Row = dict[str, Any]


@dataclass
class Project:
    """A project; builds in the order in which they were queued."""

    id: str
    name: str
    server: "Azure"
    builds: list[Row] = field(default_factory=list)
    environments: dict[int, str] = field(default_factory=dict)
    records: list[Row] = field(default_factory=list)

    def build(self, *, commit: str | None = None, **more: Any) -> Row:
        """A build that was queued and has ended now; `more` says it otherwise."""
        now = self.server.now()
        made = {
            "id": self.server.next_number(), "buildNumber": "20261127.1", "status": "completed",
            "result": "succeeded", "queueTime": written(now), "startTime": written(now),
            "finishTime": written(now), "reason": "individualCI",
            "parameters": '{"password": "canary-4711"}',
            "templateParameters": {"token": "canary-4711"},
            "definition": {"id": 5, "name": "train", "path": "\\retail", "type": "build"},
            "project": {"id": self.id, "name": self.name},
            "sourceBranch": "refs/heads/main", "sourceVersion": commit,
            "requestedFor": {"displayName": "Anna", "uniqueName": "anna@example.com"},
            "repository": {"id": "acme/churn", "type": "GitHub"},
        } | more  # fmt: skip
        self.builds.append(made)
        return made

    def run(self, **more: Any) -> Row:
        """A build that has begun and not ended."""
        return self.build(**{"status": "inProgress", "result": None, "finishTime": None} | more)

    def deploy(self, build: Row, environment: str, *, result: str | None = "succeeded") -> Row:
        """A deployment of a build into an environment, made if it is not there."""
        ids = {name: number for number, name in self.environments.items()}
        number = ids.get(environment, len(ids) + 1)
        self.environments[number] = environment
        record = {
            "id": self.server.next_number(), "environmentId": number, "result": result,
            "planType": "Build", "stageName": "deploy", "finishTime": written(self.server.now()),
            "definition": {"id": build["definition"]["id"], "name": build["definition"]["name"]},
            "owner": {"id": build["id"], "name": build["buildNumber"]},
        }  # fmt: skip
        self.records.append(record)
        return record


class Azure:
    """What is held, what was asked, and what happens on the way."""

    def __init__(self) -> None:
        """Nothing in it."""
        self.projects: dict[str, Project] = {}
        self.url = ""
        self.secret = "azure-canary-4711"  # noqa: S105  # of this server alone
        self.before: Callable[[str], Said | None] = lambda _path: None
        self.headers: dict[str, str] = {}  # beside the usual ones
        self.asked: list[str] = []
        self.a_page = 200
        self.environments_hidden = False
        self._number = 0

    @property
    def host(self) -> str:
        """Where it listens, and what its identifiers begin with."""
        return urlsplit(self.url).netloc

    def now(self) -> datetime:
        """Its clock."""
        return datetime.now(UTC)

    def ago(self, **span: float) -> str:
        """A time as Azure writes it: seven digits."""
        return written(self.now() - timedelta(**span))

    def next_number(self) -> int:
        """Of builds and records."""
        self._number += 1
        return self._number

    def project(self, name: str) -> Project:
        """A project, made if it is not there."""
        number = str(uuid5(SPACE, name))
        return self.projects.setdefault(number, Project(number, name, self))

    def asked_by_kind(self) -> Counter[str]:
        """What was asked, by kind; starts to count anew."""
        asked, self.asked = self.asked, []
        return Counter(kind_of(path) for path in asked)

    def answer(  # noqa: PLR0911  # a table of routes
        self, path: str, signed: str | None
    ) -> Said:
        """What Azure DevOps would say."""
        self.asked.append(path)
        if (said := self.before(path)) is not None:
            return said
        if signed != f"Basic {b64encode(f':{self.secret}'.encode()).decode()}":
            return SIGN_IN
        parts = urlsplit(path)
        query = dict(parse_qsl(parts.query))
        if query.get("api-version") != "7.1":
            return Said(400, {"message": "no version"})
        steps = [unquote(step) for step in parts.path.removeprefix(BASE).strip("/").split("/")]
        match steps:
            case ["_apis", "projects"]:
                rows = [{"id": one.id.upper(), "name": one.name} for one in self._listed()]
                return self._page(rows, query)
            case ["_apis", "projects", name]:
                one = self._project(name)
                return Said(200, {"id": one.id, "name": one.name}) if one else _missing()
            case [name, "_apis", *rest]:
                found = self._project(name)
                return self._of(found, rest, query) if found else _missing()
        return _missing()

    def _listed(self) -> list[Project]:
        return sorted(self.projects.values(), key=lambda one: one.name)

    def _project(self, name: str) -> Project | None:
        named = {one.name.lower(): one for one in self.projects.values()}
        return self.projects.get(name.lower()) or named.get(name.lower())

    def _of(self, project: Project, steps: list[str], query: Mapping[str, str]) -> Said:
        match steps:
            case ["build", "builds"]:
                return self._page(builds_of(project, query), query)
            case ["distributedtask", "environments"] if not self.environments_hidden:
                named = project.environments.items()
                return self._page([{"id": number, "name": name} for number, name in named], query)
            case ["distributedtask", "environments", number, "environmentdeploymentrecords"]:
                rows = [one for one in project.records if str(one["environmentId"]) == number]
                return self._page(rows[::-1], query)
        return _missing()

    def _page(self, rows: list[Row], query: Mapping[str, str]) -> Said:
        start = int(query.get("continuationToken", "0"))
        some = rows[start : start + self.a_page]
        following = start + len(some)
        headers = {"x-ms-continuationtoken": str(following)} if following < len(rows) else {}
        return Said(200, {"count": len(some), "value": some}, headers)


def builds_of(project: Project, query: Mapping[str, str]) -> list[Row]:
    """Builds as they are asked for: times mean what the order is by."""
    rows = list(project.builds)
    if "buildIds" in query:
        ids = {int(one) for one in query["buildIds"].split(",")}
        return [one for one in rows if one["id"] in ids]
    if "statusFilter" in query:
        statuses = query["statusFilter"].lower().split(",")
        rows = [one for one in rows if one["status"].lower() in statuses]
    order = query.get("queryOrder", "finishTimeDescending")
    if order.startswith("finishTime"):
        low, high = query.get("minTime", ""), query.get("maxTime", "9999")
        if "statusFilter" not in query:
            rows = [one for one in rows if one["finishTime"] is not None]
            rows = [one for one in rows if low <= one["finishTime"] <= high]
        rows.sort(key=lambda one: one["finishTime"] or "", reverse=order.endswith("Descending"))
    return rows


def tfs(name: str, *, userinfo: str = "") -> Row:
    """A repository of Azure's own."""
    return {
        "id": str(uuid5(SPACE, f"repository {name}")).upper(), "type": "TfsGit", "name": name,
        "url": f"https://{userinfo}dev.azure.com/acme/retail/_git/{name}",
    }  # fmt: skip


def written(moment: datetime) -> str:
    """A time as Azure writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f7Z")


def kind_of(path: str) -> str:
    """What a request asks for."""
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query))
    if parts.path.endswith("/builds"):
        if "buildIds" in query:
            return "numbered"
        if "statusFilter" in query:
            return "running"
        return "before" if "maxTime" in query else "finished"
    if parts.path.endswith("/environmentdeploymentrecords"):
        return "records"
    return "environments" if parts.path.endswith("/environments") else "projects"


def _missing() -> Said:
    return Said(404, {"message": "VS800075: The project does not exist."})


@contextmanager
def azure() -> Iterator[Azure]:
    """A running server."""
    state = Azure()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            said = state.answer(self.path, self.headers["Authorization"])
            raw = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
            self.send_response_only(said.status)
            usual = {"Content-Type": "application/json", "Date": format_datetime(state.now())}
            for name, value in (usual | state.headers | dict(said.headers)).items():
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
