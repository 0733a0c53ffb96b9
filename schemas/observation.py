"""What a harvester says: observations, sightings, and the service's receipt for them."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final, Self
from zlib import crc32

from pydantic import AfterValidator, Field, SerializeAsAny, create_model, model_validator

from schemas.digest import canonical_json, observation_digest
from schemas.facts import FACTS, Facts, references
from schemas.identifiers import SCHEMES, Identifier
from schemas.masking import mask_secrets
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

FACTS_VERSION: Final = 1  # stands on every stored observation; a changed meaning of facts raises it


def _public_link(url: str) -> str:
    """Evidence is shown to people, so it is a web page and carries no credential."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"http", "https"} or not rest or "@" in rest.split("/", 1)[0]:
        raise ValueError("must be an http or https address without a credential in it")
    return url


class Evidence(Closed):
    """Where a person can see what was read, and the digest of what was read."""

    url: Annotated[Word, AfterValidator(_public_link), AfterValidator(mask_secrets)] | None = None
    digest: Word | None = None


class Observation(Closed):
    """One source's statement about one subject at one time.

    `observed_at` is the moment the source was read, or a pushed event's own time. `inferred` names
    facts that were concluded, not read. `gone` stands instead of facts when the source, asked by
    name, says that the subject is not there. `marker` is opaque to the service (a head commit).
    """

    subject: Identifier
    observed_at: Instant
    same_as: Annotated[tuple[Identifier, ...], Field(max_length=20)] = ()
    facts: SerializeAsAny[Facts] | None = None
    inferred: Annotated[tuple[Line, ...], Field(max_length=100)] = ()
    gone: Flag = False
    evidence: Evidence | None = None
    marker: Annotated[Line, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_statement(self) -> Self:
        if (self.facts is None) is not self.gone:
            raise ValueError("states either facts, or that the subject is gone")
        if self.facts is not None and self.facts.about is not self.subject.kind:
            message = f"states facts of a {self.facts.about} about a {self.subject.kind}"
            raise ValueError(message)
        if self.inferred and set(self.inferred) - self.stated():
            raise ValueError("marks a fact as inferred that it does not state")
        for other in self.same_as:
            if other.kind is not self.subject.kind:
                message = f"cannot be the same as a {other.kind}"
                raise ValueError(message)
            if SCHEMES[other.kind][other.scheme].lookup_only:
                message = f"{other.scheme} only looks up, many things may share one"
                raise ValueError(message)
        if SCHEMES[self.subject.kind][self.subject.scheme].lookup_only:
            message = f"{self.subject.scheme} only looks up, it cannot be a subject"
            raise ValueError(message)
        return self

    def stated(self) -> set[str]:
        """Names of the facts that are stated, also of those stated empty."""
        if self.facts is None:
            return set()
        fields = type(self.facts).model_fields
        return {fields[name].alias or name for name in self.facts.model_fields_set}

    def digest(self) -> str:
        """SHA-256 of what is said, without when and on what evidence."""
        return observation_digest(self)

    def mentioned(self) -> tuple[Identifier, ...]:
        """Every other thing that the facts name."""
        return () if self.facts is None else tuple(references(self.facts))


_BY_KIND: Final[Mapping[str, type[Observation]]] = {
    kind: create_model(
        f"{facts.__name__}Observation",
        __base__=Observation,
        facts=(facts | None, None),  # type: ignore[arg-type]  # a union made at run time
    )
    for kind, facts in FACTS.items()
}


def contract_of(document: object) -> type[Observation]:
    """The contract that a document has to meet: its facts are those of its subject's kind."""
    kind = None
    if isinstance(document, Mapping) and isinstance(subject := document.get("subject"), Mapping):
        kind = subject.get("kind")
    return _BY_KIND.get(kind, Observation) if isinstance(kind, str) else Observation


@cache
def contract_version() -> int:
    """Another number whenever what an observation may state is another: refused ones are tried."""
    contracts = {kind: contract.model_json_schema() for kind, contract in _BY_KIND.items()}
    return crc32(canonical_json([FACTS_VERSION, contracts]).encode()) >> 1  # a signed column's


def parse_observation(document: object) -> Observation:
    """Validate one observation. Raises `ValidationError`; its locations start at the document."""
    return contract_of(document).model_validate(document)


class Sighting(Closed):
    """A subject that a full sweep saw, with the digest of what it would say."""

    subject: Identifier
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class SightingBatch(Closed):
    """What one request of sightings carries."""

    sightings: Annotated[tuple[Sighting, ...], Field(min_length=1, max_length=5_000)]


class Wanted(Closed):
    """Indices of the sightings whose observation the service wants to see."""

    wanted: tuple[Count, ...]


class Refusal(Closed):
    """One refused record: which one, where in it, and why. The input is never echoed."""

    index: Count
    subject: Identifier | None = None
    pointer: Text = ""
    code: Word
    message: Text


class Receipt(Closed):
    """What became of one batch. What it counts as recorded survives a crash of everything.

    `ahead`: how many of these were observed more than a minute after they were recorded. They count
    as observed when they were recorded; the clock where they come from is wrong.
    """

    recorded: Count
    unchanged: Count
    refused: tuple[Refusal, ...] = ()
    ahead: Count = 0
