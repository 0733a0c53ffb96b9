"""What can go wrong with a source: retry later, stop, or pass over one record."""

import re
from typing import TYPE_CHECKING, NamedTuple

from schemas.identifiers import Identifier
from schemas.masking import mask_secrets

if TYPE_CHECKING:
    from schemas.harvest import Skipped

LONGEST: int = 500
CONTROL = re.compile("[\x00-\x1f\x7f]")


class SourceUnavailable(Exception):  # reads as a sentence
    """The source does not answer now; the next harvest tries again."""


class SourceRefused(Exception):  # reads as a sentence
    """The source answers, and cannot be believed or will not let us in: stop, retire nothing."""


class RecordUnreadable(NamedTuple):
    """One record that cannot be observed. Yielded, not raised: raising would end the page."""

    code: str
    message: str
    pointer: str = ""
    subject: Identifier | None = None

    def skipped(self) -> "Skipped":
        """As the report of the harvest says it."""
        from schemas.harvest import Skipped  # noqa: PLC0415  # a check makes no report

        return Skipped(
            code=self.code,
            message=shown(self.message),
            pointer=self.pointer[:LONGEST],
            subject=self.subject,
        )


def shown(error: object) -> str:
    """An error as people may see it: on one line, without secrets, at most 500 characters."""
    text = " ".join(mask_secrets(str(error)).split())
    written = text.encode("ascii", "backslashreplace").decode()
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", written)[:LONGEST]
