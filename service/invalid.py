"""What is wrong with a request, by place and reason; never what stood there."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from schemas.problem import FieldProblem
from service.errors import Invalid

MOST: Final = 50
LONGEST: Final = 500
PARTS: Final = {"body": "", "query": "?", "path": "/", "header": "header "}


def invalid(error: ValidationError, *, model: type[BaseModel] | None = None) -> Invalid:
    """A refused document as the error that is answered."""
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return Invalid(*field_problems(details, known=tuple(model.model_fields) if model else ()))


def field_problems(
    details: Iterable[Mapping[str, Any]], *, known: Sequence[str] = ()
) -> tuple[FieldProblem, ...]:
    """Each thing that is wrong: its place as a JSON pointer, the reason, the nearest valid name."""
    return tuple(
        FieldProblem(
            pointer=pointer(detail["loc"]),
            message=str(detail["msg"]).removeprefix("Value error, ")[:LONGEST],
            fix=_fix(detail, known),
        )
        for _, detail in zip(range(MOST), details, strict=False)
    )


def pointer(location: Sequence[str | int]) -> str:
    """A JSON pointer in plain ASCII, cut at 500 characters; query parameters begin with `?`."""
    parts = [str(part).encode("ascii", "backslashreplace").decode() for part in location]
    if parts and parts[0] == "query":
        return f"?{'/'.join(parts[1:])}"[:LONGEST]
    if parts and parts[0] in {"body", "path"}:
        parts = parts[1:]
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in parts)[:LONGEST]


def _fix(detail: Mapping[str, Any], known: Sequence[str]) -> str:
    if detail["type"] != "extra_forbidden" or not known:
        return ""
    near = get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(sorted(known))}."
