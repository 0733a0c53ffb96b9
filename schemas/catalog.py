"""What readers ask, and what the catalog answers."""

import re
from typing import Annotated, Final, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from schemas.strict import Closed, Count, Instant, Line
from schemas.values import AssetKind, Lifecycle, Task

Row = TypeVar("Row")
Wanted = TypeVar("Wanted", bound=str)
COMMA: Final = re.compile(r"(?<!\\),")


def _listed(value: object) -> object:
    r"""A comma means or; `\,` is a comma."""
    given = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(given, str):
        return given
    return tuple(part.replace("\\,", ",") for part in COMMA.split(given))


def _filled(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


AnyOf = Annotated[tuple[Wanted, ...], BeforeValidator(_listed), Field(min_length=1, max_length=100)]
Name = Annotated[Line, AfterValidator(_filled)]
Several = AnyOf[Name]
PageSize = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2}|1000)$")]
YesNo = Literal["true", "false"]
Dialect = Literal["plain", "excel", "raw"]


class Paging(Closed):
    """Which part of a list, in which order."""

    page_size: PageSize = "100"
    page_token: Annotated[str, Field(max_length=8_192)] | None = None


class ModelFilters(Closed):
    """Conditions on models; all of them hold, a comma inside one means or."""

    namespace: Several | None = None
    name: Several | None = None
    lifecycle: AnyOf[Lifecycle] | None = None
    asset_kind: AnyOf[AssetKind] | None = None
    task: AnyOf[Task] | None = None
    source: Several | None = None
    owner: Several | None = None
    owner__is: Literal["known", "unknown", "empty"] | None = None
    tags__has: Several | None = None
    stub: YesNo | None = None
    gone: YesNo | None = None


class ModelQuery(ModelFilters, Paging):
    """All query parameters of the list of models."""


class ModelExport(ModelFilters):
    """All query parameters of an export of models."""

    dialect: Dialect = "plain"


class OwnVersionFilters(Closed):
    """Conditions on the versions of one model."""

    alias: Several | None = None
    source: Several | None = None
    tags__has: Several | None = None
    stub: YesNo | None = None
    gone: YesNo | None = None


class OwnVersionQuery(OwnVersionFilters, Paging):
    """All query parameters of the list of one model's versions."""


class VersionFilters(OwnVersionFilters):
    """Conditions on versions."""

    namespace: Several | None = None
    model: Several | None = None


class VersionQuery(VersionFilters, Paging):
    """All query parameters of the list of versions."""


class VersionExport(VersionFilters):
    """All query parameters of an export of versions."""

    dialect: Dialect = "plain"


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
    url: Line | None  # None: it has no name of its own, or another one bears it now
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


class Detail(Closed):
    """What a detail says beside the members of its row in a list."""

    identifiers: tuple[Line, ...]
    provenance: dict[str, FieldProvenance] | None = None


class ModelDetail(ModelRow, Detail):
    """One model with its identifiers and, if asked for, where each field comes from."""


class VersionDetail(VersionRow, Detail):
    """One version with its identifiers and, if asked for, where each field comes from."""


class DetailQuery(Closed):
    """How much of an entry to answer."""

    provenance: bool = False
