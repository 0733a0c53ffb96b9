"""Azure DevOps' API, by what is asked, and how it says that a token is refused or asked too much.

https://learn.microsoft.com/rest/api/azure/devops/build/builds/list
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2

from harvesters.answers import read_json
from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient, SourceDenied, joined
from harvesters.manners import Manners, Waiting
from outbound.client import LONGEST_WAIT, retry_after
from schemas.strict import instant_text

A_PAGE: Final = 200  # builds
A_LIST: Final = 100  # ids in one address
MOST_PAGES: Final = 1_000
NEXT: Final = "x-ms-continuationtoken"
LEADING: Final = frozenset({301, 302, 303, 307})
A_MINUTE: Final = 60.0
OPEN: Final = "inProgress,cancelling,postponed,notStarted"
HIDDEN: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)

Params = Mapping[str, Any]


def limiter(response: httpx2.Response, now: datetime) -> Waiting | None:
    """When to ask again: by `Retry-After`, `X-RateLimit-Reset`, or a minute later."""
    if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    seconds = retry_after(response.headers.get("Retry-After"), now=now)
    reset = response.headers.get("X-RateLimit-Reset", "").strip()
    if seconds is None and reset.isascii() and reset.isdigit():
        seconds = min(max(float(reset[:12]) - now.timestamp(), 1.0), LONGEST_WAIT)
    why = "Azure DevOps answers 429 and asks to wait"
    return Waiting(A_MINUTE if seconds is None else seconds, why, guessed=seconds is None)


def manners(usual: Manners) -> Manners:
    """How Azure DevOps is asked."""
    return usual._replace(limiter=limiter)


class AzureApi:
    """Asks one organisation or collection. `server_time`: its clock, if that is behind ours."""

    def __init__(self, client: PoliteClient, *, version: str) -> None:
        """Nothing is asked yet."""
        self.client, self.version = client, version
        self.server_time: datetime | None = None

    def now(self) -> datetime:
        """Our clock."""
        return self.client.clock.now()

    def projects(self) -> Iterator[Sequence[Any]]:
        """All that the token sees."""
        yield from self._pages(joined("_apis", "projects"), {"$top": 100}, kind="projects")

    def project(self, name: str) -> Any | None:
        """One by name or id; None where it is not there, or not shown."""
        return self._get(joined("_apis", "projects", name), {}, kind="projects", also=HIDDEN)[0]

    def finished(self, project: str, *, since: datetime) -> Iterator[Sequence[Any]]:
        """Builds that ended since then, the oldest first: new ones come at the end."""
        asked = {"queryOrder": "finishTimeAscending", "minTime": instant_text(since)}
        yield from self._builds(project, asked, kind="finished")

    def before(self, project: str, *, until: datetime) -> Iterator[Sequence[Any]]:
        """Builds that ended before then, the newest first."""
        asked = {"queryOrder": "finishTimeDescending", "maxTime": instant_text(until)}
        yield from self._builds(project, asked, kind="before")

    def running(self, project: str) -> Iterator[Sequence[Any]]:
        """Builds that have not ended."""
        yield from self._builds(project, {"statusFilter": OPEN}, kind="running")

    def numbered(self, project: str, numbers: Sequence[int]) -> Iterator[Sequence[Any]]:
        """Builds by their numbers; those that were deleted are missing."""
        for start in range(0, len(numbers), A_LIST):
            some = numbers[start : start + A_LIST]
            asked = {"buildIds": ",".join(map(str, some))}
            yield from self._builds(project, asked, kind="numbered")

    def environments(self, project: str) -> Iterator[Sequence[Any]] | None:
        """What is deployed to; None where the token may not know."""
        path = joined(project, "_apis", "distributedtask", "environments")
        first, token = self._get(path, {"$top": A_PAGE}, kind="environments", also=HIDDEN)
        if first is None:
            return None
        rest = self._pages(path, {"$top": A_PAGE}, kind="environments", token=token)
        return _with_first(_rows(first), rest if token else iter(()))

    def records(self, project: str, environment: int) -> Sequence[Any]:
        """The newest deployments into an environment, the newest first."""
        path = joined(
            project, "_apis", "distributedtask", "environments", str(environment),
            "environmentdeploymentrecords",
        )  # fmt: skip
        found, _ = self._get(path, {"top": A_PAGE}, kind="records", also=HIDDEN)
        return () if found is None else _rows(found)

    def _builds(self, project: str, asked: Params, *, kind: str) -> Iterator[Sequence[Any]]:
        path = joined(project, "_apis", "build", "builds")
        yield from self._pages(path, {**asked, "$top": A_PAGE}, kind=kind)

    def _pages(
        self, path: str, params: Params, *, kind: str, token: str | None = None
    ) -> Iterator[Sequence[Any]]:
        seen: set[str] = set()
        while True:
            more = {"continuationToken": token} if token else {}
            found, token = self._get(path, {**params, **more}, kind=kind)
            yield _rows(found)
            if not token:
                return
            if token in seen or len(seen) >= MOST_PAGES:
                message = f"{kind}: the listing never ends ({len(seen) + 1} pages)"
                raise SourceRefused(message)
            seen.add(token)

    def _get(
        self, path: str, params: Params, *, kind: str, also: Collection[int] = ()
    ) -> tuple[Any, str | None]:
        """What was answered, and the token of the next page."""
        asked = {"api-version": self.version, **params}
        response = self.client.get_raw(path, asked, kind=kind, also={*also, *LEADING})
        self._note_time(response)
        if response.status_code in LEADING or _is_page(response):
            message = (
                f"{self.client.base.host} answers {response.status_code} and shows where to sign "
                "in: the token is refused, has ended, or may not read builds"
            )
            raise SourceDenied(message)
        if not response.is_success:
            return None, None
        try:
            found = read_json(response, dict)
        except ValueError as error:
            message = f"{self.client.base.host} answers {response.status_code}, {error}"
            raise SourceRefused(message) from None
        self._slow_down(response)
        return found, response.headers.get(NEXT)

    def _slow_down(self, response: httpx2.Response) -> None:
        """Azure delays before it refuses, and says for how long to stay away."""
        headers = response.headers
        seconds = retry_after(headers.get("Retry-After"), now=self.now())
        if seconds is None:
            seconds = retry_after(
                headers.get("X-RateLimit-Delay", "").partition(".")[0], now=self.now()
            )
        if seconds:
            self.client.clock.sleep(min(seconds, self.client.manners.patience))

    def _note_time(self, response: httpx2.Response) -> None:
        if self.server_time is not None:
            return
        now = self.now()
        try:
            said = parsedate_to_datetime(response.headers.get("Date", ""))
            self.server_time = min(now, said)
        except (TypeError, ValueError, OverflowError):  # none, or one without a zone
            self.server_time = now


def _is_page(response: httpx2.Response) -> bool:
    """203, or 200 with HTML: the page where people sign in."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    signing_in = response.status_code == HTTPStatus.NON_AUTHORITATIVE_INFORMATION
    return signing_in or (response.is_success and kind == "text/html")


def _rows(found: Any) -> Sequence[Any]:
    rows = found.get("value")
    if not isinstance(rows, list):
        raise SourceRefused("Azure DevOps answers without the list that was asked for")
    return rows


def _with_first(first: Sequence[Any], rest: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    yield first
    yield from rest
