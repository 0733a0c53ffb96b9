"""What is wrong with a request, by place and reason; never what stood there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from schemas.problem import FieldProblem
from service.errors import Invalid

MOST: Final = 50
LONGEST: Final = 500
FEW: Final = 40  # names that one sentence can list


def invalid(error: ValidationError, *, model: type[BaseModel] | None = None) -> Invalid:
    """A refused document as the error that is answered."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return Invalid(*field_problems(details, model=model))


def field_problems(
    details: Iterable[Mapping[str, Any]],
    *,
    known: Sequence[str] = (),
    model: type[BaseModel] | None = None,
) -> tuple[FieldProblem, ...]:
    """Each thing that is wrong: its place as a JSON pointer, the reason, the nearest valid name.

    The valid names are `known`, or the members that the contract `model` has in that place.
    """
    return tuple(
        FieldProblem(
            pointer=pointer(detail["loc"]),
            message=_reason(detail)[:LONGEST],
            fix=_fix(detail, known or (known_members(model, detail["loc"][:-1]) if model else ())),
        )
        for _, detail in zip(range(MOST), details, strict=False)
    )


def _reason(detail: Mapping[str, Any]) -> str:
    """What is wrong; of a UUID the library would say which character stood there, perhaps NUL."""
    if detail["type"] == "uuid_parsing":
        return "Input should be a valid UUID"
    return str(detail["msg"]).removeprefix("Value error, ")


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer into a request's body or path; query parameters begin with `?`."""
    if location[:1] == ("query",):
        return f"?{'/'.join(_shown(part) for part in location[1:])}"[:LONGEST]
    if location and location[0] in {"body", "path"}:
        location = location[1:]
    return document_pointer(location)


def document_pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer in plain ASCII, cut at 500 characters."""
    escaped = (_shown(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in escaped)[:LONGEST]


def known_members(model: type[BaseModel], location: Sequence[str | int]) -> tuple[str, ...]:
    """The members that a contract has in a place; an index or a union's branch is no step."""
    places = {model}
    for part in location:
        steps = (_members(place).get(str(part)) for place in places)
        places = {inner for step in steps if step for inner in _contracts(step)} or places
    return tuple(sorted({name for place in places for name in _members(place)}))


def _members(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _contracts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _contracts(argument)


def _shown(part: str | int) -> str:
    return str(part).encode("ascii", "backslashreplace").decode()


def _fix(detail: Mapping[str, Any], known: Sequence[str]) -> str:
    if detail["type"] != "extra_forbidden" or not known:
        return ""
    cutoff = 0.5 if len(known) <= FEW else 0  # too many to list: the nearest, however far
    near = get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=cutoff)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(known))}."
