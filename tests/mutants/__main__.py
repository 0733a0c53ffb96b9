"""Breaks each invariant by a committed patch: its test must then fail, and pass without it.

A patch's first line names the test that it has to make fail: `Test: tests/…::test_…`. Everything
happens in a copy of the checkout; `python -m tests.mutants 3 12` tries those invariants only.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent
INVARIANTS: Final = 12
FAILED: Final = 1  # pytest's code when tests ran and some failed; 2 and above is no verdict
NAMED: Final = re.compile(r"Test: (?P<test>tests/\S+)")


class Mutant(NamedTuple):
    """One way to break an invariant, and the test that has to notice."""

    invariant: int
    patch: Path
    test: str


def main() -> int:
    """Try the mutants; the exit code counts those that survived or could not be tried."""
    chosen = {int(number) for number in sys.argv[1:]} or set(range(1, INVARIANTS + 1))
    mutants = [mutant for mutant in read_mutants() if mutant.invariant in chosen]
    faults = [f"invariant {n} has no patch" for n in chosen - {m.invariant for m in mutants}]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        checkout = copied(Path(folder) / "checkout")
        faults += untouched(checkout, mutants)
        for mutant in mutants:
            verdict = tried(checkout, mutant)
            print(f"{mutant.patch.stem}: {verdict or 'caught'}", flush=True)  # noqa: T201
            faults += [f"{mutant.patch.name}: {verdict}"] if verdict else []
    print("\n".join(faults) or f"all {len(mutants)} mutants were caught")  # noqa: T201
    return len(faults)


def read_mutants() -> list[Mutant]:
    """Every committed patch, by name. Raises `ValueError` for one that names no test."""
    found = []
    for patch in sorted(HERE.glob("[0-9][0-9]_*.patch")):
        named = NAMED.match(patch.read_text(encoding="utf-8"))
        if named is None:
            message = f"{patch.name} does not begin with `Test: tests/…`"
            raise ValueError(message)
        found.append(Mutant(int(patch.name[:2]), patch, named["test"]))
    return found


def copied(target: Path) -> Path:
    """A copy of the working tree: what git tracks, and what it does not ignore."""
    for name in _tracked():
        if (ROOT / name).is_file():  # a file that was deleted and not yet committed is listed too
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def untouched(checkout: Path, mutants: Sequence[Mutant]) -> Iterator[str]:
    """Without a patch every named test passes; else nothing would be proven."""
    tests = sorted({mutant.test for mutant in mutants})
    if tests and (code := run_tests(checkout, *tests)):
        yield f"the tests do not pass without a patch (pytest's exit code {code})"


def tried(checkout: Path, mutant: Mutant) -> str | None:
    """What is wrong with a mutant; None when its test caught it."""
    if not _apply(checkout, mutant.patch):
        return "does not apply any more; make the patch again"
    try:
        code = run_tests(checkout, mutant.test)
    finally:
        _apply(checkout, mutant.patch, "--reverse")
    if code == FAILED:
        return None
    return "SURVIVED" if code == 0 else f"was not tried (pytest's exit code {code})"


def run_tests(checkout: Path, *tests: str) -> int:
    """Run tests of the copy; its own modules come first on the path."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)  # noqa: S603  # our own tests
    if done.returncode > FAILED:
        print(done.stdout[-2_000:], done.stderr[-2_000:], file=sys.stderr)  # noqa: T201
    return done.returncode


def _apply(checkout: Path, patch: Path, *options: str) -> bool:
    command = ["git", "apply", *options, str(patch)]
    done = subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)  # noqa: S603  # a committed patch
    if done.returncode:
        print(done.stderr, file=sys.stderr)  # noqa: T201
    return done.returncode == 0


def _tracked() -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return [name for name in listed.stdout.split("\0") if name]


if __name__ == "__main__":
    sys.exit(main())
