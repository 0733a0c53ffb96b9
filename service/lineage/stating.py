"""Makes facts of what foreign events say: what cannot be used is left out and told. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from schemas.facts import FACTS
from schemas.identifiers import Identifier, Kind
from schemas.problem import FieldProblem
from schemas.strict import Instant, instant_text
from service.lineage.heard import MOST_WARNINGS, Heard

MOST_ATTEMPTS: Final = 40  # facts that are left out, one after the other
PLACEHOLDERS: Final = ("{{", "${")
MOMENT: Final = TypeAdapter[datetime](Instant)
SKEW: Final = timedelta(days=1)  # by which a sender's clock may be ahead and still be quoted
ZONES: Final = {"UTC": "Z"}  # what a source may say that a time without a zone means


class EventRefused(Exception):  # travels inside this slice only
    """One event is refused; the others are not."""

    def __init__(self, pointer: str, message: str, *, fix: str = "") -> None:
        """Say where and why, never what stood there."""
        super().__init__(f"{pointer} {message}")
        self.problem = FieldProblem(pointer=pointer, message=message, fix=fix)


class When(NamedTuple):
    """When something happened: as it is weighed, never later than now, and as it is quoted.

    Clocks of senders run ahead; what they say happened at the latest when we heard of it. What is
    quoted stays the same however often it is sent.
    """

    at: datetime
    quoted: datetime

    @property
    def text(self) -> str:
        """As facts hold it."""
        return instant_text(self.quoted)


def state(
    subject: Identifier,
    stated: Mapping[str, Any],
    *,
    at: datetime,
    same_as: Sequence[Identifier] = (),
    warnings: Sequence[str] = (),
) -> Heard:
    """What an event says of a thing, as canonical JSON."""
    about = FACTS[subject.kind]
    given, left = dict(stated), list(warnings)
    for _ in range(MOST_ATTEMPTS):
        if left:
            given["warnings"] = sorted(set(left))[:MOST_WARNINGS]
        try:
            facts = about.model_validate(given)
            break
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0])
            left.append(f"{name}: {first['msg'].removeprefix('Value error, ')}")
            given.pop(name, None)
    else:
        facts = about()
    said: dict[str, Any] = facts.model_dump(mode="json", exclude_unset=True)
    others = tuple(dict.fromkeys(one for one in same_as if one != subject))
    return Heard(subject, at, said, others)


def identify(kind: Kind, scheme: str, *, value: str) -> Identifier:
    """An identifier in canonical form. Raises `ValueError`, without the value in it."""
    try:
        return Identifier(kind=kind, scheme=scheme, value=value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(first["msg"].removeprefix("Value error, ")) from None


def read_time(value: Any, *, pointer: str, zone: str | None, now: datetime) -> When:
    """A time with its zone. Raises `EventRefused`.

    `zone` holds where a source says what a time without one means.
    """
    if isinstance(value, str) and isinstance(zone, str) and zone in ZONES:
        try:
            bare = datetime.fromisoformat(value)
            value = value if bare.tzinfo else f"{bare.isoformat()}{ZONES[zone]}"
        except ValueError:
            pass  # refused below, with the reason
    try:
        moment = MOMENT.validate_python(value)
    except ValidationError:
        refuse_placeholder(value, pointer)
        raise EventRefused(
            pointer, "must be a time with its zone", fix="Write it like 2026-11-20T09:13:22Z."
        ) from None
    return When(min(moment, now), moment if moment - now < SKEW else now)


def refuse_placeholder(value: Any, pointer: str) -> None:
    """Say so where a template was sent. Raises `EventRefused`."""
    if isinstance(value, str) and any(sign in value for sign in PLACEHOLDERS):
        raise EventRefused(pointer, "holds a placeholder: this is a template, no event")


def is_text(value: Any) -> bool:
    """Is it a text that says something?"""
    return isinstance(value, str) and bool(value.strip())


def members(value: Any) -> Mapping[str, Any]:
    """An object; of anything else, nothing."""
    return value if isinstance(value, Mapping) else {}
