"""The command that posts observations from a file, for deploy scripts."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client
from cli.exits import Exit, Stop

app = typer.Typer(help="Post observations from a file.")


@app.command()
def push(
    source: Annotated[str, typer.Argument(help="The source that the token speaks for.")],
    files: Annotated[list[Path], typer.Argument(exists=True, help="JSON: {observations: […]}.")],
) -> None:
    """Post each file as one batch; what is refused is printed with place and reason."""
    client, refused = Client.from_environment(), 0
    for file in files:
        try:
            batch = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Stop(f"{file}: is not JSON: {error}", Exit.WRONG_USE) from None
        receipt = client.post(f"/api/v1/sources/{source}/observations", batch)
        typer.echo(f"{file}: {receipt['recorded']} recorded, {receipt['unchanged']} unchanged")
        for one in receipt["refused"]:
            typer.echo(f"{file}: observation {one['index']}{one['pointer']}: {one['message']}", err=True)
            refused += 1
    if refused:
        raise Stop(f"{refused} refused; the others are recorded.", Exit.FINDINGS)
