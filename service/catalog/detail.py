"""One entry in full: its facts, its identifiers, and where each field comes from."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import Contender, EntryDetail, FieldProvenance
from schemas.identifiers import Kind, encode_segment, fold_name
from service.access.policy import Caller
from service.catalog.rows import entry_url, facts_of
from service.catalog.select import ENTRY_COLUMNS, entry, select_entry
from service.catalog.tables import SubjectRow
from service.catalog.typed import TYPED
from service.errors import NotFound
from service.ingest.tables import ObservationRow, ScopeRow, SightingRow, SourceRow

subject, observation, sighting, scope, source = (
    t.__table__ for t in (SubjectRow, ObservationRow, SightingRow, ScopeRow, SourceRow)
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
    session: Session, namespace: str, name: str, *, caller: Caller, provenance: bool
) -> EntryDetail:
    """A model by its name, compared without case."""
    key = f"{fold_name(namespace)}/{fold_name(encode_segment(name))}"
    row = _find(session, Kind.MODEL, entry.c.natural_key == key, caller)
    if row is None:
        raise ModelNotFound(name=key)
    return _detail(session, Kind.MODEL, row, provenance=provenance)


def get_version(  # noqa: PLR0913  # the parts of a version's address
    session: Session,
    namespace: str,
    name: str,
    label: str,
    *,
    caller: Caller,
    provenance: bool,
) -> EntryDetail:
    """A version below its model, by number or by `@alias`."""
    model = get_model(session, namespace, name, caller=caller, provenance=False)
    version = TYPED[Kind.VERSION]
    named = (
        version.c.aliases.contains([label[1:]])
        if label.startswith("@")
        else entry.c.natural_key == f"{model.name}/{fold_name(encode_segment(label))}"
    )
    below = sa.and_(version.c.model_id == model.id, named, entry.c.gone_since.is_(None))
    row = _find(session, Kind.VERSION, below, caller)
    if row is None and not label.startswith("@"):
        row = _find(session, Kind.VERSION, sa.and_(version.c.model_id == model.id, named), caller)
    if row is None:
        raise VersionNotFound(model=model.name)
    return _detail(session, Kind.VERSION, row, provenance=provenance)


def _find(
    session: Session, kind: Kind, chosen: sa.ColumnElement[bool], caller: Caller
) -> Any:
    query = select_entry(kind, visible_to=caller).where(chosen, entry.c.replaced_by.is_(None))
    return session.execute(query.limit(1)).mappings().first()


def _detail(session: Session, kind: Kind, row: Any, *, provenance: bool) -> EntryDetail:
    named = session.execute(
        sa.select(subject.c.scheme, subject.c.value)
        .where(subject.c.entry_id == row["id"])
        .order_by(subject.c.scheme, subject.c.value)
    )
    facts = facts_of(kind, row)
    return EntryDetail(
        **{name: row[name] for name in ENTRY_COLUMNS if name not in {"kind", "natural_key",
                                                                     "namespace"}},
        name=row["natural_key"],
        url=entry_url(kind, row["natural_key"]),
        facts=facts,
        sources=tuple(sorted({said["source"] for said in row["statements"]})),
        conflicts=tuple(row["conflicts"]),
        identifiers=tuple(f"{scheme}:{value}" for scheme, value in named),
        provenance=_provenance(session, row, facts) if provenance else None,
    )  # fmt: skip


def _provenance(session: Session, row: Any, facts: dict[str, Any]) -> dict[str, FieldProvenance]:
    said = _statements(session, row)
    fields = {}
    for name, ranked in row["provenance"].items():
        claims = [said[index] | {"value": said[index]["facts"].get(name)} for index in ranked]
        winner, *others = [
            {
                "value": claim["value"],
                "source": claim["source"],
                "subject": claim["subject"],
                "observed_at": claim["observed_at"],
                "evidence": claim["evidence"],
                "inferred": name in claim["inferred"],
            }
            for claim in claims
        ]
        fields[name] = FieldProvenance.model_validate(
            winner
            | {
                "value": facts.get(name, winner["value"]),
                "confirmed_at": claims[0]["confirmed_at"],
                "conflict": name in row["conflicts"],
                "contenders": tuple(Contender.model_validate(other) for other in others),
            }
        )
    return fields


def _statements(session: Session, row: Any) -> list[dict[str, Any]]:
    """What each source said, with its facts and the last time a full harvest confirmed it."""
    query = (
        sa.select(
            source.c.name.label("source"),
            (subject.c.scheme + ":" + subject.c.value).label("subject"),
            observation.c["facts", "inferred", "evidence"],
            sighting.c.observed_at,
            sa.func.greatest(sighting.c.effective_at, scope.c.full_opened_at).label("confirmed_at"),
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .where(subject.c.entry_id == row["id"])
    )
    found = {(r["source"], r["subject"]): dict(r) for r in session.execute(query).mappings()}
    return [found[said["source"], said["subject"]] for said in row["statements"]]
