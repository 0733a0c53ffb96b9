"""The folder that a demo works in: ours alone meanwhile, and thrown away by the next demo."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cli.exits import Exit, Stop

MARK: Final = ".model-catalog-demo"  # what lies beside it may be thrown away


@contextmanager
def cleared(folder: Path) -> Iterator[Path]:
    """Emptied, and kept from other demos: what is in it, an earlier demo left there."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / MARK
    if not mark.exists() and any(folder.iterdir()):
        message = f"{folder} is not empty and no demo's: name another with --folder."
        raise Stop(message, Exit.WRONG_USE)
    with mark.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"Another demo runs in {folder}: end it, or name another with --folder."
            raise Stop(message, Exit.CONFLICT) from None
        for left in (one for one in folder.iterdir() if one != mark):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield folder
