"""Asks the catalog for a bundle, waits for it, and fetches it."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, Final

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import progress
from schemas.bundles import Manifest
from schemas.strict import instant_text

EXPORTS: Final = "/api/v1/exports"
WAITING: Final = frozenset({"QUEUED", "RUNNING"})
DONE: Final = "DONE"
PAUSE, LONGEST_PAUSE = 0.2, 3.0  # seconds
PATIENCE: Final = 3_600.0  # seconds without any progress


def same_order(manifest: Manifest, *, since: datetime | None = None) -> dict[str, Any]:
    """What to ask for to get the bundle that a manifest is of; `since` may be another."""
    moments = {
        "as_of": manifest.as_of, "known_at": manifest.known_at, "since": since or manifest.since,
    }  # fmt: skip
    return {
        "profile": manifest.profile,
        "dialect": manifest.dialect,
        "filters": dict(manifest.filters),
        **{name: instant_text(at) for name, at in moments.items() if at is not None},
    }


@contextmanager
def made_by(client: Client, order: Mapping[str, Any]) -> Iterator[Path]:
    """The bundle that the catalog makes, for the length of a block. Raises `Stop`."""
    export = client.post(EXPORTS, dict(order))
    address = f"{EXPORTS}/{export['id']}"
    _await(client, address, export=export)
    with TemporaryDirectory(prefix="model-catalog-") as folder:
        path = Path(folder) / "bundle.zip"
        with path.open("wb") as file, progress("{:,} bytes of the catalog's bundle") as advance:
            client.download(f"{address}/bundle.zip", file, advance=advance)
        yield path


def _await(client: Client, address: str, *, export: Any) -> None:
    pause, moved, seen = PAUSE, monotonic(), None
    with progress("The catalog makes the bundle: {:,} records") as advance:
        while export["state"] in WAITING:
            sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
            export = client.get(address)
            now = (export["state"], export.get("progress"))
            if now != seen:
                moved, seen = monotonic(), now
            if monotonic() - moved > PATIENCE:
                message = f"The export {address} makes no progress: does a worker run?"
                raise Stop(message, Exit.UNAVAILABLE)
            advance(0 if not sys.stderr.isatty() else _records(export))
    if export["state"] != DONE:
        why = export.get("error") or "its file is not kept any more"
        message = f"The catalog did not make the bundle ({export['state']}): {why}"
        raise Stop(message, Exit.UNAVAILABLE)


def _records(export: Any) -> int:
    told = export.get("progress") or {}
    return int(told.get("records") or 0)
