"""What people state now, as it is stored: read, compared, and the form of a new statement."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind, encode_segment, fold_name
from schemas.imports import Entered
from schemas.strict import instant_text
from service.catalog.rows import entry_url
from service.catalog.tables import Entry, SubjectRow
from service.ingest.tables import AbsenceRow, ObservationRow, SightingRow, SourceRow
from service.recordset import among

SCHEME: Final = "person"
entry, subject, source, sighting, observation, absence = (
    table.__table__
    for table in (Entry, SubjectRow, SourceRow, SightingRow, ObservationRow, AbsenceRow)
)


def entered_subject(source_name: str, named: str) -> Identifier:
    """What a person's statement about a model with this natural name is about."""
    return Identifier(kind=Kind.MODEL, scheme=SCHEME, value=f"{source_name}/{named}")


def observed(source_name: str, named: str, *, at: str) -> dict[str, Any]:
    """An observation about a model that says nothing yet."""
    return began(entered_subject(source_name, named)) | {"observed_at": at}


def began(about: Identifier) -> dict[str, Any]:
    """An observation that says neither when nor what."""
    return {"subject": about.model_dump(mode="json")}


def spoken_at(session: Session) -> str:
    """Now, by the database's clock: of several services each has one of its own."""
    return instant_text(session.execute(sa.select(sa.func.clock_timestamp())).scalar_one())


def find_entered(session: Session, source_name: str, *, named: str) -> Entered | None:
    """What is stated about a model with this natural name; None when it is withdrawn, too."""
    try:
        about = entered_subject(source_name, named)
    except ValidationError:
        return None
    wanted = (observation.c.facts, sighting.c.observed_at, entry.c.natural_key)
    chosen = _select(source_name, *wanted).where(_is_entered([about.value]))
    row = session.execute(chosen).one_or_none()
    if row is None:
        return None
    facts: dict[str, Any] = dict(row.facts)
    return Entered(
        uses=tuple(_find_uses(session, source_name, named=named)),
        source=source_name,
        namespace=facts.pop("namespace"),
        name=facts.pop("name"),
        url=entry_url(Kind.MODEL, row.natural_key),
        facts=facts,
        entered_at=row.observed_at,
    )


def find_digests(session: Session, source_name: str, *, named: Iterable[str]) -> dict[str, str]:
    """Natural name → digest of what is stated about it now."""
    values = {f"{source_name}/{one}": one for one in named}
    found = _select(source_name, subject.c.value, sighting.c.digest).where(_is_entered(values))
    return {values[value]: digest for value, digest in session.execute(found)}


def use_subject(named: str, use: str) -> Identifier:
    """A use of a model with this natural name."""
    value = f"{named}/{encode_segment(fold_name(use))}"
    return Identifier(kind=Kind.USE, scheme="name", value=value)


def _find_uses(session: Session, source_name: str, *, named: str) -> Iterator[dict[str, Any]]:
    """What is stated about the model's uses, by name."""
    below = sa.and_(
        subject.c.kind == Kind.USE,
        subject.c.scheme == "name",
        subject.c.value > f"{named}/",
        subject.c.value < f"{named}0",  # the character after "/"
    )
    chosen = _select(source_name, observation.c.facts).where(below).order_by(subject.c.value)
    for facts in session.execute(chosen).scalars():
        yield {name: value for name, value in facts.items() if name != "model"}


def _is_entered(values: Iterable[str]) -> sa.ColumnElement[bool]:
    own = sa.and_(subject.c.kind == Kind.MODEL, subject.c.scheme == SCHEME)
    return sa.and_(own, among(subject.c.value, values))


def _select(source_name: str, *wanted: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Of what a source states and has not withdrawn."""
    own = sa.and_(sighting.c.source_id == source.c.id, sighting.c.subject_id == subject.c.id)
    gone = sa.and_(
        absence.c.source_id == source.c.id,
        absence.c.subject_id == subject.c.id,
        absence.c.gone_since.is_not(None),
    )
    return (
        sa.select(*wanted)
        .select_from(subject)
        .join(source, source.c.name == source_name)
        .join(sighting, own)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(entry, entry.c.id == subject.c.entry_id)
        .outerjoin(absence, gone)
        .where(absence.c.subject_id.is_(None))
    )
