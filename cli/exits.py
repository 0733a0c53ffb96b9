"""Exit codes, and errors as one sentence that says what to do."""

import os
import sys
import traceback
from enum import IntEnum
from typing import Any, NoReturn

import typer

from schemas.masking import mask_secrets


class Exit(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    FINDINGS = 1
    WRONG_USE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    INTERRUPTED = 130


class Stop(Exception):  # ends a command, not always in error
    """Ends the command with a message and an exit code."""

    def __init__(self, message: str, code: Exit) -> None:
        """Say what happened and what to do."""
        super().__init__(message)
        self.code = code


def run(app: Any) -> NoReturn:
    """Run the application and leave with its code."""
    try:
        code = app(standalone_mode=False)  # typer answers the code of whatever left early
        print(end="", flush=True)  # noqa: T201  # also when there is no standard output
    except Stop as stop:
        leave(str(stop), stop.code)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # typer's way out of it
            sys.exit(Exit.DONE)
        raise
    except BrokenPipeError:  # the reader has seen enough: `model-catalog list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except typer.TyperException as error:
        said = error.format_message() if hasattr(error, "format_message") else error
        leave(f"{said}\n`--help` lists what there is." if str(said) else "", Exit.WRONG_USE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        leave(f"{where}{error.strerror or error}. Is it there, and may you use it?", Exit.WRONG_USE)
    except Exception:  # noqa: BLE001  # left to Python, it would exit with 1: findings
        last = mask_secrets(traceback.format_exc())
        leave(f"{last}\nThis is a mistake in the catalog: please report it.", Exit.UNAVAILABLE)
    sys.exit(code if isinstance(code, int) else Exit.DONE)


def leave(message: str, code: Exit) -> NoReturn:
    """Say the last words, to standard error, and go."""
    if message:
        print(message, file=sys.stderr)  # noqa: T201  # talk goes to standard error
    sys.exit(code)
