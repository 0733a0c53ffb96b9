"""Says what a code of the check means."""

import typer

from cli.checking.codes import CODES, code_as_json, lines_about, nearest_code
from cli.exits import Exit, Stop
from cli.output import print_json, print_rows


def explain_code(thing: str | None, *, by: str, as_json: bool) -> bool:
    """Explain a code, or list all; answers whether it was one that was asked for."""
    if thing is None:
        if by not in {"code", "model"}:
            raise Stop(f"Say which {by} to ask about.", Exit.WRONG_USE)
        _list_codes(as_json=as_json)
        return True
    if thing not in CODES:
        nearest = nearest_code(thing)
        if by != "code" and nearest is None:
            return False
        meant = f"did you mean {nearest}?" if nearest else "`model-catalog explain` lists them."
        raise Stop(f"The check has no code {thing!r}; {meant}", Exit.NOT_FOUND)
    if as_json:
        print_json(code_as_json(thing))
    else:
        typer.echo("\n".join(lines_about(thing)))
    return True


def _list_codes(*, as_json: bool) -> None:
    if as_json:
        for code in CODES:
            print_json(code_as_json(code))
    else:
        print_rows(("code", "what it means"), ((code, CODES[code].title) for code in CODES))
