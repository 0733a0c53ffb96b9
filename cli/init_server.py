"""Asks the catalog, where it is named, which source is the MLflow server that is used here."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cli.client import Client
from cli.exits import Exit, Stop


class Registry(NamedTuple):
    """A source, and whether it has shown a model of this name already."""

    source: str
    namespace: str
    knows: bool


def find_registry(client: Client, tracking: str, *, name: str) -> Registry | str:
    """The source that reads this server; else why nobody can tell."""
    try:
        sources = client.get("/api/v1/sources")
    except Stop as refused:
        if refused.code is not Exit.NOT_ALLOWED:
            raise
        return "your token may not list sources; an admin or auditor may"
    reading = [one for one in sources if _address(one) == tracking]
    if len(reading) != 1:
        return f"{len(reading) or 'no'} sources of the catalog read {tracking}"
    source = reading[0]["name"]
    asked = f"{source}/default/{name}"
    verdict = client.get("/api/v1/explain", mlflow=asked)["verdict"]
    return Registry(source, reading[0]["namespace"], verdict == "in_catalog")


def _address(source: Mapping[str, Any]) -> str:
    return str(source["settings"].get("uri", "")).rstrip("/")
