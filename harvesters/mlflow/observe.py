"""What registry rows say, as observations: pure, one row at a time."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.dropped import Dropped
from harvesters.errors import RecordUnreadable, shown
from harvesters.mlflow.held import hold
from harvesters.mlflow.names import Place, identifier
from harvesters.mlflow.rows import KnownModel, ModelRow, VersionRow
from harvesters.mlflow.tags import (
    MODEL,
    read_catalog_tags,
    read_tags,
    version_readers,
)
from harvesters.mlflow.uses import KEYS, UsedModel, marker_of_use, observe_uses, read_uses
from schemas.facts import ModelFacts, VersionFacts
from schemas.identifiers import Identifier, Kind, natural_name
from schemas.observation import Observation

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_AHEAD: Final = timedelta(days=1)
LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
NO_STAGE: Final = "None"


class Told(NamedTuple):
    """What a row says, what of it was left out, and what it says about others."""

    said: Observation | RecordUnreadable
    dropped: tuple[Dropped, ...] = ()
    uses: Sequence[Observation] = ()


def observe_model(
    row: ModelRow, place: Place, *, at: datetime, same_as: Sequence[Identifier] = ()
) -> Told:
    """A registered model with its uses; `same_as` names what it was called before.

    Its marker is when it was created: it survives a rename.
    """
    subject: Identifier | None = None
    try:
        subject = place.model(row.name)
        tags, odd = read_tags(row.tags)
        tagged, unread = read_catalog_tags(row.tags, MODEL, beside=KEYS)
        uses = read_uses(row.tags)
        created, untimely = _moment(row.creation_timestamp, at=at)
        stated: dict[str, Any] = {"namespace": place.namespace, "name": row.name}
        stated |= tagged | created | {"description": row.description or None, "tags": tags}
        stated |= {} if uses.declared is None else {"uses": uses.declared}
        natural = natural_name(stated["namespace"], stated["name"])
        named = identifier(Kind.MODEL, "name", value=natural)
        evidence = place.evidence(row.name)
        left_out = (*odd, *unread, *uses.dropped, *untimely)
        facts, dropped = hold(ModelFacts, stated, dropped=left_out)
        observation = Observation(
            subject=subject,
            observed_at=at,
            same_as=tuple(sorted((named, *same_as), key=str)),
            facts=facts,
            evidence=evidence,
            marker=marker_of(row.creation_timestamp),
        )
        marker = marker_of_use(row.creation_timestamp, row.name)
        used = UsedModel(subject, natural, marker, evidence)
        return Told(observation, dropped, observe_uses(uses, used, at=at))
    except ValueError as error:
        return Told(unreadable(error, row.name, subject=subject))


def observe_version(
    row: VersionRow,
    place: Place,
    *,
    at: datetime,
    model: KnownModel,
    same_as: Sequence[Identifier] = (),
) -> Told:
    """A model version. Its aliases stand on its model, and its marker tells when they move."""
    subject: Identifier | None = None
    number = str(row.version)
    try:
        subject = place.version(row.name, number)
        tags, odd = read_tags(row.tags)
        tagged, unread = read_catalog_tags(row.tags, version_readers(place.source))
        created, untimely = _moment(row.creation_timestamp, at=at)
        stated = tagged | created | _origin(row, place)
        stated |= {
            "model": place.model(row.name),
            "number": number,
            "description": row.description or None,
            "aliases": model.aliases.get(number, ()),
            "stage": None if row.current_stage in {None, "", NO_STAGE} else row.current_stage,
            "status": row.status or None,
            "tags": tags,
        }
        facts, dropped = hold(VersionFacts, stated, dropped=(*odd, *unread, *untimely))
        observation = Observation(
            subject=subject,
            observed_at=at,
            same_as=tuple(sorted(same_as, key=str)),
            facts=facts,
            evidence=place.evidence(row.name, number),
            marker=marker_of_version(model, number),
        )
    except ValueError as error:
        return Told(unreadable(error, f"{row.name} {number}", subject=subject))
    return Told(observation, dropped)


def marker_of(created: int | None) -> str | None:
    """When a model was created, as its server wrote it."""
    return str(created) if created else None


def marker_of_version(model: KnownModel, number: str) -> str | None:
    """When its model was created, and a digest of its aliases: their moves touch no time."""
    created, aliases = marker_of(model.created), model.aliases.get(number)
    if not aliases:
        return created
    digest = hashlib.sha256(json.dumps(aliases).encode()).hexdigest()
    return f"{created or ''} {digest[:16]}"


def model_created(marker: str | None) -> str | None:
    """When the model was created, of the marker of a version or model."""
    return (marker or "").partition(" ")[0] or None


def unreadable(error: ValueError, name: str, *, subject: Identifier | None) -> RecordUnreadable:
    """A row that no observation can be made of; without a subject its name is the reason."""
    code = "name_unreadable" if subject is None else "record_unreadable"
    message, pointer = str(error), ""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"]
        if subject is not None:
            pointer = "/".join(("/facts", *(str(part) for part in first["loc"])))
    return RecordUnreadable(code, f"{shown(name)[:100]}: {message}", pointer, subject)


def _origin(row: VersionRow, place: Place) -> dict[str, Any]:
    """Where the version came from; read and empty is stated empty."""
    logged = LOGGED_MODEL.fullmatch(row.source or "")
    return {
        "training_run": place.training_run(row.run_id) if row.run_id else None,
        "logged_model": place.logged_model(logged[1]) if logged else None,
        "source_uri": row.source or None,
        "created_by": row.user_id or None,
    }


def _moment(milliseconds: int | None, *, at: datetime) -> tuple[dict[str, datetime], list[Dropped]]:
    """`created_at`, unless it lies before MLflow or after tomorrow: then it is not stated."""
    try:
        moment = datetime.fromtimestamp((milliseconds or 0) / 1_000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        moment = datetime.min.replace(tzinfo=UTC)
    if EARLIEST <= moment <= at + LATEST_AHEAD:
        return {"created_at": moment}, []
    why = "no time at which it can have been created, in milliseconds"
    return {}, [Dropped("time_dropped", f"{milliseconds}: {why}")]
