"""Modules as text and syntax trees: guards read code, they never import it."""

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = ("cli", "harvesters", "outbound", "schemas", "service")
READ: Final = (*PRODUCT, "bench", "tests")

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Imported(NamedTuple):
    """One imported module, from which line, and whether only when a function runs."""

    name: str
    line: int
    lazy: bool

    @property
    def top(self) -> str:
        """The first part of the dotted name."""
        return self.name.partition(".")[0]


class Module:
    """One Python file of the repository, or a snippet that pretends to be one."""

    def __init__(self, path: str, text: str) -> None:
        """Parse at once: what cannot be parsed is no module."""
        self.path, self.text = PurePosixPath(path), text
        self.tree = ast.parse(text, path)

    @property
    def package(self) -> str:
        """The top-level folder."""
        return self.path.parts[0]

    @cached_property
    def name(self) -> str:
        """The dotted name; a package is called like its folder."""
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions, nested ones too."""
        return tuple(n for n in ast.walk(self.tree) if isinstance(n, Function))

    @cached_property
    def imports(self) -> tuple[Imported, ...]:
        """All imports; `from a import b` counts as both `a` and `a.b`, for b may be a module."""
        lazy = {id(n) for f in self.functions for n in ast.walk(f)}
        return tuple(
            Imported(name, node.lineno, id(node) in lazy)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in _imported_names(node)
        )


def _imported_names(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def read_modules() -> tuple[Module, ...]:
    """Every module of the product, its tests and its benchmarks."""
    files = (path for folder in READ for path in sorted((ROOT / folder).rglob("*.py")))
    return tuple(
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in files
    )
