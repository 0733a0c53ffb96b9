"""The committed patches: one at least for each invariant, and each still fits the code."""

import subprocess

import pytest

from tests.mutants.__main__ import INVARIANTS, ROOT, Mutant, read_mutants


def test_patches_every_invariant() -> None:
    """No invariant is without a proof that its test can fail; each proof names that test."""
    mutants = read_mutants()

    assert {mutant.invariant for mutant in mutants} == set(range(1, INVARIANTS + 1))
    for mutant in mutants:
        file, _, name = mutant.test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
        assert name.startswith(f"test_invariant_{mutant.invariant}_")


@pytest.mark.parametrize("mutant", read_mutants(), ids=lambda mutant: mutant.patch.stem)
def test_patch_applies(mutant: Mutant) -> None:
    """A patch that no longer fits is made again with the change that moved its place."""
    tried = ["git", "apply", "--check", str(mutant.patch)]
    done = subprocess.run(tried, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # committed files

    assert done.stderr == ""
