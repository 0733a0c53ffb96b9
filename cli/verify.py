"""Commands for those who were given a bundle: is it what it says, and what differs in two."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit, Stop
from cli.output import Json, say

if TYPE_CHECKING:
    from cli.bundles.keys import Keys

app = typer.Typer(no_args_is_help=True, help="Verify and compare bundles.")
Given = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The ZIP of a bundle.")]
Older = Annotated[Path, typer.Argument(metavar="A", help="The ZIP of the older bundle.")]
Newer = Annotated[Path, typer.Argument(metavar="B", help="The ZIP of the newer one.")]
Key = Annotated[
    list[str] | None,
    typer.Option(
        "--key", help="A public key of the catalog: base64, a PEM file or a verifier key."
    ),
]
Unsigned = Annotated[
    bool, typer.Option("--unsigned", help="Accept a bundle that says that nobody signed it.")
]


@app.command()
def verify(
    bundle: Given,
    *,
    keys: Key = None,
    unsigned: Unsigned = False,
    server: Annotated[
        bool, typer.Option("--server", help="Ask the catalog for it again, and compare.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look whether a bundle is whole, signed and adds up; 1 where it is not."""
    from cli.bundles.report import print_verdict
    from cli.bundles.verifying import verify_bundle

    found = verify_bundle(bundle, keys=_keys(keys, server=server), unsigned=unsigned)
    if server and found.manifest is not None:
        from cli.bundles.rederived import compare_with_server
        from cli.client import Client

        compared = compare_with_server(
            Client.from_environment(), bundle, manifest=found.manifest, findings=found.findings
        )
        found = found._replace(server=compared)
    print_verdict(found, as_json=as_json)


def _keys(given: list[str] | None, *, server: bool) -> "Keys":
    """Those that were given, else those that the catalog shows to whoever may ask it."""
    from cli.bundles.keys import given_keys, has_token, served_keys

    keys = given_keys(given or ())
    if not server and (keys or not has_token()):
        return keys
    from cli.client import Client

    try:
        return {**served_keys(Client.from_environment()), **keys}
    except Stop as stop:
        if server:
            raise
        say(f"The catalog's keys could not be had: {stop}")
        return keys


@app.command()
def diff(
    a: Older,
    b: Newer,
    *,
    server: Annotated[
        bool, typer.Option("--server", help="Ask the catalog for changes that B does not tell.")
    ] = False,
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Answer as CSV, one difference a record.")
    ] = False,
) -> None:
    """Say what differs between two bundles, cell by cell, and what each difference comes from."""
    from cli.bundles.differing import compare_bundles
    from cli.bundles.told import print_differences

    if as_json and as_csv:
        raise Stop("--json or --csv, not both.", Exit.WRONG_USE)
    with compare_bundles(a, b, server=server) as found:
        print_differences(found, form="json" if as_json else "csv" if as_csv else "table")
