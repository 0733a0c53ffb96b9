"""What people enter: single models, and inventories from a file with the report on them."""

from typing import Annotated, Final, Self

from pydantic import Field, JsonValue, model_validator

from schemas.canonical import encode_segment, fold_name
from schemas.facts import ModelFacts, UseFacts
from schemas.queries import Several
from schemas.sources import Namespace, SourceName
from schemas.strict import Closed, Count, Instant, Line
from schemas.values import ModelName, NamespaceName, Text

LONGEST_USE: Final = 200  # bytes; model and use together make a name
PEOPLE: Final = "people"  # the source in whose name people speak, if they name no other

Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class _Stated(Closed):
    """Facts that a person states about a model and about its uses, and why."""

    facts: ModelFacts = ModelFacts()
    uses: Annotated[tuple[UseFacts, ...], Field(max_length=100)] = ()
    reason: Reason

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        if self.facts.model_fields_set & {"namespace", "name"}:
            raise ValueError("must not name the model: its name stands outside of the facts")
        named = [fold_name(use.name or "") for use in self.uses]
        if any("model" in use.model_fields_set for use in self.uses) or not all(named):
            raise ValueError("must name each use, and not its model")
        if len(set(named)) < len(named):
            raise ValueError("must name each use once")
        if any(len(encode_segment(name).encode()) > LONGEST_USE for name in named):
            raise ValueError(f"must name uses with at most {LONGEST_USE} bytes")
        return self


class EnterModel(_Stated):
    """A model that no machine can see, and what a person knows of it."""

    namespace: NamespaceName
    name: ModelName


class ReplaceEntered(_Stated):
    """All that people state about a model from now on."""


class Entered(Closed):
    """What people state about one model, in the name of one source.

    `facts` holds what is stated: left out is not stated, null is stated empty, `one_of` narrowed.
    """

    source: Line
    namespace: Line
    name: Line
    url: Line | None  # of the model, which other sources may describe too
    facts: dict[str, JsonValue]
    uses: tuple[dict[str, JsonValue], ...]
    entered_at: Instant


class ReadQuery(Closed):
    """In whose name a person spoke."""

    source: SourceName = PEOPLE


class EnteredQuery(ReadQuery):
    """In whose name a person speaks, and whether only to try it."""

    dry_run: bool = False


class WithdrawQuery(EnteredQuery):
    """Why something is taken back."""

    reason: Reason


class ImportQuery(EnteredQuery):
    r"""How the columns of a file are read.

    `map` holds pairs `COLUMN=FACT`, `values` pairs `FACT:TEXT=VALUE`; between pairs stands a comma,
    `\,` is a comma inside one. `COLUMN=-` leaves a column out.
    """

    map: Several | None = None
    values: Several | None = None
    namespace: Namespace | None = None
    sheet: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    reason: Reason = "import"


class ImportRefusal(Closed):
    """Why a row was left out: where, what is wrong, and what to do. Never what stood there."""

    row: Count  # as a spreadsheet numbers them: the header is 1
    column: Line | None
    code: Line
    message: Line
    fix: Line = ""


class UnmappedColumn(Closed):
    """A column that is not read, and the fact whose name is nearest."""

    column: Line
    nearest: Line | None


class DatesRead(Closed):
    """How exact the file's dates were. Ambiguous ones, also counted as days, read month first."""

    day: Count = 0
    month: Count = 0
    year: Count = 0
    ambiguous: Count = 0


class ImportReport(Closed):
    """What became of each row: created + changed + unchanged + repeated + rows_refused = rows."""

    source: Line
    dry_run: bool
    encoding: Line | None  # None: a spreadsheet states its own
    delimiter: Text | None
    sheet: Line | None
    rows: Count
    created: Count
    changed: Count
    unchanged: Count
    repeated: Count  # say the same as an earlier row of the file
    rows_refused: Count
    refused: tuple[ImportRefusal, ...]  # the first 1,000 reasons
    columns: dict[Line, Line]
    unmapped_columns: tuple[UnmappedColumn, ...]
    dates: DatesRead
