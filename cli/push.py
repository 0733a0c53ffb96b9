"""The command that posts observations from a file, for deploy scripts."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, say
from schemas.canonical import path_segment

app = typer.Typer(help="Post observations from a file.")


@app.command()
def push(
    source: Annotated[str, typer.Argument(help="The source that the token speaks for.")],
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="JSON: {observations: […]}."),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Post each file as one batch; what is refused is printed with place and reason."""
    batches = [(file, _read(file)) for file in files]  # all are read before the first is posted
    client, refused = Client.from_environment(), 0
    for file, batch in batches:
        receipt = client.post(f"/api/v1/sources/{path_segment(source)}/observations", batch)
        if as_json:
            print_json({"file": str(file)} | receipt)
        else:
            typer.echo(f"{file}: {receipt['recorded']} recorded, {receipt['unchanged']} unchanged")
        for one in receipt["refused"]:
            say(f"{file}: observation {one['index']}{one['pointer']}: {one['message']}")
        refused += len(receipt["refused"])
    if refused:
        raise Stop(
            f"{refused} refused, the others are recorded. Mend them and push the file again.",
            Exit.FINDINGS,
        )


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also what is not UTF-8
        why = "nested too deep" if isinstance(error, RecursionError) else error
        message = f"{file}: is no JSON in UTF-8: {why}"
        raise Stop(message, Exit.WRONG_USE) from None
