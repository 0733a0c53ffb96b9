"""The part of a scripted GitLab that knows pipelines, environments and deployments."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tests.support.gitlab_state import Project

ROOT: Final = Path(__file__).parents[2]
DETAIL: Final = "ci_api_json/raw_gitlab_api_pipeline_details/008.json"
DEPLOYMENT: Final = "ci_api_json/raw_gitlab_api_deployments/003.json"
OF_LISTS: Final = (
    "id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at",
    "web_url", "name",
)  # fmt: skip
Rows = list[dict[str, Any]]
Paged = Callable[[Sequence[Any]], Any]  # makes an answer of what a list holds


@dataclass
class Ci:
    """What a project's CI did: rows as the API tells them alone, by number."""

    pipelines: dict[int, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[int, dict[str, Any]] = field(default_factory=dict)
    environments: dict[int, dict[str, Any]] = field(default_factory=dict)
    refused: int = 0


class Pipelines:
    """Pipelines and deployments of all projects; numbers are never used twice."""

    def __init__(self) -> None:
        """Nothing ran yet."""
        self._pipeline, self._deployment = _read(DETAIL), _read(DEPLOYMENT)
        self.of: dict[int, Ci] = {}
        self._next = 70_000

    def ci(self, project: Project) -> Ci:
        """Of a project."""
        return self.of.setdefault(project.id, Ci())

    def run(self, project: Project, sha: str, *, at: datetime, **says: Any) -> dict[str, Any]:
        """A pipeline, which may be changed afterwards."""
        self._next += 1
        made = self._pipeline | {
            "id": self._next, "project_id": project.id, "sha": sha, "ref": "main",
            "status": "success", "source": "push", "created_at": text(at), "updated_at": text(at),
            "started_at": text(at), "finished_at": text(at),
            "web_url": f"https://lab.example/{project.path}/-/pipelines/{self._next}",
        } | says  # fmt: skip
        self.ci(project).pipelines[self._next] = made
        return made

    def environment(self, project: Project, name: str, **says: Any) -> dict[str, Any]:
        """An environment, made when it is needed."""
        known = self.ci(project).environments
        found = next((one for one in known.values() if one["name"] == name), None)
        if found is None:
            self._next += 1
            found = {"id": self._next, "name": name, "slug": name, "external_url": None,
                     "state": "available", "tier": "other",
                     "created_at": "2026-01-01T00:00:00.000Z"}  # fmt: skip
            known[self._next] = found
        found |= says
        return found

    def deploy(  # where, and what
        self, project: Project, name: str, sha: str, *, at: datetime, **says: Any
    ) -> dict[str, Any]:
        """A deployment by a job of a pipeline."""
        place = self.environment(project, name)
        place["updated_at"] = text(at)
        self._next += 1
        brief = {one: place[one] for one in ("id", "name", "slug", "external_url")}
        job = {"id": 5, "pipeline": {"id": 4_711, "project_id": project.id}}
        made = self._deployment | {
            "id": self._next, "sha": sha, "status": "success", "created_at": text(at),
            "updated_at": text(at), "environment": brief, "deployable": job,
        } | says  # fmt: skip
        self.ci(project).deployments[self._next] = made
        return made

    def answer(  # noqa: PLR0911  # a table of routes
        self, project: Project, rest: Sequence[str], query: Mapping[str, str], *, page: Paged
    ) -> tuple[int, Any] | Any:
        """What is asked about one project: status and body, or what `page` made."""
        ci = self.ci(project)
        if ci.refused:
            return ci.refused, {"message": f"{ci.refused} Forbidden"}
        match rest:
            case ["pipelines"]:
                rows = [{name: one[name] for name in OF_LISTS} for one in ci.pipelines.values()]
                return page(_changed(rows, query))
            case ["pipelines", number] if int(number) in ci.pipelines:
                return 200, ci.pipelines[int(number)]
            case ["deployments"]:
                if "updated_after" in query and query.get("order_by") != "updated_at":
                    return 400, {"message": "400 Bad request - `updated_at` filter and `updated_at`"
                                 " sorting must be paired"}  # fmt: skip
                return page(_changed(list(ci.deployments.values()), query))
            case ["environments"]:
                return page(_environments(ci, query))
            case ["environments", number] if int(number) in ci.environments:
                place = ci.environments[int(number)]
                good = [one for one in ci.deployments.values() if one["status"] == "success"
                        and one["environment"]["id"] == place["id"]]  # fmt: skip
                return 200, place | {"last_deployment": good[-1] if good else None}
        return 404, {"message": "404 Not Found"}


def _environments(ci: Ci, query: Mapping[str, str]) -> Rows:
    state, name = query.get("states"), query.get("name")
    return [
        one for one in ci.environments.values()
        if state in {None, one["state"]} and name in {None, one["name"]}
    ]  # fmt: skip


def _changed(rows: Rows, query: Mapping[str, str]) -> Rows:
    """By their last change, as GitLab filters and orders: a null fits no time, and comes last."""
    after = query.get("updated_after")
    if after is not None:
        since = datetime.fromisoformat(after)
        rows = [r for r in rows if (at := _moment(r["updated_at"])) is not None and at >= since]
    if "sha" in query:
        rows = [row for row in rows if row["sha"] == query["sha"]]
    return sorted(rows, key=lambda row: (row["updated_at"] is None, row["updated_at"], row["id"]))


def _moment(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def text(at: datetime) -> str:
    """A time as GitLab writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1_000:03}Z"


def _read(path: str) -> dict[str, Any]:
    folder = Path(os.environ.get("TEST_CORPORA", ROOT.parent / "shared" / "corpora"))
    found: dict[str, Any] = {}
    if (folder / path).is_file():
        found = json.loads((folder / path).read_bytes())
    return found
