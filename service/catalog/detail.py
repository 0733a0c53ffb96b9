"""One entry in full: its facts, what stands beside it, and where each field comes from."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import EntryRow
from schemas.details import (
    DeploymentDetail,
    DetailQuery,
    EntryDetail,
    ModelDetail,
    OwnerDetail,
    UseDetail,
    VersionDetail,
)
from schemas.identifiers import Kind, decode_segment, fold_name
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.beside import aliased, read_beside
from service.catalog.entries import find_entry
from service.catalog.moments import begin_at
from service.catalog.provenance import read_provenance
from service.catalog.select import select_entries
from service.catalog.stale import with_marks
from service.catalog.view import View, bears_name, everyone
from service.errors import NotFound

As = Callable[[sa.RowMapping], EntryRow]
DETAILS: Final[Mapping[Kind, tuple[type[EntryRow], As]]] = {
    Kind.USE: (UseDetail, rows.use_row),
    Kind.OWNER: (OwnerDetail, rows.owner_row),
    Kind.DEPLOYMENT: (DeploymentDetail, rows.deployment_row),
}


class ModelNotFound(NotFound):
    """No model that you may see has this name.

    Names read `namespace/name`, compared without case; `GET /api/v1/models` lists them,
    `GET /api/v1/explain?model=namespace/name` says why one is missing.
    """


class VersionNotFound(NotFound):
    """The model has no such version.

    Versions are addressed by number, or by an alias as `@champion`.
    """


def get_model(
    session: Session, namespace: str, *, name: str, caller: Caller, asked: DetailQuery
) -> ModelDetail:
    """A model by its name as its `url` writes it, compared without case."""
    begin_at(session, asked.as_of)
    row = find_model(session, namespace, name=name, caller=caller, as_of=asked.as_of)
    row = with_marks(session, View(Kind.MODEL, caller, as_of=asked.as_of), row=row)
    beside = _beside(session, Kind.MODEL, row=row, caller=caller, asked=asked)
    return ModelDetail(**dict(rows.model_row(row)), **beside)


def find_model(
    session: Session, namespace: str, *, name: str, caller: Caller, as_of: datetime | None = None
) -> sa.RowMapping:
    """The row of a model that the caller may see, by the name that it has or had.

    Raises `ModelNotFound`.
    """
    key = _key(namespace, name)
    row = _find_named(session, View(Kind.MODEL, caller, as_of=as_of), name=key)
    if row is None:
        raise ModelNotFound(name=key)
    return row


def get_version(  # the parts of a version's address
    session: Session,
    namespace: str,
    *,
    name: str,
    label: str,
    caller: Caller,
    asked: DetailQuery,
) -> VersionDetail:
    """A version below its model, by number or by `@alias`, as its `url` writes it."""
    begin_at(session, asked.as_of)
    model = (namespace, name)
    row = find_version(session, model, label=label, caller=caller, as_of=asked.as_of)
    row = with_marks(session, View(Kind.VERSION, caller, as_of=asked.as_of), row=row)
    beside = _beside(session, Kind.VERSION, row=row, caller=caller, asked=asked)
    return VersionDetail(**dict(rows.version_row(row)), **beside)


def find_version(
    session: Session,
    model: tuple[str, str],
    *,
    label: str,
    caller: Caller,
    as_of: datetime | None = None,
) -> sa.RowMapping:
    """The row of a version. Raises `ModelNotFound`, `VersionNotFound`."""
    key, view = _key(*model), View(Kind.VERSION, caller, as_of=as_of)
    if label.startswith("@"):
        row = session.execute(_aliased(view, key, segment=label[1:])).mappings().first()
    else:
        row = _find_named(session, view, name=f"{key}/{_segment(label)}")
    if row is None:
        find_model(session, model[0], name=model[1], caller=caller, as_of=as_of)
        raise VersionNotFound(model=key)
    return row


def get_entry(
    session: Session, kind: Kind, *, given: str, caller: Caller, asked: DetailQuery
) -> EntryRow:
    """An entry of any other kind, by its id or by an identifier."""
    begin_at(session, asked.as_of)
    shown = find_entry(session, kind, given=given, caller=caller, as_of=asked.as_of)
    view = View(kind, caller, as_of=asked.as_of)
    found = select_entries(view).where(*view.here(), view.entry.c.id == shown)
    row = with_marks(session, view, row=session.execute(found).mappings().one())
    beside = _beside(session, kind, row=row, caller=caller, asked=asked)
    detail, as_row = DETAILS.get(kind, (EntryDetail, rows.entry_row))
    return detail.model_validate({**dict(as_row(row)), **beside, "kind": kind})


def _key(namespace: str, name: str) -> str:
    return f"{fold_name(namespace)}/{_segment(name)}"


def _segment(given: str) -> str:
    """A part of a name as it is stored: whoever encodes a slash once means the same."""
    return fold_name(given.replace("/", "%2F").replace("#", "%23"))


def _find_named(session: Session, view: View, *, name: str) -> sa.RowMapping | None:
    """The row of what bears a name."""
    select = _present(view.kind, view.caller.namespaces) if view.as_of is None else _named(view)
    return session.execute(select, {"name": name}).mappings().one_or_none()


@lru_cache(maxsize=256)
def _present(kind: Kind, namespaces: frozenset[str] | None) -> sa.Select[Any]:
    """Built once, for to build it takes longer than to run it."""
    return _named(View(kind, everyone()._replace(namespaces=namespaces)))


def _named(view: View) -> sa.Select[Any]:
    entry = view.entry
    is_named = entry.c.natural_key == sa.bindparam("name")
    return select_entries(view).where(*view.here(), is_named, bears_name(entry))


def _aliased(view: View, model: str, *, segment: str) -> sa.Select[Any]:
    """Of versions with one alias: those that bear their numbers bare first, then the highest."""
    entry, parent = view.entry, view.parent
    named = view.typed.c.aliases.contains([decode_segment(segment)])
    here = sa.and_(parent.c.natural_key == model, bears_name(parent), entry.c.gone_since.is_(None))
    found = select_entries(view).where(*view.here(), bears_name(entry), named, here)
    return found.order_by(*aliased(view)).limit(1)


def _beside(
    session: Session, kind: Kind, *, row: sa.RowMapping, caller: Caller, asked: DetailQuery
) -> dict[str, Any]:
    """What a detail says beside its row."""
    said = read_provenance(session, kind, row=row, as_of=asked.as_of) if asked.provenance else None
    beside = read_beside(session, View(kind, caller, as_of=asked.as_of), row=row)
    return beside | {"replaced_by": row["replaced_by"], "provenance": said}
