"""The values that facts are made of, and how several sources' values become one."""

from enum import StrEnum
from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

from schemas import strict
from schemas.canonical import canonical_commit, canonical_digest
from schemas.digest import canonical_json
from schemas.identifiers import Identifier, Kind
from schemas.masking import mask_secrets
from schemas.strict import Closed, Flag, Instant, Number


class Merge(StrEnum):
    """How the statements of several sources about one field become one value."""

    TOP = "top"  # highest precedence, then newest
    UNION = "union"  # of sets
    LATEST = "latest"  # newest, then highest precedence
    OWNERS = "owners"  # accountable ones as one value by TOP, the others by UNION


MOST_ITEMS: Final = 1_000
Text = Annotated[strict.Text, AfterValidator(mask_secrets)]
Line = Annotated[Text, StringConstraints(min_length=1, max_length=4_096)]
Title = Annotated[Text, StringConstraints(min_length=1, max_length=200)]

T = TypeVar("T")


class OneOf(Closed, Generic[T]):
    """A narrowed value: one of these, it is not known which."""

    one_of: Annotated[tuple[T, ...], Field(min_length=2, max_length=20)]


def _not_empty(value: T | None) -> T:
    """A factor that a tier rests on is known, narrowed or not stated; empty says nothing."""
    if value is None:
        raise ValueError("cannot be stated empty; leave it out when it is not known")
    return value


def _as_set(items: tuple[T, ...]) -> tuple[T, ...]:
    """Sets are written sorted and without repetition, so that order changes no digest."""
    keyed = {canonical_json(_member(item)): item for item in items}
    return tuple(keyed[key] for key in sorted(keyed))


def _member(item: object) -> object:
    return item.model_dump(mode="json", exclude_unset=True) if isinstance(item, Closed) else item


SetOf = Annotated[tuple[T, ...], Field(max_length=MOST_ITEMS), AfterValidator(_as_set)]
ListOf = Annotated[tuple[T, ...], Field(max_length=MOST_ITEMS)]
Lines = SetOf[Line]


def _reference(kind: Kind) -> AfterValidator:
    def check(identifier: Identifier) -> Identifier:
        if identifier.kind is not kind:
            message = f"must name a {kind}, not a {identifier.kind}"
            raise ValueError(message)
        return identifier

    return AfterValidator(check)


def _full_commit(text: str) -> str:
    commit = canonical_commit(text)
    if commit is None:
        raise ValueError("must be a full commit of 40 or 64 hex digits")
    return commit


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
Factor = Annotated[Enum | OneOf[Enum] | None, AfterValidator(_not_empty)]

Origin = Literal["in_house", "open_weights", "vendor_black_box"]
UpdateMode = Literal["static", "scheduled_retrain", "self_learning"]
Explainability = Literal["intrinsic", "post_hoc", "none"]
ModelClass = Literal["rules_or_linear", "tree_or_ensemble", "deep_learning", "generative", "agentic"]
Sensitivity = Literal["public", "internal", "personal", "special_category"]
Exposure = Literal[
    "offline_batch", "internal_api", "customer_facing", "untrusted_content_or_tools"
]
AssetKind = Literal["model", "ai_system", "rule_engine", "vendor_service", "prompt_app", "agent"]
Lifecycle = Literal[
    "proposed", "development", "validation", "pilot", "production", "suspended", "decommissioned"
]
Task = Literal[
    "classification", "regression", "ranking", "forecasting", "generation", "extraction",
    "detection", "action", "optimisation", "other",
]  # fmt: skip
Environment = Literal["production", "staging", "development"]


class Ownership(Closed):
    """Who answers for something, and how."""

    owner: OwnerRef
    role: Literal["accountable", "developer", "delegate"] = "accountable"


class RepositoryLink(Closed):
    """A repository of a model and what it is for."""

    repository: RepositoryRef
    role: Literal["training", "serving", "docs"] | None = None


class DatasetLink(Closed):
    """A dataset that something was trained or evaluated on; the digest belongs to the link."""

    dataset: DatasetRef
    role: Literal["training", "validation", "test", "reference", "retrieval"] | None = None
    digest: Line | None = None
    version: Line | None = None
    data_sensitivity: Sensitivity | None = None
    description: Text | None = None


class Remark(Closed):
    """A limitation or assumption, with how much it matters."""

    text: Text
    severity: Literal["low", "medium", "high"] | None = None


class Threshold(Closed):
    """From which value of a metric on people are warned, or the model is in breach."""

    metric: Line
    warn: Number | None = None
    breach: Number | None = None
    direction: Literal["above", "below"]


class WaiverRequest(Closed):
    """A waiver asked for in a manifest; only people grant it."""

    control: Line
    reason: Text
    expires_on: Line
    compensating: Text | None = None


class Link(Closed):
    """A titled link to elsewhere."""

    title: Title
    url: Line


class Metric(Closed):
    """One measured value; not a number and infinite ones are null."""

    name: Line
    value: Number | None
    dataset: Line | None = None
    slice: Line | None = None
    at: Instant | None = None


class Artifact(Closed):
    """Something a build made."""

    name: Line
    digest: Digest | None = None


class Provenance(Closed):
    """A provenance statement about a build, and whether somebody verified it."""

    predicate: Line
    builder: Line | None = None
    verified: Flag = False


DecisionRole = Literal["informational", "assists", "principal_basis", "automated"]
PeopleAffected = Literal["none", "lt_1k", "1k_50k", "50k_500k", "gt_500k"]
FinancialExposure = Literal["lt_100k", "100k_1m", "1m_10m", "10m_100m", "gt_100m"]
RegulatoryUse = Literal["none", "internal_control_or_reporting", "regulatory_requirement"]
HarmReversibility = Literal["trivial", "reversible", "hard", "irreversible"]
EuRole = Literal["provider", "deployer", "importer", "distributor"]
Article63Basis = Literal[
    "none",
    "narrow_procedural_task",
    "improves_completed_activity",
    "detects_patterns",
    "preparatory_task",
]
