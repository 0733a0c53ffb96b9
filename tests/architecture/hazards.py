"""Guards of calls that are never right, or right in one place only."""

import ast
from collections.abc import Iterator

from tests.architecture.source import PRODUCT, Module


def refuse_commit(module: Module) -> Iterator[str]:
    """Logic never commits: its caller decides what belongs together."""
    if module.package not in PRODUCT or module.package == "cli":
        return
    if module.path.as_posix() == "service/db.py":
        return
    for call in _calls(module, "commit"):
        yield (
            f"{module.path}:{call.lineno} only service/db.py and cli commit: let the caller "
            "do it, and use `with session.begin_nested():` for a savepoint"
        )


def refuse_built_sql(module: Module) -> Iterator[str]:
    """Text that becomes SQL is written down, never put together.

    Except for roles: PostgreSQL binds no parameter where a role's name stands.
    """
    if module.package not in PRODUCT or module.path.as_posix() == "service/roles.py":
        return
    for call in (*_calls(module, "text"), *_calls(module, "exec_driver_sql")):
        if call.args and not isinstance(call.args[0], ast.Constant | ast.Name | ast.Attribute):
            yield (
                f"{module.path}:{call.lineno} SQL put together from pieces: bind a parameter (also "
                "`set_config(:name, :value, true)`), or write the statement out as a constant"
            )


def refuse_yaml_load(module: Module) -> Iterator[str]:
    """A YAML loader builds objects and unfolds aliases without bound."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or "load" not in node.attr:
            continue
        if isinstance(node.value, ast.Name) and node.value.id == "yaml":
            yield f"{module.path}:{node.lineno} yaml.{node.attr}: read it with the bounded walk"


def refuse_any_in_schemas(module: Module) -> Iterator[str]:
    """A contract that says Any promises nothing."""
    for node in ast.walk(module.tree):
        if module.package != "schemas" or module.path.as_posix() == "schemas/yaml_walk.py":
            return  # no contract: what a file holds is anything
        named = isinstance(node, ast.Name) and node.id == "Any"
        if named or (isinstance(node, ast.Attribute) and node.attr == "Any"):
            line = getattr(node, "lineno", 0)
            yield f"{module.path}:{line} Any: name the type, or `object` where anything may stand"


def _calls(module: Module, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method with this name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            called = node.func
            if name == (called.attr if isinstance(called, ast.Attribute) else _id(called)):
                yield node


def _id(called: ast.expr) -> str | None:
    return called.id if isinstance(called, ast.Name) else None
