"""Where a file stands: what its observations are called, dated and evidenced by."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from harvesters.manifests.markers import Marker, short
from harvesters.manifests.pages import Repository
from schemas.identifiers import Identifier, Kind

if TYPE_CHECKING:
    from schemas.observation import Evidence
    from schemas.sources import SourceSettings

FORGE = re.compile(r"https://(?:[^/]*\.)?git(?:hub|lab)\.")


class Place(NamedTuple):
    """A file of a repository at a commit."""

    source: "SourceSettings"
    repository: Repository
    commit: str
    path: str
    at: datetime
    marker: Marker  # of the repository
    dialect: str = "github"  # how its host writes addresses of files

    def beside(self, path: str) -> "Place":
        """Another file of the same commit."""
        return self._replace(path=path)

    def filed(self, kind: Kind, scheme: str, *more: str) -> Identifier:
        """What something in this file is called; `more` tells several in one file apart.

        Raises `ValueError` where that is longer than an identifier may be.
        """
        parts = (self.path, *more)
        value = "#".join((self.repository.identity.value, *map(encoded, parts)))
        return Identifier(kind=kind, scheme=scheme, value=value)

    @property
    def manifest(self) -> Identifier:
        """The model that the manifest in this file is about."""
        return self.filed(Kind.MODEL, "manifest")

    @property
    def evidence(self) -> "Evidence":
        """The file, as people can look at it."""
        from schemas.observation import Evidence  # noqa: PLC0415  # a check makes no observation

        if self.source.kind == "git" and not FORGE.match(self.repository.url):
            return Evidence(url=self.repository.url)  # where a plain server shows files, if it does
        view = "-/blob" if self.dialect == "gitlab" else "blob"
        return Evidence(url=f"{self.repository.url}/{view}/{self.commit}/{quote(self.path)}")

    def marked(self, manifest: str | None = None) -> str:
        """The marker of what is said here; `manifest`: the path of the manifest it stands by."""
        origin = Marker(self.marker.format, self.marker.origin)
        return str(origin._replace(file=short(manifest or self.path)))


def encoded(path: str) -> str:
    """A path as it stands in identifiers: `#` separates there."""
    return path.replace("%", "%25").replace("#", "%23")


def folder_of(path: str) -> str:
    """The folder that a file lies in; the root is empty."""
    return path.rpartition("/")[0]


def is_below(folder: str, above: str) -> bool:
    """Does a folder lie in another one, or is it the same?"""
    return not above or folder == above or folder.startswith(f"{above}/")


def nearest(folder: str, manifests: Iterable[str]) -> list[str]:
    """The manifests that a file in a folder stands by: in the nearest folder around it.

    Without any around it, the only one below it.
    """
    paths = list(manifests)
    around = [path for path in paths if is_below(folder, folder_of(path))]
    if around:
        deepest = max(len(folder_of(path)) for path in around)
        return [path for path in around if len(folder_of(path)) == deepest]
    below = [path for path in paths if is_below(folder_of(path), folder)]
    return below if len(below) == 1 else []
