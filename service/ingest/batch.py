"""Turns one request's records into observations to record, refusing the bad ones alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from schemas.digest import stated_digest
from schemas.facts import ModelFacts, VersionFacts
from schemas.identifiers import (
    NATURAL,
    SCHEMES,
    Identifier,
    Kind,
    decode_segment,
    fold_name,
    natural_name,
    source_of,
    split_natural_name,
)
from schemas.observation import Observation, Refusal, contract_of, parse_observation
from service.ingest.sources import SourceFacts
from service.invalid import document_pointer, field_problems

REGISTERED: Final = frozenset({"mlflow", "mlflow-training", "mlflow-mlmodel"})


class Item(NamedTuple):
    """One readable observation of a batch, with what the service computes from it."""

    position: int
    observation: Observation
    said: Mapping[str, Any]  # the observation as JSON, without what it leaves out
    digest: str
    claims: tuple[Identifier, ...]  # the subject, what it is the same as, its natural name

    @property
    def subject(self) -> Identifier:
        """Whom it is about."""
        return self.observation.subject

    @property
    def observed_at(self) -> datetime:
        """When the source was read."""
        return self.observation.observed_at

    @property
    def created_at(self) -> datetime | None:
        """When the thing was created in its source; another time means another thing.

        Not for a person: who corrects a date speaks of the same thing.
        """
        if self.subject.scheme == "person":
            return None
        return getattr(self.observation.facts, "created_at", None)


class Refused(Exception):  # travels inside this module only
    """One record is refused."""

    def __init__(self, code: str, message: str, *, pointer: str = "") -> None:
        """Say why and where."""
        super().__init__(message)
        self.code, self.pointer = code, pointer


def read_batch(documents: Sequence[Any], source: SourceFacts) -> tuple[list[Item], list[Refusal]]:
    """Validate every record by itself: one that cannot be read never blocks the others."""
    items, refusals = [], []
    for index, document in enumerate(documents):
        try:
            observation = parse_observation(document)
            claims = _claims(observation, source)
        except ValidationError as error:
            refusals.append(_invalid(index, document, error=error))
        except Refused as refused:
            refusals.append(
                Refusal(
                    index=index,
                    subject=observation.subject,
                    pointer=refused.pointer,
                    code=refused.code,
                    message=str(refused),
                )
            )
        else:
            said = observation.model_dump(mode="json", exclude_unset=True)
            items.append(Item(index, observation, said, stated_digest(said), claims))
    return items, refusals


def _claims(observation: Observation, source: SourceFacts) -> tuple[Identifier, ...]:
    """The identifiers under which the observation places its subject."""
    spoken_for = source_of(observation.subject)
    if spoken_for not in {None, source.name}:
        raise Refused(
            "foreign_source",
            f"the subject belongs to source {spoken_for}; a token speaks for {source.name} only",
            pointer="/subject/value",
        )
    _check_registered(observation)
    claims = [observation.subject, *observation.same_as]
    facts = observation.facts
    if isinstance(facts, ModelFacts) and facts.namespace and facts.name:
        value = natural_name(facts.namespace, facts.name)
        claims.append(Identifier(kind=Kind.MODEL, scheme="name", value=value))
    for position, claim in enumerate(claims):
        if is_natural(claim):
            namespace, _ = split_natural_name(claim.value)
            _check_namespace(namespace, source, pointer=_where(position, observation))
    if isinstance(facts, ModelFacts) and facts.namespace and not facts.name:
        _check_namespace(facts.namespace, source)  # another statement may add the name
    return tuple(dict.fromkeys(claims))


def _check_registered(observation: Observation) -> None:
    """A registry's version says what its identifier says: a slip would merge two for good."""
    facts = observation.facts
    model = registry_model(observation.subject)
    if model is None or not isinstance(facts, VersionFacts):
        return
    number = decode_segment(observation.subject.value.rsplit("/", 1)[-1])
    if facts.number is not None and facts.number != number:
        raise Refused(
            "invalid",
            "is not the number in the subject's identifier; state the one that stands there",
            pointer="/facts/number",
        )
    if facts.model is not None and facts.model.scheme == model.scheme and facts.model != model:
        raise Refused(
            "invalid",
            "is not the model in the subject's identifier; state the one that stands there",
            pointer="/facts/model",
        )


def _check_namespace(
    namespace: str, source: SourceFacts, *, pointer: str = "/facts/namespace"
) -> None:
    if fold_name(namespace) not in source.may_name:
        raise Refused(
            "namespace_not_allowed",
            f"source {source.name} may not name anything in this namespace; an admin can add it to "
            "the source's may_name",
            pointer=pointer,
        )


def is_natural(identifier: Identifier) -> bool:
    """Is it a name that the catalog itself gives, in a namespace?"""
    return (identifier.kind, identifier.scheme) in NATURAL


def registry_model(identifier: Identifier) -> Identifier | None:
    """The model that a registry's version belongs to, as its own identifier says."""
    if identifier.kind is not Kind.VERSION or identifier.scheme not in REGISTERED:
        return None
    value = identifier.value.rpartition("/")[0]
    return Identifier.model_construct(kind=Kind.MODEL, scheme="mlflow", value=value)


def model_above(identifier: Identifier) -> Identifier | None:
    """The model that a version or use is below, as far as its identifier says that."""
    if is_natural(identifier) and identifier.kind in {Kind.VERSION, Kind.USE}:
        value = identifier.value.rpartition("/")[0]
        return Identifier.model_construct(kind=Kind.MODEL, scheme="name", value=value)
    return registry_model(identifier)


def keeps_alive(identifier: Identifier) -> bool:
    """Does a current sighting of it keep its entry alive?"""
    return SCHEMES[identifier.kind][identifier.scheme].keeps_alive


def _where(position: int, observation: Observation) -> str:
    if position == 0:
        return "/subject/value"
    if position <= len(observation.same_as):
        return f"/same_as/{position - 1}/value"
    return "/facts/namespace"


def _invalid(index: int, document: Any, *, error: ValidationError) -> Refusal:
    """Name the first thing that is wrong, by its place; never what stood there."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first, kind = details[0], details[0]["type"]
    (problem,) = field_problems([first], model=contract_of(document))
    known = {"extra_forbidden": "unknown_fact", "missing": "missing"}
    return Refusal(
        index=index,
        subject=_readable_subject(document),
        pointer=document_pointer(first["loc"]),
        code=known.get(kind, "invalid"),
        message=f"{problem.message}. {problem.fix}" if problem.fix else problem.message,
    )


def _readable_subject(document: Any) -> Identifier | None:
    if not isinstance(document, dict):
        return None
    try:
        return Identifier.model_validate(document.get("subject"))
    except ValidationError:
        return None
