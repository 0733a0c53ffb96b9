"""What readers ask, and what the catalog answers."""

from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BeforeValidator, Field, JsonValue

from schemas.strict import Closed, Count, Instant, Line

Row = TypeVar("Row")


def _listed(value: object) -> object:
    """A comma means or; `\\,` is a comma."""
    if not isinstance(value, str):
        return value
    parts = value.replace("\\,", "\x00").split(",")
    return tuple(part.replace("\x00", ",") for part in parts)


Several = Annotated[tuple[Line, ...], BeforeValidator(_listed), Field(min_length=1, max_length=100)]
PageSize = Annotated[str, Field(pattern=r"^[1-9]\d{0,2}$|^1000$")]
YesNo = Literal["true", "false"]


class Paging(Closed):
    """Which part of a list, in which order."""

    page_size: PageSize = "100"
    page_token: Annotated[str, Field(max_length=2_000)] | None = None


class ModelFilters(Closed):
    """Conditions on models; all of them hold, a comma inside one means or."""

    namespace: Several | None = None
    name: Several | None = None
    lifecycle: Several | None = None
    asset_kind: Several | None = None
    task: Several | None = None
    source: Several | None = None
    owner: Several | None = None
    owner__is: Literal["known", "unknown"] | None = None
    tags__has: Several | None = None
    stub: YesNo | None = None
    gone: YesNo | None = None


class ModelQuery(ModelFilters, Paging):
    """All query parameters of the list of models."""


class ModelExport(ModelFilters):
    """All query parameters of an export of models."""

    dialect: Literal["plain", "excel", "raw"] = "plain"


class VersionFilters(Closed):
    """Conditions on versions."""

    namespace: Several | None = None
    model: Several | None = None
    alias: Several | None = None
    source: Several | None = None
    stub: YesNo | None = None
    gone: YesNo | None = None


class VersionQuery(VersionFilters, Paging):
    """All query parameters of the list of versions."""


class VersionExport(VersionFilters):
    """All query parameters of an export of versions."""

    dialect: Literal["plain", "excel", "raw"] = "plain"


class Page(Closed, Generic[Row]):
    """A part of a list; ask again with the token until there is none."""

    as_of: Instant
    items: tuple[Row, ...]
    next_page_token: str | None = None


class EntryRow(Closed):
    """One row of a list: the same members as the columns of its CSV.

    `facts` holds what is stated: left out is not stated, null is stated empty, `one_of` narrowed.
    """

    id: UUID
    name: Line | None
    url: Line | None
    facts: dict[str, JsonValue]
    sources: tuple[Line, ...]
    conflicts: tuple[Line, ...]
    stub: bool
    first_seen_at: Instant
    last_changed_at: Instant
    gone_since: Instant | None


class ModelRow(EntryRow):
    """One model in a list."""

    versions: Count
    newest_version: Line | None


class VersionRow(EntryRow):
    """One version in a list."""

    model: Line | None
    model_id: UUID | None
    number: Line | None


class Contender(Closed):
    """What one source said about one field."""

    value: JsonValue
    source: Line
    subject: Line
    observed_at: Instant
    evidence: JsonValue = None
    inferred: bool = False


class FieldProvenance(Closed):
    """Where a field's value comes from; the contenders lost, strongest first."""

    value: JsonValue
    source: Line
    subject: Line
    observed_at: Instant
    confirmed_at: Instant | None
    evidence: JsonValue = None
    inferred: bool = False
    conflict: bool = False
    contenders: tuple[Contender, ...] = ()


class EntryDetail(EntryRow):
    """One entry with its identifiers and, if asked for, where each field comes from."""

    identifiers: tuple[Line, ...]
    provenance: dict[str, FieldProvenance] | None = None


class DetailQuery(Closed):
    """How much of an entry to answer."""

    provenance: bool = False
