"""Findings as people and programs read them: text, JSON, GitHub's annotations."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from cli.checking.files import Wanted
from cli.checking.finding import Finding
from cli.checking.mend import Mended
from schemas.masking import mask_secrets

WIDEST: Final = 100  # characters of a line that are shown
BEFORE: Final = 60  # of them, before the place in question
HIDDEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # what a terminal would obey, or nobody would see


class Report(NamedTuple):
    """What a check found. `checked` are the manifests that were read, right or wrong.

    `left_alone` are files that bear the name of a manifest and are none of ours; `mended` is what
    was mended, or would be.
    """

    checked: Sequence[Wanted]
    findings: Sequence[Finding]
    left_alone: Sequence[str] = ()
    mended: Sequence[tuple[str, Mended]] = ()

    @property
    def errors(self) -> int:
        """How many."""
        return sum(one.is_error for one in self.findings)

    @property
    def warnings(self) -> int:
        """How many."""
        return len(self.findings) - self.errors


def as_text(report: Report) -> str:
    """For a person: where, what, the line itself, and what to do."""
    return "\n".join("\n".join(_told(one)) + "\n" for one in report.findings)


def as_json(report: Report) -> str:
    """One document on one line; docs/check.md has its members."""
    said = {
        "checked": [one.shown for one in report.checked],
        "errors": report.errors,
        "warnings": report.warnings,
        "findings": [_members(one) for one in report.findings],
        "left_alone": list(report.left_alone),
        "mended": [
            {"file": file, "codes": sorted({problem.code for problem in mended.done})}
            for file, mended in report.mended
        ],
    }
    return json.dumps(said, ensure_ascii=False) + "\n"


def as_github(report: Report) -> str:
    """Workflow commands: GitHub shows each beside its line."""
    return "".join(f"{_command(one)}\n" for one in report.findings)


def sentence(finding: Finding) -> str:
    """Reason and fix, for tools that have room for one text."""
    problem = finding.problem
    return f"{_capital(problem.message)}. {_capital(problem.fix)}."


def visible(text: str) -> str:
    """A text of somebody's file, so that no terminal and no eye is led astray."""
    return "".join(
        char if unicodedata.category(char) not in HIDDEN else ascii(char)[1:-1] for char in text
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _told(finding: Finding) -> Iterator[str]:
    problem = finding.problem
    file = f"./{finding.file}" if finding.file.startswith(":") else finding.file  # no command
    place = f"{visible(file)}:{problem.line}:{problem.column}"
    yield f"{place}: {problem.severity} {problem.code}: {visible(problem.message)}."
    if finding.text.strip():
        yield from _shown(finding.text, problem.line, column=problem.column)
    yield f"  {_capital(visible(problem.fix))}."


def _shown(text: str, line: int, *, column: int) -> Iterator[str]:
    """The line with a mark below the place; a long one from a little before it."""
    masked = mask_secrets(text)
    first = max(0, column - 1 - BEFORE) if len(masked) > WIDEST else 0
    piece = masked[first : first + WIDEST]
    number = f"{line:>5} | "
    yield f"{number}{visible(piece)}"
    if masked == text:  # else the mark would stand elsewhere
        width = len(visible(text[first : column - 1]))
        yield f"{' ' * (len(number) - 2)}| {' ' * width}^"


def _members(finding: Finding) -> dict[str, Any]:
    problem = finding.problem
    return {
        "file": finding.file,
        "line": problem.line,
        "column": problem.column,
        "pointer": problem.pointer,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "fix": problem.fix,
        "mendable": problem.edit is not None,
    }


def _command(finding: Finding) -> str:
    problem = finding.problem
    members = {
        "file": finding.file,
        "line": str(problem.line),
        "col": str(problem.column),
        "title": problem.code,
    }
    where = ",".join(f"{name}={_property(value)}" for name, value in members.items())
    return f"::{problem.severity} {where}::{_data(sentence(finding))}"


def _data(text: str) -> str:
    """As the runner's parser wants the text of a command: it ends at the line's end."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
