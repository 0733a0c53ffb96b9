"""Commands of samples: what was drawn by chance, what it proves, and computing it again."""

from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, say
from cli.read import Filters, Form, Output, parse_filters, write_file
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Look at samples of what is reviewed by chance alone.")
Cycle = Annotated[str, typer.Argument(help="The cycle, such as 2026Q4.")]
Tier = Annotated[str, typer.Option(help="LOW or NEGLIGIBLE.")]
PATH: Final = "/api/v1/samples"
SHOWN: Final = (
    "cycle", "tier", "state", "population", "size", "decided", "left", "not_confirmed",
    "upper_bound",
)  # fmt: skip
DRAWS: Final = (
    "tier", "rank", "model", "state", "tier_confirmed", "review", "review_state", "due_at",
)  # fmt: skip


@app.command("list")
def list_all(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List the samples, the newest cycle first."""
    asked = parse_filters(filters)
    if _as_file("samples", (form, output, as_json), asked=asked):
        return
    print_list(Client.from_environment().pages(PATH, **asked), SHOWN, as_json=as_json)


@app.command()
def show(cycle: Cycle, *, as_json: Json = False) -> None:
    """Show the samples of a cycle, and how anybody computes them again."""
    found = Client.from_environment().get(f"{PATH}/{path_segment(cycle)}")
    if as_json:
        print_json(found)
        return
    for one in found["samples"]:
        print_document(one, as_json=False)
    for step in found["how"]:
        say(step)


@app.command()
def draws(
    cycle: Cycle,
    *,
    filters: Filters = None,
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List the models that were drawn, by rank."""
    asked, place = parse_filters(filters), f"samples/{path_segment(cycle)}/draws"
    if _as_file(place, (form, output, as_json), asked=asked):
        return
    print_list(Client.from_environment().pages(f"/api/v1/{place}", **asked), DRAWS, as_json=as_json)


@app.command()
def verify(cycle: Cycle, *, tier: Tier = "LOW", as_json: Json = False) -> None:
    """Compute a sample again from its frame and seed, and compare; 1 where something differs."""
    from service.risk.samples.drawing import frame_digest, ranked

    client, place = Client.from_environment(), f"{PATH}/{path_segment(cycle)}"
    shown = [one for one in client.get(place)["samples"] if one["tier"] == tier]
    if not shown or shown[0]["seed"] is None:
        raise Stop(f"The sample of {tier} in {cycle} is not drawn yet.", Exit.NOT_FOUND)
    [sample] = shown
    frame = [one["model_id"] for one in client.pages(f"{place}/frame", tier=tier)]
    drawn = [one["model_id"] for one in client.pages(f"{place}/draws", tier=tier)]
    expected = ranked(sample["seed"], frame)[: len(drawn)]
    found = {
        "frame_digest": frame_digest(frame) == sample["frame_digest"],
        "population": len(frame) == sample["population"],
        "draws": drawn == expected,
    }
    print_document(found, as_json=as_json)
    if not all(found.values()):
        wrong = ", ".join(name for name, right in found.items() if not right)
        raise Stop(f"The sample differs from what its frame and seed give: {wrong}.", Exit.FINDINGS)


def _as_file(place: str, file: tuple[Any, Any, bool], *, asked: dict[str, Any]) -> bool:
    form, output, as_json = file
    if not form and not output:
        return False
    if as_json:
        raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
    write_file(place, output, form=form, asked=asked)
    return True
