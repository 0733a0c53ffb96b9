"""Finds what a spreadsheet made of a text in an export of ours: what stood there is not known.

`1.10` became 1.1, `007` became 7, `1e10` a number in E-notation and `1/2` a day; what of a cell
was a text before, and is one still, is read as it stands.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from service.exports.cells import CUT
from service.people.targets import COUNTS, CellRefused

NUMBER, DATE, TRUTH = "number", "date or time", "truth value"
DIGITS: Final = 15  # that a spreadsheet keeps of a number: one with more is a text still
LONGEST: Final = 40  # characters of what it writes
AS_TEXT: Final = (
    "Take the text from a new export. Open CSV with all columns as text (LibreOffice: Format quoted"
    " field as text), or edit the XLSX, which keeps texts."
)
CREATED: Final = "created_at"
MONTH: Final = "(?:Jan|Feb|M[aä]r|Mrz|Apr|Ma[yi]|Jun|Jul|Aug|Sep|O[ck]t|Nov|De[cz])"
EXACT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d))?", re.ASCII)
SPOILT: Final[Mapping[str, re.Pattern[str]]] = {  # as spreadsheets write what they made
    NUMBER: re.compile(
        r"[-+]?(?:(?:0|[1-9]\d*)(?:[.,]\d*[1-9])?|[1-9](?:[.,]\d+)?E[-+]\d+|\d+(?:[.,]\d+)?\s?%"
        r"|[$£¥€]\s?\d+(?:[.,]\d+)*|\d+(?:[.,]\d+)*\s?[$£¥€])",
        re.ASCII,
    ),
    DATE: re.compile(
        r"(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d\d)|\d{4}([./-])\d{1,2}\2\d{1,2})(?: \d.*)?"
        r"|\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?[AP]M)?"
        rf"|\d{{1,2}}[-. ] ?{MONTH}(?:[- .]+\d{{2,4}})?|{MONTH}[- .]+\d{{2,4}}"
    ),
    TRUTH: re.compile(r"TRUE|FALSE"),
}


def guess_made(cells: Sequence[str]) -> Mapping[int, str]:
    """What cells of a CSV that a spreadsheet saved are, unless they were texts that look so."""
    found = ((column, _made(text)) for column, text in enumerate(cells) if text)
    return {column: kind for column, kind in found if kind}


def check_text(text: str, *, of: str, made: str | None) -> str:
    """The text that our export wrote into a column. Raises `CellRefused` when it is not known."""
    if text.endswith(CUT):
        fix = "Take the whole text from the plain CSV, or leave the row out."
        raise CellRefused("was cut to what a spreadsheet's cell holds", fix, code="cut")
    if of == CREATED and (exact := EXACT.fullmatch(text)):
        return f"{text}Z" if exact[2] else text
    if made is None or (of in COUNTS and made == NUMBER):
        return text
    message = f"is, or may be, a {made} that a spreadsheet made of a text"
    raise CellRefused(message, AS_TEXT, code="spoilt")


def _made(text: str) -> str | None:
    if len(text) > LONGEST:
        return None
    kind = next((kind for kind, form in SPOILT.items() if form.fullmatch(text)), None)
    digits = "".join(filter(str.isdigit, text)).rstrip("0")
    return None if kind == NUMBER and "E" not in text and len(digits) > DIGITS else kind
