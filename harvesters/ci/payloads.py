"""What CI systems answer, read tolerantly: a member that is missing, null or odd is not there."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

LARGEST_ID: Final = 2**63 - 1
LONGEST_TEXT: Final = 4_096


def _text(value: object) -> object:
    """A text with something in it: a workflow named "" has no name."""
    usable = isinstance(value, str) and value.strip() and len(value) <= LONGEST_TEXT
    return value.strip() if usable and isinstance(value, str) else None


def _number(value: object) -> object:
    """A whole number from one on, also where it is written as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004  # digits
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID
    return value if fits else None


def _flag(value: object) -> object:
    return value if isinstance(value, bool) else None


def _object(value: object) -> object:
    return value if isinstance(value, Mapping | BaseModel) else {}


def _objects(value: object) -> object:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return []
    return [one for one in value if isinstance(one, Mapping | BaseModel)]


LooseText = Annotated[str | None, BeforeValidator(_text)]
LooseNumber = Annotated[int | None, BeforeValidator(_number)]
LooseFlag = Annotated[bool | None, BeforeValidator(_flag)]
Id = Annotated[int, BeforeValidator(_number), Field(strict=True)]
AsObject = BeforeValidator(_object)
AsObjects = BeforeValidator(_objects)


class Payload(BaseModel):
    """Base of all: what is not used may look as it likes."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, populate_by_name=True
    )


Read = TypeVar("Read", bound=Payload)


def read(payload: type[Read], found: Any) -> Read | None:
    """One record; None where it is no such thing."""
    try:
        return payload.model_validate(found)
    except ValidationError:
        return None
