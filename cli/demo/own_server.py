"""Somebody's own MLflow server: may it be read, with what credential, which workspaces has it?"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from cli.demo.children import our_environment
from cli.exits import Exit, Stop
from harvesters.errors import SourceRefused
from harvesters.mlflow.environment import check_uri
from outbound.addresses import look_up

CREDENTIAL: Final = "MLFLOW"
SECRET: Final = f"SECRET_{CREDENTIAL}"
HOST: Final = f"{SECRET}_HOST"
VARIABLE: Final = f"MODEL_CATALOG_{SECRET}"


class Server(NamedTuple):
    """A server that answered: its settings as a source, and what its harvests need to be told."""

    settings: dict[str, Any]
    namespaces: dict[str, str]  # of its workspaces, which are called the same
    credential: str | None
    variables: dict[str, str]


def find_server(text: str) -> Server:
    """Ask a server, as a harvest will. One that cannot be harvested ends the command."""
    try:
        uri = check_uri(text)
    except SourceRefused as refused:
        message = str(refused).replace("settings.uri", "--mlflow").replace("`credential`", VARIABLE)
        raise Stop(message, Exit.WRONG_USE) from None
    settings: dict[str, Any] = {"uri": uri}
    if path := os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH"):
        settings["ca_file"] = str(Path(path).resolve())  # harvests run in a folder of their own
    variables = _addresses(uri) | _secret(uri) if urlsplit(uri).hostname else {}
    credential = CREDENTIAL if HOST in variables else None
    workspaces = _asked(settings, credential, variables=variables)
    namespaces = {name: name for name in workspaces}
    return Server(settings | {"workspaces": workspaces}, namespaces, credential, variables)


def _addresses(uri: str) -> dict[str, str]:
    """Whoever names a host wants it to be asked: its present addresses, and no others."""
    parts = urlsplit(uri)
    try:
        literals = look_up(str(parts.hostname), parts.port or 0)
    except OSError as error:
        message = f"{parts.hostname} has no address ({error}): is --mlflow written right?"
        raise Stop(message, Exit.UNAVAILABLE) from None
    found = {ip_address(literal.partition("%")[0]) for literal in literals}
    return {"OUTBOUND_ALLOW": ",".join(f"{one}/{one.max_prefixlen}" for one in found)}


def _secret(uri: str) -> dict[str, str]:
    """Ours, or what MLflow's own client would use; it may go to the named server alone."""
    environ = os.environ
    text = environ.get(VARIABLE) or environ.get("MLFLOW_TRACKING_TOKEN")
    if user := environ.get("MLFLOW_TRACKING_USERNAME"):
        text = text or f"{user}:{environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
    if file := environ.get(f"{VARIABLE}_FILE"):
        named = {f"{SECRET}_FILE": file}
    else:
        named = {SECRET: text} if text else {}
    return named | ({HOST: urlsplit(uri).netloc} if named else {})


def _asked(
    settings: Mapping[str, Any], credential: str | None, *, variables: Mapping[str, str]
) -> list[str]:
    """In a process of its own, prepared and guarded as a harvest is."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "cli.demo.look", json.dumps(settings), credential or ""],
        env=our_environment(**variables), check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise Stop(done.stderr.strip(), Exit.UNAVAILABLE)
    found: list[str] = json.loads(done.stdout)
    return found
