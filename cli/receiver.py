"""Commands of receivers: where events go, their secrets, what arrived, what is sent again."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, say
from cli.read import Filters, Form, Output, parse_filters, write_file
from schemas.canonical import path_segment

if TYPE_CHECKING:
    from service.db import Database
    from service.outgoing.post import Sender
    from service.settings import WorkerSettings

app = typer.Typer(no_args_is_help=True, help="Let other systems be told of events.")
Name = Annotated[str, typer.Argument(help="The receiver's name.")]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only these; repeat it.")]
Namespaces = Annotated[list[str] | None, typer.Option("--namespace", help="Only these; repeat it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Moment = Annotated[str | None, typer.Option(help="A time: 2026-11-20T09:13:22Z.")]
PATH: Final = "/api/v1/receivers"
SHOWN: Final = ("name", "url", "enabled", "waiting", "failed", "failing_since")
DELIVERIES: Final = (
    "event", "type", "subject", "at", "state", "attempts", "last_status", "last_error", "next_at",
)  # fmt: skip


@app.command("list")
def list_all(*, as_json: Json = False) -> None:
    """List receivers, disabled ones too."""
    print_list(Client.from_environment().pages(PATH), SHOWN, as_json=as_json)


@app.command()
def show(name: Name, *, as_json: Json = False) -> None:
    """Show a receiver, and how its deliveries stand."""
    print_document(Client.from_environment().get(_path(name)), as_json=as_json)


@app.command()
def create(  # noqa: PLR0913  # options of one command
    name: Name,
    url: Annotated[str, typer.Argument(help="Where events are posted.")],
    *,
    reason: Reason,
    types: Types = None,
    namespace: Namespaces = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let events go somewhere. The secret that proves them is printed once and stored nowhere."""
    body = _wanted(url, types, namespaces=namespace, reason=reason) | {"name": name}
    _print_secret(_post(PATH, body, dry_run=dry_run), dry_run=dry_run, as_json=as_json)


@app.command()
def change(  # noqa: PLR0913  # options of one command
    name: Name,
    *,
    reason: Reason,
    url: Annotated[str | None, typer.Option(help="Another address.")] = None,
    types: Types = None,
    all_types: Annotated[bool, typer.Option("--all-types", help="Of every type.")] = False,
    namespace: Namespaces = None,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Of every namespace.")] = False,
    enable: Annotated[bool, typer.Option("--enable", help="Send again what waits.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Change what a receiver gets and where, or enable it; what is not named stays."""
    client = Client.from_environment()
    tag, now = client.tag(_path(name)), client.get(_path(name))
    body = {
        "url": url or now["url"],
        "types": [] if all_types else types or now["types"],
        "namespaces": None if everywhere else namespace or now["namespaces"],
        "enabled": enable or now["enabled"],
        "reason": reason,
    }
    tried = {"dry_run": "true"} if dry_run else {}
    done = client.change("PUT", _path(name), body=body, match=tag, **tried)
    print_document(done, as_json=as_json)


@app.command()
def disable(name: Name, *, reason: Reason, dry_run: DryRun = False) -> None:
    """Send it nothing more; what waits goes out once it is enabled again."""
    from urllib.parse import urlencode

    asked = {"reason": reason} | ({"dry_run": "true"} if dry_run else {})
    Client.from_environment().delete(f"{_path(name)}?{urlencode(asked)}")
    typer.echo(name)


@app.command()
def rotate(name: Name, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Sign by another secret, printed once; for 24 hours the one before signs too."""
    done = _post(f"{_path(name)}:rotate", {"reason": reason}, dry_run=dry_run)
    _print_secret(done, dry_run=dry_run, as_json=as_json)


@app.command("test")
def send_test(
    name: Name, *, reason: Reason = "a test", dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Send it an event that says nothing; `receiver deliveries` shows what it answered."""
    _print_event(_post(f"{_path(name)}:test", {"reason": reason}, dry_run=dry_run), as_json=as_json)


@app.command()
def deliveries(
    name: Name,
    *,
    filters: Filters = None,
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List what became of each event, the newest first."""
    asked = parse_filters(filters)
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        there = f"receivers/{path_segment(name)}/deliveries"
        write_file(there, output, form=form, asked=asked)
        return
    items = Client.from_environment().pages(f"{_path(name)}/deliveries", **asked)
    print_list(items, DELIVERIES, as_json=as_json)


@app.command()
def replay(  # noqa: PLR0913  # options of one command
    name: Name,
    event: Annotated[str | None, typer.Argument(help="One event, by its id.")] = None,
    *,
    reason: Reason,
    since: Moment = None,
    until: Moment = None,
    failed_only: Annotated[bool, typer.Option("--failed", help="Only what was given up.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Send one event again, or all of a time that it asks for now; each keeps its id."""
    if event is not None:
        if since or until or failed_only:
            raise Stop("Name one event, or a time; not both.", Exit.WRONG_USE)
        path = f"{_path(name)}/deliveries/{path_segment(event)}:replay"
        _print_event(_post(path, {"reason": reason}, dry_run=dry_run), as_json=as_json)
        return
    if not since or not until:
        raise Stop("Name an event, or --since and --until.", Exit.WRONG_USE)
    body = {"since": since, "until": until, "failed_only": failed_only, "reason": reason}
    done = _post(f"{_path(name)}/deliveries:replay", body, dry_run=dry_run)
    print_json(done) if as_json else typer.echo(done["deliveries"])


def courier(database: "Database", told: "WorkerSettings") -> AbstractContextManager[object]:
    """Sends events as long as it is open, where the service's key is set; `serve` does anyway."""
    from service.outgoing.courier import Courier

    sender = _sender(told)
    return nullcontext() if sender is None else Courier(database, sender)


def send_once(
    database: "Database", told: "WorkerSettings", *, dry_run: bool = False
) -> Mapping[str, int]:
    """Send what waits now, where the service's key is set, and say how much arrived."""
    from service.outgoing.sending import send_waiting

    sender = _sender(told)
    if sender is None:
        return {}
    with sender.client:
        done = send_waiting(database, sender, dry_run=dry_run)
    return {"events_sent": done.delivered, "events_not_taken": done.failed}


def _sender(told: "WorkerSettings") -> "Sender | None":
    from service.outgoing.post import make_sender

    if told.secret_key is None:
        return None
    key = told.secret_key.get_secret_value()
    return make_sender(secret_key=key, source=told.base_url, allow=told.outbound_allow)


def _wanted(
    url: str, types: list[str] | None, *, namespaces: list[str] | None, reason: str
) -> dict[str, Any]:
    return {"url": url, "types": types or [], "namespaces": namespaces or None, "reason": reason}


def _path(name: str) -> str:
    return f"{PATH}/{path_segment(name)}"


def _post(path: str, body: dict[str, Any], *, dry_run: bool) -> Any:
    tried = {"dry_run": "true"} if dry_run else {}
    return Client.from_environment().change("POST", path, body=body, **tried)


def _print_secret(done: Any, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    say("Only tried." if dry_run else "It is shown this once; the receiver proves events by it.")
    typer.echo(done["name"] if dry_run else done["secret"])


def _print_event(done: Any, *, as_json: bool) -> None:
    print_json(done) if as_json else typer.echo(done["event"])
