"""One entry in full: its facts, its identifiers, and where each field comes from."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import (
    Contender,
    FieldProvenance,
    ModelDetail,
    ModelFilters,
    VersionDetail,
    VersionFilters,
)
from schemas.identifiers import Kind, decode_segment, fold_name
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.select import (
    bears_name,
    entry,
    one_snapshot,
    parent,
    select_models,
    select_versions,
    version,
)
from service.catalog.tables import SubjectRow
from service.catalog.typed import reference_columns
from service.errors import NotFound
from service.ingest.tables import AbsenceRow, ObservationRow, ScopeRow, SightingRow, SourceRow

subject, observation, sighting, absence, scope, source = (
    t.__table__ for t in (SubjectRow, ObservationRow, SightingRow, AbsenceRow, ScopeRow, SourceRow)
)


class ModelNotFound(NotFound):
    """No model that you may see has this name.

    Names read `namespace/name`, compared without case; `GET /api/v1/models` lists them.
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
    shown = dict(rows.model_row(row))
    return ModelDetail(**shown, **_beside(session, Kind.MODEL, row=row, provenance=provenance))


def find_model(session: Session, namespace: str, *, name: str, caller: Caller) -> sa.RowMapping:
    """The row of a model that the caller may see. Raises `ModelNotFound`."""
    key = f"{fold_name(namespace)}/{fold_name(name)}"
    found = select_models(ModelFilters(), visible_to=caller)
    query = found.where(entry.c.natural_key == key, bears_name())
    row = session.execute(query).mappings().one_or_none()
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
    model = f"{fold_name(namespace)}/{fold_name(name)}"
    found = select_versions(VersionFilters(), visible_to=caller).where(bears_name())
    query = (
        _aliased(found, model, segment=label[1:])
        if label.startswith("@")
        else found.where(entry.c.natural_key == f"{model}/{fold_name(label)}")
    )
    row = session.execute(query).mappings().first()
    if row is None:
        find_model(session, namespace, name=name, caller=caller)
        raise VersionNotFound(model=model)
    shown = dict(rows.version_row(row))
    return VersionDetail(**shown, **_beside(session, Kind.VERSION, row=row, provenance=provenance))


def _aliased(found: sa.Select[Any], model: str, *, segment: str) -> sa.Select[Any]:
    """Of versions with one alias: those that bear their numbers bare first, then the highest."""
    named = version.c.aliases.contains([decode_segment(segment)])
    here = sa.and_(parent.c.natural_key == model, bears_name(parent), entry.c.gone_since.is_(None))
    suffixed = sa.func.split_part(entry.c.natural_key, "/", 3).contains("@")
    order = (suffixed, version.c.number_key.desc().nulls_last(), entry.c.natural_key, entry.c.id)
    return found.where(named, here).order_by(None).order_by(*order).limit(1)


def _beside(
    session: Session, kind: Kind, *, row: sa.RowMapping, provenance: bool
) -> dict[str, Any]:
    """What a detail says beside its row."""
    named = session.execute(
        sa.select(subject.c.scheme, subject.c.value)
        .where(subject.c.entry_id == row["id"])
        .order_by(subject.c.scheme, subject.c.value)
    )
    return {
        "identifiers": tuple(f"{scheme}:{value}" for scheme, value in named),
        "provenance": _provenance(session, kind, row=row) if provenance else None,
    }


def _provenance(session: Session, kind: Kind, *, row: sa.RowMapping) -> dict[str, FieldProvenance]:
    """Every field with who said it; whoever may see the entry may see all that is said of it."""
    said, facts = _statements(session, row), rows.facts_of(kind, row)
    fields = {}
    for name, ranked in row["provenance"].items():
        winner, *others = (_claim(kind, name, said=said[index]) for index in ranked)
        fields[name] = FieldProvenance.model_validate(
            winner
            | {
                "value": facts[name],
                "confirmed_at": said[ranked[0]]["confirmed_at"],
                "conflict": name in row["conflicts"],
                "contenders": tuple(Contender.model_validate(other) for other in others),
            }
        )
    return fields


def _claim(kind: Kind, name: str, *, said: Mapping[str, Any]) -> dict[str, Any]:
    """One statement about one field; a reference is written as lists write it."""
    value = said["facts"].get(name)
    if name in reference_columns(kind) and isinstance(value, Mapping):
        value = value["value"]
    shown = {name: said[name] for name in ("source", "subject", "observed_at", "evidence")}
    return shown | {"value": value, "inferred": name in said["inferred"]}


def _statements(session: Session, row: sa.RowMapping) -> list[sa.RowMapping]:
    """What each source said, with its facts and the last time a full harvest confirmed it."""
    unmissed = sa.case((absence.c.subject_id.is_(None), scope.c.full_opened_at))
    query = (
        sa.select(
            source.c.name.label("source"),
            (subject.c.scheme + ":" + subject.c.value).label("subject"),
            *observation.c["facts", "inferred", "evidence"],
            sighting.c.observed_at,
            sa.func.greatest(sighting.c.effective_at, unmissed).label("confirmed_at"),
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .where(subject.c.entry_id == row["id"])
    )
    found = {(r["source"], r["subject"]): r for r in session.execute(query).mappings()}
    return [found[said["source"], said["subject"]] for said in row["statements"]]
