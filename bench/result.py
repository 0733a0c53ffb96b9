"""What a bench answers: a ratio from one run, its target, and what lies behind it."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import NamedTuple


class Stage(NamedTuple):
    """Where benches run: `cache` outlives them, `small` only shows that they work."""

    cache: Path
    small: bool = False


class Form(StrEnum):
    """How a ratio reads, and on which side of its target it should be."""

    TIME = "times"  # our time by the baseline's: the smaller the better
    RATE = "share"  # our rate by the baseline's: the larger the better


class Result(NamedTuple):
    """One speed claim as it was measured. `flaw` says why the ratio counts for nothing."""

    name: str
    ratio: float
    form: Form
    baseline: str
    target: float
    details: tuple[str, ...] = ()
    flaw: str = ""

    @property
    def met(self) -> bool:
        """Is the claim true, as far as this run can say?"""
        reached = self.ratio <= self.target if self.form is Form.TIME else self.ratio >= self.target
        return reached and not self.flaw

    def lines(self) -> list[str]:
        """One line that says it all, and the details below it."""
        side = "at most" if self.form is Form.TIME else "at least"
        verdict = "met" if self.met else f"MISSED{f': {self.flaw}' if self.flaw else ''}"
        word = "x" if self.form is Form.TIME else "of"
        figures = f"{self._written(self.ratio)} {word} {self.baseline}"
        target = f"target {side} {self._written(self.target)}"
        return [f"{self.name}: {figures}, {target}: {verdict}", *(f"    {d}" for d in self.details)]

    def _written(self, ratio: float) -> str:
        return f"{ratio:.2f}" if self.form is Form.TIME else f"{ratio:.1%}"


def timed(what: str, seconds: Sequence[float]) -> str:
    """Repeated measurements as a detail: the median that counts, and all of them."""
    each = " ".join(f"{one:.3f}" for one in seconds)
    return f"{what}: median {median(seconds):.3f} s of {each}"
