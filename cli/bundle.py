"""Commands of bundles: ask for one and wait, list, take, cancel; and what is built by itself."""

import hashlib
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, say, telling
from cli.read import Filters, Form, Output, interrupted, parse_filters, save, write_file
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Bundles for reviewers.")
exports = typer.Typer(no_args_is_help=True, help="Bundles that were asked for.")
schedules = typer.Typer(no_args_is_help=True, help="Bundles of each month, quarter or year.")
app.add_typer(exports, name="exports")
app.add_typer(schedules, name="export-schedule")
Id = Annotated[str, typer.Argument(metavar="ID", help="The bundle's id.")]
Name = Annotated[str, typer.Argument(help="The schedule's name.")]
PATH: Final = "/api/v1/exports"
SCHEDULES: Final = "/api/v1/export-schedules"
SHOWN: Final = ("id", "state", "file_name", "asked_by", "asked_at", "size", "error")
SCHEDULED: Final = ("name", "every", "profile", "enabled", "next_period", "due_at", "last_export")
UNFINISHED: Final = frozenset({"QUEUED", "RUNNING"})
LOOK_SECONDS, LONGEST_LOOK = 0.2, 2.0
READ: Final = 1024 * 1024


def fetch_bundle(
    wanted: Mapping[str, Any], *, conditions: Mapping[str, str], output: Path | None
) -> None:
    """Ask for a bundle, wait until it is built, and save it. Interrupted, it is cancelled."""
    client = Client.from_environment()
    signal.signal(signal.SIGTERM, interrupted)
    body = {name: value for name, value in wanted.items() if value is not None}
    asked = client.post(PATH, body | {"filters": dict(conditions)})
    try:
        done = _waited(client, asked)
    except KeyboardInterrupt:
        client.post(f"{asked['url']}:cancel", {})
        say(f"Cancelled: {asked['id']}")
        raise
    _save(client, done, output=output)
    typer.echo(done["id"])


@exports.command("list")
def list_exports(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List bundles, the newest first."""
    asked = parse_filters(filters)
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file("exports", output, form=form, asked=asked)
        return
    print_list(Client.from_environment().pages(PATH, **asked), SHOWN, as_json=as_json)


@exports.command()
def show(export: Id, *, as_json: Json = False) -> None:
    """Show a bundle, and how far it is."""
    print_document(Client.from_environment().get(_path(export)), as_json=as_json)


@exports.command()
def cancel(export: Id) -> None:
    """End a bundle that is not finished."""
    typer.echo(Client.from_environment().post(f"{_path(export)}:cancel", {})["id"])


@exports.command()
def download(export: Id, *, output: Output = None) -> None:
    """Wait until a bundle is there, and save it under its name, or as `--output` says."""
    client = Client.from_environment()
    signal.signal(signal.SIGTERM, interrupted)
    done = _waited(client, client.get(_path(export)))
    _save(client, done, output=output)


@schedules.command("list")
def list_schedules(*, as_json: Json = False) -> None:
    """List schedules, and the period that each exports next."""
    print_list(Client.from_environment().pages(SCHEDULES), SCHEDULED, as_json=as_json)


@schedules.command()
def put(  # noqa: PLR0913  # options of one command
    name: Name,
    *,
    every: Annotated[str, typer.Option(help="month, quarter or year.")],
    profile: Annotated[str, typer.Option(help="models, osfi-e23 or omb-2025.")] = "models",
    filters: Filters = None,
    dialect: Annotated[str, typer.Option(help="plain, excel or raw.")] = "plain",
    disable: Annotated[bool, typer.Option("--disable", help="Let it rest.")] = False,
    as_json: Json = False,
) -> None:
    """Let a bundle be built at the end of each period, with the rights of your token."""
    body = {
        "every": every, "profile": profile, "filters": parse_filters(filters), "dialect": dialect,
        "enabled": not disable,
    }  # fmt: skip
    done = Client.from_environment().put(f"{SCHEDULES}/{path_segment(name)}", body)
    print_json(done) if as_json else typer.echo(done["name"])


@schedules.command()
def remove(name: Name) -> None:
    """End a schedule; the bundles that it made stay."""
    Client.from_environment().delete(f"{SCHEDULES}/{path_segment(name)}")
    typer.echo(name)


def _waited(client: Client, export: dict[str, Any]) -> dict[str, Any]:
    """The bundle when nobody works on it any more. Ends the command if it is not there then."""
    pause = LOOK_SECONDS
    with telling() as tell:
        while export["state"] in UNFINISHED:
            tell(_told(export))
            time.sleep(pause)
            pause = min(1.5 * pause, LONGEST_LOOK)
            export = client.get(export["url"])
    if export["state"] != "DONE":
        why = export["error"] or f"Its state is {export['state']}."
        message = f"The bundle {export['id']} is not there. {why}"
        raise Stop(message, Exit.CONFLICT)
    return export


def _told(export: Mapping[str, Any]) -> str:
    if export["state"] == "QUEUED":
        return f"waits for a worker {export['error'] or ''}".rstrip()
    at = export["progress"]
    return f"{at['file'] or 'begins'}: {at['records']:,} records"


def _save(client: Client, export: Mapping[str, Any], *, output: Path | None) -> None:
    def check(part: Path) -> None:
        digest = hashlib.sha256()
        with part.open("rb") as file:
            while piece := file.read(READ):
                digest.update(piece)
        if f"sha256:{digest.hexdigest()}" != export["sha256"]:
            raise Stop("What came is not the bundle that was built: try again.", Exit.UNAVAILABLE)

    target = output or Path(str(export["file_name"]))
    save(client, export["bundle_url"], to=target, told=target.name, asked={}, check=check)


def _path(export: str) -> str:
    return f"{PATH}/{path_segment(export)}"
