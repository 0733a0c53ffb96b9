"""Reads the cells of a row into the facts of one model; whatever is wrong is said by column."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from schemas.canonical import natural_name
from schemas.facts import ModelFacts
from schemas.imports import ImportRefusal
from schemas.observation import contract_of, parse_observation
from service.exports.cells import LITERALS, ONE_OF, taken_off
from service.invalid import field_problems
from service.people.columns import Columns, Mapped
from service.people.spoilt import check_text
from service.people.table import Row
from service.people.targets import (
    CHOICES,
    LINES,
    LISTS,
    CellRefused,
    choose,
    folded,
    in_line,
    items,
)

PLACEHOLDERS: Final = frozenset({"not available", "unknown", "tbd", "n/a", "na", "#n/a", "-"})
SPOILT: Final = frozenset({"#ref!", "#div/0!", "#value!", "#name?", "#num!", "#null!"})
NOT_GONE: Final = frozenset({"", "unknown"})
NAMING: Final = ("namespace", "name")
VERBATIM: Final = frozenset({"description", *LINES, *LISTS})
ITEM: Final = re.compile(r"((?:[^;]|;;)*)(?:; |$)")
WELL_JOINED: Final = re.compile(r"(?:[^;\r\n]|;;)*(?:; (?:[^;\r\n]|;;)*)*")


class RowRefused(Exception):  # travels inside this slice only
    """A row is left out."""

    def __init__(self, *refusals: ImportRefusal) -> None:
        """Say everything that is wrong with it."""
        super().__init__()
        self.refusals = refusals


class ReadRow(NamedTuple):
    """One row as an observation."""

    number: int
    named: str
    document: dict[str, Any]
    digest: str


class Reading(NamedTuple):
    """How the rows of one file are read."""

    columns: Columns
    values: Mapping[tuple[str, str], str]  # texts of cells and what they stand for
    namespace: str | None
    observed: Callable[[str], dict[str, Any]]  # begins an observation about a name
    may_name: Callable[[str], bool]  # may the caller name models in this namespace?

    def read(self, row: Row) -> ReadRow:
        """The observation that a row makes. Raises `RowRefused`."""
        _check_form(row, self.columns)
        facts, wrong = self._facts(row)
        if self.namespace is not None:
            facts.setdefault("namespace", self.namespace)
        if wrong := wrong or list(_missing(row, self.columns, facts=facts)):
            raise RowRefused(*wrong)
        try:
            named = natural_name(facts["namespace"], facts["name"])
            observation = parse_observation(self.observed(named) | self._said(facts))
        except ValidationError as error:
            raise RowRefused(*_invalid(row, self.columns, error=error)) from None
        except ValueError:
            raise RowRefused(*_unnamed(row, self.columns, facts=facts)) from None
        if not self.may_name(facts["namespace"]):
            header = self.columns.header_of("namespace")
            message = "is a namespace that your token does not hold for"
            fix = "Ask an admin for a token whose namespaces include it."
            code = "namespace_not_allowed"
            raise RowRefused(refusal(row, header, code=code, message=message, fix=fix))
        document = observation.model_dump(mode="json", exclude_unset=True)
        return ReadRow(row.number, named, document, observation.digest())

    def _said(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Our exports write names as they are compared, so these give way to any written one."""
        return {"facts": facts} | ({"inferred": [*NAMING]} if self.columns.own else {})

    def _facts(self, row: Row) -> tuple[dict[str, Any], list[ImportRefusal]]:
        facts: dict[str, Any] = {}
        wrong: list[ImportRefusal] = []
        for column in self.columns.mapped:
            try:
                stated = self._stated(row, column)
            except CellRefused as error:
                header, message = column.header, str(error)
                wrong.append(refusal(row, header, code=error.code, message=message, fix=error.fix))
            except ValueError as error:  # of a canonical form
                wrong.append(refusal(row, column.header, message=str(error)))
            else:
                for fact, value in stated.items():
                    more = column.target.many and isinstance(facts.get(fact), list)
                    facts[fact] = facts[fact] + value if more else value
        return facts, wrong

    def _stated(self, row: Row, column: Mapped) -> Mapping[str, Any]:
        """What one cell states; a placeholder and an empty cell state nothing."""
        if column.place in row.broken:
            fix = "Open the file in a spreadsheet and save it, or write the value."
            raise CellRefused(row.broken[column.place], fix, code="formula")
        text = row.cells[column.place] if column.place < len(row.cells) else ""
        if self.columns.own:
            text = check_text(text, of=column.name, made=row.made.get(column.place))
        told = self.values.get((column.name, folded(text)))
        shown = text if told is None else told
        word = in_line(shown).casefold()
        if not word:
            empty = self.columns.own and told is None and not set(column.target.facts) & {*NAMING}
            return dict.fromkeys(column.target.facts, column.target.empty) if empty else {}
        if word in PLACEHOLDERS or word in LITERALS:
            return {}
        if word in SPOILT:
            raise CellRefused(
                "holds a spreadsheet's error", "Mend the formula, or write the value."
            )
        if self.columns.own and column.name in CHOICES and shown.startswith(ONE_OF):
            parts = items(shown.removeprefix(ONE_OF))
            return {column.name: {"one_of": [choose(column.name, part) for part in parts]}}
        if self.columns.own and told is None and column.name in VERBATIM:
            return {column.name: _exact(column.name, taken_off(shown))}
        return column.target.read(taken_off(shown))


