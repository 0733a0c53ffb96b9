"""Asks GitHub for workflow runs and deployments, by the numbers of repositories."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from harvesters.ci.github.deployments import has_succeeded, read_deployment
from harvesters.ci.windows import Listed, in_windows
from harvesters.http import Answer
from harvesters.manifests.github.api import A_PAGE, GitHubApi
from harvesters.manifests.github.host import GitHubHost
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Repository
from harvesters.manifests.settings import RepositorySettings
from schemas.hooks import Hint
from schemas.identifiers import Identifier

MOST_ROWS: Final = 1_000  # that one query answers, whatever it counts
MOST_PAGES: Final = MOST_ROWS // A_PAGE
MOST_ENVIRONMENTS: Final = 100  # of a repository
MOST_LOOKED_AT: Final = 10  # deployments of one environment, until one succeeded
NOT_FOUND: Final = 404
LATER: Final = "9999"  # than any time
LONGEST_TIME: Final = 40


class GitHubPlace:
    """The repositories of one owner, listed once for all that is read of them."""

    def __init__(self, host: GitHubHost, settings: RepositorySettings) -> None:
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


class GitHubCi:
    """What builds and deployments have in common."""

    def __init__(self, api: GitHubApi, place: GitHubPlace) -> None:
        """Nothing is asked yet."""
        self.api, self.place = api, place
        self.counts: Counter[str] = Counter()
        self._began: datetime | None = None

    def now(self) -> datetime:
        """The time of the first answer; ours, without any."""
        return self._began or self.api.now()

    def repositories(self) -> Sequence[Repository]:
        """All that the settings keep."""
        return self.place.repositories()

    def find(self, identity: Identifier) -> Repository | None:
        """One by its number."""
        return self.place.find(identity)

    def claims(self, hint: Hint) -> bool:
        """By the owner in its address."""
        return self.place.host.claims(hint)

    def _ask(self, number: str, *path: str, kind: str, **how: Any) -> Answer:
        answer = self.api.of(number, *path, kind=kind, also={NOT_FOUND}, **how)
        self._began = self._began or self.api.now(answer)
        return answer


class GitHubRuns(GitHubCi):
    """Workflow runs."""

    def changed(
        self, number: str, *, since: datetime, until: datetime
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Runs that were created between two times; run again they keep that time."""

        def ask(first: datetime, last: datetime) -> Listed:
            return self._window(number, first, last=last)

        def beyond() -> None:
            self.counts["builds_beyond_1000_a_second"] += 1

        return in_windows(since, until, ask=ask, beyond=beyond)

    def of_commit(self, number: str, commit: str) -> Sequence[Mapping[str, Any]]:
        """The newest hundred of a commit."""
        rows, _ = self._page(number, {"head_sha": commit, "per_page": A_PAGE}, kind="commit_runs")
        return rows

    def build(self, number: str, build: str) -> Mapping[str, Any] | None:
        """One by its number."""
        found: Mapping[str, Any] | None = self._ask(
            number, "actions", "runs", build, kind="run"
        ).json
        return found

    def whole(self, number: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The listing tells all."""
        del number
        return record

    def _window(self, number: str, first: datetime, *, last: datetime) -> Listed:
        span = f"{first:%Y-%m-%dT%H:%M:%SZ}..{last:%Y-%m-%dT%H:%M:%SZ}"
        found: dict[Any, Mapping[str, Any]] = {}
        for page in range(1, MOST_PAGES + 1):
            params: dict[str, Any] = {"created": span, "per_page": A_PAGE}
            rows, answer = self._page(
                number, params | ({"page": page} if page > 1 else {}), kind="runs"
            )
            before = len(found)
            found |= {row.get("id"): row for row in rows}
            full = len(answer.json["workflow_runs"]) >= A_PAGE
            if len(found) == before or not (full or answer.following is not None):
                return Listed(list(found.values()), whole=True)
            count = answer.json.get("total_count")
            if page == 1 and isinstance(count, int) and count >= MOST_ROWS and first < last:
                break  # its halves are asked instead
        return Listed(list(found.values()), whole=False)

    def _page(
        self, number: str, params: Mapping[str, Any], *, kind: str
    ) -> tuple[list[Mapping[str, Any]], Answer]:
        answer = self._ask(number, "actions", "runs", kind=kind, params=params)
        if answer.json is None:
            message = "GitHub answers 404: there are no Actions, or the credential may not see them"
            raise RepositoryUnreadable("not_readable", message)
        rows = answer.json.get("workflow_runs")
        if not isinstance(rows, list):
            message = "GitHub answers with something else than workflow runs"
            raise RepositoryUnreadable("invalid", message)
        return [row for row in rows if isinstance(row, dict)], answer


class GitHubDeployments(GitHubCi):
    """Deployments: of each environment the newest that succeeded."""

    def every(self, number: str) -> Iterator[Mapping[str, Any]]:
        """Of all environments of the newest thousand deployments."""
        yield from self._newest(number, self._listed(number, down_to=""))

    def touched(
        self, number: str, *, since: datetime | None, before: str | None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Environments in which a deployment is newer than those before, or was told of anew."""
        del since  # GitHub has no filter of times: a status moves `updated_at`
        last = (before or "").partition(" ")[2]
        rows = self._listed(number, down_to=last or LATER)
        memo = _memo(rows)
        if memo == before:
            return (), memo
        moved = {_text(row, "environment") for row in rows if _text(row, "updated_at") >= last}
        mine = [row for row in rows if _text(row, "environment") in moved]
        return list(self._newest(number, mine)), memo

    def named(self, number: str, environment: str) -> Mapping[str, Any] | bool:
        """Is an environment there? What cannot be asked for stays."""
        if environment in {".", ".."} or not environment.isprintable():
            return True
        answer = self._ask(number, "environments", environment, kind="environment")
        return answer.json is not None

    def _listed(self, number: str, *, down_to: str) -> list[Mapping[str, Any]]:
        """The newest first, down to what was created before a time."""
        found: dict[Any, Mapping[str, Any]] = {}
        for page in range(1, MOST_PAGES + 1):
            params = {"per_page": A_PAGE} | ({"page": page} if page > 1 else {})
            answer = self._ask(number, "deployments", kind="deployments", params=params, shape=list)
            if answer.json is None:
                message = "GitHub answers 404: the credential may not see its deployments"
                raise RepositoryUnreadable("not_readable", message)
            rows = [row for row in answer.json if isinstance(row, dict)]
            new = {row.get("id"): row for row in rows if row.get("id") not in found}
            found |= new
            more = answer.following is not None or len(answer.json) >= A_PAGE
            if not more or not new or _text(rows[-1], "created_at") < down_to:
                return list(found.values())
        self.counts["deployments_beyond_1000"] += 1
        return list(found.values())

    def _newest(
        self, number: str, rows: Sequence[Mapping[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        by_name: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_name[_text(row, "environment")].append(row)
        by_name.pop("", None)
        for count, found in enumerate(by_name.values(), start=1):
            if count > MOST_ENVIRONMENTS:
                self.counts["environments_beyond_100"] += 1
            elif (record := self._succeeded(number, found)) is not None:
                yield record

    def _succeeded(
        self, number: str, rows: Sequence[Mapping[str, Any]]
    ) -> Mapping[str, Any] | None:
        """The newest that ever was in its environment, with all that was said of it."""
        for row in rows[:MOST_LOOKED_AT]:
            key = str(row.get("id"))
            if not key.isdigit():
                continue
            answer = self._ask(
                number, "deployments", key, "statuses", kind="statuses",
                params={"per_page": A_PAGE}, shape=list,
            )  # fmt: skip
            record = {"deployment": row, "statuses": answer.json or []}
            if has_succeeded(read_deployment(record)[1]):
                return record
        self.counts["environments_without_success"] += 1
        return None


def _text(row: Mapping[str, Any], name: str) -> str:
    found = row.get(name)
    return found.strip() if isinstance(found, str) else ""


def _memo(rows: Sequence[Mapping[str, Any]]) -> str:
    """The newest time of any change, and what changed then."""
    last = max((_text(row, "updated_at") for row in rows), default="")
    same = sorted(str(row.get("id")) for row in rows if _text(row, "updated_at") == last)
    said = f"{len(rows[:A_PAGE])}:{','.join(same)}"
    return f"{hashlib.sha256(said.encode()).hexdigest()[:8]} {last[:LONGEST_TIME]}"
