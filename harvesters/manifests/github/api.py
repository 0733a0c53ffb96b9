"""GitHub's API, by what is asked: by number, so that renames and transfers are harmless."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from harvesters.answers import Shape
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import Answer, PoliteClient, SourceBusy, joined
from harvesters.manifests.github.limits import server_time
from harvesters.manifests.host import RepositoryUnreadable
from outbound.addresses import OutboundRefused, next_url

A_PAGE: Final = 100
HIDDEN: Final = {403, 451}  # no rights, or taken down; a limit was waited for already
MOVED: Final = {301, 302, 307, 308}
MOST_FAILURES: Final = 3  # of repositories, one after the other: then it is the host's failure
NUMBER: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)


class GitHubApi:
    """Asks about one owner's repositories with one credential."""

    def __init__(self, client: PoliteClient) -> None:
        """Nothing is asked yet."""
        self.client = client
        self._failures = 0

    def now(self, answer: Answer | None = None) -> datetime:
        """Our clock, or the server's by its answer if that is behind."""
        now = self.client.clock.now()
        return now if answer is None else min(now, server_time(answer.headers, now))

    def listing(self, *owner: str) -> Iterator[Answer]:
        """All repositories of an organisation or user, the oldest first: new ones come at the end.

        A repository that is deleted meanwhile makes another one slip through: it is asked for.
        """
        params = {"per_page": A_PAGE, "sort": "created", "direction": "asc"}
        if owner[0] == "users":
            params["type"] = "owner"
        for answer in self.client.pages(joined(*owner, "repos"), params, kind="listing"):
            if "partial" in answer.headers.get("X-GitHub-SSO", ""):
                raise SourceRefused(
                    "GitHub lists a part only: authorise the token for single sign-on"
                )
            yield answer

    def repository(self, number: str) -> Answer | None:
        """One by its number; None where there is none, or none that may be seen."""
        also = {404, *HIDDEN, *MOVED}
        answer = self.client.get_json(joined("repositories", number), kind="find", also=also)
        return self._found(answer)

    def repository_named(self, owner: str, name: str) -> Answer | None:
        """One by its name; a renamed one leads to its number, and nowhere else."""
        also = {404, *HIDDEN, *MOVED}
        path = joined("repos", owner, name)
        answer = self.client.get_json(path, kind="find", also=also)
        if answer.status in MOVED:
            return self.repository(self._number_behind(answer))
        return self._found(answer)

    def of(
        self,
        number: str,
        *path: str,
        kind: str,
        params: Mapping[str, Any] | None = None,
        also: Collection[int] = (),
        shape: Shape = dict,
    ) -> Answer:
        """Something of one repository. Raises `RepositoryUnreadable` where only that one fails."""
        where = joined("repositories", number, *path)
        also = {*also, *HIDDEN}
        try:
            answer = self.client.get_json(where, params, kind=kind, shape=shape, also=also)
        except SourceBusy:
            raise
        except SourceUnavailable as error:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise
            raise RepositoryUnreadable("unavailable", str(error)) from None
        self._failures = 0
        if answer.status in HIDDEN:
            message = f"GitHub answers {answer.status}: the credential may not read it"
            raise RepositoryUnreadable("not_readable", message)
        return answer

    def teams(self, organisation: str) -> Iterator[Answer]:
        """The teams of an organisation; 403 and 404 are answers."""
        path = joined("orgs", organisation, "teams")
        yield from self.client.pages(path, {"per_page": A_PAGE}, kind="teams", also={403, 404})

    def members(self, organisation: str, team: str) -> Iterator[Answer]:
        """Who is in a team, and in those below it."""
        path = joined("orgs", organisation, "teams", team, "members")
        yield from self.client.pages(path, {"per_page": A_PAGE}, kind="members", also={403, 404})

    def _found(self, answer: Answer) -> Answer | None:
        if answer.status in HIDDEN:
            message = f"GitHub answers {answer.status}: the credential may not read it"
            raise RepositoryUnreadable("not_readable", message)
        if answer.status in MOVED:
            raise SourceRefused("GitHub leads elsewhere from a repository's number: not followed")
        return None if answer.json is None else answer

    def _number_behind(self, answer: Answer) -> str:
        """Where a renamed repository leads: `/repositories/<number>` of this API."""
        try:
            to = next_url(answer.url, answer.headers.get("Location", ""))
        except OutboundRefused as error:
            message = f"a renamed repository leads elsewhere: {error}"
            raise SourceRefused(message) from None
        base = self.client.url("/repositories/").path
        number = to.path.removeprefix(base)
        if not to.path.startswith(base) or not NUMBER.fullmatch(number) or to.query:
            raise SourceRefused("a renamed repository leads to something else: not followed")
        return number
