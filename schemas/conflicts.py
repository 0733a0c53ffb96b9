"""The work list of contested fields, and how one is resolved."""

from typing import Literal, Self
from uuid import UUID

from pydantic import JsonValue, model_validator

from schemas.catalog import Paging
from schemas.details import Contender
from schemas.identifiers import Kind
from schemas.imports import Reason
from schemas.queries import AnyOf, Dialect, Moment, Several, YesNo
from schemas.refold import AskedRank
from schemas.strict import Closed, Flag, Instant, Json, Line

Decided = Literal["pin", "field_precedence", "precedence", "inferred", "newest", "claim"]


class ConflictRow(Closed):
    """One field that statements disagree about: what holds, what lost, and by which rule.

    `pin`: a person chose. `field_precedence`: an admin ranked a source for this field.
    `precedence`: the source counts more. `inferred`: read before concluded. `newest`: equal ones,
    the last to change its mind. `claim`: another entry bears the name already.
    """

    entry: UUID
    kind: Kind
    name: Line | None
    namespace: Line | None
    url: Line | None
    field: Line
    decided_by: Decided
    value: JsonValue
    source: Line | None
    observed_at: Instant | None
    confirmed_at: Instant | None
    evidence: JsonValue
    contenders: tuple[Contender, ...]
    since: Instant | None
    owners: tuple[Line, ...]


class ConflictFilters(Closed):
    """Which conflicts. Those that people settled, by a pin or a rank, are left out unless asked."""

    owner: Several | None = None
    source: Several | None = None
    field: Several | None = None
    kind: AnyOf[Kind] | None = None
    namespace: Several | None = None
    settled: YesNo = "false"
    as_of: Moment | None = None


class ConflictQuery(ConflictFilters, Paging):
    """All query parameters of the list."""


class ConflictExport(ConflictFilters):
    """All query parameters of its exports."""

    dialect: Dialect = "plain"


class RankFor(AskedRank):
    """A rank for the contested field, and the source that gets it."""

    source: Line


class Resolve(Closed):
    """How a contested field is decided: one of a value, `joined`, or a rank for a source.

    `match` is the tag of the field's pin, as `GET …/pins/{field}` answers it.
    """

    kind: Kind
    entry: UUID
    field: Line
    value: Json = None
    joined: Flag = False
    rank: RankFor | None = None
    reason: Reason | None = None
    expires_at: Instant | None = None
    match: Line | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = ("value" in self.model_fields_set, self.joined, self.rank is not None)
        if sum(ways) != 1:
            raise ValueError("state one of a value, joined, or a rank")
        if self.rank is None and self.reason is None:
            raise ValueError("a reason is needed")
        return self


class ResolveQuery(Closed):
    """Whether it is only tried."""

    dry_run: bool = False
