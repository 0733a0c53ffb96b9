"""Finds the MLflow run that an event names: its id says neither server nor workspace."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind, encode_segment
from schemas.sources import SourceKind
from service.catalog.tables import SubjectRow
from service.ingest.sources import DEFAULT_WORKSPACE, list_sources
from service.lineage.heard import Heard
from service.lineage.openlineage import RUN_TAG
from service.lineage.stating import identify
from service.recordset import among

SETTING: Final = "mlflow"  # of the source that posts: which MLflow sources its runs are logged to
subject = SubjectRow.__table__


def join_runs(
    session: Session, *, heard: Sequence[Heard], settings: Mapping[str, Any]
) -> list[Heard]:
    """Training runs that are MLflow's, too, say so: then version, run and data hang together.

    One that is known already is taken. Of one that is not, MLflow may tell later: it is named in
    advance where only one server and workspace can hold it, and left alone where several could.
    """
    runs = [_named(one) for one in heard]
    if not any(runs):
        return list(heard)
    places = _places(session, settings.get(SETTING))
    known = _known(session, {f"{place}/{run}" for place in places for run in runs if run})
    return [
        _joined(one, run, places=places, known=known) for one, run in zip(heard, runs, strict=True)
    ]


def _joined(one: Heard, run: str | None, *, places: Sequence[str], known: frozenset[str]) -> Heard:
    if run is None:
        return one
    possible = [f"{place}/{run}" for place in places]
    chosen = [value for value in possible if value in known] or possible
    if len(chosen) != 1:
        return one
    same = identify(Kind.TRAINING_RUN, "mlflow", value=chosen[0])
    return one._replace(same_as=(*one.same_as, same))


def _named(one: Heard) -> str | None:
    if one.subject.kind is not Kind.TRAINING_RUN:
        return None
    tags = (str(tag) for tag in one.facts.get("tags") or ())
    return next((tag.removeprefix(RUN_TAG) for tag in tags if tag.startswith(RUN_TAG)), None)


def _places(session: Session, stated: Any) -> list[str]:
    """Server and workspace of every MLflow source, or of those that are stated."""
    listed = stated if isinstance(stated, list) else [stated]
    chosen = {one for one in listed if isinstance(one, str) and one}
    return sorted(
        f"{one.name}/{encode_segment(workspace)}"
        for one in list_sources(session).values()
        if one.kind == SourceKind.MLFLOW and (not chosen or one.name in chosen)
        for workspace in {DEFAULT_WORKSPACE, *one.namespaces}
    )


def _known(session: Session, values: Iterable[str]) -> frozenset[str]:
    """Which of these MLflow told of."""
    found = sa.select(subject.c.value).where(
        subject.c.kind == Kind.TRAINING_RUN,
        subject.c.scheme == "mlflow",
        among(subject.c.value, values),
        subject.c.entry_id.is_not(None),
    )
    return frozenset(session.execute(found).scalars())
