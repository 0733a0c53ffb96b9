"""The part of a scripted GitHub that knows workflow runs, deployments and webhooks' deliveries."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.support.github_answers import Said
from tests.support.github_state import Repo

RUN: Final = "ci_api_json/raw_github_api_runs/002.json"
DELIVERIES: Final = "github_webhooks/octokit__webhooks"
LONG: Final = {"head_repository", "head_commit"}  # as long as all the rest
MOST: Final = 1_000  # rows that one query answers
HIDDEN: Final = {"message": "Resource not accessible by integration", "status": "403"}
MISSING: Final = {"message": "Not Found", "status": "404"}


@dataclass
class Run:
    """A workflow run; `says` stands over what was recorded."""

    number: int
    commit: str
    at: datetime
    path: str = ".github/workflows/train.yml"
    status: str = "completed"
    conclusion: str | None = "success"
    attempt: int = 1
    says: dict[str, Any] = field(default_factory=dict)


@dataclass
class Deployed:
    """A deployment with its statuses, the oldest first."""

    number: int
    environment: str
    commit: str
    at: datetime
    statuses: list[dict[str, Any]] = field(default_factory=list)
    says: dict[str, Any] = field(default_factory=dict)


@dataclass
class Ci:
    """What a repository's CI did."""

    runs: dict[int, Run] = field(default_factory=dict)
    deployed: dict[int, Deployed] = field(default_factory=dict)
    environments: set[str] = field(default_factory=set)
    refused: int = 0  # this status instead of Actions and deployments


