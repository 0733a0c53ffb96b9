"""A skip is an exception that somebody argued for, or the run fails."""

import pytest

from tests.plugins.skips import read_allowed, unlisted

pytest_plugins = ["pytester"]
SKIPPING = """
import pytest

def test_one():
    assert True

@pytest.mark.parametrize("x", [1, 2])
def test_two(x):
    pytest.skip("no server")
"""


def test_read_allowed_comments() -> None:
    """A line is a node id and its reason; comments and empty lines name nothing."""
    text = "# why\n\ntests/a.py::test_b  # needs a server\ntests/c.py\n"

    assert read_allowed(text) == {"tests/a.py::test_b", "tests/c.py"}


def test_unlisted_parameters() -> None:
    """A parametrised test is listed once, for all its cases."""
    skipped = ["a.py::test_b[2]", "a.py::test_b[1]", "a.py::test_c[1]"]

    assert unlisted(skipped, frozenset({"a.py::test_b"})) == ["a.py::test_c[1]"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_skips_not_listed(pytester: pytest.Pytester, workers: str) -> None:
    """A run whose only flaw is an unlisted skip fails, and says what to do; with xdist too."""
    path = pytester.makepyfile(SKIPPING)

    result = pytester.runpytest_subprocess(
        "-p", "tests.plugins.skips", "-n", workers, f"--rootdir={path.parent}"
    )

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_two?1?: Skipped: no server (not allowed: *skips.txt*"])
    result.assert_outcomes(passed=1, skipped=2)
