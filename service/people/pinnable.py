"""Which fact is pinned, and to what: as strict as what sources state."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError

from schemas.facts import FACTS, Facts, merge_rules
from schemas.identifiers import Identifier, Kind
from schemas.problem import FieldProblem
from schemas.values import Merge
from service.errors import Invalid, NotFound
from service.invalid import field_problems

NAMING: Final[Mapping[Kind, frozenset[str]]] = {  # what natural keys are made of
    Kind.MODEL: frozenset({"namespace", "name"}),
    Kind.VERSION: frozenset({"model", "number"}),
    Kind.USE: frozenset({"model", "name"}),
}


class FactUnknown(NotFound):
    """Nothing of this kind has such a fact.

    `errors` names the nearest one; what a kind can state stands in docs/columns.md.
    """


class NamingFact(Invalid):
    """This fact is what the entry is named by: it cannot be pinned.

    Rename the thing in its source, or let a person merge it with the entry that it should be.
    """


class NotASet(Invalid):
    """The fact holds one value: two different ones cannot both be right.

    Pin the right one with `value`, or let another source decide with its precedence.
    """

    @classmethod
    def code(cls) -> str:
        """As it is written in documents."""
        return "not_a_set"


def check_field(kind: Kind, field: str) -> None:
    """May a fact be pinned at all? Raises `FactUnknown`, `NamingFact`."""
    known = merge_rules(kind)
    if field not in known:
        near = get_close_matches(field, sorted(known), n=1, cutoff=0)
        fix = f"Did you mean {near[0]}?"
        raise FactUnknown(FieldProblem(pointer="/field", message="is no fact of it", fix=fix))
    if field in NAMING.get(kind, ()):
        raise NamingFact(FieldProblem(pointer="/field", message="names the entry"))


def check_joinable(kind: Kind, field: str) -> None:
    """Can members of several statements hold together? Raises `NotASet`."""
    if merge_rules(kind)[field] in {Merge.UNION, Merge.OWNERS}:
        return
    if _takes(kind, field, value=[]) and not _takes(kind, field, value={}):
        return
    raise NotASet(FieldProblem(pointer="/joined", message="needs a fact that is a list"))


def read_value(kind: Kind, field: str, *, value: Any, pointer: str = "/value") -> Facts:
    """The value as a statement of the fact, in canonical form. Raises `Invalid` with places."""
    contract = FACTS[kind]
    try:
        return contract.model_validate({field: value})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        found = field_problems(details, model=contract)
        raise Invalid(*_placed(found, field, pointer=pointer)) from None


def written(facts: Facts, field: str) -> Any:
    """A stated value as JSON, as observations keep it."""
    return facts.model_dump(mode="json", exclude_unset=True)[field]


def members(value: Any) -> Iterator[Identifier]:
    """Every identifier in a stated value."""
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "scheme", "value"}:
            yield Identifier.model_validate(dict(value))
        else:
            for part in value.values():
                yield from members(part)
    elif isinstance(value, list):
        for part in value:
            yield from members(part)


def _takes(kind: Kind, field: str, *, value: Any) -> bool:
    try:
        FACTS[kind].model_validate({field: value})
    except ValidationError:
        return False
    return True


def _placed(found: tuple[FieldProblem, ...], field: str, *, pointer: str) -> Iterator[FieldProblem]:
    """Without what one form of a value lacks of another: `OneOf[…]` and its like are no steps."""
    plain = [one for one in found if "instance of OneOf[" not in one.message]
    for one in plain or found:
        steps = one.pointer.removeprefix(f"/{field}").split("/")
        place = "/".join(step for step in steps if "[" not in step)
        yield one.model_copy(update={"pointer": f"{pointer}{place}"})
