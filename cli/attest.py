"""Commands of attestations: what is due and what speaks against it, and attesting many at once."""

from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.deciding import DryRun, Filters, Form, Output, list_all
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say

app = typer.Typer(no_args_is_help=True, help="Confirm what owners have to confirm.")
PATH: Final = "/api/v1/attestations"
DUE: Final = ("model", "workflow_tier", "last_attested_at", "due_at", "past_due", "against")
DONE: Final = ("id", "model", "attested_at", "result", "attested_by")
Many = Annotated[
    list[str] | None, typer.Option("--model", help="These alone, else all of yours that are due.")
]


@app.command()
def statements(*, as_json: Json = False) -> None:
    """Print what is attested."""
    found = Client.from_environment().get(f"{PATH}:statements")
    if as_json:
        print_json(found)
        return
    print_rows(("statement", "text"), ([one["id"], one["text"]] for one in found["statements"]))


@app.command()
def due(
    *,
    everybody: Annotated[
        bool, typer.Option("--all", help="Of all models that you may see, not yours alone.")
    ] = False,
    filters: Filters = None,
    as_json: Json = False,
) -> None:
    """List when models have to be attested, and what speaks against each statement."""
    asked = [*(filters or ()), *([] if everybody else ["owned=true"])]
    if as_json:
        list_all("attestations", DUE, filters=asked, file=(None, None, True),
                 path="attestations:due")  # fmt: skip
        return
    client = Client.from_environment()
    asking = dict(one.partition("=")[::2] for one in asked)
    rows = ([_shown(one, name) for name in DUE] for one in client.pages(f"{PATH}:due", **asking))
    print_rows(DUE, rows)


@app.command("list")
def list_attestations(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List what was attested, the newest first."""
    list_all("attestations", DONE, filters=filters, file=(form, output, as_json))


@app.command()
def confirm(
    *,
    models: Many = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="But not these; several times for several.")
    ] = None,
    no: Annotated[
        list[str] | None,
        typer.Option(metavar="STATEMENT=WHY", help="Answer no to it, and why not."),
    ] = None,
    comment: Annotated[
        list[str] | None,
        typer.Option(metavar="STATEMENT=WHY", help="Answer yes against evidence, and why."),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Answer yes to every statement, but those of --no; all models together, or none."""
    client = Client.from_environment()
    said = client.get(f"{PATH}:statements")
    answers: dict[str, Any] = {one["id"]: {"answer": "yes"} for one in said["statements"]}
    for given, word in ((comment, "yes"), (no, "no")):
        for statement, why in map(_split, given or ()):
            answers[statement] = {"answer": word, "comment": why}
    body = {"statements": said["version"], "answers": answers, "exclude": exclude or []}
    body |= {"models": models} if models else {}
    query = {"dry_run": "true"} if dry_run else {}
    done = client.change("POST", PATH, body=body, **query)
    if as_json:
        print_json(done)
        return
    print_rows(DONE, ([one[name] for name in DONE] for one in done["items"]))
    tried = "Only tried: " if dry_run else ""
    say(f"{tried}{len(done['items'])} attested, {len(done['findings'])} findings opened.")


def _split(given: str) -> tuple[str, str]:
    name, _, why = given.partition("=")
    if not name or not why:
        raise Stop(f"{given}: write STATEMENT=WHY.", Exit.WRONG_USE)
    return name, why


def _shown(one: dict[str, Any], name: str) -> Any:
    if name != "against":
        return one[name]
    if "contradictions" not in one:
        return "withheld"
    return "; ".join(f"{said['statement']}: {said['says']}" for said in one["contradictions"])
