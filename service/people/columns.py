"""Which column becomes which fact: by the map that was sent, else by its name."""

from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Final, NamedTuple

from schemas.imports import UnmappedColumn
from schemas.problem import FieldProblem
from service.errors import Invalid
from service.people.targets import CHOICES, CellRefused, Target, choose, folded, in_line

LEFT_OUT: Final = "-"
OWN: Final = ("as_of", "model_id", "model")  # what each of our exports of models begins with
SHOWN: Final = 200


class Mapped(NamedTuple):
    """A column that is read, by its place."""

    place: int
    header: str
    name: str
    target: Target


class Columns(NamedTuple):
    """What is read of a file."""

    mapped: tuple[Mapped, ...]
    unmapped: tuple[UnmappedColumn, ...]
    width: int
    own: bool  # an export of ours: an empty cell states that there is nothing
    gone: int | None  # the column of our exports that says that a model is gone

    def header_of(self, fact: str) -> str | None:
        """The column that a fact was read from."""
        return next((one.header for one in self.mapped if fact in one.target.facts), None)


def map_columns(
    headers: Sequence[str],
    pairs: Sequence[str],
    *,
    targets: Mapping[str, Target],
    namespace: str | None,
) -> Columns:
    """Map what is told and what names itself; all that is wrong is said at once.

    Raises `Invalid`.
    """
    problems: list[FieldProblem] = []
    told = _told(headers, pairs, targets=targets, problems=problems)
    taken = {fact for name in told.values() if name in targets for fact in targets[name].facts}
    named = [folded(header) for header in headers]
    for index, name in enumerate(named):
        target = targets.get(name)
        if index not in told and target and (target.many or not taken & {*target.facts}):
            told[index] = name
            taken |= {*target.facts} if named.count(name) == 1 else set()
    mapped = tuple(
        Mapped(index, shown(headers[index]), name, targets[name])
        for index, name in sorted(told.items())
        if name != LEFT_OUT
    )
    problems += _doubled(mapped) + _nameless(mapped, headers, namespace=namespace)
    if problems:
        raise Invalid(*problems)
    unmapped = tuple(
        UnmappedColumn(column=shown(header), nearest=_nearest(folded(header), targets))
        for index, header in enumerate(headers)
        if index not in told and header
    )
    own = tuple(headers[: len(OWN)]) == OWN
    gone = headers.index("gone_since") if own and "gone_since" in headers else None
    return Columns(mapped, unmapped, len(headers), own, gone)


def read_values(pairs: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Texts of cells and the values that they stand for: `FACT:TEXT=VALUE`. Raises `Invalid`."""
    read, problems = {}, []
    for position, pair in enumerate(pairs):
        fact, colon, rest = pair.partition(":")
        text, equals, value = rest.rpartition("=")
        fact = folded(fact)
        if not colon or not equals or fact not in CHOICES:
            known = f"FACT is one of {', '.join(CHOICES)}."
            problems.append(
                _problem("values", position, message="is no FACT:TEXT=VALUE", fix=known)
            )
            continue
        try:
            read[fact, folded(text)] = choose(fact, value) if value.strip() else ""
        except CellRefused as wrong:
            problems.append(_problem("values", position, message=str(wrong), fix=wrong.fix))
    if problems:
        raise Invalid(*problems)
    return read


def shown(header: str) -> str:
    """A column's name as a report shows it."""
    return "".join(c if c.isprintable() else "?" for c in header)[:SHOWN]


def _told(
    headers: Sequence[str],
    pairs: Sequence[str],
    *,
    targets: Mapping[str, Target],
    problems: list[FieldProblem],
) -> dict[int, str]:
    """Column → fact, as the map says: `COLUMN=FACT`."""
    told: dict[int, str] = {}
    for position, pair in enumerate(pairs):
        column, _, fact = pair.rpartition("=")
        name = fact.strip() if fact.strip() == LEFT_OUT else folded(fact)
        found = [i for i, header in enumerate(headers) if folded(header) == folded(column)]
        exact = [i for i in found if headers[i] == in_line(column)]
        found = exact if len(exact) == 1 else found
        if name != LEFT_OUT and name not in targets:
            near = _nearest(name, targets)
            known = f"Did you mean {near}?" if near else f"Known are {', '.join(targets)}."
            problems.append(
                _problem("map", position, message="names no fact of a model", fix=known)
            )
        elif not found:
            closest = get_close_matches(in_line(column), headers, n=1, cutoff=0)
            fix = f"The nearest is {shown(closest[0])}." if closest else ""
            problems.append(
                _problem("map", position, message="names a column that is not there", fix=fix)
            )
        elif len(found) > 1:
            message, fix = "names a column that stands twice in the file", "Rename one of them."
            problems.append(_problem("map", position, message=message, fix=fix))
        else:
            told[found[0]] = name
    return told


def _doubled(mapped: Sequence[Mapped]) -> list[FieldProblem]:
    """Two columns for one value: which one holds?"""
    count = Counter(fact for one in mapped if not one.target.many for fact in one.target.facts)
    return [
        FieldProblem(
            pointer="?map",
            message=f"has two columns for {fact}",
            fix=f"Leave one of them out with COLUMN={LEFT_OUT}, or rename it in the file.",
        )
        for fact, times in count.items()
        if times > 1
    ]


def _nameless(
    mapped: Sequence[Mapped], headers: Sequence[str], *, namespace: str | None
) -> list[FieldProblem]:
    facts = {fact for one in mapped for fact in one.target.facts}
    problems = []
    if "name" not in facts:
        near = get_close_matches("name", [folded(header) for header in headers], n=1, cutoff=0)
        header = next((shown(h) for h in headers if near and folded(h) == near[0]), "COLUMN")
        problems.append(
            FieldProblem(
                pointer="?map",
                message="maps no column to the name of a model",
                fix=f"Add {header}=name, or the column that holds it.",
            )
        )
    if "namespace" not in facts and namespace is None:
        problems.append(
            FieldProblem(
                pointer="?namespace",
                message="is missing, and no column says it",
                fix="Say where the models belong, or map a column to namespace.",
            )
        )
    return problems


def _nearest(name: str, targets: Mapping[str, Target]) -> str | None:
    return next(iter(get_close_matches(name, targets, n=1, cutoff=0.6)), None)


def _problem(parameter: str, position: int, *, message: str, fix: str) -> FieldProblem:
    return FieldProblem(pointer=f"?{parameter}/{position}", message=message, fix=fix)
