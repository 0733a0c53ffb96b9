"""Models that only a foreign file describes, where its source may create them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped, reason, warnings_of
from harvesters.errors import RecordUnreadable
from harvesters.manifests.foreign_said import Said, evidence_of
from harvesters.manifests.foreign_targets import Target
from harvesters.manifests.formats.found import Found
from harvesters.manifests.place import Place, folder_of
from schemas.facts import ModelFacts
from schemas.identifiers import Identifier, Kind, encode_segment
from schemas.observation import Observation

BACKSTAGE: Final = "backstage"
SCHEME: Final = "file"


class Created(NamedTuple):
    """What is said of a model, and the model as a target of others."""

    said: Said
    target: Target | None = None


def create(found: Sequence[Found], place: Place) -> Iterator[Created]:
    """One for each model that a file describes; one for a file that describes a version alone."""
    models = [one for one in found if one.kind is Kind.MODEL]
    for at, one in enumerate(models or [Found(Kind.MODEL, {})]):
        yield _create(one, place, several=len(models) > 1, at=at)


def _create(found: Found, place: Place, *, several: bool, at: int) -> Created:
    name = found.name or _folder_name(place)
    namespace = place.source.namespace
    facts: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "lifecycle": "proposed",
        "repositories": [{"repository": place.repository.identity.model_dump(mode="json")}],
        **found.facts,
    }
    concluded = {"lifecycle", *({"name"} if not found.name else ())} - found.facts.keys()
    if found.dropped:
        about = [Dropped("foreign_value", f"{place.path}: {one}") for one in found.dropped]
        facts["warnings"] = list(warnings_of(about))
    subject: Identifier | None = None
    try:
        subject = _subject(found, place, *([found.name or str(at)] if several else []))
        said = Observation(
            subject=subject,
            observed_at=place.at,
            same_as=found.same_as,
            facts=ModelFacts.model_validate(facts),
            inferred=tuple(sorted({*found.inferred, *concluded})),
            evidence=evidence_of(place),
            marker=place.marked(),
        )
    except ValueError as error:
        message = f"{place.repository.url} {place.path}: {reason(error)}"
        return Created(RecordUnreadable("invalid", message, "", subject))
    path = f"{place.path}#{encode_segment(found.name or str(at))}" if several else place.path
    return Created(said, Target(subject, path, name))


def _subject(found: Found, place: Place, *more: str) -> Identifier:
    """An entity of Backstage is called as it is there, whichever file describes it."""
    if found.entity is None:
        return place.filed(Kind.MODEL, SCHEME, *more)
    value = f"{place.source.name}/{found.entity}"
    return Identifier(kind=Kind.MODEL, scheme=BACKSTAGE, value=value)


def _folder_name(place: Place) -> str:
    """The folder's; at the root, the repository's."""
    folder = folder_of(place.path).rpartition("/")[2]
    return folder or place.repository.path.rpartition("/")[2] or place.repository.url
