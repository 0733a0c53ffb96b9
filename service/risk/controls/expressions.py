"""The conditions of controls: CEL, behind one door. Nothing that it evaluates can run for long.

There is no loop in the language (`expression_syntax.py`), regular expressions are matched in linear
time, and times and spans stay where calendars are.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import cel

from service.risk.controls.syntax import Path, Syntax, SyntaxRefused, read_syntax

LONGEST_SPAN: Final = timedelta(days=36_600)  # a century; beyond the calendar the evaluator breaks


class Expression(NamedTuple):
    """A condition that can be evaluated, and what it names."""

    text: str
    program: cel.Program
    syntax: Syntax
    paths: tuple[Path, ...]  # all that it names, shorter ones first


class Answer(NamedTuple):
    """A value; or that something it needs is not stated; or what is wrong with the expression."""

    value: object = None
    unstated: str | None = None  # the name of the first member that was missed
    defect: str | None = None


@lru_cache(maxsize=4_096)
def compile_expression(text: str) -> Expression:
    """Make a condition ready. Raises `SyntaxRefused`."""
    syntax = read_syntax(text)
    try:
        program = cel.compile(text)
    except ValueError as error:
        reason = str(error).partition("ERROR: ")[2].partition("\n")[0] or "no expression"
        raise SyntaxRefused(f"does not compile: {reason}", "write it as CEL") from None
    for pattern in syntax.patterns:
        _try_pattern(pattern)
    return Expression(text, program, syntax, tuple(sorted(syntax.reads | syntax.checks, key=len)))


def evaluate(expression: Expression, document: Mapping[str, object]) -> Answer:
    """What the condition answers in a document of roots; it never raises.

    The evaluator copies what it is given, so it is given the paths that the condition names. One
    context for all items of a list would be copied whole for each of them.
    """
    try:
        context = cel.Context(_named(document, expression.paths), FUNCTIONS)
        return Answer(expression.program.execute(context))
    except KeyError as error:
        return Answer(unstated=str(error.args[0]) if error.args else "")
    except Exception as error:  # noqa: BLE001  # whatever it is, the model is not at fault
        reason = " ".join(str(error).split())[:300]
        return Answer(defect=f"{type(error).__name__}: {reason}")


def _named(document: Mapping[str, object], paths: tuple[Path, ...]) -> dict[str, object]:
    """The document with nothing but some paths; the shorter ones come first, and hold others."""
    left: dict[str, object] = {}
    for *outer, last in paths:
        source: object = document
        target = left
        for name in outer:
            if not isinstance(source, dict) or name not in source:
                break
            whole, source = source, source[name]
            known = target.setdefault(name, {} if isinstance(source, dict) else source)
            if known is whole[name] or not isinstance(known, dict):
                break
            target = known
        else:
            if isinstance(source, dict) and last in source:
                target[last] = source[last]
    return left


def _days(count: object) -> timedelta | None:
    return _span(count, timedelta(days=1))


def _hours(count: object) -> timedelta | None:
    return _span(count, timedelta(hours=1))


FUNCTIONS: Final = {"days": _days, "hours": _hours}


def _span(count: object, unit: timedelta) -> timedelta | None:
    """None makes an error of whatever it is added to; an exception here would be printed."""
    if isinstance(count, bool) or not isinstance(count, int | float):
        return None
    if not abs(count) <= LONGEST_SPAN / unit:  # nor a number that is none
        return None
    return unit * count


def _try_pattern(pattern: str) -> None:
    try:
        cel.compile(f'"".matches({pattern})').execute()
    except (RuntimeError, ValueError) as error:
        reason = str(error).rpartition("error: ")[2].partition(". Check")[0]
        raise SyntaxRefused(f"has a pattern that is none: {reason}", "mend the pattern") from None
