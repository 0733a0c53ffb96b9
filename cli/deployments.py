"""Commands of deployments: what runs unaccounted for, what nobody sees, and decisions."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say
from cli.read import Filters, Form, Output, parse_filters, write_file
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Decide about what runs and is not accounted for.")
UNREGISTERED: Final = "unregistered-deployments"
COLUMNS: Final = (
    "id", "name", "environment", "model", "version", "unregistered", "causes", "state", "sources",
)  # fmt: skip
GHOSTS: Final = ("what", "name", "state", "version", "since", "last_seen_at", "looking", "why")
Deployment = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT", help="Its id, or `scheme:value`, as lists show it.")
]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only try it.")]


@app.command()
def unregistered(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List what runs and nothing accounts for, or what is accounted for and wrong."""
    _list(UNREGISTERED, COLUMNS, filters=filters, file=(form, output, as_json))


@app.command()
def ghosts(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """List what is said to be in production and no serving source sees."""
    _list("ghosts", GHOSTS, filters=filters, file=(form, output, as_json))


@app.command()
def accept(
    deployment: Deployment,
    *,
    days: Annotated[
        int | None, typer.Option(min=1, max=366, help="How long it may run as it is.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when instead: 2027-01-31T00:00:00Z.")
    ] = None,
    reason: Reason,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Let it run as it is until a day, or until something else runs."""
    if (days is None) == (until is None):
        raise Stop("Say how long: --days 30, or --until 2027-01-31T00:00:00Z.", Exit.WRONG_USE)
    client = Client.from_environment()
    shown = client.get(f"/api/v1/deployments/{path_segment(deployment)}")
    judged = shown["judgement"]
    if judged is None:
        raise Stop("It does not run any more: nothing is to be accepted.", Exit.CONFLICT)
    asked = {"expires_at": until or _in(days), "evidence": judged["evidence"]}
    body = {"decision": "accept", "reason": reason, **asked}
    _resolve(client, shown["id"], body=body, dry_run=dry_run, as_json=as_json)  # fmt: skip


@app.command()
def link(
    deployment: Deployment,
    version: Annotated[str, typer.Argument(help="namespace/model/version; @alias is a version.")],
    *,
    reason: Reason,
    register: Annotated[
        bool, typer.Option("--register", help="The catalog does not know the version yet.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Say which version it serves; with --register let the catalog learn that version from you."""
    namespace, _, rest = version.partition("/")
    model, _, number = rest.partition("/")
    if not (namespace and model and number):
        raise Stop(f"{version}: write namespace/model/version.", Exit.WRONG_USE)
    body = {"decision": "register" if register else "link", "reason": reason,
            "model": f"{namespace}/{model}", "version": number}  # fmt: skip
    _resolve(Client.from_environment(), deployment, body=body, dry_run=dry_run, as_json=as_json)


@app.command()
def reopen(
    deployment: Deployment, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """End the latest decision about it that holds."""
    body = {"decision": "reopen", "reason": reason}
    _resolve(Client.from_environment(), deployment, body=body, dry_run=dry_run, as_json=as_json)


def _in(days: int | None) -> str:
    return (datetime.now(UTC) + timedelta(days=days or 0)).isoformat(timespec="seconds")


def _resolve(
    client: Client, deployment: str, *, body: dict[str, Any], dry_run: bool, as_json: bool
) -> None:
    path = f"/api/v1/{UNREGISTERED}/{path_segment(deployment)}:resolve"
    done = client.change("POST", path, body=body, **({"dry_run": "true"} if dry_run else {}))
    if as_json:
        print_json(done)
        return
    now = done["deployment"]
    left = ", ".join(one["code"] for one in now["causes"]) or "nothing"
    tried = "Only tried: " if done["dry_run"] else ""
    serves = f"serves {now['version']}" if now["version"] else "no version is known"
    say(f"{tried}{now['state'] or 'in order'}; {serves}; wrong with it: {left}.")
    typer.echo(now["id"])


def _list(
    name: str,
    columns: tuple[str, ...],
    *,
    filters: list[str] | None,
    file: tuple[str | None, Path | None, bool],
) -> None:
    """A file, if one is asked for, else rows."""
    form, output, as_json = file
    asked = parse_filters(filters)
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file(name, output, form=form, asked=asked)
        return
    items = Client.from_environment().pages(f"/api/v1/{name}", **asked)
    if as_json:
        for item in items:
            print_json(item)
        return
    print_rows(columns, ([_shown(item[column]) for column in columns] for item in items))


def _shown(value: Any) -> Any:
    """Causes by their codes, several with commas between."""
    if isinstance(value, list):
        return ", ".join(one["code"] if isinstance(one, dict) else str(one) for one in value)
    return value
