"""What the documents name by its place exists: functions, files, and each other."""

import re
from importlib import import_module
from typing import Any, Final

import pytest

from tests.architecture.source import PRODUCT, ROOT

NAME: Final = re.compile(rf"`((?:{'|'.join(PRODUCT)})(?:\.\w+)+)`")
LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
DOCUMENTS: Final = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md"))
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_found(document: str) -> None:
    """Every dotted name of ours can be imported, and every link leads to a file."""
    path = ROOT / document
    text = path.read_text(encoding="utf-8")

    assert [name for name in NAME.findall(text) if not is_there(name)] == []
    assert [link for link in LINK.findall(text) if not (path.parent / link).exists()] == []


def test_names_life() -> None:
    """The life of an observation is told by the names of real functions, at every station."""
    text = (ROOT / "docs" / "life-of-an-observation.md").read_text(encoding="utf-8")
    stations = text.split("\n## ")[1:]

    assert [station.splitlines()[0] for station in stations if not NAME.search(station)] == []


def test_decisions_listed() -> None:
    """The index of decisions lists each of them, once."""
    folder = ROOT / "docs" / "adr"
    listed = LINK.findall((folder / "README.md").read_text(encoding="utf-8"))

    assert sorted(listed) == sorted(path.name for path in folder.glob("0*.md"))


def is_there(name: str) -> bool:
    """Is this a module, or something in one?"""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False
