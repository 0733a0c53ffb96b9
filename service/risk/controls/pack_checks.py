"""What is wrong with a control as it is written, before any example is tried."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from schemas.controls import ControlText, PackProblem
from service.risk.controls.expressions import Expression, compile_expression
from service.risk.controls.judging import NOW, PARAMS
from service.risk.controls.packed import Control
from service.risk.controls.snapshot_schema import ITEMS, SNAPSHOT, Kind, Member, Path, find_member
from service.risk.controls.syntax import SyntaxRefused
from service.risk.controls.words import ITEMS as ITEMS_WORD
from service.risk.controls.words import placeholders

CONDITIONS: Final = ("applies_when", "expression", "clock")
ROOTS: Final = frozenset({*SNAPSHOT, PARAMS})
Problems = Iterator[PackProblem]


def ready(text: ControlText) -> tuple[Control | None, list[PackProblem]]:
    """A control that can be evaluated, or what is wrong with it."""
    compiled: dict[str, Expression] = {}
    problems: list[PackProblem] = []
    for where in CONDITIONS:
        written = getattr(text, where)
        try:
            compiled |= {where: compile_expression(written)} if written is not None else {}
        except SyntaxRefused as error:
            problems.append(_problem(text, where, reason=str(error), fix=error.fix))
    problems += _of_paths(text, compiled)
    problems += _of_lists(text)
    problems += _of_needs(text, compiled)
    problems += _of_time(text, compiled)
    problems += _of_words(text)
    if problems:
        return None, problems
    control = Control(
        text,
        expression=compiled["expression"],
        applies_when=compiled.get("applies_when"),
        clock=compiled.get("clock"),
        needs=tuple(_split(path) for path in text.needs),
        over=_split(text.over) if text.over else None,
    )
    return control, []


def reads_of(control: Control) -> frozenset[Path]:
    """Every place of the snapshot that decides, with `[]` behind the list that it runs over."""
    asked = [c for c in (control.applies_when, control.expression, control.clock) if c]
    found = {*control.needs, *((control.over,) if control.over else ())}
    for path in frozenset().union(*(c.syntax.reads | c.syntax.checks for c in asked)):
        if control.over is not None and path[0] == control.text.alias:
            found.add((*control.over, ITEMS, *path[1:]))
        elif path[0] in SNAPSHOT:
            found.add(path)
    return frozenset(found)


def _of_paths(text: ControlText, compiled: Mapping[str, Expression]) -> Problems:
    """Each path leads to one value of the snapshot, of an item, or to a parameter."""
    for where, condition in compiled.items():
        items = _items_of(text) if where != "applies_when" else None
        for path in sorted(condition.syntax.reads | condition.syntax.checks):
            if reason := _misled(path, text=text, items=items):
                fix = _nearest(path, text=text, items=items)
                yield _problem(text, where, reason=reason, fix=fix)
    for path in map(_split, text.needs):
        if path[0] not in {"model", "risk"} or find_member(path) is None:
            reason = f"{'.'.join(path)} is not in the snapshot"
            yield _problem(text, "needs", reason=reason, fix=_nearest(path, text=text, items=None))


def _misled(path: Path, *, text: ControlText, items: Mapping[str, Member] | None) -> str | None:
    """Why a path cannot be read."""
    written = ".".join(path)
    if path[0] == PARAMS:
        known = len(path) == 2 and path[1] in text.params  # noqa: PLR2004  # params.name
        return None if known else f"{written} is none of the control's params"
    if path[0] == text.alias and path[0] not in ROOTS:
        if items is None:
            return f"{written} is an item, which is not known here"
        found = find_member(path[1:], items)
    else:
        found = find_member(path)
    if found is None:
        return f"{written} is not in the snapshot"
    if items is not None and path[0] != text.alias and found.kind in {Kind.TEXTS, Kind.ITEMS}:
        return f"{written} is a list, which would be gone through for every item"
    whole = found.kind is Kind.PART and not found.nullable
    return f"{written} is an object and no value" if whole else None


def _nearest(path: Path, *, text: ControlText, items: Mapping[str, Member] | None) -> str:
    """The path that looks most like it."""
    known = {f"{root}.{name}" for root in SNAPSHOT for name in _below(root)} | {NOW}
    known |= {f"{PARAMS}.{name}" for name in text.params}
    known |= {f"{text.alias}.{name}" for name in items or {}}
    if close := get_close_matches(".".join(path), sorted(known), n=1):
        return f"write {close[0]}"
    return "name a member of the snapshot, of an item under its name, or of params"


def _below(root: str) -> Mapping[str, Member]:
    return SNAPSHOT[root].members or {}


def _of_lists(text: ControlText) -> Problems:
    if text.over is None:
        return
    if _items_of(text) is None:
        yield _problem(
            text, "over", reason=f"{text.over} is no list of objects in the snapshot",
            fix=f"name one, such as {'model.versions'}",
        )  # fmt: skip
    if text.alias in ROOTS:
        yield _problem(
            text, "as", reason=f"{text.alias} already has a meaning", fix="name an item otherwise"
        )


def _of_needs(text: ControlText, compiled: Mapping[str, Expression]) -> Problems:
    """What may be absent is needed, or asked for by has(): then the control looks for that."""
    reads = {path for one in compiled.values() for path in one.syntax.reads - one.syntax.checks} | (
        {_split(text.over)} if text.over else set()
    )
    for path in sorted(reads - set(map(_split, text.needs))):
        found = find_member(path)
        if found is not None and found.may_lack and not _below_null(path):
            yield _problem(
                text,
                "needs",
                reason=f"{'.'.join(path)} may not be stated, is read, and is not needed",
                fix="add it to needs; if its absence is what the control looks for, ask has()",
            )


def _below_null(path: Path) -> bool:
    """Members of what may be null are no needs: there is nothing to state while it is."""
    return any(
        (found := find_member(path[:end])) is not None and found.nullable
        for end in range(1, len(path))
    )


def _of_time(text: ControlText, compiled: Mapping[str, Expression]) -> Problems:
    """Who asks what time it is says when the answer changes."""
    timed = any((NOW,) in one.syntax.reads for name, one in compiled.items() if name != "clock")
    if timed and text.clock is None:
        yield _problem(
            text, "clock", reason="is missing, and the control reads now",
            fix="name the moment at which the answer changes",
        )  # fmt: skip
    if "clock" in compiled and (NOW,) in compiled["clock"].syntax.reads:
        yield _problem(
            text, "clock", reason="reads now, and so never comes", fix="name a moment of the facts"
        )


def _of_words(text: ControlText) -> Problems:
    """Messages name what can be read for the model as a whole."""
    for where in ("message", "fix"):
        try:
            paths = placeholders(getattr(text, where))
        except ValueError as error:
            yield _problem(text, where, reason=str(error), fix="write {model.name} or {items}")
            continue
        for path in paths:
            if path == (ITEMS_WORD,) and text.over is not None:
                continue
            if reason := _misled(path, text=text, items=None):
                fix = _nearest(path, text=text, items=None)
                yield _problem(text, where, reason=f"{{{'.'.join(path)}}}: {reason}", fix=fix)


def _items_of(text: ControlText) -> Mapping[str, Member] | None:
    found = find_member(_split(text.over)) if text.over else None
    return found.members if found is not None and found.kind is Kind.ITEMS else None


def _split(path: str) -> Path:
    return tuple(path.split("."))


def _problem(text: ControlText, where: str, *, reason: str, fix: str) -> PackProblem:
    return PackProblem(control=text.id, where=where, message=reason, fix=fix)
