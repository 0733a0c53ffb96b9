"""Samples of models that are reviewed by chance alone: the cycles, their draws, what they prove."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.catalog import Paging
from schemas.queries import AnyOf, Dialect
from schemas.strict import Closed, Count, Flag, Instant, Line, Number, Text, Word

CycleName = Annotated[str, Field(pattern=r"^[0-9]{4}(Q[1-4]|-(0[1-9]|1[0-2]))?$")]
SampledTier = Literal["LOW", "NEGLIGIBLE"]
CycleState = Literal["framed", "drawn", "decided"]
DrawState = Literal["drawn", "left", "decided"]


class SampleFilters(Closed):
    """Which cycles, of which tiers."""

    cycle: AnyOf[CycleName] | None = None
    tier: AnyOf[SampledTier] | None = None


class SampleQuery(SampleFilters, Paging):
    """All query parameters of the pages of samples."""


class SampleExport(SampleFilters):
    """All query parameters of a file of samples."""

    dialect: Dialect = "plain"


class SampleRow(Closed):
    """The sample of a cycle: how many of how many, from which seed, and what it proves.

    `framed`: its frame is written down and not sealed yet, so nobody can know what is drawn.
    `decided`: every draw is. Only then does `upper_bound` say which rate of models in a wrong tier
    is excluded with `confidence`; of a frame that was drawn whole it is the rate itself. Figures
    are of the whole catalog, whatever the reader may see of it.
    """

    cycle: Word
    tier: SampledTier
    state: CycleState
    framed_at: Instant
    frame_digest: Word
    change: Count
    population: Count
    size: Count | None
    seed: Word | None
    checkpoint: Count | None
    drawn_at: Instant | None
    extended_at: Instant | None
    draws: Count
    decided: Count
    left: Count
    without_review: Count
    not_confirmed: Count
    confidence: Number
    upper_bound: Number | None
    url: Line


class SampleShown(Closed):
    """The samples of a cycle, one of each tier, and how anybody computes them again."""

    cycle: Word
    samples: tuple[SampleRow, ...]
    how: tuple[Text, ...]


class DrawFilters(Closed):
    """Which draws of a cycle: of which tiers, in which states."""

    tier: AnyOf[SampledTier] | None = None
    state: AnyOf[DrawState] | None = None


class DrawQuery(DrawFilters, Paging):
    """All query parameters of the pages of a cycle's draws."""


class DrawExport(DrawFilters):
    """All query parameters of a file of a cycle's draws."""

    dialect: Dialect = "plain"


class DrawRow(Closed):
    """A model that was drawn; `left`: it left production, and the next rank took its place.

    `tier_confirmed` is null until its review is decided, as `review` is as long as the model has no
    version that could be reviewed.
    """

    cycle: Word
    tier: SampledTier
    rank: Count
    model_id: UUID
    model: Word
    namespace: Word
    state: DrawState
    tier_confirmed: Flag | None
    review: UUID | None
    review_state: Word | None
    due_at: Instant | None
    url: Line


class FrameQuery(Paging):
    """Of which tier the frame is, and which part of it."""

    tier: SampledTier = "LOW"


class FrameExport(Closed):
    """Of which tier the frame is."""

    tier: SampledTier = "LOW"
    dialect: Dialect = "plain"


class FrameRow(Closed):
    """A model that could be drawn, and by what it is ranked once the seed is known."""

    model_id: UUID
    hash: Word | None
