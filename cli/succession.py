"""The command that says who might answer for a model next; it decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say
from schemas.canonical import path_segment

app = typer.Typer(help="Who might answer for a model next.")
WORDS: Final[Mapping[str, str]] = {
    "owner_unknown": "no source says who owns it",
    "owner_empty": "it is stated that nobody is accountable",
    "owner_departed": "an accountable owner has left",
}
DONE: Final = ("training_run", "version", "build", "deployment")
ONE: Final = ("rank", "name", "named", "training_runs", "versions", "builds", "deployments",
              "last_active_at", "recognised_by")  # fmt: skip
MANY: Final = ("model", "why", "owners", "candidate", "total", "last_active_at")


@app.command()
def succession(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="namespace/name; else all in need.")
    ] = None,
    *,
    namespace: Annotated[str | None, typer.Option(help="Of all in need those of one.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was at this time.")] = None,
    as_json: Json = False,
) -> None:
    """Propose owners by what people did for a model; to accept one is to pin `owners`."""
    client = Client.from_environment()
    if model is None:
        if as_of is not None:
            raise Stop("--as-of belongs to one model.", Exit.WRONG_USE)
        _show_all(client, namespace=namespace, as_json=as_json)
        return
    first, slash, name = model.partition("/")
    if not slash or namespace is not None:
        raise Stop("Name one model as namespace/name, or none.", Exit.WRONG_USE)
    path = f"/api/v1/models/{path_segment(first)}/{path_segment(name)}/succession"
    found = client.get(path, **({"as_of": as_of} if as_of else {}))
    if as_json:
        print_json(found)
        return
    said = WORDS[found["why"]] if found["why"] else "nobody is needed"
    say(f"{found['model']}: {said}")
    print_rows(ONE, (_row(one) for one in found["candidates"]))
    left = ", ".join(f"{count} {what}" for what, count in found["left_out"].items() if count)
    if left:
        say(f"Left out: {left}.")


def _row(one: Mapping[str, Any]) -> Sequence[Any]:
    did = {part["what"]: part["count"] for part in one["did"]}
    who = (one["rank"], one["display_name"] or one["name"], ", ".join(one["named"]))
    times = (did.get(what, 0) for what in DONE)
    return (*who, *times, one["last_active_at"], ", ".join(one["recognised_by"]))


def _show_all(client: Client, *, namespace: str | None, as_json: bool) -> None:
    asked = {"namespace": namespace} if namespace else {}
    found = client.pages("/api/v1/succession", **asked)
    if as_json:
        for one in found:
            print_json(one)
        return
    print_rows(MANY, (_line(one) for one in found))


def _line(one: Mapping[str, Any]) -> tuple[Any, ...]:
    owners = (f"{o['name']}{' (left)' if o['departed'] else ''}" for o in one["owners"])
    first: Mapping[str, Any] = next(iter(one["candidates"]), {})
    shown = first.get("display_name") or first.get("name")
    told = (shown, first.get("total"), first.get("last_active_at"))
    return one["model"], one["why"], ", ".join(owners), *told
