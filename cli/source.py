"""Commands of sources: declare them from one file, look at them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, say
from cli.sources_file import read_sources
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Declare the places that facts come from.")


class Step(NamedTuple):
    """What happens to one source: `body` is what it will be, `fields` what is different."""

    name: str
    action: str  # create, change, disable, unchanged
    fields: Mapping[str, Mapping[str, Any]]
    body: Mapping[str, Any]


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Sources as YAML.")],
    *,
    prune: Annotated[bool, typer.Option("--prune", help="Disable what the file lacks.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    as_json: Json = False,
) -> None:
    """Declare the sources of a file; prints what changes. What the file lacks is left alone."""
    wanted = {s.name: s.model_dump(mode="json") for s in read_sources(file).sources}
    client = Client.from_environment()
    known = {found["name"]: found for found in client.get("/api/v1/sources")}
    plan = list(planned(wanted, known, prune=prune))
    changes = [step for step in plan if step.fields]
    for step in changes:  # all are tried before the first is stored
        _put(client, step, dry_run="true")
    for step in plan:
        _show(step, as_json=as_json)
    for step in [] if dry_run else changes:
        _put(client, step)
    done = "would change" if dry_run else "changed"
    say(f"{len(changes)} of {len(plan)} sources {done}." if changes else "Nothing to change.")


@app.command("list")
def list_sources(*, as_json: Json = False) -> None:
    """List the declared sources, and when a scope of each was last harvested completely."""
    found = Client.from_environment().get("/api/v1/sources")
    shown = found if as_json else [source | {"complete": complete(source)} for source in found]
    print_list(shown, ("name", "kind", "namespace", "enabled", "complete"), as_json=as_json)


@app.command()
def show(name: str, *, as_json: Json = False) -> None:
    """Show one source and where its scopes stand."""
    found = Client.from_environment().get(f"/api/v1/sources/{path_segment(name)}")
    print_document(found, as_json=as_json)


def planned(wanted: Mapping[str, Any], known: Mapping[str, Any], *, prune: bool) -> Iterator[Step]:
    """What has to happen to each source, field by field, so that the file holds."""
    for name, body in wanted.items():
        before = known.get(name, {})
        fields = {
            field: ({"old": before.get(field)} if before else {}) | {"new": value}
            for field, value in body.items()
            if not before or before.get(field) != value
        }
        action = "create" if not before else "change" if fields else "unchanged"
        yield Step(name, action, fields, body)
    for name in sorted(known.keys() - wanted.keys()) if prune else ():
        if known[name]["enabled"]:
            body = {field: value for field, value in known[name].items() if field != "scopes"}
            fields = {"enabled": {"old": True, "new": False}}
            yield Step(name, "disable", fields, body | {"enabled": False})


def complete(source: Mapping[str, Any]) -> str:
    """When the latest complete harvest of any of its scopes ended."""
    ended = [scope["last_complete_at"] for scope in source["scopes"] if scope["last_complete_at"]]
    return max(ended, default="never")


def _show(step: Step, *, as_json: bool) -> None:
    if as_json:
        print_json({"name": step.name, "action": step.action, "fields": step.fields})
        return
    typer.echo(f"{step.name}: {step.action}")
    for field, value in step.fields.items():
        before = f"{value['old']} → " if "old" in value else ""
        typer.echo(f"  {field}: {before}{value['new']}")


def _put(client: Client, step: Step, **params: str) -> None:
    try:
        client.put(f"/api/v1/sources/{step.name}", step.body, **params)
    except Stop as stop:
        message = f"Source {step.name}: {stop}"
        raise Stop(message, Exit(stop.code)) from None
