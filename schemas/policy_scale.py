"""What a tiering policy rates by: points, bands, the matrix, questions and floors."""

import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, StringConstraints, model_validator

from schemas.strict import Closed, Count, Flag, Line, Word

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,62}", re.ASCII)
MOST_POINTS: Final = 100
SHAPES: Final = tuple(
    frozenset(shape)
    for shape in (("fact", "is"), ("fact", "in"), ("purpose",), ("all",), ("any",), ("not",))
)

Tier = Literal["NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"]
Band = Literal["LOW", "MEDIUM", "HIGH"]  # of an axis; a tier that is computed is one too
Axis = Literal["materiality", "inherent"]
Value = bool | str  # what a fact may be
Who = Literal["person", "source"]

TIERS: Final[tuple[Tier, ...]] = ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH")  # ascending
BANDS: Final[tuple[Band, ...]] = ("LOW", "MEDIUM", "HIGH")
AXES: Final[tuple[Axis, ...]] = ("materiality", "inherent")


def _value(said: object) -> Value:
    if isinstance(said, bool) or (isinstance(said, str) and NAME.fullmatch(said)):
        return said
    raise ValueError("must be true, false or a value in lower case like special_category")


Name = Annotated[
    Line, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", min_length=1, max_length=63)
]
RegimeName = Annotated[
    Line, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", min_length=1, max_length=63)
]
Label = Annotated[  # of a floor or a control: F6a, OWN-01
    Line, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9-]*$", min_length=1, max_length=32)
]
Points = Annotated[int, Field(strict=True, ge=0, le=MOST_POINTS)]
Answer = Annotated[Value, PlainValidator(_value)]
PointsOf = Annotated[dict[Name, Points], Field(min_length=2, max_length=20)]
Factors = Annotated[dict[Name, PointsOf], Field(min_length=1, max_length=20)]


class Axes(Closed):
    """Points of each value of each factor, on both axes."""

    materiality: Factors
    inherent: Factors


class Limits(Closed):
    """From so many points on an axis is in a band; below MEDIUM it is LOW."""

    MEDIUM: Annotated[Points, Field(ge=1)]
    HIGH: Annotated[Points, Field(ge=1)]


class MatrixRow(Closed):
    """The tiers of one band of materiality, by the band of inherent risk."""

    LOW: Band
    MEDIUM: Band
    HIGH: Band


class Matrix(Closed):
    """The tier of each pair of bands: materiality first."""

    LOW: MatrixRow
    MEDIUM: MatrixRow
    HIGH: MatrixRow

    def tier(self, materiality: Band, inherent: Band) -> Band:
        """The tier of one cell."""
        row: MatrixRow = getattr(self, materiality)
        tier: Band = getattr(row, inherent)
        return tier


class Purpose(Closed):
    """A regulated purpose: which regime names it, and how it is asked for."""

    regime: RegimeName
    asks: Word


class FactRule(Closed):
    """A fact beside the factors, which floors read; the catalog computes some and asks nobody."""

    type: Literal["boolean", "enum"]
    ask: Literal["person", "source", "catalog"]
    values: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    kind: Literal["use", "model", "version", "dataset"] = "use"
    question: Word | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.type == "enum") != (len(set(self.values)) > 1):
            raise ValueError("an enum lists at least two values, a boolean none: mend values")
        if len(set(self.values)) != len(self.values):
            raise ValueError("a value is listed twice: leave one out")
        if (self.ask == "catalog") != (self.question is None):
            raise ValueError("needs a question, unless ask is catalog: then leave it out")
        return self

    @property
    def possible(self) -> tuple[Value, ...]:
        """What it may be."""
        return self.values if self.type == "enum" else (False, True)


class FactorQuestion(Closed):
    """How a factor is asked for, and the kind of entry that it stands on."""

    kind: Literal["use", "model", "version", "dataset"]
    ask: Who
    question: Word


class When(Closed):
    """A condition over facts and purposes: a leaf, or `all`, `any` or `not` of conditions."""

    model_config = ConfigDict(serialize_by_alias=True)

    fact: Name | None = None
    is_: Answer | None = Field(default=None, alias="is")
    in_: Annotated[tuple[Answer, ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None, alias="in"
    )
    purpose: Name | None = None
    all_: Annotated[tuple["When", ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None, alias="all"
    )
    any_: Annotated[tuple["When", ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None, alias="any"
    )
    not_: "When | None" = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        stated = {name.rstrip("_") for name, value in self.__dict__.items() if value is not None}
        if stated not in SHAPES:
            raise ValueError("must be {fact, is}, {fact, in}, {purpose}, {all}, {any} or {not}")
        return self

    @property
    def answers(self) -> tuple[Value, ...]:
        """Of a fact's leaf: the values for which it is true."""
        return self.in_ or (() if self.is_ is None else (self.is_,))

    @property
    def members(self) -> tuple[tuple[tuple[str | int, ...], "When"], ...]:
        """The conditions inside, each with its place."""
        if self.not_ is not None:
            return ((("not",), self.not_),)
        word, inner = ("all", self.all_) if self.all_ is not None else ("any", self.any_)
        return tuple(((word, place), one) for place, one in enumerate(inner or ()))

    def leaves(
        self, at: tuple[str | int, ...] = ()
    ) -> Iterator[tuple[tuple[str | int, ...], "When"]]:
        """The leaves, each with its place, in order."""
        if not self.members:
            yield at, self
        for place, inner in self.members:
            yield from inner.leaves((*at, *place))


class Floor(Closed):
    """What lifts a tier: at least `to`, or `raise_by` so many tiers. It never lowers one."""

    id: Label
    title: Word
    regime: RegimeName
    hard: Flag
    to: Literal["MEDIUM", "HIGH"] | None = None
    raise_by: Annotated[int, Field(strict=True, ge=1, le=2)] | None = None
    blocks: Flag = False
    when: When

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.to is None) == (self.raise_by is None):
            raise ValueError("must have either to or raise_by: leave one out, or add one")
        if self.hard and self.to is None:
            raise ValueError("a hard floor needs to: an override cannot be held to raise_by")
        if self.blocks and not self.hard:
            raise ValueError("a floor that blocks must be hard: say hard: true")
        return self


class AskNext(Closed):
    """How many questions are asked at once, and what decides between equals."""

    at_most: Annotated[int, Field(strict=True, ge=1, le=20)]
    order: Annotated[tuple[Name, ...], Field(min_length=1, max_length=60)]


Numeric = dict[Name, Annotated[dict[Name, Count], Field(min_length=2, max_length=20)]]
