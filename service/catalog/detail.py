"""One entry in full: its facts, what stands beside it, and where each field comes from."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import EntryRow, ModelFilters, VersionFilters
from schemas.details import (
    DeploymentDetail,
    EntryDetail,
    ModelDetail,
    UseDetail,
    VersionDetail,
)
from schemas.identifiers import Kind, decode_segment, fold_name
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.beside import ALIASED, read_beside
from service.catalog.entries import find_entry
from service.catalog.provenance import read_provenance
from service.catalog.select import (
    bears_name,
    entry,
    one_snapshot,
    parent,
    select_entry,
    select_models,
    select_versions,
    version,
)
from service.errors import NotFound

FILTERS: Final = {Kind.MODEL: ModelFilters, Kind.VERSION: VersionFilters}
As = Callable[[sa.RowMapping], EntryRow]
DETAILS: Final[Mapping[Kind, tuple[type[EntryRow], As]]] = {
    Kind.USE: (UseDetail, rows.use_row),
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
    session: Session, namespace: str, *, name: str, caller: Caller, provenance: bool
) -> ModelDetail:
    """A model by its name as its `url` writes it, compared without case."""
    one_snapshot(session)
    row = find_model(session, namespace, name=name, caller=caller)
    beside = _beside(session, Kind.MODEL, row=row, caller=caller, provenance=provenance)
    return ModelDetail(**dict(rows.model_row(row)), **beside)


def find_model(session: Session, namespace: str, *, name: str, caller: Caller) -> sa.RowMapping:
    """The row of a model that the caller may see. Raises `ModelNotFound`."""
    key = _key(namespace, name)
    row = session.execute(_named(Kind.MODEL, caller), {"name": key}).mappings().one_or_none()
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
    provenance: bool,
) -> VersionDetail:
    """A version below its model, by number or by `@alias`, as its `url` writes it."""
    one_snapshot(session)
    row = find_version(session, (namespace, name), label=label, caller=caller)
    beside = _beside(session, Kind.VERSION, row=row, caller=caller, provenance=provenance)
    return VersionDetail(**dict(rows.version_row(row)), **beside)


def find_version(
    session: Session, model: tuple[str, str], *, label: str, caller: Caller
) -> sa.RowMapping:
    """The row of a version. Raises `ModelNotFound`, `VersionNotFound`."""
    key = _key(*model)
    if label.startswith("@"):
        row = session.execute(_aliased(key, label[1:], caller=caller)).mappings().first()
    else:
        named = {"name": f"{key}/{_segment(label)}"}
        row = session.execute(_named(Kind.VERSION, caller), named).mappings().first()
    if row is None:
        find_model(session, model[0], name=model[1], caller=caller)
        raise VersionNotFound(model=key)
    return row


def get_entry(
    session: Session, kind: Kind, *, given: str, caller: Caller, provenance: bool
) -> EntryRow:
    """An entry of any other kind, by its id or by an identifier."""
    one_snapshot(session)
    shown = find_entry(session, kind, given=given, caller=caller)
    found = select_entry(kind, visible_to=caller).where(entry.c.id == shown)
    row = session.execute(found).mappings().one()
    beside = _beside(session, kind, row=row, caller=caller, provenance=provenance)
    detail, as_row = DETAILS.get(kind, (EntryDetail, rows.entry_row))
    return detail.model_validate({**dict(as_row(row)), **beside, "kind": kind})


def _key(namespace: str, name: str) -> str:
    return f"{fold_name(namespace)}/{_segment(name)}"


def _segment(given: str) -> str:
    """A part of a name as it is stored: whoever encodes a slash once means the same."""
    return fold_name(given.replace("/", "%2F").replace("#", "%23"))


@lru_cache(maxsize=256)
def _named(kind: Kind, caller: Caller) -> sa.Select[Any]:
    """The row of what bears a name; built once, for to build it takes longer than to run it."""
    select = select_models if kind is Kind.MODEL else select_versions
    found = select(FILTERS[kind](), visible_to=caller)
    return found.where(entry.c.natural_key == sa.bindparam("name"), bears_name())


def _aliased(model: str, segment: str, *, caller: Caller) -> sa.Select[Any]:
    """Of versions with one alias: those that bear their numbers bare first, then the highest."""
    found = select_versions(VersionFilters(), visible_to=caller).where(bears_name())
    named = version.c.aliases.contains([decode_segment(segment)])
    here = sa.and_(parent.c.natural_key == model, bears_name(parent), entry.c.gone_since.is_(None))
    return found.where(named, here).order_by(None).order_by(*ALIASED).limit(1)


def _beside(
    session: Session, kind: Kind, *, row: sa.RowMapping, caller: Caller, provenance: bool
) -> dict[str, Any]:
    """What a detail says beside its row."""
    said = read_provenance(session, kind, row=row) if provenance else None
    beside = read_beside(session, kind, shown=row["id"], caller=caller)
    return beside | {"replaced_by": row["replaced_by"], "provenance": said}
