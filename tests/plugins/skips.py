"""Fails a run that skips a test which `tests/skips.txt` does not allow, and lists every skip."""

from pathlib import Path
from typing import Final

import pytest

LIST: Final = Path(__file__).parents[1] / "skips.txt"
REMEDY: Final = "make it run, or add its line to tests/skips.txt with the reason"


def read_allowed(text: str) -> frozenset[str]:
    """The node ids of a list: one a line, then two spaces and `# why`; empty lines and comments."""
    lines = (line.split("  #")[0].strip() for line in text.splitlines())
    return frozenset(line for line in lines if line and not line.startswith("#"))


def unlisted(skipped: list[str], allowed: frozenset[str]) -> list[str]:
    """The skipped tests that the list does not name; a parametrised test is named once."""
    return sorted({node for node in skipped if node.partition("[")[0] not in allowed})


class SkipGuard:
    """Collects skips where the run is reported; with xdist that is not in a worker."""

    def __init__(self, allowed: frozenset[str]) -> None:
        """Nothing was skipped yet."""
        self.allowed = allowed
        self.reasons: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a skipped test; an expected failure counts as run."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a skipped module."""
        if report.skipped:
            self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Turn a pass with an unlisted skip into a failure."""
        if session.exitstatus == pytest.ExitCode.OK and unlisted([*self.reasons], self.allowed):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print every skip with its reason; those that are not on the list, with the remedy."""
        if not self.reasons:
            return
        terminalreporter.section("skips")
        refused = unlisted([*self.reasons], self.allowed)
        for node, reason in sorted(self.reasons.items()):
            said = f"not allowed: {REMEDY}" if node in refused else "allowed"
            terminalreporter.line(f"{node}: {reason} ({said})")

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        where = report.longrepr
        self.reasons[report.nodeid] = where[2] if isinstance(where, tuple) else str(where)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the run, unless this is a worker: its reports reach the process that started it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipGuard(read_allowed(LIST.read_text(encoding="utf-8"))))
