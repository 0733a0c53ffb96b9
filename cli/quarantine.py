"""Commands of quarantine: what was refused or held back, and what people decide about it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_document, print_json, print_list, print_rows, say

app = typer.Typer(no_args_is_help=True, help="Decide about what was refused or held back.")
PATH: Final = "/api/v1/quarantine"
COLUMNS: Final = ("id", "what", "source", "code", "subject", "message", "times", "last_at")
PLANNED: Final = ("entry", "field", "old", "new")

Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="As `quarantine list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")]
Sources = Annotated[str | None, typer.Option("--source", help="Of these sources, with commas.")]
Codes = Annotated[str | None, typer.Option("--code", help="With these codes, with commas.")]


@app.command("list")
def list_items(
    *,
    source: Sources = None,
    code: Codes = None,
    what: Annotated[
        Literal["refused", "held_back"] | None, typer.Option(help="These alone.")
    ] = None,
    state: Annotated[
        Literal["open", "resolved", "all"], typer.Option(help="Waiting, decided, or both.")
    ] = "open",
    as_json: Json = False,
) -> None:
    """List refused records and held-back harvests, the newest first."""
    given = {"source": source, "code": code, "what": what}
    asked = {name: value for name, value in given.items() if value is not None}
    asked["state"] = "open,resolved" if state == "all" else state
    print_list(Client.from_environment().pages(PATH, **asked), COLUMNS, as_json=as_json)


@app.command()
def show(item: Number, *, as_json: Json = False) -> None:
    """Show one item; of a held-back harvest every field that would change, entry by entry."""
    client = Client.from_environment()
    found = client.get(f"{PATH}/{item}")
    print_document(found, as_json=as_json)
    if found["plan"] is None:
        return
    planned = client.pages(f"{PATH}/{item}/plan")
    if as_json:
        for entry in planned:
            print_json(entry)
    else:
        print_rows(PLANNED, _fields(planned))


@app.command()
def release(
    item: Number, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Retire exactly what a held-back harvest would have; 5 when something of it has moved."""
    done = _decide(item, "release", reason=reason, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        print_rows(PLANNED, _fields(done["changes"]))
    would = "would be retired" if dry_run else "retired"
    say(f"{done['retired']} entries {would}, {done['changed']} changed: harvest of "
        f"{done['scope']} by {done['source']}.")  # fmt: skip
    if done["moved"]:
        moved = ", ".join(one["name"] for one in done["moved"])
        raise Stop(f"It would be refused: {moved} moved since it was held back.", Exit.CONFLICT)


@app.command()
def drop(item: Number, *, reason: Reason, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Forget a held-back harvest or a refused record."""
    _show(_decide(item, "drop", reason=reason, dry_run=dry_run), as_json=as_json)


@app.command()
def retry(  # options of one command
    item: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="One; else all of a source.")
    ] = None,
    *,
    reason: Reason,
    source: Annotated[str | None, typer.Option(help="All that this source had refused.")] = None,
    code: Codes = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Try refused records again, as they were sent; 1 when some are still refused."""
    if (item is None) is (source is None) or (item is not None and code is not None):
        raise Stop("Name one item, or a source with --source.", Exit.WRONG_USE)
    if item is not None:
        found = _decide(item, "retry", reason=reason, dry_run=dry_run)
        _show(found, as_json=as_json)
        refused = int(found["resolution"] is None)
    else:
        asked = {"source": source or "", "dry_run": _word(dry_run=dry_run)}
        refused = _retry_all(asked | ({"code": code} if code else {}), reason, as_json=as_json)
    if refused:
        raise Stop(f"{refused} still refused: see `quarantine list`.", Exit.FINDINGS)


def _retry_all(asked: dict[str, str], reason: str, *, as_json: bool) -> int:
    """Part after part; answers how many are still refused."""
    client, total = Client.from_environment(), dict.fromkeys(("tried", "recorded", "refused"), 0)
    after: int | None = 0
    while after is not None:
        part = _post(client, f"{PATH}:retry", reason=reason, **asked, after=str(after))
        total = {name: count + part[name] for name, count in total.items()}
        after = part["next"]
    print_document(total, as_json=as_json)
    return total["refused"]


def _decide(item: int, what: str, *, reason: str, dry_run: bool) -> Any:
    path, tried = f"{PATH}/{item}:{what}", _word(dry_run=dry_run)
    return _post(Client.from_environment(), path, reason=reason, dry_run=tried)


def _post(client: Client, path: str, *, reason: str, **params: str) -> Any:
    """Decide with a reason; a large plan may take minutes."""
    body = json.dumps({"reason": reason}).encode()
    return client.send(path, body, media="application/json", **params)


def _word(*, dry_run: bool) -> str:
    return "true" if dry_run else "false"


def _show(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        print_rows(("id", "resolution"), [(found["id"], found["resolution"] or "open")])


def _fields(planned: Any) -> Iterator[Sequence[Any]]:
    """A row for each field that would change; an entry that stays as it is has one too."""
    for entry in planned:
        yield from (
            (entry["name"], one["field"], one["old"], one["new"]) for one in entry["changes"]
        )
        if not entry["changes"]:
            yield entry["name"], None, None, None
