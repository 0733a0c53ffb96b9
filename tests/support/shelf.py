"""A shelf of repositories in memory: a host that answers as it is told, and counts its answers."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Head, Repository, Unread
from harvesters.manifests.settings import RepositorySettings
from harvesters.manifests.sweep import RepositorySweep
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceSettings

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOST: Final = "https://github.com"


class Kept:
    """One repository."""

    def __init__(self, number: int, path: str, files: dict[str, str]) -> None:
        """Of one commit."""
        self.number, self.path, self.files = number, path, files
        self.pushes, self.facts = 0, dict[str, Any]()
        self.modes: dict[str, str] = {}

    @property
    def head(self) -> Head:
        """Another one after each push; an empty repository has none."""
        if not self.files:
            return Head(None)
        said = f"{self.number} {self.pushes} {sorted(self.files.items())}"
        return Head(hashlib.sha1(said.encode()).hexdigest(), "main")  # noqa: S324  # as git does

    def push(self, **files: str | None) -> None:
        """A commit; None removes a file. Names have __ for a slash, and end in yaml or md."""
        self.pushes += 1
        for name, text in files.items():
            path = name.replace("__", "/").replace("_", ".")
            if text is None:
                self.files.pop(path, None)
            else:
                self.files[path] = text


class Shelf:
    """A host and all its trees."""

    version = "shelf/1"
    dialect = "github"

    def __init__(self) -> None:
        """Empty."""
        self.kept: dict[int, Kept] = {}
        self.hidden: set[int] = set()
        self.unreadable: dict[int, str] = {}
        self.stamping = False
        self.asked: Counter[str] = Counter()

    def add(self, number: int, path: str, **files: str) -> Kept:
        """A repository with files, named as `push` names them."""
        self.kept[number] = made = Kept(number, path, {})
        made.push(**files)
        return made

    def listed(self, kept: Kept) -> Repository:
        """As a listing says it."""
        identity = Identifier(
            kind=Kind.REPOSITORY, scheme="github", value=f"github.com/{kept.number}"
        )
        stamp = str(kept.head) if self.stamping else ""
        return Repository(
            identity, f"{HOST}/{kept.path}", kept.path,
            facts={"name": kept.path} | kept.facts, branch="main", stamp=stamp,
        )  # fmt: skip

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """In one page."""
        self.asked["list"] += 1
        yield [self.listed(one) for number, one in self.kept.items() if number not in self.hidden]

    def claims(self, hint: Hint) -> bool:
        """All of them."""
        return hint.url is None or hint.url.startswith(f"{HOST}/acme/")

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """By number or address."""
        self.asked["find"] += 1
        for one in self.kept.values():
            found = self.listed(one)
            if identity == found.identity or (identity is None and url == found.url):
                return None if one.number in self.hidden else found
        return None

    def heads(
        self, repositories: Sequence[Repository]
    ) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
        """One request each."""
        for one in repositories:
            self.asked["head"] += 1
            kept = self._kept(one)
            why = self.unreadable.get(kept.number)
            yield one, RepositoryUnreadable("not_readable", why) if why else kept.head

    @contextmanager
    def open(self, repository: Repository, head: Head) -> Iterator["Shelf._Tree"]:
        """The files as they are now."""
        assert head.commit
        self.asked["tree"] += 1
        yield Shelf._Tree(self, self._kept(repository))

    def _kept(self, repository: Repository) -> Kept:
        return self.kept[int(repository.identity.value.rpartition("/")[2])]

    class _Tree:
        """One commit's files."""

        def __init__(self, shelf: "Shelf", kept: Kept) -> None:
            self.shelf, self.kept = shelf, kept

        def entries(self) -> Iterator[Entry]:
            """Plain files, unless the repository says otherwise."""
            for path, text in self.kept.files.items():
                blob = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324  # as git does
                yield Entry(path, self.kept.modes.get(path, "100644"), blob, len(text))

        def files(self, wanted: Sequence[Entry]) -> Iterator[File | Unread]:
            """One request each."""
            for entry in wanted:
                self.shelf.asked["blob"] += 1
                yield File(entry.path, entry.blob, self.kept.files[entry.path].encode())

        def authors(self, folder: str) -> Sequence[Author]:
            """Nobody."""
            del folder
            return ()


def make_sweep(shelf: Shelf, *, at: datetime = NOON, **settings: Any) -> RepositorySweep:
    """A harvester of all that stands on the shelf."""
    source = SourceSettings.model_validate(
        {"name": "github-acme", "kind": "github", "namespace": "retail", "settings": settings}
    )
    told = RepositorySettings.model_validate(settings)
    return RepositorySweep(
        shelf, source, scope="repositories/acme", settings=told, clock=lambda: at
    )


def model_yaml(name: str = "churn", **spec: str) -> str:
    """A manifest; members of `spec` as they are written."""
    lines = [
        "apiVersion: model-catalog/v1", "kind: Model",
        f"metadata: {{namespace: retail, name: {name}}}", "spec:",
        '  owners: [{ref: "team:retention-ds"}]',
        *(f"  {field}: {text}" for field, text in spec.items()),
    ]  # fmt: skip
    return "\n".join([*lines, ""])
