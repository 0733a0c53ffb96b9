"""Reviewers who are away and who stands in, and holds under which nothing is thrown away."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from schemas.catalog import Paging
from schemas.queries import Several, YesNo
from schemas.reviews import Account, Named, Reason
from schemas.strict import Closed, Instant, Line, Text


class StateAbsence(Closed):
    """Somebody is away: yourself, if nobody is named. `delegate` stands in, by the same rules."""

    account: Account | None = None
    delegate: Account | None = None
    from_at: Instant
    until_at: Instant
    reason: Reason

    @model_validator(mode="after")
    def _later(self) -> Self:
        if self.until_at <= self.from_at:
            message = "ends after it begins"
            raise ValueError(message)
        return self


class Absence(Closed):
    """Somebody is away, and who stands in."""

    id: int
    account: Line
    delegate: Line | None
    from_at: Instant
    until_at: Instant
    reason: Text
    stated_by: Line
    stated_at: Instant


class AbsenceQuery(Paging):
    """Whose absences; those that are over are left out unless `past=true`."""

    account: Several | None = None
    past: YesNo | None = None


class PlaceHold(Closed):
    """Keep everything about a model, or about all models if none is named."""

    model: Named | None = None
    reason: Reason


class LegalHold(Closed):
    """A hold: while it stands, nothing about the model is thrown away."""

    id: int
    model: Line | None
    model_id: UUID | None
    reason: Text
    placed_by: Line
    placed_at: Instant
    lifted_by: Line | None
    lifted_at: Instant | None


class HoldQuery(Paging):
    """Which holds; lifted ones are left out unless `lifted=true`."""

    model: Annotated[Named | None, Field()] = None
    lifted: YesNo | None = None