class Actions:
    """Workflow runs and deployments of all repositories; numbers are never used twice."""

    def __init__(self, corpora: Path) -> None:
        """Nothing ran yet. Shapes are those of recorded answers."""
        self._run = _read(corpora / RUN) if (corpora / RUN).is_file() else {}
        told = corpora / DELIVERIES / "deployment/gh-pages.payload.json"
        self._deployment = _read(told)["deployment"] if told.is_file() else {}
        told = corpora / DELIVERIES / "deployment_status/gh-pages.payload.json"
        self._status = _read(told)["deployment_status"] if told.is_file() else {}
        self.of: dict[int, Ci] = {}
        self.deliveries: list[dict[str, Any]] = []  # the newest first
        self.hooks: dict[str, list[dict[str, Any]]] = {}  # by `orgs/acme`, `repos/acme/churn`
        self.attempts: list[str] = []
        self.total: int | None = None  # what every listing of runs counts itself
        self.always_more = False  # every page leads to another one
        self.a_page = 100
        self._next = 5_000

    def ci(self, repo: Repo) -> Ci:
        """Of a repository."""
        return self.of.setdefault(repo.number, Ci())

    def run(self, repo: Repo, commit: str, *, at: datetime, **says: Any) -> Run:
        """A workflow run."""
        self._next += 1
        known = {name: says.pop(name) for name in list(says) if name in Run.__annotations__}
        made = Run(self._next, commit, at, **known)
        made.says |= says
        self.ci(repo).runs[made.number] = made
        return made

    def deploy(
        self,
        repo: Repo,
        environment: str,
        commit: str,
        *,
        at: datetime,
        state: str | None = "success",
        run: Run | None = None,
        **says: Any,
    ) -> Deployed:
        """A deployment, with one status; those before it become inactive when it succeeds."""
        self._next += 1
        ci = self.ci(repo)
        made = Deployed(self._next, environment, commit, at, says=says)
        if state == "success":
            for other in ci.deployed.values():
                if other.environment == environment and other.statuses:
                    self.say(other, "inactive", at=at)
        ci.deployed[made.number] = made
        ci.environments.add(environment)
        if state is not None:
            url = f"https://x/{repo.full_name}/actions/runs/{run.number}/job/1" if run else ""
            self.say(made, state, at=at, log_url=url)
        return made

    def say(self, deployed: Deployed, state: str, *, at: datetime, **more: Any) -> None:
        """A further status."""
        self._next += 1
        said = {"id": self._next, "state": state, "created_at": _text(at), "updated_at": _text(at)}
        deployed.statuses.append(copy.deepcopy(self._status) | said | more)

    def answer(  # noqa: PLR0911  # a table of routes
        self, repo: Repo, rest: list[str], *, query: Mapping[str, str], url: str
    ) -> Said:
        """What is asked about one repository."""
        ci = self.ci(repo)
        if ci.refused:
            return Said(ci.refused, HIDDEN if ci.refused == 403 else MISSING)
        match rest:
            case ["actions", "runs"]:
                return self._runs(repo, ci, query=query, url=url)
            case ["actions", "runs", number] if int(number) in ci.runs:
                return Said(200, self._as_run(repo, ci.runs[int(number)]))
            case ["deployments"]:
                rows = sorted(ci.deployed.values(), key=lambda one: (one.at, one.number))
                rows.reverse()
                return self._page([self._as_deployment(one) for one in rows], query, url=url)
            case ["deployments", number, "statuses"] if int(number) in ci.deployed:
                return Said(200, ci.deployed[int(number)].statuses[::-1])
            case ["environments", name] if name in ci.environments:
                return Said(200, {"id": 1, "name": name})
        return Said(404, MISSING)

    def box(self, method: str, steps: list[str], *, query: Mapping[str, str], url: str) -> Said:
        """What is asked about deliveries; `method` POST: for another attempt."""
        match steps:
            case [*_, "deliveries", number, "attempts"] if method == "POST":
                self.attempts.append(number)
                return Said(202, {})
            case ["orgs", owner, "hooks"]:
                found = self.hooks.get(f"orgs/{owner}")
            case ["repos", owner, name, "hooks"]:
                found = self.hooks.get(f"repos/{owner}/{name}")
            case _:
                return self._page(self.deliveries, query, url=url)
        return Said(404, MISSING) if found is None else Said(200, found)

    def _runs(self, repo: Repo, ci: Ci, *, query: Mapping[str, str], url: str) -> Said:
        rows = [one for one in ci.runs.values() if _fits(one, query)]
        rows.sort(key=lambda one: (one.at, one.number), reverse=True)
        count, rows = len(rows), rows[:MOST]
        size = min(int(query.get("per_page", "30")), self.a_page)
        page = int(query.get("page", "1"))
        some = [self._as_run(repo, one) for one in rows[(page - 1) * size : page * size]]
        more = page * size < len(rows) or self.always_more
        headers = {"Link": f'<{url}?page={page + 1}>; rel="next"'} if more else {}
        total = count if self.total is None else self.total
        return Said(200, {"total_count": total, "workflow_runs": some}, headers)

    def _page(self, rows: list[Any], query: Mapping[str, str], *, url: str) -> Said:
        size = min(int(query.get("per_page", "30")), self.a_page)
        page = int(query.get("page", "1"))
        more = page * size < len(rows)
        headers = {"Link": f'<{url}?per_page={size}&page={page + 1}>; rel="next"'} if more else {}
        return Said(200, rows[(page - 1) * size : page * size], headers)

    def _as_run(self, repo: Repo, one: Run) -> dict[str, Any]:
        said = {name: one for name, one in self._run.items() if name not in LONG}
        return said | {
            "id": one.number, "repository": {"id": repo.number, "full_name": repo.full_name},
            "head_sha": one.commit, "path": one.path, "status": one.status,
            "conclusion": one.conclusion, "run_attempt": one.attempt, "created_at": _text(one.at),
            "run_started_at": _text(one.at + timedelta(days=one.attempt - 1)),
            "updated_at": _text(one.at + timedelta(days=one.attempt - 1, minutes=3)),
            "html_url": f"https://hub.example/{repo.full_name}/actions/runs/{one.number}",
        } | one.says  # fmt: skip

    def _as_deployment(self, one: Deployed) -> dict[str, Any]:
        last = max([_text(one.at), *(said["updated_at"] for said in one.statuses)])
        said: dict[str, Any] = copy.deepcopy(self._deployment)
        return said | {
            "id": one.number, "sha": one.commit, "environment": one.environment,
            "created_at": _text(one.at), "updated_at": last,
        } | one.says  # fmt: skip


def _fits(one: Run, query: Mapping[str, str]) -> bool:
    first, _, last = query.get("created", "..").partition("..")
    at = _text(one.at)
    within = (not first or first <= at) and (not last or at <= last)
    return within and query.get("head_sha", one.commit) == one.commit


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
