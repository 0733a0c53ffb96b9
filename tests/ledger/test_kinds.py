"""What the feed can be asked for is what is written into it."""

import ast
from collections.abc import Iterator

from service.ledger.change import KINDS
from tests.architecture.source import read_modules


def written() -> Iterator[str]:
    """The kinds that stand as text where a change is made: its second argument, or by name."""
    for module in read_modules():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or module.package not in {"service", "cli"}:
                continue
            if getattr(node.func, "id", "") == "Change":
                named = (one.value for one in node.keywords if one.arg == "kind")
                given = [*node.args[1:2], *named]
                yield from (str(one.value) for one in given if isinstance(one, ast.Constant))


def test_kinds_known() -> None:
    """Every kind that the code writes is one that `kind=` accepts."""
    found = set(written())

    assert "token" in found
    assert found - set(KINDS) == set()
