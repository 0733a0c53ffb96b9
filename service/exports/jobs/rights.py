"""Whose bundle it is, who may see that it exists, and who may read what stands in it."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.bundles import Mask
from schemas.exports import ExportFilters, ExportProgress, ExportShown
from service.access.holders import covers
from service.access.policy import Caller, Within
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.errors import InsufficientScope, NotFound
from service.exports.jobs.log import EVERYBODYS
from service.exports.jobs.tables import ExportRow
from service.exports.review.reading import NOTES

ENDING: Final = "accounts:write"  # who may end what others began: admins
export: Final = ExportRow.__table__
NEWEST: Final = (Key(export.c.id, descending=True),)
COLUMNS: Final = (  # pages have a moment of their own
    *(column for column in export.c if column.name != "as_of"), export.c.as_of.label("moment"),
)  # fmt: skip
SHOWN: Final = (
    "id", "state", "profile", "dialect", "filters", "known_at", "since", "file_name",
    "schedule", "period", "tries", "asked_by", "asked_at", "begun_at", "done_at", "expires_at",
    "size", "sha256", "error",
)  # fmt: skip


class ExportNotFound(NotFound):
    """No bundle has this id, or it is somebody else's.

    `GET /api/v1/exports` lists yours; auditors and admins see all.
    """


class BundleNotYours(InsufficientScope):
    """The bundle shows more than you may read now.

    Nothing of it was sent. It is for whoever asked for it, and for auditors and admins, as far as
    they may read all namespaces and notes that stand in it; or ask for one of your own.
    """


def select_exports(asked: ExportFilters, *, caller: Caller) -> Keyset:
    """The bundles that the caller may see, the newest first."""
    rows = sa.select(*COLUMNS).where(seen_by(caller))
    for name in ("state", "profile", "schedule"):
        if (wanted := getattr(asked, name)) is not None:
            rows = rows.where(export.c[name].in_(wanted))
    return Keyset(rows, NEWEST, export_row)


def get_export(session: Session, export_id: UUID, *, caller: Caller) -> ExportShown:
    """One bundle, and how far it is. Raises `ExportNotFound`."""
    query = sa.select(*COLUMNS).where(export.c.id == export_id, seen_by(caller))
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise ExportNotFound
    return export_row(found)


def find_export(
    session: Session, export_id: UUID, *, caller: Caller, lock: bool = False
) -> sa.Row[Any]:
    """The row of a bundle that the caller may see. Raises `ExportNotFound`."""
    query = sa.select(export).where(export.c.id == export_id, seen_by(caller))
    found = session.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise ExportNotFound
    return found


def seen_by(caller: Caller) -> sa.ColumnElement[bool]:
    """Whose bundles the caller sees: its own, or all."""
    return sa.true() if caller.may(EVERYBODYS) else export.c.account_id == caller.account


def check_may_end(caller: Caller, found: sa.Row[Any]) -> None:
    """Raises `InsufficientScope`: an auditor looks on."""
    if found.account_id != caller.account and not caller.may(ENDING):
        raise InsufficientScope(detail="It is somebody else's export.")


def check_may_read(caller: Caller, found: sa.Row[Any]) -> None:
    """Hold what stands in a bundle against what the caller may read now. Raises `BundleNotYours`.

    Whoever asked for it may have lost rights since, or hold a token that leaves less.
    """
    mask = Mask.model_validate(found.manifest["mask"])
    may_all = covers(caller.namespaces, _within(mask.namespaces))
    if not may_all or not covers(caller.within(NOTES), _within(mask.notes)):
        raise BundleNotYours


def export_row(row: sa.RowMapping) -> ExportShown:
    """A row as it is shown."""
    url = f"/api/v1/exports/{row['id']}"
    manifest = row["manifest"]
    return ExportShown(
        **{name: row[name] for name in SHOWN},
        url=url,
        as_of=row["moment"],
        progress=ExportProgress(file=row["file"], records=row["records"]),
        content_digest=manifest["content_digest"] if manifest else None,
        bundle_url=f"{url}/bundle.zip" if row["state"] == "DONE" else None,
    )


def _within(listed: tuple[str, ...] | None) -> Within:
    return None if listed is None else frozenset(listed)