def _exact(name: str, text: str) -> str | list[str]:
    """What a cell of ours says, to the last blank; a list that people have changed, as any list."""
    if name not in LISTS:
        return text.replace("\r\n", "\n").replace("\r", "\n")
    if not WELL_JOINED.fullmatch(text):
        return items(text)
    return [item.replace(";;", ";") for item in ITEM.findall(text)[:-1]]  # it ends with nothing


def refusal(
    row: Row, header: str | None, *, code: str = "invalid", message: str, fix: str = ""
) -> ImportRefusal:
    """One reason to leave a row out."""
    return ImportRefusal(row=row.number, column=header, code=code, message=message, fix=fix)


def _check_form(row: Row, columns: Columns) -> None:
    """Nothing stands beyond the header; what an export of ours calls gone is not revived."""
    if any(cell.strip() for cell in row.cells[columns.width :]):
        message, fix = "has more cells than the header", "Put text with delimiters in quotes."
        raise RowRefused(refusal(row, None, code="too_many_cells", message=message, fix=fix))
    if columns.gone is not None and {*row.cells[columns.gone : columns.gone + 1]} - NOT_GONE:
        message = "says that the model is gone"
        fix = "Leave the row out, or empty this cell: entering it revives it."
        raise RowRefused(refusal(row, "gone_since", code="gone", message=message, fix=fix))


def _missing(row: Row, columns: Columns, *, facts: Mapping[str, Any]) -> Iterator[ImportRefusal]:
    for fact in NAMING:
        if fact not in facts:
            header, fix = columns.header_of(fact), "Every model has a namespace and a name."
            yield refusal(row, header, code="missing", message=f"states no {fact}", fix=fix)


def _unnamed(row: Row, columns: Columns, *, facts: Mapping[str, Any]) -> Iterator[ImportRefusal]:
    """What is wrong with a namespace and a name of which no name can be made."""
    try:
        ModelFacts.model_validate(facts)
    except ValidationError as error:
        yield from _invalid(row, columns, error=error)
    else:
        yield refusal(row, columns.header_of("name"), message="makes no name of a model")


def _invalid(row: Row, columns: Columns, *, error: ValidationError) -> Iterator[ImportRefusal]:
    """What the contract refuses, by the column that it was read from."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    model = contract_of({"subject": {"kind": "model"}})
    for detail, problem in zip(details, field_problems(details, model=model), strict=False):
        headers = (columns.header_of(str(part)) for part in detail["loc"])
        header = next((found for found in headers if found), None)
        yield refusal(row, header, message=problem.message, fix=problem.fix)
