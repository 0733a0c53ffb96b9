"""Commands of sources: declare them from one file, look at them."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from cli.client import Client
from cli.exits import Exit, Stop
from schemas.sources import SourcesFile
from schemas.yaml_walk import YamlRefused, read_yaml

app = typer.Typer(no_args_is_help=True, help="Declare the places that facts come from.")
NUMBERS = {"precedence", "absences", "held_back_count", "held_back_share"}
FLAGS = {"enabled", "may_grant_ownership"}


@app.command("apply")
def apply(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Sources as YAML.")],
    *,
    prune: Annotated[bool, typer.Option(help="Disable sources that the file lacks.")] = False,
    dry_run: Annotated[bool, typer.Option(help="Only print the plan.")] = False,
) -> None:
    """Declare the sources of a file; prints what changes. What the file lacks is left alone."""
    wanted = {s.name: s.model_dump(mode="json") for s in read_sources(file).sources}
    client = Client.from_environment()
    known = {found.pop("name"): found for found in client.get("/api/v1/sources")}
    for name, settings in wanted.items():
        before = known.get(name, {})
        changed = sorted(k for k, v in settings.items() if k != "name" and before.get(k) != v)
        if not changed:
            typer.echo(f"{name}: unchanged")
            continue
        typer.echo(f"{name}: {'changes ' + ', '.join(changed) if before else 'new'}")
        if not dry_run:
            client.put(f"/api/v1/sources/{name}", settings)
    for name in sorted(known.keys() - wanted.keys()) if prune else ():
        if known[name]["enabled"]:
            typer.echo(f"{name}: disabled")
            settings = {k: v for k, v in known[name].items() if k != "scopes"}
            if not dry_run:
                body = settings | {"name": name, "enabled": False}
                client.put(f"/api/v1/sources/{name}", body)


@app.command("list")
def list_sources(*, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """List the declared sources."""
    for found in Client.from_environment().get("/api/v1/sources"):
        last = [scope["last_complete_at"] or "never" for scope in found["scopes"]]
        line = f"{found['name']}\t{found['kind']}\t{found['namespace']}\t{max(last, default='never')}"
        typer.echo(json.dumps(found) if as_json else line)


@app.command()
def show(name: str) -> None:
    """Show one source as JSON."""
    typer.echo(json.dumps(Client.from_environment().get(f"/api/v1/sources/{name}"), indent=2))


def read_sources(file: Path) -> SourcesFile:
    """A sources file, checked. Says file, place and reason of the first thing that is wrong."""
    try:
        return SourcesFile.model_validate(_typed(read_yaml(file.read_bytes())))
    except YamlRefused as refused:
        raise Stop(f"{file}: {refused}", Exit.WRONG_USE) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise Stop(f"{file}: {place}: {first['msg']}", Exit.WRONG_USE) from None


def _typed(read: Any) -> Any:
    """Scalars stay text in YAML; here the fields say which are numbers and flags."""
    if isinstance(read, dict):
        return {key: _scalar(key, _typed(value)) for key, value in read.items()}
    return [_typed(item) for item in read] if isinstance(read, list) else read


def _scalar(key: str, value: Any) -> Any:
    if key == "field_precedence" and isinstance(value, dict):
        return {name: _number(member) for name, member in value.items()}
    if isinstance(value, str) and key in NUMBERS:
        return _number(value)
    if isinstance(value, str) and key in FLAGS:
        return {"true": True, "false": False}.get(value, value)
    return value


def _number(text: Any) -> Any:
    try:
        return float(text) if "." in str(text) else int(text)
    except ValueError:
        return text
