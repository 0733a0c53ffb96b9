"""The projects of a GitLab group, or some that are named: listed, found again, opened."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from harvesters.errors import SourceRefused
from harvesters.manifests.gitlab.api import GitLab, all_of
from harvesters.manifests.gitlab.payloads import Project
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.gitlab.tree import GitLabTree, Patience
from harvesters.manifests.host import RepositoryUnreadable, one_by_one
from harvesters.manifests.pages import Head, Repository
from schemas.hooks import Hint
from schemas.identifiers import Identifier

VERSION: Final = "gitlab/1"


class GitLabHost(ABC):
    """What both have in common. `counts`: what a listing showed and is no repository."""

    version = VERSION
    dialect = "gitlab"

    def __init__(self, gitlab: GitLab, site: Site, *, settings: GitLabSettings) -> None:
        """Nothing is asked before it is needed."""
        self.gitlab, self.site, self.settings = gitlab, site, settings
        self.counts: Counter[str] = Counter()
        self._empty: set[Identifier] = set()

    @abstractmethod
    def repositories(self) -> Iterator[Sequence[Repository]]:
        """A complete listing."""

    def claims(self, hint: Hint) -> bool:
        """By its address; without one, by its number. One about a whole group has neither."""
        if hint.url is not None:
            path = self.site.path_of(hint.url)
            return path is not None and self.claims_path(path)
        return hint.repository is None or self.site.number_of(hint.repository) is not None

    @abstractmethod
    def claims_path(self, path: str) -> bool:
        """May a project with this path be one of these?"""

    @abstractmethod
    def holds(self, project: Project) -> bool:
        """Is it one of these?"""

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """One by number or address; None for what was deleted, or is elsewhere by now."""
        key = self.site.number_of(identity) if identity is not None else None
        key = key or (self.site.path_of(url) if url is not None else None)
        project = self.gitlab.project(key) if key is not None else None
        if project is None and key is not None and identity is not None:
            self._check_missing()
        if project is None or not self.holds(project) or self._unwanted(project) is not None:
            return None
        if identity is not None and identity != self.site.identity(project.id):
            raise SourceRefused("GitLab answers with another project than was asked for")
        if not project.has_repository:
            message = "its repository is switched off in the project's settings"
            raise RepositoryUnreadable("no_repository", message)
        return self._listed(project)

    def heads(
        self, repositories: Sequence[Repository]
    ) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
        """One request each: GitLab's last activity is noted once an hour, and tells too little."""
        return one_by_one(repositories, self._head)

    @contextmanager
    def open(self, repository: Repository, head: Head) -> Iterator[GitLabTree]:
        """The tree of a commit; nothing has to be closed."""
        patience = Patience.of(self.settings.seconds, self.gitlab.client.clock.monotonic)
        yield GitLabTree(
            self.gitlab,
            self.site,
            number=self._number(repository.identity),
            commit=head.commit or "",
            patience=patience,
        )

    def _head(self, one: Repository) -> Head:
        if one.identity in self._empty:
            return Head(None, one.branch)
        if one.branch is None:
            message = "the token may list it, and not read its code: give it the role Reporter"
            raise RepositoryUnreadable("not_readable", message)
        if one.branch in {".", ".."} or not one.branch.isprintable():
            message = f"its branch {one.branch[:100]!r} is none that git would make"
            raise RepositoryUnreadable("branch_missing", message)
        number = self._number(one.identity)
        found = self.gitlab.branch(number, one.branch)
        if found is not None:
            return Head(found.commit.id, one.branch)
        project = self.gitlab.project(number)  # what is missing, the branch or the right?
        if project is None or project.default_branch is None:
            message = "GitLab lists it, and does not show its repository to this token"
            raise RepositoryUnreadable("not_readable", message)
        if project.empty_repo:
            return Head(None, one.branch)
        message = f"it has no branch {one.branch}; settings.branches chooses another one"
        raise RepositoryUnreadable("branch_missing", message)

    def _number(self, identity: Identifier) -> str:
        return identity.value.rpartition("/")[2]

    @abstractmethod
    def _check_missing(self) -> None:
        """Raises `RepositoryUnreadable` where what is not shown may be there all the same."""

    def _unwanted(self, project: Project) -> str | None:
        """Why a project is left out on purpose."""
        if project.archived and not self.settings.archived:
            return "archived"
        return None

    def _some(self, projects: Sequence[Project | None]) -> list[Repository]:
        """Those that are repositories."""
        found = []
        for project in projects:
            if project is None:
                self.counts["unreadable"] += 1
            elif (why := self._unwanted(project)) is not None:
                self.counts[why] += 1
            elif not project.has_repository:
                self.counts["no_repository"] += 1
            else:
                found.append(self._listed(project))
        return found

    def _listed(self, project: Project) -> Repository:
        repository = self.site.repository(project)
        if project.empty_repo:
            self._empty.add(repository.identity)
        return repository


