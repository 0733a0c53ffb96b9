"""Counts what a bundle's manifest tells of the cells of its files."""

from collections.abc import Sequence

from schemas.review_columns import File
from service.exports.cells import UNKNOWN, WITHHELD, taken_off


class Counted:
    """What is counted of the cells of one file while they are written."""

    def __init__(self, file: File) -> None:
        """Nothing has been written yet."""
        self.columns = [column.name for column in file.columns]
        self.records = self.neutralised = self.cut = 0
        self.unknown, self.withheld = [0] * len(self.columns), [0] * len(self.columns)

    def count(self, record: Sequence[str], *, raw: bool) -> None:
        """Count one record."""
        self.records += 1
        for place, text in enumerate(record):
            if text == UNKNOWN:
                self.unknown[place] += 1
            elif text == WITHHELD:
                self.withheld[place] += 1
            elif not raw and text[:1] == "'" and taken_off(text) != text:
                self.neutralised += 1

    def by_column(self, counts: Sequence[int]) -> dict[str, int]:
        """The columns of which there are any."""
        return {name: n for name, n in zip(self.columns, counts, strict=True) if n}
