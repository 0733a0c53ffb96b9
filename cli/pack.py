"""Commands of packs of controls: versions, what one would find, and which holds."""

from typing import Final

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, say
from cli.policy import File, From, Reason, Version, Wait
from cli.rules import (
    activate_version,
    list_versions,
    preview_version,
    read_file,
    show_version,
    upload_file,
)

app = typer.Typer(no_args_is_help=True, help="Versions of packs of controls.")
PACKS: Final = "control-packs"


@app.command("list")
def list_packs(*, as_json: Json = False) -> None:
    """List every version of every pack, the newest first."""
    list_versions(PACKS, as_json=as_json)


@app.command()
def show(version: Version, *, as_json: Json = False) -> None:
    """Say where a version stands, what its preview counted, and how far it is applied."""
    show_version(PACKS, version, as_json=as_json)


@app.command()
def check(file: File, *, as_json: Json = False) -> None:
    """Check a file without a server: compile it, and try every example of it."""
    from schemas.controls import PackReport
    from service.loader import load_json
    from service.risk.controls.packs import PackRefused, load_pack, parse_pack, read_pack

    raw = read_file(file)
    try:
        is_json = file.suffix.lower() == ".json"
        loaded = load_pack(parse_pack(load_json(raw)) if is_json else read_pack(raw))
    except PackRefused as refused:
        if as_json:
            told = PackReport(digest="", controls=0, usable=False, problems=refused.problems)
            print_json(told.model_dump(mode="json"))
        for one in () if as_json else refused.problems:
            where = f"{one.control}, {one.where}" if one.where else one.control
            typer.echo(f"{where}: {one.message.rstrip('.')}. {one.fix}".rstrip())
        raise Stop(f"{file} cannot be used.", Exit.FINDINGS) from None
    report = PackReport(digest=loaded.digest, controls=len(loaded.controls), usable=True)
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    say(f"{loaded.name} {loaded.version} can be used: {report.controls} controls, every example.")
    typer.echo(loaded.digest)


@app.command()
def upload(file: File, *, as_json: Json = False) -> None:
    """Store a file as a new version; every example of it is tried first."""
    upload_file(PACKS, file, as_json=as_json)


@app.command()
def preview(version: Version, *, as_json: Json = False) -> None:
    """Evaluate every model by this version too, and count what it finds."""
    preview_version(PACKS, version, as_json=as_json)


@app.command()
def activate(
    version: Version,
    *,
    reason: Reason,
    effective_from: From = None,
    wait: Wait = False,
    as_json: Json = False,
) -> None:
    """Put a version in force that somebody else wrote and that was previewed lately."""
    activate_version(
        PACKS, version, reason=reason, effective_from=effective_from, wait=wait, as_json=as_json
    )
