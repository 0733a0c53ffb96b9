"""Guards of size and names: the tail is what makes a codebase hard to change."""

import ast
from collections.abc import Iterator
from typing import Final

from tests.architecture.source import Function, Module

MODULE_LINES: Final = 400
FUNCTION_LINES: Final = 40
ROUTE_LINES: Final = 6
METHODS: Final = {"get", "put", "post", "patch", "delete", "head", "options", "api_route"}
SAYS_NOTHING: Final = {"utils", "util", "helpers", "helper", "common", "misc", "shared"}
EMPTY_SUFFIXES: Final = ("Manager", "Impl")


def refuse_long_module(module: Module) -> Iterator[str]:
    """A module whose first line needs an "and" is two."""
    lines = len(module.text.splitlines())
    if lines > MODULE_LINES:
        yield f"{module.path} has {lines} lines, the cap is {MODULE_LINES}: split it by its uses"


def refuse_long_function(module: Module) -> Iterator[str]:
    """A function fits on a screen; its docstring is not counted."""
    for function in module.functions:
        lines = _lines_of([function]) - _lines_of(
            function.body[:1] if _documented(function) else []
        )
        if lines > FUNCTION_LINES:
            yield (
                f"{module.path}:{function.lineno} {function.name} has {lines} lines, the cap is "
                f"{FUNCTION_LINES}: name its steps, or give a statement a constant of its own"
            )


def refuse_long_route(module: Module) -> Iterator[str]:
    """A route declares and delegates."""
    for function in module.functions:
        lines = _lines_of(function.body[1:] if _documented(function) else function.body)
        if _is_route(function) and lines > ROUTE_LINES:
            yield (
                f"{module.path}:{function.lineno} the route {function.name} has {lines} lines, the "
                f"cap is {ROUTE_LINES}: let a function of the slice do it"
            )


def refuse_empty_name(module: Module) -> Iterator[str]:
    """A name that fits everything tells nothing."""
    for part in (*module.path.parts[:-1], module.path.stem):
        if SAYS_NOTHING & {part, *part.split("_")}:
            yield f"{module.path}: {part} says nothing: name it after what it does or is"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES):
            yield f"{module.path}:{node.lineno} {node.name}: name it after what it holds or does"


def _lines_of(nodes: list[Function] | list[ast.stmt]) -> int:
    if not nodes:
        return 0
    return (nodes[-1].end_lineno or nodes[-1].lineno) - nodes[0].lineno + 1


def _documented(function: Function) -> bool:
    return ast.get_docstring(function, clean=False) is not None


def _is_route(function: Function) -> bool:
    """Decorated with `@something.get(…)` or one of its sisters."""
    called = (d.func for d in function.decorator_list if isinstance(d, ast.Call))
    return any(isinstance(f, ast.Attribute) and f.attr in METHODS for f in called)
