"""Markers: what an observation was read from, so that what did not change is not read again."""

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Self

from harvesters.manifests.pages import Entry
from schemas.digest import canonical_json
from schemas.identifiers import Identifier

if TYPE_CHECKING:
    from schemas.harvest import KnownSubject

SHORT = 16


def short(text: str) -> str:
    """Enough of a digest to tell the repositories and files of one source apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:SHORT]


def wanted_digest(entries: Iterable[Entry]) -> str:
    """One for the files that are read of a tree."""
    return short(canonical_json(sorted([e.path, e.mode, e.blob] for e in entries)))


class Marker(NamedTuple):
    """`format` is that of the code and settings that read it: another one reads it again.

    Of a repository: `head` and `wanted`. Of what its files say: `file`, the manifest's path.
    """

    format: str
    origin: str  # the repository
    head: str = ""
    wanted: str = ""
    stamp: str = ""
    file: str = ""

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """A marker of ours; None for anything else."""
        parts = (text or "").split(":")
        return cls(*parts) if len(parts) == len(cls._fields) else None

    def __str__(self) -> str:
        """At most 200 bytes."""
        return ":".join(self)


def origin_of(identity: Identifier) -> str:
    """A repository, shortly."""
    return short(f"{identity.scheme}:{identity.value}")


def marker_of(known: "KnownSubject") -> Marker | None:
    """What the catalog keeps beside a subject."""
    return Marker.read(known.marker)
