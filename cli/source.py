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


SHOWN = 20  # changes of entries that a person is shown


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
    tried = {s.name: _put(client, s, dry_run="true") for s in changes}  # all before the first
    for step in plan:
        _show(step, as_json=as_json, impact=tried.get(step.name, {}).get("impact"))
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


@app.command()
def retire(
    name: str,
    *,
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    as_json: Json = False,
) -> None:
    """Disable a source and end what it shows; what no other source shows is retired."""
    client, query = Client.from_environment(), "?dry_run=true" if dry_run else ""
    path = f"/api/v1/sources/{path_segment(name)}:retire{query}"
    done = client.post(path, {"reason": reason})
    while done["left"] and not dry_run:
        part = client.post(path, {"reason": reason})
        done = part | {count: done[count] + part[count] for count in ("ended", "retired")}
    print_document(done, as_json=as_json)


@app.command()
def precedence(  # noqa: PLR0917  # the arguments of a command
    name: Annotated[str, typer.Argument(help="The source.")],
    field: Annotated[str, typer.Argument(help="The fact that it counts more or less for.")],
    rank: Annotated[
        int | None, typer.Argument(help="0 to 99; left out: as for all its facts.")
    ] = None,
    *,
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: Json = False,
) -> None:
    """Let a source count more or less for one field; prints which entries that changes."""
    from cli.conflicts import show_impact

    client = Client.from_environment()
    path = f"/api/v1/sources/{path_segment(name)}/precedence/{path_segment(field)}"
    asked = {"dry_run": "true"} if dry_run else {}
    if rank is None:
        found = client.change("DELETE", path, reason=reason, **asked)
    else:
        found = client.change("PUT", path, body={"rank": rank, "reason": reason}, **asked)
    if as_json:
        print_json(found)
    else:
        show_impact(found, dry_run=dry_run)


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
            body = {
                field: value
                for field, value in known[name].items()
                if field not in {"scopes", "refold", "webhooks"}
            }
            fields = {"enabled": {"old": True, "new": False}}
            yield Step(name, "disable", fields, body | {"enabled": False})


def complete(source: Mapping[str, Any]) -> str:
    """When the latest complete harvest of any of its scopes ended."""
    ended = [scope["last_complete_at"] for scope in source["scopes"] if scope["last_complete_at"]]
    return max(ended, default="never")


def _show(step: Step, *, as_json: bool, impact: Mapping[str, Any] | None) -> None:
    if as_json:
        print_json({"name": step.name, "action": step.action, "fields": step.fields,
                    "impact": impact})  # fmt: skip
        return
    typer.echo(f"{step.name}: {step.action}")
    for field, value in step.fields.items():
        before = f"{value['old']} → " if "old" in value else ""
        typer.echo(f"  {field}: {before}{value['new']}")
    if impact and impact["entries"]:
        more = "" if impact["complete"] else "at least "
        typer.echo(f"  changes {more}{impact['entries']} entries:")
        for one in impact["changes"][:SHOWN]:
            typer.echo(f"    {one['entry']} {one['field']}: {one['old']} → {one['new']}")


def _put(client: Client, step: Step, **params: str) -> Any:
    try:
        return client.put(f"/api/v1/sources/{step.name}", step.body, **params)
    except Stop as stop:
        message = f"Source {step.name}: {stop}"
        raise Stop(message, Exit(stop.code)) from None
