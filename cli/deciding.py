"""What commands of decisions share: evidence, a step with the tag that was read, the outcome."""

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say
from cli.read import Filters, Form, Output, parse_filters, write_file
from schemas.canonical import path_segment

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as the list shows it.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
MaybeReason = Annotated[str | None, typer.Option(help="Why; it is kept.")]
Until = Annotated[str, typer.Option(help="Until when: 2027-03-31T00:00:00Z.")]
Proofs = Annotated[
    list[str] | None,
    typer.Option("--evidence", help="An address, or a local file: its digest is kept."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only try it.")]
__all__ = [
    "DryRun", "Filters", "Form", "Id", "Json", "MaybeReason", "Output", "Proofs", "Reason",
    "Until", "list_all", "post", "proofs", "step",
]  # fmt: skip


def proofs(given: list[str] | None) -> list[dict[str, str]]:
    """Addresses as they are; of files, the digest."""
    return [_proof(one) for one in given or ()]


def _proof(given: str) -> dict[str, str]:
    if given.startswith(("http://", "https://")):
        return {"url": given}
    try:
        return {"digest": f"sha256:{hashlib.sha256(Path(given).read_bytes()).hexdigest()}"}
    except OSError as error:
        message = f"{given} is no web address, and cannot be read: {error.strerror}."
        raise Stop(message, Exit.WRONG_USE) from None


def post(path: str, body: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Ask for something, and print what came of it."""
    query = {"dry_run": "true"} if dry_run else {}
    stated = {name: value for name, value in body.items() if value is not None}
    done = Client.from_environment().change("POST", f"/api/v1/{path}", body=stated, **query)
    _print(done, dry_run=dry_run, as_json=as_json)


def step(
    kind: str, given: str, *, action: str, body: dict[str, Any], dry_run: bool, as_json: bool
) -> None:
    """Take a step of a thing as it is now."""
    client, path = Client.from_environment(), f"/api/v1/{kind}/{path_segment(given)}"
    query = {"dry_run": "true"} if dry_run else {}
    stated = {name: value for name, value in body.items() if value is not None}
    match = client.tag(path)
    done = client.change("POST", f"{path}:{action}", body=stated, match=match, **query)
    _print(done, dry_run=dry_run, as_json=as_json)


def _print(done: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    say(f"{'Only tried: ' if dry_run else ''}it is {done['state']}.")
    typer.echo(done["id"])


def list_all(
    name: str,
    columns: tuple[str, ...],
    *,
    filters: list[str] | None,
    file: tuple[str | None, Path | None, bool],
    path: str | None = None,
) -> None:
    """A file, if one is asked for, else rows; what the reader may not see reads `withheld`."""
    form, output, as_json = file
    asked = parse_filters(filters)
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file(name, output, form=form, asked=asked)
        return
    items = Client.from_environment().pages(f"/api/v1/{path or name}", **asked)
    if as_json:
        for item in items:
            print_json(item)
        return
    print_rows(columns, ([item.get(name, "withheld") for name in columns] for item in items))
