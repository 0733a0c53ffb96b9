"""What can be said about each kind of thing; every field carries its merge rule."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.facts_base import Facts
from schemas.identifiers import Identifier, Kind
from schemas.strict import Count, Flag, Instant, Number
from schemas.use_facts import UseFacts
from schemas.values import (
    Artifact,
    AssetKind,
    BuildRef,
    Commit,
    DatasetLink,
    Digest,
    Environment,
    Explainability,
    Exposure,
    Factor,
    Lifecycle,
    Line,
    Lines,
    Link,
    ListOf,
    Merge,
    Metric,
    ModelClass,
    ModelName,
    ModelRef,
    NamespaceName,
    Origin,
    OwnerRef,
    Ownership,
    Provenance,
    Remark,
    RepositoryLink,
    RepositoryRef,
    Sensitivity,
    SetOf,
    Task,
    Text,
    Threshold,
    Title,
    TrainingRunRef,
    UpdateMode,
    VersionNumber,
    VersionRef,
    WaiverRequest,
)

__all__ = [
    "FACTS", "BuildFacts", "DatasetFacts", "DeploymentFacts", "Facts", "ModelFacts", "OwnerFacts",
    "RepositoryFacts", "TrainingRunFacts", "UseFacts", "VersionFacts", "merge_rules", "references",
]  # fmt: skip


class ModelFacts(Facts):
    """About one model, for all its versions and uses."""

    about = Kind.MODEL

    namespace: Annotated[NamespaceName | None, Merge.TOP] = None
    name: Annotated[ModelName | None, Merge.TOP] = None
    display_name: Annotated[Title | None, Merge.TOP] = None
    description: Annotated[Text | None, Merge.TOP] = None
    asset_kind: Annotated[AssetKind | None, Merge.TOP] = None
    lifecycle: Annotated[Lifecycle | None, Merge.TOP] = None
    task: Annotated[Task | None, Merge.TOP] = None
    origin: Annotated[Factor[Origin], Merge.TOP] = None
    update_mode: Annotated[Factor[UpdateMode], Merge.TOP] = None
    explainability: Annotated[Factor[Explainability], Merge.TOP] = None
    model_class: Annotated[Factor[ModelClass], Merge.TOP] = None
    data_sensitivity: Annotated[Factor[Sensitivity], Merge.TOP] = None
    exposure: Annotated[Factor[Exposure], Merge.TOP] = None
    protected_features: Annotated[Lines | None, Merge.TOP] = None
    downstream_dependents: Annotated[Count | None, Merge.TOP] = None
    vendor_name: Annotated[Line | None, Merge.TOP] = None
    contract_ref: Annotated[Line | None, Merge.TOP] = None
    disclosed: Annotated[Lines | None, Merge.TOP] = None
    license: Annotated[Line | None, Merge.TOP] = None
    base_model: Annotated[Line | None, Merge.TOP] = None
    limitations: Annotated[ListOf[Remark] | None, Merge.TOP] = None
    assumptions: Annotated[ListOf[Remark] | None, Merge.TOP] = None
    performance_thresholds: Annotated[ListOf[Threshold] | None, Merge.TOP] = None
    monitoring_interval_days: Annotated[Count | None, Merge.TOP] = None
    monitoring_url: Annotated[Line | None, Merge.TOP] = None
    last_monitored_at: Annotated[Instant | None, Merge.LATEST] = None
    log_retention_days: Annotated[Count | None, Merge.TOP] = None
    pmm_plan_ref: Annotated[Line | None, Merge.TOP] = None
    incident_contact: Annotated[Line | None, Merge.TOP] = None
    blueprint: Annotated[Line | None, Merge.TOP] = None
    card: Annotated[Line | None, Merge.TOP] = None
    created_at: Annotated[Instant | None, Merge.TOP] = None
    tags: Annotated[Lines | None, Merge.UNION] = None
    owners: Annotated[SetOf[Ownership] | None, Merge.OWNERS] = None
    uses: Annotated[Lines | None, Merge.UNION] = None
    repositories: Annotated[SetOf[RepositoryLink] | None, Merge.UNION] = None
    datasets: Annotated[SetOf[DatasetLink] | None, Merge.UNION] = None
    depends_on: Annotated[SetOf[ModelRef] | None, Merge.UNION] = None  # whose output it consumes
    waivers: Annotated[SetOf[WaiverRequest] | None, Merge.UNION] = None
    links: Annotated[SetOf[Link] | None, Merge.UNION] = None
    warnings: Annotated[Lines | None, Merge.UNION] = None  # what of it could not be used, and why


class VersionFacts(Facts):
    """About one version of a model."""

    about = Kind.VERSION

    model: Annotated[ModelRef | None, Merge.TOP] = None
    number: Annotated[VersionNumber | None, Merge.TOP] = None
    description: Annotated[Text | None, Merge.LATEST] = None
    aliases: Annotated[Lines | None, Merge.UNION] = None
    stage: Annotated[Line | None, Merge.LATEST] = None
    status: Annotated[Line | None, Merge.LATEST] = None
    tags: Annotated[Lines | None, Merge.UNION] = None
    training_run: Annotated[TrainingRunRef | None, Merge.TOP] = None
    logged_model: Annotated[Line | None, Merge.TOP] = None
    source_uri: Annotated[Line | None, Merge.TOP] = None
    source_commit: Annotated[Commit | None, Merge.TOP] = None
    source_branch: Annotated[Line | None, Merge.TOP] = None
    source_dirty: Annotated[Flag | None, Merge.TOP] = None
    on_protected_branch: Annotated[Flag | None, Merge.TOP] = None
    repository: Annotated[RepositoryRef | None, Merge.TOP] = None
    build: Annotated[BuildRef | None, Merge.TOP] = None
    provenance_ref: Annotated[Line | None, Merge.TOP] = None
    model_class: Annotated[Factor[ModelClass], Merge.TOP] = None
    framework: Annotated[Line | None, Merge.TOP] = None
    input_schema: Annotated[Text | None, Merge.TOP] = None
    output_schema: Annotated[Text | None, Merge.TOP] = None
    base_model: Annotated[Line | None, Merge.TOP] = None
    base_model_version: Annotated[Line | None, Merge.TOP] = None
    license: Annotated[Line | None, Merge.TOP] = None
    origin: Annotated[Factor[Origin], Merge.TOP] = None
    datasets: Annotated[SetOf[DatasetLink] | None, Merge.UNION] = None
    metrics: Annotated[ListOf[Metric] | None, Merge.TOP] = None
    protected_features: Annotated[Lines | None, Merge.TOP] = None
    digests: Annotated[SetOf[Digest] | None, Merge.UNION] = None
    size_bytes: Annotated[Count | None, Merge.TOP] = None
    created_by: Annotated[Line | None, Merge.TOP] = None
    created_at: Annotated[Instant | None, Merge.TOP] = None
    warnings: Annotated[Lines | None, Merge.UNION] = None


class TrainingRunFacts(Facts):
    """About one training run of an experiment tracker."""

    about = Kind.TRAINING_RUN

    name: Annotated[Line | None, Merge.TOP] = None
    experiment: Annotated[Line | None, Merge.TOP] = None
    status: Annotated[Line | None, Merge.LATEST] = None
    lifecycle: Annotated[Line | None, Merge.LATEST] = None
    started_at: Annotated[Instant | None, Merge.TOP] = None
    ended_at: Annotated[Instant | None, Merge.TOP] = None
    created_by: Annotated[Line | None, Merge.TOP] = None
    source_name: Annotated[Line | None, Merge.TOP] = None
    parent: Annotated[TrainingRunRef | None, Merge.TOP] = None
    params: Annotated[dict[Line, Text] | None, Merge.LATEST] = None
    metrics: Annotated[dict[Line, Number | None] | None, Merge.LATEST] = None
    tags: Annotated[Lines | None, Merge.UNION] = None
    logged_models: Annotated[Lines | None, Merge.UNION] = None
    source_commit: Annotated[Commit | None, Merge.TOP] = None
    source_branch: Annotated[Line | None, Merge.TOP] = None
    repository: Annotated[RepositoryRef | None, Merge.TOP] = None
    job: Annotated[Line | None, Merge.TOP] = None  # whose run it is: `<namespace>/<name>`
    datasets: Annotated[SetOf[DatasetLink] | None, Merge.UNION] = None  # read
    outputs: Annotated[SetOf[DatasetLink] | None, Merge.UNION] = None  # written
    warnings: Annotated[Lines | None, Merge.UNION] = None


class DatasetFacts(Facts):
    """About one dataset."""

    about = Kind.DATASET

    name: Annotated[Line | None, Merge.TOP] = None
    uri: Annotated[Line | None, Merge.TOP] = None
    source_type: Annotated[Line | None, Merge.TOP] = None
    data_schema: Annotated[Text | None, Merge.TOP] = Field(
        default=None, alias="schema"
    )  # .schema is Pydantic's
    data_sensitivity: Annotated[Factor[Sensitivity], Merge.TOP] = None
    description: Annotated[Text | None, Merge.TOP] = None
    license: Annotated[Line | None, Merge.TOP] = None
    source_url: Annotated[Line | None, Merge.TOP] = None
    collected_from: Annotated[Line | None, Merge.TOP] = None
    collected_to: Annotated[Line | None, Merge.TOP] = None
    records: Annotated[Count | None, Merge.TOP] = None
    owners: Annotated[SetOf[Ownership] | None, Merge.OWNERS] = None
    created_at: Annotated[Instant | None, Merge.TOP] = None
    warnings: Annotated[Lines | None, Merge.UNION] = None


class OwnerFacts(Facts):
    """About a person or team that answers for something."""

    about = Kind.OWNER

    handle: Annotated[Line | None, Merge.TOP] = None
    display_name: Annotated[Title | None, Merge.TOP] = None
    email: Annotated[Line | None, Merge.TOP] = None
    kind: Annotated[Literal["person", "team", "bot", "list"] | None, Merge.TOP] = None
    active: Annotated[Flag | None, Merge.TOP] = None
    left_at: Annotated[Instant | None, Merge.TOP] = None
    members: Annotated[SetOf[OwnerRef] | None, Merge.UNION] = None


class RepositoryFacts(Facts):
    """About one repository."""

    about = Kind.REPOSITORY

    url: Annotated[Line | None, Merge.TOP] = None
    name: Annotated[Line | None, Merge.TOP] = None
    default_branch: Annotated[Line | None, Merge.TOP] = None
    head_commit: Annotated[Commit | None, Merge.LATEST] = None
    visibility: Annotated[Line | None, Merge.TOP] = None
    archived: Annotated[Flag | None, Merge.TOP] = None
    description: Annotated[Text | None, Merge.TOP] = None
    topics: Annotated[Lines | None, Merge.UNION] = None
    owners: Annotated[SetOf[Ownership] | None, Merge.OWNERS] = None
    license: Annotated[Line | None, Merge.TOP] = None
    created_at: Annotated[Instant | None, Merge.TOP] = None
    pushed_at: Annotated[Instant | None, Merge.LATEST] = None
    manifests: Annotated[Lines | None, Merge.TOP] = None  # paths of those that could be read
    expects_models: Annotated[Flag | None, Merge.TOP] = None  # declared to hold models
    warnings: Annotated[Lines | None, Merge.UNION] = None


class BuildFacts(Facts):
    """About one execution of a CI system."""

    about = Kind.BUILD

    repository: Annotated[RepositoryRef | None, Merge.TOP] = None
    commit: Annotated[Commit | None, Merge.TOP] = None
    ref: Annotated[Line | None, Merge.TOP] = None
    on_protected_branch: Annotated[Flag | None, Merge.TOP] = None
    event: Annotated[Line | None, Merge.TOP] = None
    workflow: Annotated[Line | None, Merge.TOP] = None
    attempt: Annotated[Count | None, Merge.LATEST] = None
    status: Annotated[
        Literal["queued", "running", "succeeded", "failed", "canceled", "skipped"] | None,
        Merge.LATEST,
    ] = None
    started_at: Annotated[Instant | None, Merge.TOP] = None
    finished_at: Annotated[Instant | None, Merge.TOP] = None
    url: Annotated[Line | None, Merge.TOP] = None
    actor: Annotated[Line | None, Merge.TOP] = None
    artifacts: Annotated[SetOf[Artifact] | None, Merge.UNION] = None
    versions: Annotated[SetOf[VersionRef] | None, Merge.UNION] = None  # that it made
    training_runs: Annotated[SetOf[TrainingRunRef] | None, Merge.UNION] = None  # that it started
    model_uris: Annotated[Lines | None, Merge.UNION] = None  # `models:/churn/7`, `runs:/<id>/model`
    datasets: Annotated[SetOf[DatasetLink] | None, Merge.UNION] = None
    provenance_statements: Annotated[SetOf[Provenance] | None, Merge.UNION] = None
    warnings: Annotated[Lines | None, Merge.UNION] = None


class DeploymentFacts(Facts):
    """About a thing that serves a version in an environment."""

    about = Kind.DEPLOYMENT

    platform: Annotated[Line | None, Merge.TOP] = None
    name: Annotated[Line | None, Merge.TOP] = None
    environment: Annotated[Line | None, Merge.TOP] = None
    environment_class: Annotated[Environment | None, Merge.TOP] = None
    role: Annotated[Literal["live", "canary", "shadow", "batch"] | None, Merge.TOP] = None
    version: Annotated[VersionRef | None, Merge.TOP] = None
    claimed_model: Annotated[Line | None, Merge.TOP] = None
    claimed_version: Annotated[Line | None, Merge.TOP] = None
    repository: Annotated[RepositoryRef | None, Merge.TOP] = None
    commit: Annotated[Commit | None, Merge.TOP] = None
    build: Annotated[BuildRef | None, Merge.TOP] = None
    artifact_uri: Annotated[Line | None, Merge.TOP] = None
    image: Annotated[Line | None, Merge.TOP] = None
    digest: Annotated[Digest | None, Merge.TOP] = None
    endpoint: Annotated[Line | None, Merge.TOP] = None
    status: Annotated[
        Literal["pending", "ready", "failed", "stopped", "superseded", "unknown"] | None,
        Merge.LATEST,
    ] = None
    traffic_percent: Annotated[Number | None, Merge.LATEST] = None
    deployed_by: Annotated[Line | None, Merge.TOP] = None
    blueprint: Annotated[Line | None, Merge.TOP] = None
    created_at: Annotated[Instant | None, Merge.TOP] = None
    ended_at: Annotated[Instant | None, Merge.LATEST] = None
    warnings: Annotated[Lines | None, Merge.UNION] = None


FACTS: Final[Mapping[Kind, type[Facts]]] = {
    facts.about: facts
    for facts in (
        ModelFacts,
        VersionFacts,
        TrainingRunFacts,
        DatasetFacts,
        OwnerFacts,
        RepositoryFacts,
        BuildFacts,
        DeploymentFacts,
        UseFacts,
    )
}


@cache
def merge_rules(kind: Kind) -> Mapping[str, Merge]:
    """The merge rule of every fact of a kind, by the fact's name."""
    return {
        field.alias or name: next(rule for rule in field.metadata if isinstance(rule, Merge))
        for name, field in FACTS[kind].model_fields.items()
    }


def references(facts: Facts) -> Iterator[Identifier]:
    """Every other thing that the stated facts name."""
    for name in facts.model_fields_set:
        yield from _identifiers(getattr(facts, name))


def _identifiers(value: object) -> Iterator[Identifier]:
    if isinstance(value, Identifier):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _identifiers(item)
    elif isinstance(value, Ownership):
        yield value.owner
    elif isinstance(value, RepositoryLink):
        yield value.repository
    elif isinstance(value, DatasetLink):
        yield value.dataset
