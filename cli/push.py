"""The command that posts what builds and deploy scripts say."""

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.exits import Exit, Stop
from cli.output import Json
from cli.pushing.asked import Asked, with_options

app = typer.Typer(help="Post what a build says, manifests, or observations from files.")
SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
MANIFESTS: Final = {".yaml", ".yml"}


@app.command()
@with_options
def push(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE] [FILE]…", help="model.yaml, or JSON: {observations: […]}."
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, keep nothing.")
    ] = False,
    as_json: Json = False,
    **more: Any,
) -> None:
    """Post what a build says of itself, what it made and where that was deployed; and files.

    What is refused is printed with place and reason.
    """
    asked = Asked(**more)
    source, files = _sorted_out(words or [])
    manifests = [file for file in files if file.suffix in MANIFESTS]
    others = [file for file in files if file not in manifests]
    if manifests or asked.says_more():
        if others:
            raise Stop(f"{others[0]}: push observations by themselves.", Exit.WRONG_USE)
        from cli.pushing.run import push_build

        push_build(asked, source, manifests=manifests, dry_run=dry_run, as_json=as_json)
    elif not others:
        raise Stop("Say what: --ci, a model.yaml, or a file of observations.", Exit.WRONG_USE)
    else:
        _push_files(asked, source, files=others, dry_run=dry_run, as_json=as_json)


def _sorted_out(words: list[str]) -> tuple[str | None, list[Path]]:
    """The source, if the first word is one, and the files; those have to be there."""
    first = words[0] if words else ""
    named = SOURCE.fullmatch(first) is not None and not Path(first).is_file()
    files = [Path(word) for word in (words[1:] if named else words)]
    for file in files:
        if not file.is_file():
            raise Stop(f"{file}: there is no such file.", Exit.WRONG_USE)
    return first if named else None, files


def _push_files(
    asked: Asked, source: str | None, *, files: list[Path], dry_run: bool, as_json: bool
) -> None:
    """Post the files in their order."""
    from cli.pushing.identity import enter
    from cli.pushing.post import batches, post, rehearsal, show
    from schemas.canonical import path_segment

    parts = [(file, batches(_read(file))) for file in files]  # read before one is posted
    way, refused = enter(asked, source), 0
    below = f"/api/v1/sources/{path_segment(way.source)}"
    with rehearsal(way.client, below, as_json=as_json) if dry_run else nullcontext(below) as path:
        for file, some in parts:
            receipt = post(way.client, path, parts=some)
            show(str(file), receipt, as_json=as_json)
            refused += len(receipt["refused"])
    if refused:
        done = "would be" if dry_run else "are"
        raise Stop(
            f"{refused} refused, the others {done} recorded. Mend them and push the file again.",
            Exit.FINDINGS,
        )


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        why = "nested too deep" if isinstance(error, RecursionError) else error
        message = f"{file}: is no JSON in UTF-8: {why}"
        raise Stop(message, Exit.WRONG_USE) from None
