"""What identity knows of identifiers and entries, and what it decides about them."""

from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from schemas.identifiers import Identifier, Kind
from service.ingest.batch import Item
from service.ingest.sources import SourceFacts

REPLACEABLE: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.DEPLOYMENT})
REGISTRIES: Final = frozenset({"mlflow"})  # schemes of versions whose numbers are a registry's own
NAMESPACED: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.USE, Kind.DEPLOYMENT})
PARENTS: Final = frozenset({Kind.MODEL, Kind.VERSION})  # their children take their names
NOT_YET: Final = datetime.max.replace(tzinfo=UTC)


class Called(NamedTuple):
    """When a repository was last read, and the address that it bore then."""

    when: datetime
    url: str | None


Seen = dict[Identifier, Called]


class Known(NamedTuple):
    """What the catalog knew about one identifier before the batch."""

    subject_id: int | None
    home: UUID | None  # where the subject stands
    entry: UUID | None  # whom it names: of a natural name the entry that bears it, if one does
    bears: bool = False
    created_at: str | None = None  # as this source currently states it
    when: datetime | None = None
    own: UUID | None = None  # where it stands once merges are undone; None: at its home


class Placed(NamedTuple):
    """An entry as far as identity needs it, as it was read."""

    id: UUID
    kind: str
    namespace: str | None
    natural_key: str | None
    first_seen_at: datetime = NOT_YET
    numbered_by: int | None = None
    stub: bool = False
    merged_into: UUID | None = None
    replaced_by: UUID | None = None


class Alive(NamedTuple):
    """A live subject that keeps its entry alive, and the natural name that it states."""

    source: int
    subject: Identifier
    name: str | None


class Meeting(NamedTuple):
    """Two entries that one observation calls the same."""

    stays: UUID
    joins: UUID
    because: Item


class Contest(NamedTuple):
    """What one observation claims is held by an entry already."""

    what: str  # manifest: another repository's; collision: another subject's of its source
    holder: UUID
    because: Item


class Standing(Protocol):
    """What stands where, as far as it decides whether something may be claimed."""

    source: SourceFacts
    live: dict[UUID, list[Alive]]
    begun: dict[UUID, Placed]
    former: dict[UUID, set[Identifier]]  # manifests that are gone
    addresses: dict[str, set[str]]  # that repositories bear, or once bore
    repositories: dict[str, UUID]  # the entries of those in which manifests stand
    accepted: dict[UUID, set[Identifier]]  # claimants that a person let in

    def entry(self, identifier: Identifier) -> UUID | None:
        """The entry that an identifier belongs to."""

    def placed(self, entry: UUID) -> Placed:
        """What identity knows of an entry."""

    def is_unclaimed(self, entry: UUID) -> bool:
        """Only mentioned so far, and without a name."""


class Replacement(NamedTuple):
    """A subject that is not what it was leaves its entry for another one."""

    old: UUID
    new: UUID
    because: Item
    retires: bool  # nothing else keeps the old entry alive: it gives its name free
