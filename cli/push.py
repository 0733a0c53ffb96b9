"""The command that posts observations from files, for deploy scripts."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from uuid_utils.compat import uuid7

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, progress, say
from schemas.canonical import path_segment

app = typer.Typer(help="Post observations from files.")
PLANNED: Final = ("entry", "kind", "field", "old", "new")


@app.command()
def push(
    source: Annotated[str, typer.Argument(help="The source that the token speaks for.")],
    files: Annotated[
        list[Path],
        typer.Argument(exists=True, dir_okay=False, help="JSON: {observations: […]}."),
    ],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would change, keep nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Post the files in their order; what is refused is printed with place and reason."""
    batches = [(file, _batches(_read(file))) for file in files]  # read before one is posted
    client, refused = Client.from_environment(), 0
    below = f"/api/v1/sources/{path_segment(source)}"
    with (
        _rehearsal(client, below, as_json=as_json) if dry_run else nullcontext(below) as path,
        progress("{:,} batches") as advance,
    ):
        for file, parts in batches:
            receipt: dict[str, Any] = {"recorded": 0, "unchanged": 0, "refused": []}
            for first, body in parts:
                _add(receipt, client.post(f"{path}/observations", body), first=first)
                advance(1)
            _show(file, receipt, as_json=as_json)
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


def _batches(document: Any) -> list[tuple[int, Any]]:
    """As many requests as it takes, each with the number of its first observation.

    What is no batch goes as it is: the service says what is wrong with it.
    """
    from schemas.harvest import Limits

    most = Limits().observations
    said = document.get("observations") if isinstance(document, dict) else None
    if not isinstance(said, list) or len(said) <= most:
        return [(0, document)]
    return [
        (first, document | {"observations": said[first : first + most]})
        for first in range(0, len(said), most)
    ]


def _add(receipt: dict[str, Any], part: Mapping[str, Any], *, first: int) -> None:
    """Count a request's receipt in; observations are numbered as in their file."""
    receipt["recorded"] += part["recorded"]
    receipt["unchanged"] += part["unchanged"]
    receipt["refused"] += [one | {"index": one["index"] + first} for one in part["refused"]]


def _show(file: Path, receipt: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file)} | dict(receipt))
    else:
        typer.echo(f"{file}: {receipt['recorded']} recorded, {receipt['unchanged']} unchanged")
    for one in receipt["refused"]:
        say(f"{file}: observation {one['index']}{one['pointer']}: {one['message']}")


@contextmanager
def _rehearsal(client: Client, below: str, *, as_json: bool) -> Iterator[str]:
    """A harvest that is only planned takes the batches; its plan is shown at the end."""
    asked = {
        "harvest": str(uuid7()), "scope": "push", "coverage": "delta",
        "harvester_version": "push",
    }  # fmt: skip
    client.post(f"{below}/harvests?dry_run=true", asked)
    path = f"/api/v1/harvests/{asked['harvest']}"
    yield path
    plan = client.post(f"{path}:close", {"outcome": "complete"})["plan"]
    if as_json:
        print_json({"plan": plan})
    else:
        print_rows(PLANNED, ([one[name] for name in PLANNED] for one in plan))
