"""docs/review-files.md says of each file what this version writes, and what it rests on."""

import re
from pathlib import Path

import pytest

from schemas.review_columns import COMPANIONS, MAIN, File
from schemas.review_models import APPENDIX_1

PAGE = Path(__file__).parents[2] / "docs" / "review-files.md"
FILES = (*MAIN.values(), *COMPANIONS)
IDENTITY = ("model_id", "model")  # the first field


def cells(file: str) -> list[list[str]]:
    """The lines of a file's table."""
    text = PAGE.read_text().partition(f"\n## {file}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_columns_told(file: File) -> None:
    """Columns in their order, with their meanings, and what they rest on, closest first."""
    told = [
        (row[0].strip("`"), row[-2], re.findall(r"`([^`]+)`", row[-1])) for row in cells(file.name)
    ]
    assert told == [(c.name, c.meaning, list(c.rests)) for c in file.columns]


def test_appendix_told() -> None:
    """The appendix's page numbers its columns by the 17 fields of the guideline."""
    told = {row[0].strip("`"): row[1] for row in cells("osfi-e23")}
    fields = {name: str(field) for name, (field, _) in APPENDIX_1.items()}
    assert told == {"as_of": "", **dict.fromkeys(IDENTITY, "1"), **fields}
    assert set(told.values()) == {"", *map(str, range(1, 18))}
