"""The command `lineage`: what something was made from, and what was made from it, as a tree."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, say
from cli.read import write_file
from cli.show import AsOf, address_of

app = typer.Typer(no_args_is_help=True, help="Say what leads to what.")
STEP: Final = "  "
WAYS: Final = {"upstream": ("to", "from"), "downstream": ("from", "to")}  # from where to where
Identifier = Annotated[str | None, typer.Option(help="Of this one: an id, or scheme:value.")]


@app.command()
def lineage(  # noqa: PLR0913  # options of one command
    thing: Annotated[
        str | None, typer.Argument(help="namespace/model, or /version or /@alias behind it.")
    ] = None,
    *,
    dataset: Identifier = None,
    training_run: Identifier = None,
    build: Identifier = None,
    deployment: Identifier = None,
    repository: Identifier = None,
    direction: Annotated[
        Literal["upstream", "downstream", "both"], typer.Option(help="Where to look.")
    ] = "both",
    depth: Annotated[int, typer.Option(help="How many steps.", min=0, max=10)] = 5,
    nodes: Annotated[int, typer.Option(help="How many things at most.", min=1, max=1_000)] = 200,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The edges as .csv, .jsonl or .xlsx.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what something was made from, and what was made from it."""
    named = {
        "datasets": dataset, "training-runs": training_run, "builds": build,
        "deployments": deployment, "repositories": repository,
    }  # fmt: skip
    path = _address(thing, {kind: one for kind, one in named.items() if one is not None})
    asked = {"direction": direction, "depth": str(depth), "nodes": str(nodes)}
    asked |= {} if as_of is None else {"as_of": as_of}
    if output is not None:
        write_file(path.removeprefix("/api/v1/"), output, form=None, asked=asked)
        return
    found = Client.from_environment().get(path, **asked)
    if as_json:
        print_json(found)
        return
    for line in tree(found):
        typer.echo(line)
    if found["truncated"]:
        say(f"There is more than {nodes} things; --nodes shows up to 1,000.")


def _address(thing: str | None, named: Mapping[str, str]) -> str:
    """Where the graph of the one thing that is named is read."""
    if (thing is not None) + len(named) != 1:
        raise Stop("Name one thing: a model, a version, or another one by its option.",
                   Exit.WRONG_USE)  # fmt: skip
    if thing is not None:
        return f"{address_of(thing, None)}/lineage"
    ((kind, identifier),) = named.items()
    return f"{address_of(identifier, kind)}/lineage"


def tree(graph: Mapping[str, Any]) -> Iterator[str]:
    """The graph for a person: one tree a direction; what was shown already is not opened again."""
    nodes = {one["entry"]: one for one in graph["nodes"]}
    yield _called(nodes[graph["root"]])
    for way, (here, there) in WAYS.items():
        if graph["direction"] not in {way, "both"}:
            continue
        steps = defaultdict[str, list[Mapping[str, Any]]](list)
        for edge in graph["edges"]:
            one = edge
            if way == "upstream" and edge["relation"] == "model" and edge["from"] == graph["root"]:
                one = edge | {"from": edge["to"], "to": edge["from"]}  # its versions are the model
            steps[one[here]].append(one)
        yield f"{way}:"
        lines = list(_below(graph["root"], steps, nodes=nodes, there=there))
        yield from lines or [f"{STEP}nothing that the catalog knows"]


def _below(
    root: str, steps: Mapping[str, Any], *, nodes: Mapping[str, Any], there: str
) -> Iterator[str]:
    """Depth first; without recursion, for a chain may be as long as a graph has nodes."""
    shown = {root}
    waiting = [(edge, 1) for edge in reversed(steps.get(root, ()))]
    while waiting:
        edge, level = waiting.pop()
        at = edge[there]
        again = at in shown
        shown.add(at)
        how = edge["role"] or edge["relation"]
        by = "" if edge["by"] == "stated" else f", by {edge['by']}"
        more = " (see above)" if again and steps.get(at) else ""
        yield f"{STEP * level}{_called(nodes[at])} [{how}{by}]{more}"
        if not again:
            waiting += [(one, level + 1) for one in reversed(steps.get(at, ()))]


def _called(node: Mapping[str, Any]) -> str:
    marks = [word for word in ("stub", "gone") if node[word]]
    kind = str(node["kind"]).replace("_", " ")
    return f"{kind} {node['name']}" + (f" ({', '.join(marks)})" if marks else "")
