"""What a scripted GitLab holds: groups, projects with commits, people; and what happens to them."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Files = Mapping[str, bytes | tuple[str, bytes]]  # path → contents, or mode and contents
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Commit:
    """A commit with all files below it: path → mode, object id, contents."""

    id: str
    files: Mapping[str, tuple[str, str, bytes]]
    at: datetime
    author: tuple[str, str]
    touched: frozenset[str] = frozenset()


@dataclass
class Group:
    """A group; `members`: login → name."""

    id: int
    path: str
    members: dict[str, str] = field(default_factory=dict)
    hidden: bool = False


@dataclass
class Project:
    """A project; `branches`: name → commits, the newest last."""

    id: int
    path: str
    branches: dict[str, list[Commit]] = field(default_factory=dict)
    default_branch: str | None = "main"
    hidden: bool = False  # from the token that asks
    more: dict[str, Any] = field(default_factory=dict)  # members of its answers that are other ones
    shared_with: list[int] = field(default_factory=list)

    @property
    def commits(self) -> dict[str, Commit]:
        """Those that a branch leads to; what was pushed over is gone."""
        return {one.id: one for commits in self.branches.values() for one in commits}


def blob_id(contents: bytes) -> str:
    """As git computes it."""
    return hashlib.sha1(b"blob %d\x00%s" % (len(contents), contents)).hexdigest()  # noqa: S324


class GitLabState:
    """Everything, and the events of a GitLab's life. Numbers are never used twice."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.groups: dict[int, Group] = {}
        self.projects: dict[int, Project] = {}
        self.moved: dict[str, int] = {}  # paths that projects had
        self._last = 100
        self._now = BEGAN

    def group(self, path: str, **members: str) -> Group:
        """A new group or subgroup."""
        made = Group(self._next(), path, dict(members))
        self.groups[made.id] = made
        return made

    def project(self, path: str, files: Files | None = None, **more: Any) -> Project:
        """A new project; without files its repository is empty. It takes over its address."""
        made = Project(self._next(), path, more=dict(more))
        self.moved.pop(path.lower(), None)
        self.projects[made.id] = made
        if files is not None:
            self.push(made, files)
        return made

    def push(
        self,
        project: Project,
        files: Files,
        *,
        branch: str = "main",
        author: tuple[str, str] = ("Ada Example", "ada@example.com"),
        forced: bool = False,
    ) -> Commit:
        """A commit that changes these files (empty tuple: removes); forced: without a parent."""
        before = [] if forced else project.branches.get(branch, [])
        kept = dict(before[-1].files) if before else {}
        for path, said in files.items():
            mode, contents = said if isinstance(said, tuple) else ("100644", said)
            kept[path] = (mode, blob_id(contents), contents)
        made = self._commit(kept, author=author, touched=frozenset(files))
        project.branches[branch] = [*before, made]
        return made

    def remove(self, project: Project, *paths: str, branch: str = "main") -> Commit:
        """A commit without these files."""
        before = project.branches[branch]
        kept = {path: file for path, file in before[-1].files.items() if path not in paths}
        made = self._commit(kept, author=("Ada", "ada@example.com"), touched=frozenset(paths))
        project.branches[branch] = [*before, made]
        return made

    def move(self, project: Project, path: str) -> None:
        """Rename or transfer: the old address leads to the number until somebody takes it."""
        self.moved[project.path.lower()] = project.id
        self.moved.pop(path.lower(), None)
        project.path = path

    def delete(self, project: Project) -> None:
        """At once."""
        del self.projects[project.id]
        self.moved = {path: number for path, number in self.moved.items() if number != project.id}

    def mark_for_deletion(self, project: Project, day: str = "2026-11-20") -> None:
        """As newer GitLabs do it: the project stays for some days, under another path."""
        self.move(project, f"{project.path}-deletion_scheduled-{project.id}")
        project.more |= {"marked_for_deletion_on": day, "marked_for_deletion_at": day}

    def below(self, group: Group) -> list[Group]:
        """All groups in a group, by number."""
        inside = f"{group.path.lower()}/"
        return [one for one in self.groups.values() if one.path.lower().startswith(inside)]

    def _commit(
        self, files: Mapping[str, Any], *, author: tuple[str, str], touched: frozenset[str]
    ) -> Commit:
        self._now += timedelta(minutes=1)
        said = repr((sorted((p, f[1]) for p, f in files.items()), author, self._now))
        number = hashlib.sha1(said.encode()).hexdigest()  # noqa: S324
        return Commit(number, dict(files), self._now, author, touched)

    def _next(self) -> int:
        self._last += 1
        return self._last


def entries(commit: Commit) -> list[dict[str, Any]]:
    """The tree of a commit, folders among it, in git's order."""
    rows = [
        {"id": number, "name": path.rpartition("/")[2], "path": path, "mode": mode,
         "type": "commit" if mode == "160000" else "blob"}
        for path, (mode, number, _) in commit.files.items()
    ]  # fmt: skip
    rows += [
        {"id": hashlib.sha1(f"{commit.id}{path}".encode()).hexdigest(),  # noqa: S324
         "name": path.rpartition("/")[2], "path": path, "mode": "040000", "type": "tree"}
        for path in sorted(set(_folders(commit.files)))
    ]  # fmt: skip
    return sorted(rows, key=lambda row: str(row["path"]))


def _folders(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            yield "/".join(parts[:depth])
