"""What the check answers to broken manifests, as it was accepted: `golden/` holds both.

`python -m tests.cli.golden_answers` writes the answers anew; what changed shows in the diff.
"""

import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cli.checking.report import Report, as_github, as_json, as_text
from cli.checking.run import run_check
from cli.checking.sarif import as_codequality, as_sarif

FOLDER: Final = Path(__file__).parent / "golden"
FORMS: Final = {"json": as_json, "github": as_github, "sarif": as_sarif,
                "codequality": as_codequality}  # fmt: skip
BESIDE: Final = "unknown-key"  # the manifest that is answered in every form
MENDED: Final = ".mended"


def broken() -> list[str]:
    """The names of the broken manifests."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if not path.stem.endswith(MENDED))


def answers(name: str) -> Iterator[tuple[str, str]]:
    """The files of answers to one manifest, and what should stand in them.

    What `--fix` makes of it is one too, where it changes anything.
    """
    yield f"{name}.txt", as_text(checked(name))
    if name == BESIDE:
        yield from ((f"{name}.{form}", write(checked(name))) for form, write in FORMS.items())
    for _, mended in checked(name, fix=True).mended:
        yield f"{name}{MENDED}.yaml", mended.after.decode()


def checked(name: str, *, fix: bool = False) -> Report:
    """Check one of them as its author would: it is called model.yaml there."""
    with TemporaryDirectory() as folder, chdir(folder):
        Path("model.yaml").write_bytes((FOLDER / f"{name}.yaml").read_bytes())
        return run_check([Path()], fix=fix)


if __name__ == "__main__":
    for manifest in broken():
        for file, answer in answers(manifest):
            (FOLDER / file).write_text(answer, encoding="utf-8")
            sys.stdout.write(f"{file}\n")
