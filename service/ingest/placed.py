"""What identity knows of identifiers and entries, and what it decides about them."""

from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from schemas.identifiers import Identifier, Kind
from service.ingest.batch import Item

REPLACEABLE: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.DEPLOYMENT})
REGISTRIES: Final = frozenset({"mlflow"})  # schemes of versions whose numbers are a registry's own
NAMESPACED: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.USE, Kind.DEPLOYMENT})
PARENTS: Final = frozenset({Kind.MODEL, Kind.VERSION})  # their children take their names
NOT_YET: Final = datetime.max.replace(tzinfo=UTC)


class Known(NamedTuple):
    """What the catalog knew about one identifier before the batch."""

    subject_id: int | None
    home: UUID | None  # where the subject stands
    entry: UUID | None  # whom it names: of a natural name the entry that bears it, if one does
    bears: bool = False
    created_at: str | None = None  # as this source currently states it
    when: datetime | None = None


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


class Replacement(NamedTuple):
    """A subject that is not what it was leaves its entry for another one."""

    old: UUID
    new: UUID
    because: Item
    retires: bool  # nothing else keeps the old entry alive: it gives its name free
