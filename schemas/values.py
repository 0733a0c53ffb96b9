"""The values that facts are made of, and how several sources' values become one."""

import unicodedata
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schemas import strict
from schemas.canonical import (
    NAMESPACE,
    canonical_commit,
    canonical_digest,
    canonical_text,
    encode_segment,
    fold_name,
)
from schemas.digest import as_set
from schemas.identifiers import Identifier, Kind
from schemas.masking import mask_secrets
from schemas.strict import Closed, Count, Flag, Instant, Number


class Merge(StrEnum):
    """How the statements of several sources about one field become one value."""

    TOP = "top"  # highest precedence, then newest
    UNION = "union"  # of sets
    LATEST = "latest"  # newest, then highest precedence
    OWNERS = "owners"  # accountable ones as one value by TOP, the others by UNION


MOST_ITEMS: Final = 1_000


def _presentable(text: str) -> str:
    """NFC, so that two spellings of one text are one value, and without keys."""
    return mask_secrets(text if text.isascii() else unicodedata.normalize("NFC", text))


Text = Annotated[strict.Text, AfterValidator(_presentable)]
Line = Annotated[Text, StringConstraints(min_length=1, max_length=4_096)]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]

T = TypeVar("T")


def not_empty(value: T | None) -> T:
    """A factor that a tier rests on is known, narrowed or not stated; empty says nothing."""
    if value is None:
        raise ValueError("cannot be stated empty; leave it out when it is not known")
    return value


def _as_set(items: tuple[T, ...]) -> tuple[T, ...]:
    """Sets are written sorted and without repetition, so that order changes no digest."""
    return tuple(as_set(items))


SetOf = Annotated[tuple[T, ...], Field(max_length=MOST_ITEMS), AfterValidator(_as_set)]
ListOf = Annotated[tuple[T, ...], Field(max_length=MOST_ITEMS)]
Lines = SetOf[Line]


class OneOf(Closed, Generic[T]):
    """A narrowed value: one of these, it is not known which."""

    one_of: Annotated[
        tuple[T, ...], Field(max_length=20), AfterValidator(_as_set), Field(min_length=2)
    ]


class Part(Closed):
    """A part of a fact's value: a member left out reads like its default, so it is written so."""

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        written = {name for name, value in self.__dict__.items() if value is not None}
        self.model_fields_set.clear()
        self.model_fields_set.update(written, _required(type(self)))
        return self


@cache
def _required(part: type[Part]) -> frozenset[str]:
    fields = part.model_fields
    return frozenset(name for name in fields if fields[name].is_required())


def _reference(kind: Kind) -> AfterValidator:
    def check(identifier: Identifier) -> Identifier:
        if identifier.kind is not kind:
            message = f"must name a {kind}, not a {identifier.kind}"
            raise ValueError(message)
        return identifier

    return AfterValidator(check)


def _namespace(text: str) -> str:
    if not NAMESPACE.fullmatch(fold_name(text)):
        raise ValueError("must be at most 63 letters, digits, - and _, without a dot")
    return text


def _nameable(longest: int, forbidden: str = "") -> AfterValidator:
    """What an entry's natural name is made of has to fit into it, whoever states the rest."""

    def check(text: str) -> str:
        if len(canonical_text(fold_name(encode_segment(text))).encode()) > longest:
            message = f"is longer than {longest} bytes"
            raise ValueError(message)
        if forbidden and forbidden in text:
            message = f"must not hold {forbidden}"
            raise ValueError(message)
        return text

    return AfterValidator(check)


def _full_commit(text: str) -> str:
    commit = canonical_commit(text)
    if commit is None:
        raise ValueError("must be a full commit of 40 or 64 hex digits")
    return commit


NamespaceName = Annotated[Line, AfterValidator(_namespace)]
ModelName = Annotated[Line, _nameable(700)]
VersionNumber = Annotated[Line, _nameable(200, "@")]  # @ marks another registry's numbers
ModelRef = Annotated[Identifier, _reference(Kind.MODEL)]
VersionRef = Annotated[Identifier, _reference(Kind.VERSION)]
TrainingRunRef = Annotated[Identifier, _reference(Kind.TRAINING_RUN)]
DatasetRef = Annotated[Identifier, _reference(Kind.DATASET)]
OwnerRef = Annotated[Identifier, _reference(Kind.OWNER)]
RepositoryRef = Annotated[Identifier, _reference(Kind.REPOSITORY)]
BuildRef = Annotated[Identifier, _reference(Kind.BUILD)]
Commit = Annotated[strict.Line, AfterValidator(_full_commit)]
Digest = Annotated[strict.Line, AfterValidator(canonical_digest)]

