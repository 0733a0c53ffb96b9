"""Reads a tiering policy from YAML or JSON; what is wrong with it is refused with its place."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from schemas.policies import PolicyDocument
from schemas.problem import FieldProblem
from schemas.yaml_walk import Document, YamlRefused, read_typed, read_yaml
from service.errors import CatalogError
from service.invalid import field_problems

PARTS: Final = "policy"  # of what the parts of a policy do not agree about


class PolicyRefused(CatalogError):
    """The tiering policy cannot be used.

    `errors` says where and how to mend it; nothing was stored.
    """

    status = 422


def read_policy_text(raw: bytes) -> PolicyDocument:
    """A policy as its YAML writes it. Raises `PolicyRefused`."""
    try:
        said, marks = read_typed(raw), read_yaml(raw)
    except YamlRefused as error:
        raise PolicyRefused(FieldProblem(pointer="", message=str(error))) from None
    return parse_policy(said, marks=marks)


def parse_policy(said: object, *, marks: Document | None = None) -> PolicyDocument:
    """A policy from JSON, or from YAML with the lines that its parts stand in.

    Raises `PolicyRefused`.
    """
    try:
        return PolicyDocument.model_validate(said)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        raise PolicyRefused(*_problems(details, marks=marks)) from None


def policy_json(document: PolicyDocument) -> dict[str, Any]:
    """The policy as JSON, to be stored; `parse_policy` reads it again."""
    return document.model_dump(mode="json", exclude_unset=True)


def _problems(
    details: Sequence[Mapping[str, Any]], *, marks: Document | None
) -> Iterator[FieldProblem]:
    found = field_problems(details, model=PolicyDocument)
    for detail, problem in zip(details, found, strict=False):
        message, fix = problem.message, problem.fix
        if detail["type"] == PARTS:  # these say both: what is wrong, and what to do
            message, _, fix = message.partition(": ")
        if marks is not None:
            message = f"line {marks.line_of(tuple(detail['loc']))}: {message}"
        yield problem.model_copy(update={"message": message, "fix": fix})
