"""A worksheet that holds texts as they are: XlsxWriter takes some of them for its own marks.

Imported on use: XlsxWriter takes 12 MB, which most processes never need.
"""

import re
from typing import Any, Final

from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]  # no stubs

BARRED: Final = r"[\x00-\x08\x0b-\x1f\ufffe\uffff]"  # characters that XML cannot hold
NOT_XML: Final = re.compile(BARRED)
LIKE_ESCAPE: Final = re.compile(rf"_(?=x[0-9A-Fa-f]{{4}}(?:_|{BARRED}))")


def escaped(text: str) -> str:
    """What XML cannot hold as `_xHHHH_`, the way spreadsheets do; a text like that reads as itself.

    XlsxWriter's own escaping loses the second of two such texts that share an underscore.
    """
    text = LIKE_ESCAPE.sub("_x005F_", text)
    return NOT_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


class TextSheet(Worksheet):  # type: ignore[misc]  # it has no types
    """A worksheet whose every text is one."""

    @staticmethod
    def _escape_control_characters(data: str) -> str:
        return escaped(data)

    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        """Nobody's text is markup, not even between `<r>` and `</r>`: it could hold a formula."""
        self._xml_inline_string(string, None, attributes)

    def abandon(self) -> None:
        """Let go of the file that its rows wait in."""
        self._opt_close()
