"""Commands of identity: merge what is one thing, un-merge what is two."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.output import Json, print_json, print_rows, say
from cli.show import address_of

app = typer.Typer(no_args_is_help=True, help="Say which entries are one thing.")
COLUMNS: Final = ("entry", "field", "old", "new")

One = Annotated[
    str, typer.Argument(help="namespace/model or /version behind it; with --kind an identifier.")
]
Other = Annotated[str, typer.Argument(help="The other one: its id, scheme:value or model's name.")]
Leaver = Annotated[
    str | None,
    typer.Argument(help="Which one leaves, where several were merged: id or identifier."),
]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
Kind = Annotated[str | None, typer.Option(help="datasets, owners, deployments and the like.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]


@app.command()
def merge(  # noqa: PLR0913  # options of one command
    one: One,
    other: Other,
    *,
    reason: Reason,
    kind: Kind = None,
    lift: Annotated[
        bool, typer.Option("--lift", help="Although a person kept the two apart.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say that two entries are one; the younger joins the older."""
    asked = {"other": other, "reason": reason, "lift": lift}
    _decide(address_of(one, kind), "merge", asked=asked, dry_run=dry_run, as_json=as_json)


@app.command()
def unmerge(
    one: One,
    other: Leaver = None,
    *,
    reason: Reason,
    kind: Kind = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say that two merged entries are two; both are what they were, and stay apart."""
    asked = {"other": other, "reason": reason}
    _decide(address_of(one, kind), "unmerge", asked=asked, dry_run=dry_run, as_json=as_json)


def _decide(
    path: str, verb: str, *, asked: Mapping[str, Any], dry_run: bool, as_json: bool
) -> None:
    query = {"dry_run": "true"} if dry_run else {}
    done = Client.from_environment().change("POST", f"{path}:{verb}", body=asked, **query)
    if as_json:
        print_json(done)
        return
    print_rows(COLUMNS, ([change[name] for name in COLUMNS] for change in done["changes"]))
    would = "would be" if dry_run else "is"
    tie = "merged into" if verb == "merge" else "apart from"
    say(
        f"{done['other_name']} {would} {tie} {done['stays_name']}, and {done['also']} below them; "
        f"{done['total']} changes."
    )
