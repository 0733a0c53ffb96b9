"""What controls found: rows of lists, how one came to be, and how they are asked for."""

from typing import Literal
from uuid import UUID

from schemas.catalog import Paging
from schemas.controls import Result, Severity
from schemas.queries import AnyOf, Dialect, Several
from schemas.strict import Closed, Instant, Line, Text

ResultName = Literal["PASS", "FAIL", "UNKNOWN", "WAIVED", "NOT_APPLICABLE"]
SeverityName = Literal["none", "low", "medium", "high"]


class MissingFact(Closed):
    """What too little is known of, and who could state it."""

    path: Line
    who: Line


class ControlRow(Closed):
    """What one control found about one model."""

    model: Line | None
    model_id: UUID
    control: Line
    title: Text
    severity: Severity
    result: Result
    items: tuple[Line, ...]
    missing: tuple[MissingFact, ...]
    message: Text
    fix: Text
    waiver: UUID | None
    waived_until: Instant | None
    pack_version: Line
    pack_defect: Text | None
    since: Instant
    evaluated_at: Instant
    recheck_at: Instant | None


class ControlWas(Closed):
    """How a control stood for a while."""

    result: Result
    severity: Severity
    message: Text
    items: tuple[Line, ...]
    pack_version: Line
    from_at: Instant
    until: Instant | None  # None: it still does


class ControlHistory(Closed):
    """How a control stood for one model, the newest first."""

    model: Line | None
    control: Line
    items: tuple[ControlWas, ...]


class OfModelFilters(Closed):
    """Which results of a model."""

    control: Several | None = None
    result: AnyOf[ResultName] | None = None
    severity: AnyOf[SeverityName] | None = None


class OfModelQuery(OfModelFilters, Paging):
    """All query parameters of a model's results."""


class ControlFilters(OfModelFilters):
    """Which results, of which models."""

    model: Several | None = None
    namespace: Several | None = None


class ControlQuery(ControlFilters, Paging):
    """All query parameters of the list."""


class ControlExport(ControlFilters):
    """All query parameters of its files."""

    dialect: Dialect = "plain"
