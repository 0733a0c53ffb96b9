"""Lineage on its way in and out: receipts for events, and the graph of what leads where."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.identifiers import Kind
from schemas.queries import Dialect, Moment
from schemas.strict import Closed, Count, Flag, Instant, Line, Text


class EventFailure(Closed):
    """An event that was refused: which one, where in it, and why. The input is never echoed."""

    index: Count
    pointer: Text = ""
    reason: Text
    fix: Text = ""


class LineageSummary(Closed):
    """How many events came, and what they changed.

    `recorded` and `unchanged` count the runs and datasets that they spoke of; `column_lineage` the
    facets about columns, which are not kept.
    """

    received: Count
    successful: Count
    failed: Count
    recorded: Count
    unchanged: Count
    column_lineage: Count = 0


class LineageReceipt(Closed):
    """What became of events of OpenLineage; those that are refused do not stop the others."""

    status: Literal["success", "partial", "failed"]
    summary: LineageSummary
    failed_events: tuple[EventFailure, ...] = ()


class EventReceipt(Closed):
    """What became of CloudEvents: `ignored` counts, by type, those that say nothing to keep."""

    received: Count
    recorded: Count
    unchanged: Count
    ignored: dict[Line, Count]
    failed_events: tuple[EventFailure, ...] = ()


class Direction(StrEnum):
    """Where to look: at what something was made from, at what was made from it, or at both."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"
    BOTH = "both"


Depth = Annotated[str, Field(pattern=r"^([0-9]|10)$")]
Most = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2}|1000)$")]


class LineageQuery(Closed):
    """How far to look, and how much to show."""

    direction: Direction = Direction.BOTH
    depth: Depth = "2"
    nodes: Most = "200"
    as_of: Moment | None = None


class LineageExport(LineageQuery):
    """How far to look, and how the file is written."""

    dialect: Dialect = "plain"


class LineageNode(Closed):
    """One entry of the graph; `distance` is how many steps it is away from where one looked."""

    entry: UUID
    kind: Kind
    name: Line | None
    url: Line | None
    distance: Count
    stub: Flag
    gone: Flag


class LineageEdge(Closed):
    """Something leads to something else, in the direction of time.

    `by` says how that is known: `stated`, or how it was concluded (`digest`, `artifact`, `build`,
    `commit`, `label`, `name` …).
    """

    source: UUID = Field(alias="from")
    to: UUID
    relation: Line
    role: Line | None = None
    digest: Line | None = None
    by: Line = "stated"


class LineageGraph(Closed):
    """What leads to an entry and what it leads to, as far as the caller may see it.

    `truncated`: there is more than `nodes` allows; `stopped_at` names entries behind which some of
    it lies. Behind those whose distance is the depth nobody looked.
    """

    root: UUID
    direction: Direction
    depth: Count
    as_of: Instant | None = None
    nodes: tuple[LineageNode, ...]
    edges: tuple[LineageEdge, ...]
    truncated: Flag = False
    stopped_at: tuple[UUID, ...] = ()


class LineageLine(Closed):
    """One edge as a line of a file."""

    from_kind: Kind
    from_name: Line | None
    from_id: UUID
    relation: Line
    to_kind: Kind
    to_name: Line | None
    to_id: UUID
    role: Line | None
    digest: Line | None
    by: Line
