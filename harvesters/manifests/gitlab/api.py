"""The requests that are sent to GitLab's REST API, and how it says that there are too many."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx2

from harvesters.errors import SourceRefused
from harvesters.http import Answer, PoliteClient, joined
from harvesters.manifests.gitlab.payloads import Account, Branch, Group, Project, Read, read
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manners import Manners, Waiting
from outbound.client import AnswerRefused, Limits, retry_after

API: Final = "/api/v4"
A_PAGE: Final = 100  # GitLab's most
LARGEST_ANSWER: Final = 8 * 2**20  # of a page, or of a file before it is left
ANSWERED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN)
MOVED: Final = HTTPStatus.MOVED_PERMANENTLY
MOVED_TO: Final = re.compile(r"/api/v4/projects/([1-9]\d{0,18})(?:\?|$)", re.ASCII)
A_MINUTE: Final = 60.0  # the window of GitLab's limits
LONGEST_WAIT: Final = 15 * 60.0

Params = Mapping[str, Any]


def limiter(response: httpx2.Response, now: datetime) -> Waiting | None:
    """When to ask again: by `Retry-After`, `RateLimit-Reset`, or a minute later."""
    if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
        return None
    seconds = retry_after(response.headers.get("Retry-After"), now=now)
    reset = response.headers.get("RateLimit-Reset", "").strip()
    if seconds is None and reset.isascii() and reset.isdigit():
        seconds = min(max(float(reset[:12]) - now.timestamp(), 0.0), LONGEST_WAIT)
    return Waiting(A_MINUTE if seconds is None else seconds, "GitLab's rate limit is used up")


def manners(usual: Manners) -> Manners:
    """How GitLab is asked. An answer that is larger than any page is left while it comes in."""
    limits: Limits = usual.limits._replace(decoded=LARGEST_ANSWER)
    return usual._replace(limiter=limiter, limits=limits)


class GitLab:
    """Asks for what the harvesters need; nothing else is ever requested."""

    def __init__(self, client: PoliteClient, *, signed: bool) -> None:
        """`client` is bound to the API's address and, if `signed`, to a token."""
        self.client, self.signed = client, signed

    def projects(self, group: str, params: Params) -> Iterator[Sequence[Any]]:
        """The projects of a group, oldest first: pages are offsets, and so nothing moves them.

        GitLab has keyset pages for all projects, and none for those of a group.
        """
        path = joined("groups", group, "projects")
        yield from self._listed(path, {"order_by": "id", "sort": "asc", **params}, kind="projects")

    def project(self, key: str) -> Project | None:
        """One by number or full path, also by a path that it had; None where it is not shown.

        Raises `RepositoryUnreadable`.
        """
        also = (*ANSWERED, MOVED)
        answer = self.client.get_json(joined("projects", key), kind="project", also=also)
        if answer.status == MOVED:  # nothing is followed: only the number is taken from it
            found = MOVED_TO.search(answer.headers.get("Location", ""))
            if found is None or found[1] == key:
                return None
            answer = self.client.get_json(
                joined("projects", found[1]), kind="project", also=ANSWERED
            )
        return self._one(Project, answer, what="project")

    def group(self, key: str) -> Group | None:
        """One by number or full path; None where it is not shown."""
        params = {"with_projects": "false"}
        answer = self.client.get_json(joined("groups", key), params, kind="group", also=ANSWERED)
        return self._one(Group, answer, what="group")

    def sees_all(self, group: str) -> bool:
        """May the token see every project of a group: does its account belong to the group?

        Without a token there is nothing but what everybody sees.
        """
        if not self.signed:
            return True
        answer = self.client.get_json("/user", kind="account", also=ANSWERED)
        account = read(Account, answer.json)
        if account is None or account.is_admin:
            return account is not None
        path = joined("groups", group, "members", "all", str(account.id))
        return self.client.get_json(path, kind="account", also=ANSWERED).json is not None

    def subgroups(self, group: str) -> Iterator[Sequence[Any]]:
        """All groups below one."""
        path = joined("groups", group, "descendant_groups")
        yield from self._listed(path, {"order_by": "id", "sort": "asc"}, kind="groups")

    def members(self, number: int) -> Iterator[Sequence[Any]] | None:
        """Who belongs to a group directly: members of groups above it own no code by its name."""
        pages = self.client.pages(
            joined("groups", str(number), "members"),
            {"per_page": A_PAGE},
            kind="members",
            also=ANSWERED,
        )
        first = next(pages)
        return None if first.json is None else _lists(first, pages)

    def branch(self, number: str, branch: str) -> Branch | None:
        """A branch; None where it is not shown, or is not there."""
        path = joined("projects", number, "repository", "branches", branch)
        return self._one(
            Branch, self.client.get_json(path, kind="branch", also=ANSWERED), what="branch"
        )

    def tree(self, number: str, commit: str) -> Iterator[Sequence[Any] | None]:
        """All entries below a commit, page by page; None where the commit is not there."""
        params = {
            "ref": commit, "recursive": "true", "per_page": A_PAGE, "pagination": "keyset",
        }  # fmt: skip
        path = joined("projects", number, "repository", "tree")
        for answer in self.client.pages(path, params, kind="tree", also=ANSWERED):
            yield answer.json

    def commits(self, number: str, params: Params, *, most: int) -> Iterator[Sequence[Any]]:
        """The newest commits, at most so many pages; none where they are not shown."""
        path = joined("projects", number, "repository", "commits")
        pages = self.client.pages(
            path, {"per_page": A_PAGE, **params}, kind="commits", also=ANSWERED
        )
        for count, answer in enumerate(pages, start=1):
            yield answer.json or ()
            if count == most:
                return

    def blob(self, number: str, blob: str) -> bytes | None:
        """A file's bytes, which are checked against its id; None where it is not there any more.

        Raises `RepositoryUnreadable` for what is larger than anything that is read.
        """
        path = joined("projects", number, "repository", "blobs", blob, "raw")
        try:
            response = self.client.get_raw(path, kind="file", also=ANSWERED)
        except SourceRefused as error:
            if isinstance(error.__context__, AnswerRefused):
                message = f"is larger than {LARGEST_ANSWER:,} bytes, or packed as nothing else is"
                raise RepositoryUnreadable("too_large", message) from None
            raise
        if not response.is_success:
            return None
        if object_id(response.content, like=blob) != blob:
            message = "GitLab answers a file's request with something else than the file"
            raise SourceRefused(message)
        return response.content

    def _listed(self, path: str, params: Params, *, kind: str) -> Iterator[Sequence[Any]]:
        pages = self.client.pages(path, {"per_page": A_PAGE, **params}, kind=kind, also=ANSWERED)
        for answer in pages:
            if answer.json is None:
                message = (
                    f"{answer.url.path} answers {answer.status}: the group is not there, or the "
                    "token may not see it"
                )
                raise SourceRefused(message)
            yield answer.json

    def _one(self, payload: type[Read], answer: Answer, *, what: str) -> Read | None:
        if answer.status == HTTPStatus.FORBIDDEN:
            message = f"GitLab does not show the {what} to this token"
            raise RepositoryUnreadable("not_readable", message)
        if answer.json is None:
            return None
        found = read(payload, answer.json)
        if found is None:
            message = f"what GitLab says of the {what} cannot be read"
            raise RepositoryUnreadable("invalid", message)
        return found


def object_id(content: bytes, *, like: str) -> str:
    """What git calls a file with these contents, in a repository with ids of this length."""
    sha1 = len(like) == len(hashlib.sha1(b"").hexdigest())  # noqa: S324  # git's own
    digest = hashlib.sha1(usedforsecurity=False) if sha1 else hashlib.sha256()
    digest.update(b"blob %d\x00" % len(content))
    digest.update(content)
    return digest.hexdigest()


def all_of(payload: type[Read], found: Sequence[Any]) -> list[Read | None]:
    """Records of a page, None in the place of those that are none.

    Raises `SourceRefused` for a page without any: that is no listing of such things.
    """
    records = [read(payload, one) for one in found]
    if found and not any(records):
        message = f"GitLab lists something else where a {payload.__name__.lower()} is due"
        raise SourceRefused(message)
    return records


def _lists(first: Answer, rest: Iterator[Answer]) -> Iterator[Sequence[Any]]:
    yield first.json
    for answer in rest:
        if answer.json is None:
            message = f"{answer.url.path} answers {answer.status} in the middle of its listing"
            raise SourceRefused(message)
        yield answer.json
