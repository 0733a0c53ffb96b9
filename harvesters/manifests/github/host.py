"""The repositories of one owner on GitHub or GitHub Enterprise Server, or some single ones."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from harvesters.errors import SourceRefused
from harvesters.http import Answer
from harvesters.manifests.github.api import GitHubApi
from harvesters.manifests.github.listed import Listed, read_listed, web_host
from harvesters.manifests.github.tree import GitHubTree
from harvesters.manifests.host import RepositoryUnreadable, one_by_one
from harvesters.manifests.pages import Head, Repository
from schemas.canonical import canonical_commit
from schemas.hooks import Hint
from schemas.identifiers import Identifier

EMPTY: Final = 409  # or being created just now
MISSING: Final = 404


class Whose(NamedTuple):
    """Which repositories are one scope: an owner's, or single ones.

    `others`: owners that other scopes of the same source read, in lower case.
    """

    owner: tuple[str, str] | None = None  # `orgs` or `users`, and the login
    single: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()

    @property
    def login(self) -> str | None:
        """The owner, in lower case."""
        return self.owner[1].lower() if self.owner else None

    def holds(self, one: Listed) -> bool:
        """Is a repository in this scope?"""
        if self.owner is not None:
            return one.owner == self.login
        named = {name.lower() for name in self.single}
        return one.repository.path.lower() in named and one.owner not in self.others


class GitHubHost:
    """What `RepositorySweep` asks."""

    version = "github/1"
    dialect = "github"

    def __init__(
        self,
        api: GitHubApi,
        whose: Whose,
        *,
        seconds: float,
        forks: bool = False,
        selected: Callable[[], bool] = lambda: False,
    ) -> None:
        """`selected`: may the credential see some repositories only? Asked when it matters."""
        self.api, self.whose, self.seconds = api, whose, seconds
        self.forks, self.selected = forks, selected
        self.host = web_host(api.client.base)
        self._listed: dict[Identifier, Listed] = {}

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """The whole listing, or each single one."""
        if self.whose.owner is None:
            yield from self._singles()
            return
        began = None
        for answer in self.api.listing(*self.whose.owner):
            began = began or self.api.now(answer)
            rows = (read_listed(row, host=self.host, at=began) for row in answer.json)
            yield [self._kept(one) for one in rows if self._is_wanted(one)]

    def claims(self, hint: Hint) -> bool:
        """By the owner in its address; what nobody's owner is may have been moved away."""
        if hint.url is not None:
            parts = urlsplit(hint.url)
            if parts.netloc.lower() != self.host:
                return False
            owner = parts.path.strip("/").partition("/")[0].lower()
            return owner == self.whose.login or owner not in self.whose.others
        return hint.repository is not None and self._number(hint.repository) is not None

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """By number, else by address. One that moved to another owner belongs to another scope."""
        number = self._number(identity) if identity is not None else None
        if number is not None:
            answer = self.api.repository(number)
        else:
            owner, _, name = urlsplit(url or "").path.strip("/").partition("/")
            if not owner or not name or "/" in name:
                return None
            answer = self.api.repository_named(owner, name)
        if answer is None:
            if self.selected():
                message = "it was deleted, or the GitHub App may not see it any more"
                raise RepositoryUnreadable("not_readable", message)
            return None
        one = self._read(answer)
        if number is not None and one.repository.identity != identity:
            raise SourceRefused("GitHub answers with another repository than was asked for")
        return self._kept(one) if self._is_wanted(one) else None

    def heads(
        self, repositories: Sequence[Repository]
    ) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
        """One request a repository, one after the other."""
        return one_by_one(repositories, self._head)

    @contextmanager
    def open(self, repository: Repository, head: Head) -> Iterator[GitHubTree]:
        """The tree of a commit; the files are asked for when they are read."""
        number = self._number(repository.identity)
        if number is None or head.commit is None:
            raise RepositoryUnreadable("not_readable", "it has no number, or no commit")
        yield GitHubTree(self.api, number, commit=head.commit, host=self.host, seconds=self.seconds)

    def _singles(self) -> Iterator[Sequence[Repository]]:
        there = False
        for name in self.whose.single:
            found = self._single(name)
            there = there or bool(found)
            yield found
        if not there:
            raise SourceRefused(
                "none of `repositories` is there, or may be seen: check their names"
            )

    def _single(self, name: str) -> Sequence[Repository]:
        """One that is named in the settings; one that is not there is no empty listing."""
        owner, _, rest = name.partition("/")
        try:
            answer = self.api.repository_named(owner, rest)
        except RepositoryUnreadable:
            answer = None
        if answer is None:  # it is asked for by number, if it is known
            return []
        one = self._read(answer)
        return [] if one.owner in self.whose.others else [self._kept(one)]

    def _read(self, answer: Answer) -> Listed:
        return read_listed(answer.json, host=self.host, at=self.api.now(answer))

    def _is_wanted(self, one: Listed) -> bool:
        if one.fork and not self.forks and self.whose.owner is not None:
            return False
        return self.whose.holds(one)

    def _kept(self, one: Listed) -> Repository:
        self._listed[one.repository.identity] = one
        return one.repository

    def _head(self, one: Repository) -> Head:
        number, branch = self._asked_for(one), one.branch
        listed = self._listed.get(one.identity)
        empty = listed is None or listed.empty
        if branch is None:
            if empty:
                return Head(None)
            raise RepositoryUnreadable("not_readable", "GitHub names no branch that stands for it")
        path = ("git", "ref", "heads", *branch.split("/"))
        answer = self.api.of(number, *path, kind="head", also={MISSING, EMPTY})
        if answer.status == EMPTY:
            if not empty:
                message = "GitHub says that it is empty, and lists it as not empty"
                raise RepositoryUnreadable("unavailable", message)
            return Head(None, branch)
        if answer.status == MISSING:
            message = f"it has no branch {branch}, or its contents may not be read"
            raise RepositoryUnreadable("branch_missing", message)
        held = answer.json.get("object")
        commit = canonical_commit(str(held.get("sha"))) if isinstance(held, dict) else None
        if commit is None:
            raise SourceRefused("GitHub answers with a branch that names no commit")
        return Head(commit, branch)

    def _asked_for(self, one: Repository) -> str:
        """The number of a repository that can be asked about."""
        number, listed = self._number(one.identity), self._listed.get(one.identity)
        if number is None:
            raise RepositoryUnreadable("not_readable", "it has no number of this host")
        if not one.url:
            raise RepositoryUnreadable("invalid", "its name holds what looks like a key: rename it")
        if listed is not None and listed.disabled:
            raise RepositoryUnreadable("not_readable", "GitHub has disabled it")
        steps = (one.branch or "main").split("/")
        if any(step in {"", ".", ".."} or not step.isprintable() for step in steps):
            raise RepositoryUnreadable("branch_missing", "its branch has a name that is none")
        return number

    def _number(self, identity: Identifier) -> str | None:
        host, _, number = identity.value.rpartition("/")
        return number if identity.scheme == "github" and host == self.host else None
