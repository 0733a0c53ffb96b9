"""What a cell of a file for risk reviews rests on: facts, decisions, rules, and time."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.queries import AnyOf, Moment, Name
from schemas.strict import Closed, Count, Instant, Line, Text

KeyCells = AnyOf[Annotated[Line, Field(max_length=4_096)]]  # a cell may be empty


class CellQuery(Closed):
    """Which cell: of which file, model, row and column, at which moment.

    `model` is its name, or its id: not every model has a name. `key` are the cells that tell the
    file's rows of one model apart, in their order: of `versions` the version, of `datasets`
    version, dataset and role.
    """

    file: Name = "models"
    model: Name
    column: Name
    key: KeyCells | None = None
    as_of: Moment | None = None


class CellGround(Closed):
    """One thing that a cell rests on, as `rests` names it; `about` is the entry or decision.

    Of a fact: what the source said, in which observation and harvest, and where it shows it. Of
    what was decided or computed: the row of the ledger. `said` is the value there; what of it the
    reader may not see reads `withheld`.
    """

    rests: Line
    about: Text
    said: JsonValue = None
    source: Line | None = None
    subject: Text | None = None
    observation: Line | None = None
    observed_at: Instant | None = None
    harvest: UUID | None = None
    harvest_url: Line | None = None
    evidence: dict[str, JsonValue] | None = None
    change: Count | None = None
    at: Instant | None = None
    by: Line | None = None
    because: Line | None = None


class ExplainedCell(Closed):
    """A cell, what its column means, and everything that it rests on, closest first."""

    file: Line
    model: Line | None = None
    model_id: UUID
    key: tuple[Text, ...]
    column: Line
    meaning: Line
    as_of: Instant
    value: Text
    rests: tuple[Line, ...]
    grounds: Annotated[tuple[CellGround, ...], Field(max_length=200)]
