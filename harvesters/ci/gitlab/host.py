"""Asks GitLab for pipelines, environments and deployments, by the numbers of projects."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from harvesters.ci.gitlab.deployments import STOPPED
from harvesters.http import Answer, joined
from harvesters.manifests.github.limits import server_time
from harvesters.manifests.gitlab.api import A_PAGE, ANSWERED, GitLab
from harvesters.manifests.gitlab.host import GitLabHost
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Repository
from harvesters.manifests.settings import RepositorySettings
from harvesters.moments import read_moment
from schemas.hooks import Hint
from schemas.identifiers import Identifier

MOST_PAGES: Final = 1_000  # of changes of one project
MOST_ENVIRONMENTS: Final = 100  # of a project, one request each
MOST_LISTED: Final = 10  # pages of environments
INSTANT: Final = timedelta(milliseconds=1)  # GitLab tells no less
OLDEST_CHANGE_FIRST: Final = {"order_by": "updated_at", "sort": "asc", "per_page": A_PAGE}


class GitLabPlace:
    """The projects of one group, or those named, listed once for all that is read of them."""

    def __init__(self, host: GitLabHost, settings: RepositorySettings) -> None:
        """Nothing is asked yet."""
        self.host, self.settings = host, settings
        self._listed: Sequence[Repository] | None = None

    def repositories(self) -> Sequence[Repository]:
        """Those that the settings keep."""
        if self._listed is None:
            every = {one.identity: one for page in self.host.repositories() for one in page}
            self._listed = [one for one in every.values() if self.settings.keeps(one.path)]
        return self._listed

    def find(self, identity: Identifier) -> Repository | None:
        """One by its number."""
        return self.host.find(identity, url=None)


class GitLabCi:
    """What builds and deployments have in common."""

    def __init__(self, gitlab: GitLab, place: GitLabPlace) -> None:
        """Nothing is asked yet."""
        self.gitlab, self.place = gitlab, place
        self.counts: Counter[str] = Counter()
        self._began: datetime | None = None

    def now(self) -> datetime:
        """The time of the first answer; ours, without any."""
        return self._began or self.gitlab.client.clock.now()

    def repositories(self) -> Sequence[Repository]:
        """All that the settings keep."""
        return self.place.repositories()

    def find(self, identity: Identifier) -> Repository | None:
        """One by its number."""
        return self.place.find(identity)

    def claims(self, hint: Hint) -> bool:
        """By its address, else by its number."""
        return self.place.host.claims(hint)

    def _ask(self, number: str, *path: str, kind: str, **how: Any) -> Answer:
        where = joined("projects", number, *path)
        answer = self.gitlab.client.get_json(where, kind=kind, also=ANSWERED, **how)
        now = self.gitlab.client.clock.now()
        self._began = self._began or min(now, server_time(answer.headers, now))
        return answer

    def _rows(self, number: str, what: str, *, params: Mapping[str, Any]) -> tuple[list[Any], bool]:
        """A page of a list, and whether more follow. Raises `RepositoryUnreadable`."""
        answer = self._ask(number, what, kind=what, params=params, shape=list)
        if answer.json is None:
            message = f"GitLab answers {answer.status}: the token may not see its {what}"
            raise RepositoryUnreadable("not_readable", message)
        more = bool(answer.headers.get("X-Next-Page")) or len(answer.json) >= A_PAGE
        return [row for row in answer.json if isinstance(row, dict)], more

    def _changed(
        self, number: str, what: str, *, since: datetime | None
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """What changed, the oldest change first.

        Page numbers would skip what changes meanwhile: the next page is what changed since the
        last row. Only where all of a page changed in one instant the next number is asked for.
        """
        after = since
        latest, page = since, 1
        for _ in range(MOST_PAGES):
            params: dict[str, Any] = dict(OLDEST_CHANGE_FIRST)
            params |= {"updated_after": _written(after)} if after else {}
            params |= {"page": page} if page > 1 else {}
            rows, more = self._rows(number, what, params=params)
            yield rows
            if not more or not rows:
                return
            newest = max(filter(None, map(_changed_at, rows)), default=None)
            if newest is None or (latest is not None and newest <= latest):
                page += 1
            else:
                latest, after, page = newest, newest - INSTANT, 1
        message = f"its {what} do not end after {MOST_PAGES:,} pages"
        raise RepositoryUnreadable("too_many_changes", message)


class GitLabPipelines(GitLabCi):
    """Pipelines."""

    def changed(
        self, number: str, *, since: datetime, until: datetime
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Those that changed since a time; running external ones have none."""
        del until  # what changes while it is read comes at the end
        return self._changed(number, "pipelines", since=since)

    def of_commit(self, number: str, commit: str) -> Sequence[Mapping[str, Any]]:
        """The newest hundred of a commit."""
        rows, _ = self._rows(number, "pipelines", params={"sha": commit, "per_page": A_PAGE})
        return rows

    def build(self, number: str, build: str) -> Mapping[str, Any] | None:
        """One by its number. Raises `RepositoryUnreadable`."""
        answer = self._ask(number, "pipelines", build, kind="pipeline")
        if answer.status == 403:  # noqa: PLR2004  # forbidden
            message = "GitLab answers 403: the token may not see its pipelines"
            raise RepositoryUnreadable("not_readable", message)
        found: Mapping[str, Any] | None = answer.json
        return found

    def whole(self, number: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Who began it, and when: lists do not say."""
        if "user" in record or "started_at" in record:
            return record
        return self.build(number, str(record["id"])) or record


class GitLabDeployments(GitLabCi):
    """Deployments: of each environment the last that succeeded, which GitLab names itself."""

    def every(self, number: str) -> Iterator[Mapping[str, Any]]:
        """Of all environments that are not stopped, the newest first."""
        rows: list[Mapping[str, Any]] = []
        for page in range(1, MOST_LISTED + 1):
            params = {"states": "available", "per_page": A_PAGE, "page": page}
            listed, more = self._rows(number, "environments", params=params)
            rows += [one for one in listed if one.get("state") not in STOPPED]
            if not more or not listed:
                break
        rows.sort(key=lambda one: str(one.get("updated_at") or ""), reverse=True)
        if len(rows) > MOST_ENVIRONMENTS:
            self.counts["environments_beyond_100"] += len(rows) - MOST_ENVIRONMENTS
        for one in rows[:MOST_ENVIRONMENTS]:
            if (found := self._environment(number, one.get("id"))) is not None:
                yield found

    def touched(
        self, number: str, *, since: datetime | None, before: str | None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Environments with a deployment that changed since a time."""
        del before
        ids: dict[Any, None] = {}
        for rows in self._changed(number, "deployments", since=since):
            held = (row.get("environment") for row in rows)
            ids |= {one.get("id"): None for one in held if isinstance(one, dict)}
        found = (self._environment(number, one) for one in ids)
        return [one for one in found if one is not None], None

    def named(self, number: str, environment: str) -> Mapping[str, Any] | bool:
        """One by its name: stopped ones are still there, and say so."""
        params = {"name": environment, "per_page": A_PAGE}
        rows, _ = self._rows(number, "environments", params=params)
        same = next((one for one in rows if one.get("name") == environment), None)
        if same is None:
            return False
        return self._environment(number, same.get("id")) or True

    def _environment(self, number: str, key: Any) -> Mapping[str, Any] | None:
        """One with its last deployment; None where nothing was ever deployed."""
        if not isinstance(key, int) or isinstance(key, bool):
            return None
        answer = self._ask(number, "environments", str(key), kind="environment")
        if answer.status == 403:  # noqa: PLR2004  # forbidden
            message = "GitLab answers 403: the token may not see its environments"
            raise RepositoryUnreadable("not_readable", message)
        if answer.json is None:
            return None
        last = answer.json.get("last_deployment")
        if not isinstance(last, dict):
            self.counts["environments_without_success"] += 1
            return None
        place = {name: one for name, one in answer.json.items() if name != "last_deployment"}
        return {"environment": place, "deployment": last}


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03}Z"


def _changed_at(row: Mapping[str, Any]) -> datetime | None:
    return read_moment(row.get("updated_at"))