Enum = TypeVar("Enum", bound=str)
if TYPE_CHECKING:
    Factor = Annotated[Enum | OneOf[Enum] | None, AfterValidator(not_empty)]
else:

    class Factor:
        """An alias that also fills in `OneOf`; typing's own leaves a Pydantic generic open."""

        def __class_getitem__(cls, choice: object) -> object:
            """What a factor of these choices may state."""
            return Annotated[choice | OneOf[choice] | None, AfterValidator(not_empty)]


Origin = Literal["in_house", "open_weights", "vendor_black_box"]
UpdateMode = Literal["static", "scheduled_retrain", "self_learning"]
Explainability = Literal["intrinsic", "post_hoc", "none"]
ModelClass = Literal[
    "rules_or_linear", "tree_or_ensemble", "deep_learning", "generative", "agentic"
]
Sensitivity = Literal["public", "internal", "personal", "special_category"]
Exposure = Literal["offline_batch", "internal_api", "customer_facing", "untrusted_content_or_tools"]
AssetKind = Literal["model", "ai_system", "rule_engine", "vendor_service", "prompt_app", "agent"]
Lifecycle = Literal[
    "proposed", "development", "validation", "pilot", "production", "suspended", "decommissioned"
]
Task = Literal[
    "classification", "regression", "ranking", "forecasting", "generation", "extraction",
    "detection", "action", "optimisation", "other",
]  # fmt: skip
Environment = Literal["production", "staging", "development"]


class Ownership(Part):
    """Who answers for something, and how."""

    owner: OwnerRef
    role: Literal["accountable", "developer", "delegate"] = "accountable"


class RepositoryLink(Part):
    """A repository of a model and what it is for."""

    repository: RepositoryRef
    role: Literal["training", "serving", "docs"] | None = None


class DatasetLink(Part):
    """A dataset that something was trained or evaluated on; the digest belongs to the link."""

    dataset: DatasetRef
    role: Literal["training", "validation", "test", "reference", "retrieval"] | None = None
    digest: Line | None = None
    version: Line | None = None
    data_sensitivity: Sensitivity | None = None
    description: Text | None = None


class Remark(Part):
    """A limitation or assumption, with how much it matters."""

    text: Text
    severity: Literal["low", "medium", "high"] | None = None


class Threshold(Part):
    """From which value of a metric on people are warned, or the model is in breach."""

    metric: Line
    warn: Number | None = None
    breach: Number | None = None
    direction: Literal["above", "below"]


class WaiverRequest(Part):
    """A waiver asked for in a manifest; only people grant it."""

    control: Line
    reason: Text
    expires_on: Line
    compensating: Text | None = None


class Link(Part):
    """A titled link to elsewhere."""

    title: Title
    url: Line


class Practice(Part):
    """A practice of risk management that a use is to follow, and how far that is."""

    practice: Line
    state: Line


class Authorisation(Part):
    """Whether a use may run on its agency's systems, and on which one."""

    granted: Flag | None = None
    system: Line | None = None


class GroupRate(Part):
    """How often a group of people is chosen, and its share of the rate of the group chosen most."""

    group: Line
    n: Count | None = None
    rate: Number | None = None
    impact_ratio: Number | None = None


class SourceCell(Part):
    """A cell of a table, where the facts alone do not say what stood in it.

    `normalised` is what was read from it, `reason` why it is kept.
    """

    column: Line
    raw: Text
    normalised: Line | None = None
    reason: Line


class Metric(Part):
    """One measured value; not a number and infinite ones are null."""

    name: Line
    value: Number | None
    dataset: Line | None = None
    slice: Line | None = None
    at: Instant | None = None


class Artifact(Part):
    """Something a build made."""

    name: Line
    digest: Digest | None = None


class Provenance(Part):
    """A provenance statement about a build, and whether somebody verified it."""

    predicate: Line
    builder: Line | None = None
    verified: Flag = False
    digest: Digest | None = None  # of the statement as it was read


DecisionRole = Literal["informational", "assists", "principal_basis", "automated"]
PeopleAffected = Literal["none", "lt_1k", "1k_50k", "50k_500k", "gt_500k"]
FinancialExposure = Literal["lt_100k", "100k_1m", "1m_10m", "10m_100m", "gt_100m"]
RegulatoryUse = Literal["none", "internal_control_or_reporting", "regulatory_requirement"]
HarmReversibility = Literal["trivial", "reversible", "hard", "irreversible"]
Withheld = Literal["no", "disclosure_risk", "prohibited_by_law", "other"]
EuRole = Literal["provider", "deployer", "importer", "distributor"]
Article63Basis = Literal[
    "none",
    "narrow_procedural_task",
    "improves_completed_activity",
    "detects_patterns",
    "preparatory_task",
]
