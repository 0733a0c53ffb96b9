"""What the catalog should say about an entry, and the row that it starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from schemas.identifiers import Kind


class Standing(NamedTuple):
    """The parent row of an entry as it stands."""

    id: UUID
    kind: str
    namespace: str | None
    natural_key: str | None
    stub: bool
    by_time: bool
    gone_since: datetime | None
    merged_into: UUID | None
    replaced_by: UUID | None
    numbered_by: int | None


class LinkTo(NamedTuple):
    """One link that an entry should have."""

    field: str
    key: str
    target_id: UUID
    role: str | None
    digest: str | None
    attributes: Mapping[str, Any]


Links = Mapping[tuple[str, str], LinkTo]  # by field and key


@dataclass(frozen=True)
class Desired:
    """Everything that the catalog should say about one entry; an empty row: it was merged away."""

    standing: Standing
    kind: Kind
    row: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[LinkTo, ...] = ()
    natural_key: str | None = None
    namespace: str | None = None
    stub: bool = False
    by_time: bool = False
    gone_since: datetime | None = None
    grants: frozenset[tuple[UUID, str]] = frozenset()
