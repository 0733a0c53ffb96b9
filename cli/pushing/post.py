"""Posts observations in batches, or only plans them, and prints what became of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer
from uuid_utils.compat import uuid7

from cli.client import Client
from cli.output import print_json, print_rows, progress, say

PLANNED: Final = ("entry", "kind", "field", "old", "new")
NOTHING: Final[Mapping[str, Any]] = {"recorded": 0, "unchanged": 0, "refused": [], "ahead": 0}


def batches(document: Any) -> list[tuple[int, Any]]:
    """As many requests as it takes, each with the number of its first observation.

    What is no batch goes as it is: the service says what is wrong with it.
    """
    from schemas.harvest import Limits

    most = Limits().observations
    said = document.get("observations") if isinstance(document, dict) else None
    if not isinstance(said, list) or len(said) <= most:
        return [(0, document)]
    return [
        (first, document | {"observations": said[first : first + most]})
        for first in range(0, len(said), most)
    ]


def post(client: Client, path: str, *, parts: Iterable[tuple[int, Any]]) -> dict[str, Any]:
    """One receipt for all; observations are numbered as in their file."""
    receipt: dict[str, Any] = dict(NOTHING) | {"refused": []}
    with progress("{:,} batches") as advance:
        for first, body in parts:
            part = client.post(f"{path}/observations", body)
            for name in ("recorded", "unchanged", "ahead"):
                receipt[name] += part[name]
            receipt["refused"] += [one | {"index": one["index"] + first} for one in part["refused"]]
            advance(1)
    return receipt


def show(file: str, receipt: Mapping[str, Any], *, as_json: bool) -> None:
    """A receipt, and each refusal with its place and reason."""
    if as_json:
        print_json({"file": file} | dict(receipt))
    else:
        typer.echo(f"{file}: {receipt['recorded']} recorded, {receipt['unchanged']} unchanged")
    for one in receipt["refused"]:
        say(f"{file}: observation {one['index']}{one['pointer']}: {one['message']}")


@contextmanager
def rehearsal(client: Client, below: str, *, as_json: bool) -> Iterator[str]:
    """A harvest that is only planned takes the batches; its plan is shown at the end."""
    asked = {
        "harvest": str(uuid7()), "scope": "push", "coverage": "delta",
        "harvester_version": "push",
    }  # fmt: skip
    client.post(f"{below}/harvests?dry_run=true", asked)
    path = f"/api/v1/harvests/{asked['harvest']}"
    yield path
    plan: Sequence[Mapping[str, Any]] = client.post(f"{path}:close", {"outcome": "complete"})[
        "plan"
    ]
    if as_json:
        print_json({"plan": plan})
    else:
        print_rows(PLANNED, ([one[name] for name in PLANNED] for one in plan))
