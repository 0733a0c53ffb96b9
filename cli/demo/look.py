"""Asks an MLflow server for its workspaces: a process of its own, as its client wants it."""

import json
import os
import sys
from typing import Any

from cli.exits import Exit, leave
from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.mlflow import harvesters
from harvesters.mlflow.client import DEFAULT_WORKSPACE, Registry
from harvesters.registry import find_secret
from outbound.addresses import VARIABLE
from outbound.hook import guard_sockets
from schemas.sources import SourceSettings


def main(settings: dict[str, Any], credential: str | None) -> None:
    """Print the workspaces, or say in the source's words why not and what to do."""
    uri = settings["uri"]
    declared = {"name": "mlflow", "kind": "mlflow", "namespace": DEFAULT_WORKSPACE}
    source = SourceSettings.model_validate(
        declared | {"settings": settings, "credential": credential}
    )
    guard_sockets(os.environ.get(VARIABLE, ""))
    try:
        secret = find_secret(source, os.environ)
        for _ in harvesters(source, secret, os.environ):  # prepares the client's environment
            secrets = [secret.text] if secret else []
            registry = Registry(uri, workspace=DEFAULT_WORKSPACE, secrets=secrets)
            print(json.dumps(workspaces(registry)))  # noqa: T201  # the demo reads it
            return
    except SourceUnavailable as error:
        leave(
            f"{uri} does not answer: {shown(error)}\nIs it running, and can this machine reach it?",
            Exit.UNAVAILABLE,
        )
    except SourceRefused as error:
        leave(
            f"{uri} cannot be read: {shown(error)}\nIs this the address of an MLflow server, and "
            "the credential right? It is taken from MODEL_CATALOG_SECRET_MLFLOW, as user:password "
            "or a token.",
            Exit.UNAVAILABLE,
        )


def workspaces(registry: Registry) -> list[str]:
    """Those that the credential may see; a server without workspaces knows `default` alone."""
    registry.probe()  # what is wrong with the server is said in this call's words
    try:
        return registry.workspaces() or [DEFAULT_WORKSPACE]
    except (SourceUnavailable, SourceRefused):
        return [DEFAULT_WORKSPACE]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2] or None)
