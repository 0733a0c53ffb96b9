"""Commands of the tiering policy: its versions, what one would change, and which holds."""

from pathlib import Path
from typing import Annotated, Final

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, say
from cli.rules import (
    activate_version,
    list_versions,
    preview_version,
    read_file,
    show_version,
    upload_file,
)

app = typer.Typer(no_args_is_help=True, help="Versions of the tiering policy.")
POLICIES: Final = "policies"
Version = Annotated[str, typer.Argument(metavar="VERSION", help="1.1.0, or name@1.1.0.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="YAML, or JSON in a .json file.")]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
From = Annotated[
    str | None,
    typer.Option("--effective-from", help="When it begins: 2027-01-31T00:00:00Z. Now, without."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Until it is applied to everything.")]


@app.command("list")
def list_policies(*, as_json: Json = False) -> None:
    """List every version, the newest first."""
    list_versions(POLICIES, as_json=as_json)


@app.command()
def show(version: Version, *, as_json: Json = False) -> None:
    """Say where a version stands, what its preview counted, and how far it is applied."""
    show_version(POLICIES, version, as_json=as_json)


@app.command()
def check(file: File, *, as_json: Json = False) -> None:
    """Check a file without a server: everything that is wrong, with its place."""
    from schemas.policies import policy_digest
    from service.loader import load_json
    from service.risk.rules.policy_text import PolicyRefused, parse_policy, read_policy_text

    raw = read_file(file)
    try:
        is_json = file.suffix.lower() == ".json"
        document = parse_policy(load_json(raw)) if is_json else read_policy_text(raw)
    except PolicyRefused as refused:
        problems = [one.model_dump() for one in refused.errors]
        if as_json:
            print_json({"usable": False, "problems": problems})
        for one in () if as_json else refused.errors:
            typer.echo(f"{one.pointer or '/'}: {one.message.rstrip('.')}. {one.fix}".rstrip())
        raise Stop(f"{file} cannot be used.", Exit.FINDINGS) from None
    digest = policy_digest(document)
    if as_json:
        print_json({"usable": True, "digest": digest, "problems": []})
        return
    say(f"{document.policy} {document.version} can be used.")
    typer.echo(digest)


@app.command()
def upload(file: File, *, as_json: Json = False) -> None:
    """Store a file as a new version; it holds nowhere yet."""
    upload_file(POLICIES, file, as_json=as_json)


@app.command()
def preview(version: Version, *, as_json: Json = False) -> None:
    """Rate every use by this version too, and count what would change."""
    preview_version(POLICIES, version, as_json=as_json)


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
        POLICIES, version, reason=reason, effective_from=effective_from, wait=wait, as_json=as_json
    )
