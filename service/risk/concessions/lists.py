"""Waivers, exceptions, overrides and exemptions as people read them."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from schemas.canonical import fold_name
from schemas.concessions import (
    ConcessionFilters,
    ConcessionOutline,
    ExceptionOutline,
    ExceptionRow,
    ExemptionOutline,
    ExemptionRow,
    OverrideOutline,
    OverrideRow,
    WaiverFilters,
    WaiverOutline,
    WaiverRow,
)
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.catalog.typed import TYPED
from service.errors import NotFound
from service.risk.acting import Tagged, at_home, home, seen_by, told_to
from service.risk.concessions.ends import TABLES
from service.risk.concessions.machine import STANDING, Sort, possible
from service.risk.concessions.manifest_waivers import digest_of
from service.risk.findings.lists import FULL, model_keys
from service.risk.picture import UNDECLARED

version, use, model = (TYPED[kind] for kind in (Kind.VERSION, Kind.USE, Kind.MODEL))


class ConcessionNotFound(NotFound):
    """None of a model that you may see has this id.

    The lists show them: `/waivers`, `/exceptions`, `/overrides`, `/exemptions`.
    """


class Shapes(NamedTuple):
    """How one is shown: to every reader, and to those who may read all; below which address."""

    outline: type[ConcessionOutline]
    full: type[ConcessionOutline]
    path: str


SHAPES: Final[Mapping[Sort, Shapes]] = {
    "waiver": Shapes(WaiverOutline, WaiverRow, "waivers"),
    "exception": Shapes(ExceptionOutline, ExceptionRow, "exceptions"),
    "override": Shapes(OverrideOutline, OverrideRow, "overrides"),
    "exemption": Shapes(ExemptionOutline, ExemptionRow, "exemptions"),
}


def select_concessions(sort: Sort, caller: Caller) -> sa.Select[Any]:
    """Every one of a sort that the caller may see; `told` where all of it may be read.

    One whose time is over reads LAPSED, also before that is written down.
    """
    table = TABLES[sort]
    over = sa.and_(table.c.state == "IN_FORCE", table.c.expires_at <= sa.func.clock_timestamp())
    shown = sa.case((over, "LAPSED"), else_=table.c.state).label("shown_state")
    beside = [shown, _chain(table), told_to(caller).label(FULL), *_beside(table)]
    query = at_home(table, *beside)
    if "version_id" in table.c:
        query = query.outerjoin(version, version.c.id == table.c.version_id)
    if "use_id" in table.c:
        query = query.outerjoin(use, use.c.id == table.c.use_id)
    if "stated_in" in table.c:
        query = query.outerjoin(model, model.c.id == home.c.id)
    return query.where(seen_by(caller))


def _beside(table: sa.Table) -> Iterator[sa.ColumnElement[Any]]:
    if "version_id" in table.c:
        yield version.c.number.label("version")
    if "use_id" in table.c:
        yield sa.func.coalesce(use.c.name, UNDECLARED).label("use")
    if "stated_in" in table.c:
        yield model.c.waivers.label("asked")


def _chain(table: sa.Table) -> sa.ColumnElement[Any]:
    """The ones before it, the latest first."""
    name = table.name
    text = (
        f"ARRAY(WITH RECURSIVE before (id, renews, place) AS ("  # noqa: S608  # a table's name
        f"SELECT w.id, w.renews, 1 FROM {name} w WHERE w.id = {name}.renews "
        f"UNION ALL SELECT w.id, w.renews, place + 1 FROM {name} w JOIN before b ON w.id = b.renews"
        ") SELECT id FROM before ORDER BY place)"
    )
    return sa.literal_column(text, ARRAY(sa.Uuid())).label("chain")


def concessions(
    session: Session,
    sort: Sort,
    *,
    asked: ConcessionFilters,
    caller: Caller,
    of: UUID | None = None,
) -> Keyset:
    """What matches, the newest request first; of one use, if it is named. Raises `Invalid`."""
    check_names(session, asked, caller=caller)
    each = select_concessions(sort, caller).subquery("found")
    query = sa.select(each).where(*_asked(each, asked))
    if of is not None:
        query = query.where(each.c.use_id == of)
    order = (Key(each.c.requested_at, descending=True), Key(each.c.id, descending=True))

    def as_row(row: sa.RowMapping) -> ConcessionOutline:
        return concession_row(sort, row)

    return Keyset(query, order, as_row)


def _asked(each: sa.FromClause, asked: ConcessionFilters) -> Iterator[sa.ColumnElement[bool]]:
    yield each.c.shown_state.in_(asked.state or sorted(STANDING))
    if asked.namespace is not None:
        yield each.c.namespace.in_([fold_name(one) for one in asked.namespace])
    if asked.model is not None:
        yield each.c.model.in_(model_keys(asked.model))
    if asked.ends_before is not None:
        yield each.c.expires_at < asked.ends_before
    if isinstance(asked, WaiverFilters) and asked.control is not None:
        yield each.c.control.in_(asked.control)


def find_concession(
    session: Session, sort: Sort, *, given: str, caller: Caller, lock: bool = False
) -> sa.RowMapping:
    """One by its id; locked, if it is to change. Raises `ConcessionNotFound`."""
    table = TABLES[sort]
    try:
        query = select_concessions(sort, caller).where(table.c.id == UUID(given))
    except ValueError:
        raise ConcessionNotFound from None
    if lock:
        query = query.with_for_update(of=table)
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise ConcessionNotFound
    return found


def concession_row(sort: Sort, row: sa.RowMapping) -> ConcessionOutline:
    """One as its reader may see it."""
    shapes = SHAPES[sort]
    shape = shapes.full if row[FULL] else shapes.outline
    made = {
        "url": f"{API}/{shapes.path}/{row['id']}",
        "state": row["shown_state"],
        "possible": possible(row["shown_state"]),
    }
    if sort == "waiver":
        made["stated"] = _is_stated(row)
    return shape.model_validate(
        {name: made[name] if name in made else row[name] for name in shape.model_fields}
    )


def _is_stated(row: sa.RowMapping) -> bool | None:
    """Does a manifest still ask for it in the same words? None: none ever did."""
    if row["stated_in"] is None:
        return None
    return any(digest_of(one) == row["stated_in"] for one in row["asked"] or ())


def tagged(row: sa.RowMapping) -> Tagged:
    """What the tag of one stands for."""
    return Tagged(id=row["id"], changed_at=row["valid_from"], state=row["shown_state"])
