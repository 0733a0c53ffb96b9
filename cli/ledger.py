"""Commands of the change ledger: is it what was sealed, and its newest checkpoint."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, progress, say

if TYPE_CHECKING:
    from service.db import Database
    from service.ledger.notes import Keys, Note
    from service.ledger.verify import Verdict

app = typer.Typer(no_args_is_help=True, help="Verify the change ledger.")
File = Annotated[
    Path | None,
    typer.Option(
        "--from", exists=True, dir_okay=False, metavar="CHECKPOINT",
        help="File of a checkpoint that was kept elsewhere: read only what came after it.",
    ),
]  # fmt: skip


@app.command()
def verify(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Look at every signature, and before --from too.")
    ] = False,
    since: File = None,
    as_json: Json = False,
) -> None:
    """Hash every change again and compare it with what was sealed; 1 where it differs."""
    from cli.database import operated, signing_keys, worker_settings
    from service.ledger.verify import verify as verify_ledger

    keys = signing_keys(worker_settings().export_signing_key_file)
    given = None if since is None else _read(since)
    with operated() as database, progress("{:,} changes") as tell, database.reading() as session:
        found = verify_ledger(session, keys=keys, full=full, since=given, tell=tell)
    _print(found, as_json=as_json)
    if found.faults:
        first = found.faults[0]
        place = f"change {first.change}" if first.seq is None else f"seq {first.seq}"
        message = f"The ledger is not what was sealed: {first.kind} at {place}. See docs/ledger.md."
        raise Stop(message, Exit.FINDINGS)
    say("The ledger is intact.")


@app.command()
def checkpoint(*, as_json: Json = False) -> None:
    """Print the newest checkpoint: keep it elsewhere, and verify from it later."""
    from cli.database import operated
    from service.ledger.sealing import newest_note

    with operated() as database, database.reading() as session:
        note = newest_note(session)
    if note is None:
        message = "There is none yet: nothing was sealed, or nobody seals (see docs/ledger.md)."
        raise Stop(message, Exit.NOT_FOUND)
    if as_json:
        from service.ledger.notes import read_note

        read = read_note(note)
        print_json(
            {"origin": read.origin, "size": read.size, "root": read.root.hex(), "note": note}
        )
    else:
        typer.echo(note, nl=False)


def seal_once(database: "Database", keys: "Keys", *, dry_run: bool) -> int:
    """Seal what waits; answers how many changes. A dry run counts them."""
    from service.ledger.sealing import LedgerDiffers, as_sealer, count_unsealed, seal

    if dry_run:
        with database.reading() as session:
            return count_unsealed(session)
    sealer = as_sealer(database)
    try:
        return seal(sealer, keys=keys)
    except LedgerDiffers as differs:
        message = (
            f"Nothing was sealed: {differs}.\n`model-catalog ledger verify` says what is wrong."
        )
        raise Stop(message, Exit.FINDINGS) from None
    finally:
        sealer.dispose()


def _read(file: Path) -> "Note":
    from service.ledger.notes import NoteUnreadable, read_note

    try:
        return read_note(file.read_text(encoding="utf-8"))
    except (NoteUnreadable, UnicodeDecodeError) as error:
        message = f"{file}: {error}. `model-catalog ledger checkpoint` prints one."
        raise Stop(message, Exit.WRONG_USE) from None


def _print(found: "Verdict", *, as_json: bool) -> None:
    faults = [fault._asdict() for fault in found.faults]
    if as_json:
        print_json({"intact": not faults} | found._asdict() | {"faults": faults})
        return
    figures = {name: value for name, value in found._asdict().items() if name != "faults"}
    print_rows(("", ""), figures.items())
    if found.faults:
        print_rows(("kind", "seq", "change", "what is wrong"), found.faults)