class GroupHost(GitLabHost):
    """The projects of one group."""

    def __init__(self, gitlab: GitLab, site: Site, *, settings: GitLabSettings, group: str) -> None:
        """`group` is a full path or a number."""
        super().__init__(gitlab, site, settings=settings)
        self.group = group
        self._path: str | None = None if group.isdigit() else group
        self._sees_all: bool | None = None  # asked when it matters

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """All of them, by number."""
        params = {
            "include_subgroups": _word(self.settings.include_subgroups),
            "with_shared": _word(self.settings.shared),
        }
        if not self.settings.archived:
            params["archived"] = "false"
        for page in self.gitlab.projects(self.group, params):
            yield self._some(all_of(Project, page))

    def claims_path(self, path: str) -> bool:
        """Unless it lies in another place: what lies in none may have been moved away."""
        if self._path is not None and self._is_below(path, self._path):
            return True
        others = (one for one in self.settings.groups if one != self.group)
        return not any(self._is_below(path, one) for one in others)

    def holds(self, project: Project) -> bool:
        """Also where the group has another path than it had."""
        group = self._group_path()
        if self._is_below(project.path, group):
            return True
        shared = (one.group_full_path or "" for one in project.shared_with_groups)
        return self.settings.shared and any(
            one.lower() == group.lower() or self._is_below(one, group) for one in shared
        )

    def _check_missing(self) -> None:
        if self._sees_all is None:
            self._sees_all = self.gitlab.sees_all(self.group)
        if not self._sees_all:
            message = (
                "it was deleted, or hidden from the token, whose account is no member of the group"
            )
            raise RepositoryUnreadable("not_readable", message)

    def _unwanted(self, project: Project) -> str | None:
        if project.forked_from_project and not self.settings.forks:
            return "forks"
        return super()._unwanted(project)

    def _is_below(self, path: str, group: str) -> bool:
        return self.settings.lies_in(path, group)

    def _group_path(self) -> str:
        if self._path is None:
            found = self.gitlab.group(self.group)
            if found is None:
                message = "its group is not shown to this token"
                raise RepositoryUnreadable("not_readable", message)
            self._path = found.full_path
        return self._path


class ProjectsHost(GitLabHost):
    """Projects that are named one by one, by number or full path."""

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """One request each; those that are not shown are counted."""
        for key in self.settings.projects:
            try:
                project = self.gitlab.project(key)
            except RepositoryUnreadable as error:
                self.counts[error.code] += 1
                continue
            if project is None:
                self.counts["not_found"] += 1
            else:
                yield self._some([project])

    def claims_path(self, path: str) -> bool:
        """Unless it lies in a group that is read: numbers say nothing of paths."""
        return not any(self.settings.lies_in(path, one) for one in self.settings.groups)

    def _check_missing(self) -> None:
        """Nobody can tell: what is named and not shown is let go after the source's absences."""

    def holds(self, project: Project) -> bool:
        """By its number or its path."""
        names = {one.lower() for one in self.settings.projects}
        return str(project.id) in names or project.path.lower() in names


def _word(flag: bool) -> str:  # noqa: FBT001  # it says itself what it is
    return "true" if flag else "false"
