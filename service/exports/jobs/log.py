"""The export log: one ledger row for each bundle and each file that went out, and for orders."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.exports import ExportLogFilters, ExportLogRow
from schemas.strict import instant_text
from service.access.accounts import Deed
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.ledger.change import record_changes
from service.ledger.tables import ChangeRow

EVERYBODYS: Final = "ledger:all"  # who may read all of it
change: Final = ChangeRow.__table__
OF_EXPORTS: Final = change.c.kind == sa.literal_column("'export'")  # plain, so its index is used
NEWEST: Final = (Key(change.c.id, descending=True),)


class Passed(NamedTuple):
    """What went out of a file, or came into being: all of it, or what there was until it broke."""

    rows: int | None
    bytes: int
    sha256: str
    complete: bool


class Exported(NamedTuple):
    """A file that is written about: which, of which moment, and what was asked for."""

    file: str
    asked: Mapping[str, str]
    as_of: datetime
    export: UUID | None = None


def record_export(
    session: Session,
    op: str,
    *,
    by: Deed,
    about: Exported,
    passed: Passed | None = None,
) -> None:
    """Write down what was done. An order that was given or taken back is complete as it is."""
    said: dict[str, Any] = {
        "export": str(about.export) if about.export else None,
        "file": about.file,
        "asked": dict(about.asked),
        "as_of": instant_text(about.as_of),
        **(passed or Passed(None, 0, "", complete=True))._asdict(),
    }
    if passed is None:
        said |= {"bytes": None, "sha256": None}
    record_changes(session, [by.change(op, "export", new=said)])


def select_log(asked: ExportLogFilters, *, caller: Caller) -> Keyset:
    """The rows of the log that the caller may read: its own, or all."""
    written = sa.cast(change.c.canon, JSONB)
    actor = written["actor"]
    rows = sa.select(*change.c["id", "recorded_at", "canon"]).where(OF_EXPORTS)
    who = sa.func.coalesce(actor["on_behalf_of"].astext, actor["id"].astext)
    if not caller.may(EVERYBODYS):
        rows = rows.where(who == caller.id)
    if asked.op is not None:
        rows = rows.where(written["op"].astext.in_(asked.op))
    if asked.who is not None:
        rows = rows.where(who == asked.who)
    if asked.since is not None:
        rows = rows.where(change.c.recorded_at >= asked.since)
    return Keyset(rows, NEWEST, log_row)


def log_row(row: sa.RowMapping) -> ExportLogRow:
    """A row of the ledger as one of the log."""
    written = json.loads(row["canon"])
    actor, said = written["actor"], written["new"]
    said["asked"] = {name: str(text) for name, text in said["asked"].items()}  # or its digest
    return ExportLogRow(
        id=row["id"],
        at=row["recorded_at"],
        op=written["op"],
        who=actor["on_behalf_of"] or actor["id"],
        who_kind=actor["kind"],
        reason=written["reason"],
        request=written["request"],
        **said,
    )
