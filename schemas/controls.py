"""A pack of controls as it is written, and what its controls find about a model."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas.strict import (
    EARLIEST,
    LATEST,
    RFC3339,
    UNWANTED,
    Closed,
    Count,
    Flag,
    Instant,
    Line,
    Text,
)

MOST_CONTROLS: Final = 200
MOST_EXAMPLES: Final = 40  # of one control
MOST_CHANGES: Final = 40  # of one example
MOST_VALUES: Final = 2_000  # in the base, and in what one example sets
DEEPEST: Final = 12
LONGEST: Final = 2_000  # characters of a text in the base
MEMBER: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
PLACEHOLDER: Final = re.compile(r"\{([a-z_]+(?:\.[a-z_][a-z0-9_]*)*)\}", re.ASCII)
LARGEST: Final = 2**53  # beyond it, JSON readers round


class Severity(StrEnum):
    """How much a failed control matters; ascending."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Result(StrEnum):
    """What a control finds. UNKNOWN: too little is stated to decide."""

    PASS = "PASS"  # noqa: S105  # no password
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    WAIVED = "WAIVED"
    NOT_APPLICABLE = "NOT_APPLICABLE"


def _typed(value: object, *, depth: int = 0) -> object:
    """JSON and times alone, not too deep; a text that reads as a time is one."""
    if depth > DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} levels deep")
    if isinstance(value, datetime):
        return _in_utc(value)
    if isinstance(value, str):
        return _text_or_time(value)
    if isinstance(value, dict):
        if not all(isinstance(name, str) and MEMBER.fullmatch(name) for name in value):
            raise ValueError("holds a key that is not written like in_production")
        return {name: _typed(member, depth=depth + 1) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_typed(item, depth=depth + 1) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) <= LARGEST:
        return value
    raise ValueError("holds what is no text, number, truth or time")


def _text_or_time(text: str) -> str | datetime:
    if len(text) > LONGEST or UNWANTED.search(text):
        raise ValueError(f"holds a text over {LONGEST} characters, or one with control characters")
    if not RFC3339.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # of no calendar
        return text
    return _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
        raise ValueError("holds a time without its zone, or not between 1970 and 9999")
    return moment.astimezone(UTC)


def _bounded(value: object) -> object:
    """No pack is slow because of what its examples hold."""
    left, found = [value], 0
    while left:
        found += 1
        one = left.pop()
        members = one.values() if isinstance(one, dict) else one
        left.extend(members if isinstance(one, dict | list) else ())  # type: ignore[arg-type]  # of either
        if found > MOST_VALUES:
            raise ValueError(f"holds more than {MOST_VALUES} values")
    return value


def _scalar(value: object) -> object:
    if isinstance(value, dict | list):
        raise ValueError("must be a text, number, truth or time")  # noqa: TRY004  # Pydantic's
    return value


Value = Annotated[object, AfterValidator(_typed)]
Parameter = Annotated[Value, AfterValidator(_scalar)]
Word = Annotated[Line, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Name = Annotated[Line, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
ControlId = Annotated[Line, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,9}-[0-9]{2}$")]
Release = Annotated[Line, StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){0,2}$")]
Path = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
Sentence = Annotated[Line, StringConstraints(min_length=1, max_length=500)]
Condition = Annotated[Text, StringConstraints(min_length=1)]
Changes = Annotated[
    dict[Path, Value], Field(max_length=MOST_CHANGES), AfterValidator(_bounded)
]  # fmt: skip


class Severities(Closed):
    """What a control weighs at each tier; a negligible one weighs as LOW does."""

    LOW: Severity
    MEDIUM: Severity
    HIGH: Severity


class Example(Closed):
    """The base with changes, and what the control finds there: the pack is not loaded otherwise."""

    expect: Result
    set: Changes = Field(default_factory=dict)
    unset: Annotated[tuple[Path, ...], Field(max_length=MOST_CHANGES)] = ()


class ControlText(Closed):
    """One control, as its pack writes it."""

    id: ControlId
    title: Annotated[Sentence, StringConstraints(max_length=200)]
    severity: Severities
    params: Annotated[dict[Word, Parameter], Field(max_length=20)] = Field(default_factory=dict)
    applies_when: Condition | None = None
    needs: Annotated[tuple[Path, ...], Field(max_length=20)] = ()
    over: Path | None = None
    alias: Annotated[Word | None, Field(alias="as")] = None
    holds_for: Literal["all", "any"] | None = None
    empty: Result | None = None
    expression: Condition
    clock: Condition | None = None
    message: Sentence
    fix: Sentence
    mappings: Annotated[tuple[Sentence, ...], Field(max_length=20)] = ()
    examples: Annotated[tuple[Example, ...], Field(max_length=MOST_EXAMPLES)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """What is said of items is said whole, or not at all."""
        said = [part is not None for part in (self.over, self.alias, self.holds_for, self.empty)]
        if any(said) and not all(said):
            raise ValueError("must have over, as, holds_for and empty together, or none of them")
        return self


class PackDocument(Closed):
    """A pack of controls: data with a version. Loading it says whether it can be used."""

    pack: Name
    version: Release
    snapshot: Literal[1]
    effective_from: Instant | None = None
    base: Annotated[dict[Word, Value], AfterValidator(_bounded)]
    controls: Annotated[tuple[ControlText, ...], Field(min_length=1, max_length=MOST_CONTROLS)]


class Unstated(Closed):
    """What is not stated, and who could."""

    path: Line
    who: Line


class ControlResultFacts(Closed):
    """What a control found about one model. Items: those that fail or that too little is known of.

    Until `recheck_at` it stays so unless a fact changes; none: until one does.
    """

    control: Line
    title: Line
    severity: Severity
    result: Result
    items: tuple[Text, ...] = ()
    missing: tuple[Unstated, ...] = ()
    message: Text = ""
    fix: Text = ""
    waiver: Text | None = None
    waived_until: Instant | None = None
    pack_defect: Text | None = None
    since: Instant
    evaluated_at: Instant
    recheck_at: Instant | None = None
    pack_version: Line


class PackProblem(Closed):
    """Why a pack is not loaded: where, why, and how to mend it."""

    control: Line
    where: Line
    message: Text
    fix: Text = ""


class PackReport(Closed):
    """What loading a pack found: it can be used if there is no problem."""

    digest: Line
    controls: Count
    usable: Flag
    problems: tuple[PackProblem, ...] = ()
