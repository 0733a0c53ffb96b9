"""What is wrong with a bundle: each finding with a code, its place, and what to do."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

MOST: Final = 100
MOST_ALIKE: Final = 10  # of one code in one file: none hides the others
AGAIN: Final = "get the bundle again from the catalog, or from whoever gave it to you"
TOLD: Final = f"the bundle was changed after it was made: {AGAIN}"
MADE_WRONG: Final = "the bundle was made wrongly: tell whoever runs the catalog, and make it again"
FIXES: Final[Mapping[str, str]] = {
    "not_whole": f"it is no ZIP, or only a part of one: {AGAIN}",
    "bytes_before": TOLD,
    "bytes_after": TOLD,
    "bytes_between": TOLD,
    "too_many_members": f"it is none of ours: {AGAIN}",
    "too_large": f"do not unpack it, it may fill the disk: {AGAIN}",
    "path_unsafe": f"do not unpack it, it may write elsewhere: {AGAIN}",
    "member_duplicate": f"programs may read either of the two: {AGAIN}",
    "member_encrypted": f"bundles are not encrypted: {AGAIN}",
    "member_form": TOLD,
    "member_date": "it was packed again by another program: get the file as it was made",
    "member_broken": f"its bytes were damaged: {AGAIN}",
    "manifest_missing": TOLD,
    "manifest_unreadable": TOLD,
    "manifest_form": TOLD,
    "format_newer": "update model-catalog on this machine, then verify again",
    "unsigned": "ask for a signed one; --unsigned accepts it all the same",
    "signature_not_checked": "give the catalog's public key, --key: /api/v1/exports/keys has it",
    "signature_missing": TOLD,
    "signature_unexpected": TOLD,
    "signature_wrong": TOLD,
    "key_unknown": "give the key that signed it, --key; if that is none of your catalog's, do not "
    "trust the bundle",
    "file_missing": TOLD,
    "file_extra": TOLD,
    "size_differs": TOLD,
    "digest_differs": TOLD,
    "records_differ": MADE_WRONG,
    "content_digest_differs": TOLD,
    "package_differs": MADE_WRONG,
    "columns_differ": MADE_WRONG,
    "csv_malformed": MADE_WRONG,
    "not_utf8": MADE_WRONG,
    "bom_unexpected": "another program wrote the file: get it as it was made",
    "bom_missing": "another program wrote the file: get it as it was made",
    "rows_unsorted": MADE_WRONG,
    "key_repeated": MADE_WRONG,
    "as_of_differs": MADE_WRONG,
    "counts_differ": MADE_WRONG,
    "server_differs": "ask whoever runs the catalog: the same question has another answer now",
}


class Finding(NamedTuple):
    """One thing that is wrong, and where: `line` from 1, `column` by its name, where they apply."""

    code: str
    file: str
    line: int
    column: str
    message: str

    @property
    def fix(self) -> str:
        """What to do about it."""
        return FIXES[self.code]

    @property
    def place(self) -> str:
        """Where it is, for a sentence."""
        parts = [self.file or "the bundle"]
        parts += [f"line {self.line}"] if self.line else []
        parts += [f"column {self.column}"] if self.column else []
        return ", ".join(parts)

    def members(self) -> dict[str, Any]:
        """For programs."""
        return {**self._asdict(), "fix": self.fix}


class Findings:
    """Everything that was found, in the order of the look; `more` were too many to keep."""

    def __init__(self) -> None:
        """Nothing has been found yet."""
        self.kept: list[Finding] = []
        self.more = 0
        self.alike = Counter[tuple[str, str]]()

    def add(self, code: str, file: str, *, said: str, line: int = 0, column: str = "") -> None:
        """One more."""
        self.alike[code, file] += 1
        if len(self.kept) >= MOST or self.alike[code, file] > MOST_ALIKE:
            self.more += 1
        else:
            self.kept.append(Finding(code, file, line, column, said))

    @property
    def codes(self) -> set[str]:
        """What kinds of things were found."""
        return {code for code, _ in self.alike}
