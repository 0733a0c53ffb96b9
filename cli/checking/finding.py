"""One thing that was found, and where; a code says what kind of thing."""

from typing import NamedTuple

from harvesters.manifests.problems import BREAKS, Problem, text_of


class Finding(NamedTuple):
    """A problem of a file. `text` is the line that it is about; empty: none can be shown."""

    file: str
    problem: Problem
    text: str = ""

    @property
    def is_error(self) -> bool:
        """Is it more than a warning?"""
        return self.problem.severity == "error"


def find(file: str, problem: Problem, *, raw: bytes = b"") -> Finding:
    """A problem of a file with these contents."""
    lines = lines_of(raw)
    inside = 0 < problem.line <= len(lines)
    return Finding(file, problem, lines[problem.line - 1] if inside else "")


def lines_of(raw: bytes) -> list[str]:
    """The lines of a file as YAML counts them."""
    text = text_of(raw) or ""
    for other in BREAKS[1:]:
        text = text.replace(other, "\n")
    return text.split("\n")


def ordered(finding: Finding) -> tuple[str, int, int, str]:
    """File by file, from the top down."""
    return finding.file, finding.problem.line, finding.problem.column, finding.problem.code
