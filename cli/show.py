"""Commands that look at one thing: show, explain."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import known_kind, plain
from cli.output import Json, print_json, print_rows, say
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Look at one thing.")
COLUMNS: Final = ("fact", "value", "source", "observed_at")
MODEL, VERSION = 2, 3  # parts of a name
Thing = Annotated[
    str, typer.Argument(help="namespace/model, /version or /@alias behind it; or a kind.")
]
Identifier = Annotated[str | None, typer.Argument(help="After a kind: an id, or scheme:value.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="As it was at this time, by the name it had then.")
]
MISSING: Final = {
    "unknown", "unknown_source", "never_seen", "never_harvested", "not_visible", "excluded",
}  # fmt: skip


@app.command()
def show(
    thing: Thing,
    identifier: Identifier = None,
    *,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show one thing, and where each of its facts comes from."""
    then = {} if as_of is None else {"as_of": as_of}
    path = address_of(identifier or thing, thing if identifier else None)
    found = Client.from_environment().get(path, provenance="true", **then)
    if as_json:
        print_json(found)
        return
    print_rows(COLUMNS, (_row(name, fact) for name, fact in found["provenance"].items()))
    for line in _beside(found):
        say(line)


@app.command()
def explain(
    thing: Annotated[
        str | None,
        typer.Argument(help="What to ask about; see --by. Without it, the codes of the check."),
    ] = None,
    *,
    by: Annotated[
        str,
        typer.Option(
            help="model, mlflow, run, repository, dataset, image, digest, identifier, source; "
            "code: of the check."
        ),
    ] = "model",
    as_json: Json = False,
) -> None:
    """Say why something is, or is not, in the catalog; or what a code of the check means."""
    if thing is None or by == "code" or (by == "model" and "/" not in thing):
        from cli.checking.explain import explain_code

        if explain_code(thing, by=by, as_json=as_json):
            return
    found = Client.from_environment().get("/api/v1/explain", **{by: thing})
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['verdict']}: {found['summary']}")
    if found["verdict"] in MISSING:
        raise Stop("", Exit.NOT_FOUND)


def address_of(thing: str, kind: str | None) -> str:
    """Where a thing is read: by its name, or by a kind and what identifies it there."""
    return _address(thing) if kind is None else _below(known_kind(kind), thing)


def _address(name: str) -> str:
    """A model or a version by its name."""
    parts = [path_segment(part) for part in name.split("/")]
    if not all(parts) or len(parts) not in {MODEL, VERSION}:
        raise Stop(
            f"{name!r} is no name: a model's reads namespace/name, a version's namespace/name/7 or "
            "namespace/name/@alias, and `model-catalog list` shows them. Other things are asked "
            "for by kind: `model-catalog show datasets uri:s3://lake/churn`.",
            Exit.WRONG_USE,
        )
    version = f"/versions/{parts[2]}" if len(parts) == VERSION else ""
    return f"/api/v1/models/{parts[0]}/{parts[1]}{version}"


def _below(kind: str, identifier: str) -> str:
    """Anything by its kind and an identifier; models and versions have names instead."""
    if kind in {"models", "versions"}:
        return _address(identifier)
    return f"/api/v1/{kind}/{path_segment(identifier)}"


def _row(name: str, fact: Mapping[str, Any]) -> list[Any]:
    return [name, plain(fact["value"]), fact["source"], fact["observed_at"]]


def _beside(found: Mapping[str, Any]) -> list[str]:
    """What stands beside the facts: since when it is gone, and its pages in the sources."""
    gone = [f"gone since {found['gone_since']}"] if found.get("gone_since") else []
    return gone + [f"{page['source']}: {page['url']}" for page in found.get("links", ())]
