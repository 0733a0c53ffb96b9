"""What the catalog answers: rows of lists, and pages of them."""

from typing import Generic, TypeVar
from uuid import UUID

from pydantic import JsonValue

from schemas.identifiers import Kind
from schemas.queries import (
    AnyOf,
    Dialect,
    ListExport,
    ListQuery,
    Name,
    PageSize,
    PageToken,
    Several,
    YesNo,
    export_model,
    filters_of,
    query_model,
)
from schemas.strict import Closed, Count, Instant, Line, Text

__all__ = [
    "AnyOf", "DeploymentRow", "Dialect", "EntryRow", "FacetCount", "FacetCounts", "ListExport",
    "ListQuery", "ModelExport", "ModelFilters", "ModelQuery", "ModelRow", "Name", "OwnerRow",
    "Page", "PageSize", "Paging", "Several", "UseRow", "VersionFilters", "VersionRow", "YesNo",
]  # fmt: skip

Row = TypeVar("Row")
ModelFilters, VersionFilters = filters_of(Kind.MODEL), filters_of(Kind.VERSION)
ModelQuery, VersionQuery = query_model(Kind.MODEL), query_model(Kind.VERSION)
ModelExport, VersionExport = export_model(Kind.MODEL), export_model(Kind.VERSION)


class Paging(Closed):
    """Which part of a list."""

    page_size: PageSize = "100"
    page_token: PageToken | None = None


class FacetCount(Closed):
    """A value, and how many of the matching rows have it."""

    value: Text
    count: Count


class FacetCounts(Closed):
    """What the matching rows say about one field: the commonest values, and how many say nothing.

    A row with several values counts for each; `others` is the number of values not shown.
    """

    values: tuple[FacetCount, ...]
    others: Count
    unknown: Count
    empty: Count
    narrowed: Count


class Page(Closed, Generic[Row]):
    """A part of a list; ask again with the token until there is none.

    `total` and `facets` are there when they are asked for: of all that matches, not of this page.
    """

    as_of: Instant
    items: tuple[Row, ...]
    next_page_token: str | None = None
    total: Count | None = None
    facets: dict[str, FacetCounts] | None = None


class EntryRow(Closed):
    """One row of a list: the same members as the columns of its CSV.

    `facts` holds what is stated: left out is not stated, null is stated empty, `one_of` narrowed.
    `stale` names the sources that are late or disabled: what they said may no longer be true.
    `unseen_since` is there while no source shows it and it is not retired yet.
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
    stale: tuple[Line, ...] = ()
    unseen_since: Instant | None = None


class ModelRow(EntryRow):
    """One model in a list."""

    versions: Count
    newest_version: Line | None
    tier: Line | None = None  # None: nobody has evaluated it yet
    tier_status: Line | None = None
    tier_low: Line | None = None
    tier_high: Line | None = None
    workflow_tier: Line | None = None
    review_state: Line | None = None
    next_review_due: Instant | None = None


class VersionRow(EntryRow):
    """One version in a list."""

    model: Line | None
    model_id: UUID | None
    number: Line | None


class UseRow(EntryRow):
    """One use in a list."""

    model: Line | None
    model_id: UUID | None


class OwnerRow(EntryRow):
    """One owner in a list; `departed` is null where nobody says whether they are still there."""

    departed: bool | None


class DeploymentRow(EntryRow):
    """One deployment in a list: what it serves, if the catalog knows it."""

    model: Line | None
    model_id: UUID | None
    version: Line | None
    version_id: UUID | None
