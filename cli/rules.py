"""What the commands of policies and of packs of controls share."""

import time
from pathlib import Path
from typing import Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import print_json, print_list, print_rows, progress, say
from schemas.canonical import path_segment

COLUMNS: Final = (
    "name", "version", "state", "author", "activated_by", "effective_from", "superseded_at",
    "digest",
)  # fmt: skip
YAML, JSON = "application/yaml", "application/json"
PAUSE: Final = 1.0  # seconds between two looks at a preview that goes on


def list_versions(plural: str, *, as_json: bool) -> None:
    """Every version, the newest first."""
    items = Client.from_environment().pages(f"/api/v1/{plural}")
    print_list(items, COLUMNS, as_json=as_json)


def show_version(plural: str, version: str, *, as_json: bool) -> None:
    """One version: where it stands, what its preview counted, how far it is applied."""
    shown = Client.from_environment().get(_address(plural, version))
    if as_json:
        print_json(shown)
        return
    print_rows(("", ""), [*((name, shown[name]) for name in COLUMNS), *_progress(shown)])
    if shown["preview"] is not None:
        _print_transitions(shown["preview"])


def upload_file(plural: str, file: Path, *, as_json: bool) -> None:
    """Send a file as it is; the service says all that is wrong with it."""
    media = JSON if file.suffix.lower() == ".json" else YAML
    client = Client.from_environment()
    stored = client.send(f"/api/v1/{plural}", read_file(file), media=media)
    if as_json:
        print_json(stored)
        return
    say(f"{stored['state']}: preview it next.")
    typer.echo(stored["url"])


def preview_version(plural: str, version: str, *, as_json: bool) -> int:
    """Preview, and wait for the end; answers how many differ."""
    client, path = Client.from_environment(), _address(plural, version)
    shown = client.change("POST", f"{path}:preview")
    begun, seen = shown["preview"]["id"], 0
    with progress("{} evaluated") as advance:
        while shown["preview"]["id"] == begun and shown["preview"]["done_at"] is None:
            advance(shown["preview"]["rated"] - seen)
            seen = shown["preview"]["rated"]
            time.sleep(PAUSE)
            shown = client.get(path)
    found = shown["preview"]
    if as_json:
        print_json(found)
    else:
        _print_transitions(found)
        of = "results of {} models" if plural == "control-packs" else "of {}"
        say(f"{found['changed']} {of.format(found['total'])} differ; it is good until "
            f"{found['valid_until']}. `GET {path}/preview.csv` lists them.")  # fmt: skip
    return int(found["changed"])


def activate_version(
    plural: str,
    version: str,
    *,
    reason: str,
    effective_from: str | None,
    wait: bool,
    as_json: bool,
) -> None:
    """Put a version in force, now or from a moment on; wait until it is applied, if asked to."""
    client, path = Client.from_environment(), _address(plural, version)
    body = {"reason": reason, "effective_from": effective_from}
    done = client.change("POST", f"{path}:activate", body=body, match=client.tag(path))
    if wait and done["state"] == "ACTIVE":
        done = _applied(client, path, shown=done)
    if as_json:
        print_json(done)
        return
    if done["state"] == "ACTIVE" and done["revaluation"]["done_at"]:
        say(f"In force; {done['revaluation']['changed']} of {done['revaluation']['total']} differ.")
    elif done["state"] == "ACTIVE":
        say("In force; the worker, or `model-catalog evaluate`, applies it to everything.")
    else:
        say(f"It comes into force at {done['effective_from']}.")
    typer.echo(done["url"])


def _applied(client: Client, path: str, *, shown: Any) -> Any:
    """Wait until everything has been evaluated by it."""
    seen = 0
    with progress("{} evaluated") as advance:
        while shown["revaluation"]["done_at"] is None:
            advance(shown["revaluation"]["rated"] - seen)
            seen = shown["revaluation"]["rated"]
            time.sleep(PAUSE)
            shown = client.get(path)
    return shown


def read_file(file: Path) -> bytes:
    """A file's bytes."""
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}."
        raise Stop(message, Exit.WRONG_USE) from None


def _address(plural: str, version: str) -> str:
    return f"/api/v1/{plural}/{path_segment(version)}"


def _progress(shown: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    for name in ("preview", "revaluation"):
        if (found := shown[name]) is not None:
            over = found["done_at"] or "it goes on"
            done = f"{found['rated']} of {found['total']}, {found['changed']} differ"
            rows.append((name, f"{done}; {over}"))
    return rows


def _print_transitions(found: dict[str, Any]) -> None:
    """What stays as it is comes first, mostly; what has no state yet reads -."""
    rows = [
        (one["count"], _state(one["before"]), _state(one["after"])) for one in found["transitions"]
    ]
    print_rows(("count", "before", "after"), rows)


def _state(members: dict[str, str | None]) -> str:
    return " ".join(value or "-" for _, value in sorted(members.items()))
