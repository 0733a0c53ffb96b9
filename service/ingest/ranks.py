"""How much a source counts for one field: set and taken back, with a reason."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.facts import FACTS, merge_rules
from schemas.problem import FieldProblem
from schemas.sources import SourceChanged, SourceSettings
from service.errors import Invalid, NotFound
from service.ingest.declare import change_source, get_source_state
from service.ingest.tables import ObservationRow, SightingRow, SourceRow
from service.ledger.change import Cause

SAMPLE: Final = 5_000  # statements of a source that are looked at for the nearest field
observation, sighting, source = (t.__table__ for t in (ObservationRow, SightingRow, SourceRow))


class FieldNeverStated(Invalid):
    """The source says nothing about this field, so its rank there would decide nothing.

    `errors` names the nearest field that it does state.
    """


class RankNotFound(NotFound):
    """The source has no rank of its own for this field.

    `GET /api/v1/sources/{source}` shows those that it has, as `field_precedence`.
    """


def set_rank(
    session: Session,
    *,
    name: str,
    field: str,
    rank: int,
    cause: Cause,
    dry_run: bool = False,
) -> SourceChanged:
    """Give a source a rank for a field. Raises `SourceNotFound`, `FieldNeverStated`."""
    state = get_source_state(session, name)
    _check_stated(session, name, field=field)
    ranked = _ranked(state, state.field_precedence | {field: rank})
    return change_source(session, ranked, cause=cause, dry_run=dry_run)


def drop_rank(
    session: Session,
    *,
    name: str,
    field: str,
    cause: Cause,
    dry_run: bool = False,
) -> SourceChanged:
    """Take a rank back. Raises `SourceNotFound`, `RankNotFound`."""
    state = get_source_state(session, name)
    if field not in state.field_precedence:
        raise RankNotFound(field=field)
    ranks = {other: rank for other, rank in state.field_precedence.items() if other != field}
    return change_source(session, _ranked(state, ranks), cause=cause, dry_run=dry_run)


def _ranked(state: SourceSettings, ranks: Mapping[str, int]) -> SourceSettings:
    said = state.model_dump(include=set(SourceSettings.model_fields))
    return SourceSettings.model_validate(said | {"field_precedence": dict(ranks)})


def _check_stated(session: Session, name: str, *, field: str) -> None:
    """Does the source state it of anything? One that was never harvested may any fact."""
    spoken = (
        sa.select(observation.c.facts)
        .join_from(source, sighting, sighting.c.source_id == source.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .where(source.c.name == name, observation.c.facts.is_not(None))
    )
    stated = spoken.where(observation.c.facts.has_key(field)).limit(1)
    if session.execute(stated).first() is not None:
        return
    some = spoken.limit(SAMPLE).subquery()
    keys = sa.func.jsonb_object_keys(some.c.facts).table_valued("key").render_derived()
    told = sa.select(keys.c.key).select_from(some).join(keys, sa.true()).distinct()
    known = set(session.execute(told).scalars())
    facts = {fact for kind in FACTS for fact in merge_rules(kind)}
    if not known and field in facts:
        return
    near = get_close_matches(field, sorted(known or facts), n=1, cutoff=0)
    problem = FieldProblem(
        pointer="/field", message="is stated by it nowhere", fix=f"Did you mean {near[0]}?"
    )
    raise FieldNeverStated(problem)
