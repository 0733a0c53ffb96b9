"""Commands that set and release pins."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import plain
from cli.output import Json, print_json, print_rows, say
from cli.show import address_of
from schemas.canonical import path_segment

app = typer.Typer(help="Let a value of yours hold.")
Thing = Annotated[str, typer.Argument(help="namespace/model, /version behind it; or see --kind.")]
Field = Annotated[str, typer.Argument(help="The fact, called as in docs/columns.md.")]
OfKind = Annotated[
    str | None, typer.Option("--kind", help="THING is an id or scheme:value of this kind.")
]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept.")]
Tried = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]


@app.command()
def pin(  # noqa: PLR0913, PLR0917  # the options of a command
    thing: Thing,
    field: Field,
    value: Annotated[
        str | None, typer.Argument(help="Text, or JSON; of owners also user:ann,team:x.")
    ] = None,
    *,
    reason: Why,
    expires_at: Annotated[
        str | None, typer.Option(help="When it falls away by itself: 2027-01-31T00:00:00Z.")
    ] = None,
    joined: Annotated[
        bool, typer.Option("--joined", help="Instead of a value: all sources are right.")
    ] = False,
    kind: OfKind = None,
    dry_run: Tried = False,
    as_json: Json = False,
) -> None:
    """Let a value of yours hold, whatever sources say; they stay visible beside it."""
    if joined == (value is not None):
        raise Stop("Give either a value or --joined.", Exit.WRONG_USE)
    client, path = Client.from_environment(), _path(thing, field, kind=kind)
    said: dict[str, Any] = {"joined": True} if joined else {"value": read_value(field, value or "")}
    body = said | {"reason": reason} | ({"expires_at": expires_at} if expires_at else {})
    asked = {"dry_run": "true"} if dry_run else {}
    found = client.change("PUT", path, body=body, match=client.tag(path), **asked)
    show_changed(found, as_json=as_json, dry_run=dry_run)


@app.command()
def unpin(
    thing: Thing,
    field: Field,
    *,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept.")] = None,
    kind: OfKind = None,
    dry_run: Tried = False,
    as_json: Json = False,
) -> None:
    """Release a pin: what sources say holds again."""
    client, path = Client.from_environment(), _path(thing, field, kind=kind)
    asked = {"dry_run": "true"} if dry_run else {}
    asked |= {"reason": reason} if reason else {}
    found = client.change("DELETE", path, match=client.tag(path), **asked)
    show_changed(found, as_json=as_json, dry_run=dry_run)


def show_changed(found: Mapping[str, Any], *, as_json: bool, dry_run: bool) -> None:
    """What the field is now, and what that changed."""
    if as_json:
        print_json(found)
        return
    shown = ([c["entry"], c["field"], plain(c["old"]), plain(c["new"])] for c in found["changes"])
    print_rows(("entry", "field", "old", "new"), shown)
    done = "would be" if dry_run else "is"
    pinned = "pinned" if found["pin"] else "not pinned"
    say(f"{found['url']}: {found['field']} {done} {plain(found['value'])}, {pinned}.")


def read_value(field: str, text: str) -> Any:
    """JSON where it reads as JSON, else the text; owners may be named by handle or e-mail."""
    try:
        return json.loads(text)
    except ValueError:
        if field != "owners":
            return text
    return [
        {"owner": {"kind": "owner", "scheme": "email" if "@" in one else "handle", "value": one}}
        for one in (part.strip() for part in text.split(","))
    ]


def _path(thing: str, field: str, *, kind: str | None) -> str:
    return f"{address_of(thing, kind)}/pins/{path_segment(field)}"
