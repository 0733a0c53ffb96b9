"""What an operator should know of the sealed ledger."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from service.db import Database
from service.ledger.notes import NoteUnreadable, read_note
from service.ledger.sealing import find_unsealed, newest_note
from service.operation.checks import Finding

LONG: Final = timedelta(minutes=1)


def check_ledger(database: Database) -> Iterator[Finding]:
    """Whether somebody seals, and whether checkpoints are signed."""
    with database.reading() as session:
        waiting, oldest = find_unsealed(session)
        note = newest_note(session)
    if oldest > LONG:
        yield Finding("fail", "ledger", f"{waiting} changes wait to be sealed, the oldest for "
                      f"{oldest.total_seconds() // 60:.0f} min",
                      "Look for `sealing_fails` in the log of `serve` and `worker`; the login of "
                      "one of them must be allowed to become catalog_sealer.")  # fmt: skip
    else:
        yield Finding("ok", "ledger", "sealed" if note else "nothing is sealed yet")
    yield _checkpoints(note)


def _checkpoints(note: str | None) -> Finding:
    try:
        signed = note is None or bool(read_note(note).signatures)
    except NoteUnreadable as error:
        return Finding("fail", "checkpoints", f"the newest cannot be read: {error}",
                       "Run `model-catalog ledger verify`.")  # fmt: skip
    if signed:
        return Finding("ok", "checkpoints", "signed" if note else "none yet")
    return Finding("warn", "checkpoints", "not signed",
                   "Whoever owns the database could write the whole ledger anew, and only a "
                   "checkpoint kept elsewhere would show it: set "
                   "MODEL_CATALOG_EXPORT_SIGNING_KEY_FILE (docs/ledger.md).")  # fmt: skip
