"""Exit codes, and errors as one sentence that says what to do."""

import sys
from enum import IntEnum
from typing import Any, NoReturn

import typer


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


class Stop(Exception):  # noqa: N818  # ends a command, not always in error
    """Ends the command with a message and an exit code."""

    def __init__(self, message: str, code: Exit) -> None:
        """Say what happened and what to do."""
        super().__init__(message)
        self.code = code


def run(app: Any) -> NoReturn:
    """Run the application and leave with its code."""
    try:
        app(standalone_mode=False)
    except Stop as stop:
        print(stop, file=sys.stderr)  # noqa: T201  # talk goes to standard error
        sys.exit(stop.code)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except typer.Exit as left:
        sys.exit(left.exit_code)
    except typer.TyperException as error:
        print(getattr(error, "format_message", lambda: error)(), file=sys.stderr)  # noqa: T201
        sys.exit(Exit.WRONG_USE)
    sys.exit(Exit.DONE)
