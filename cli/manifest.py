"""Commands about manifests themselves: rewriting older ones, and the schema that editors use."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, get_args

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say

if TYPE_CHECKING:
    from harvesters.manifests.upgrade import Upgrade

app = typer.Typer(no_args_is_help=True, help="Look after manifests.")
COLUMNS: Final = ("file", "line", "", "what")


class Older(NamedTuple):
    """A manifest of an older version, or why a file that was named is none."""

    shown: str
    path: Path
    upgrade: "Upgrade | None" = None
    current: bool = False  # nobody asked for more
    why: str = ""


@app.command()
def upgrade(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", exists=True, help="Files and folders; without, the working folder."
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rewrite manifests of an older version as v1: comments and order stay."""
    left, done, lines = 0, 0, list[list[Any]]()
    for one in _older(paths or [Path()]):
        if one.upgrade is None:
            say(f"{one.shown}: {one.why}.")
            left += not one.current
            continue
        done += 1
        if not dry_run:
            _replace(one.path, one.upgrade.raw)
        if as_json:
            print_json(_document(one, written=not dry_run))
        lines += _rows(one)
    if not as_json:
        print_rows(COLUMNS, lines)
    would = "would be " if dry_run else ""
    say(f"{done or 'no'} manifest{'' if done == 1 else 's'} {would}upgraded. "
        "`model-catalog check` looks at the result.")  # fmt: skip
    if left:
        raise Stop("", Exit.FINDINGS)


@app.command()
def schema(
    *,
    draft: Annotated[
        str, typer.Option("--draft", help="Of JSON Schema: 2020-12, or 07 for older editors.")
    ] = "2020-12",
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="With the teams and namespaces of a catalog."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the JSON Schema of model.yaml, for editors that complete and check by it."""
    found = _schema(draft, server)
    if as_json:
        print_json(found)
    else:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))


def _older(paths: list[Path]) -> Iterator[Older]:
    """The older manifests below these paths; of files that are named, why they are none."""
    from cli.checking.files import Unreadable, find_files, read_file
    from cli.checking.finding import Finding
    from harvesters.manifests.upgrade import NotUpgraded, upgrade_manifest

    for wanted in find_files(paths):
        if isinstance(wanted, Finding) or wanted.sort != "manifest":
            continue
        older = Older(wanted.shown, wanted.path)
        try:
            raw = read_file(wanted)
            yield older._replace(upgrade=upgrade_manifest(raw))
        except Unreadable as refused:
            yield older._replace(why=str(refused), current=not wanted.given)
        except NotUpgraded as refused:
            current = _is_current(raw)
            if wanted.given or (not current and _is_old(raw)):
                yield older._replace(why=str(refused), current=current)


def _is_current(raw: bytes) -> bool:
    from harvesters.manifests.model_yaml import read_manifest

    return read_manifest(raw).manifest is not None


def _is_old(raw: bytes) -> bool:
    """Does a file that cannot be read say that it is of an older version?"""
    from harvesters.manifests.model_yaml import OLD

    return any(version.encode() in raw for version in OLD)


def _replace(path: Path, raw: bytes) -> None:
    """All of it or nothing, with the rights that the file had."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(raw)
        part.chmod(path.stat().st_mode & 0o777)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _rows(one: Older) -> Iterator[list[Any]]:
    if one.upgrade is not None:
        for what, notes in (("changed", one.upgrade.changes), ("look at", one.upgrade.look_at)):
            yield from ([one.shown, note.line, what, note.message] for note in notes)


def _document(one: Older, *, written: bool) -> dict[str, Any]:
    assert one.upgrade is not None  # noqa: S101  # only these are documented
    changes, look_at = (
        [{"line": note.line, "message": note.message} for note in notes]
        for notes in (one.upgrade.changes, one.upgrade.look_at)
    )
    return {"file": one.shown, "written": written, "changes": changes, "look_at": look_at}


def _schema(draft: str, server: str | None) -> Any:
    """From this package, or from a catalog, which knows its own teams and namespaces."""
    from schemas.manifest_schema import Draft, manifest_schema

    drafts: tuple[Draft, ...] = get_args(Draft)
    wanted = next((one for one in drafts if one == draft), None)
    if wanted is None:
        message = f"--draft {draft}: known are {' and '.join(drafts)}."
        raise Stop(message, Exit.WRONG_USE)
    if server is None:
        return manifest_schema(draft=wanted)
    from cli.client import Client

    os.environ["MODEL_CATALOG_URL"] = server
    return Client.from_environment().get("/schemas/model/v1.json", draft=wanted)
