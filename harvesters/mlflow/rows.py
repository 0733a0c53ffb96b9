"""What the MLflow client answers: the attributes of its entities that are read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol


class ModelRow(Protocol):
    """A registered model. Times are milliseconds, 0 or None where there is none."""

    name: str
    description: str | None
    tags: Mapping[str, str]
    aliases: Mapping[str, Any]
    creation_timestamp: int | None
    last_updated_timestamp: int | None

    def _is_prompt(self) -> bool: ...


class VersionRow(Protocol):
    """A model version. Its own `aliases` are always empty in listings: the model has them."""

    name: str
    version: Any
    description: str | None
    tags: Mapping[str, str]
    creation_timestamp: int | None
    last_updated_timestamp: int | None
    current_stage: str | None
    status: str | None
    run_id: str | None
    source: str | None
    user_id: str | None


class RunInfoRow(Protocol):
    """What a training run is. Times are milliseconds as its client sent them: -1, 10^18, or 0."""

    run_id: str
    run_name: str | None
    experiment_id: str
    status: str
    start_time: int | None
    end_time: int | None
    lifecycle_stage: str


class RunDataRow(Protocol):
    """What was logged to a training run: of each metric the newest value."""

    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


class DatasetRow(Protocol):
    """A dataset as it was logged; `source` and `profile` are JSON, `schema` most often is."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None
    profile: str | None


class TagRow(Protocol):
    """A tag of a dataset input."""

    key: str
    value: str


class DatasetInputRow(Protocol):
    """A dataset that a training run read, and what for."""

    dataset: DatasetRow
    tags: Sequence[TagRow]


class ModelOutputRow(Protocol):
    """A logged model that a training run made."""

    model_id: str


class RunInputsRow(Protocol):
    """What a training run read."""

    dataset_inputs: Sequence[DatasetInputRow]


class RunOutputsRow(Protocol):
    """What a training run made."""

    model_outputs: Sequence[ModelOutputRow]


class RunRow(Protocol):
    """A training run."""

    info: RunInfoRow
    data: RunDataRow
    inputs: RunInputsRow | None
    outputs: RunOutputsRow | None


class Absent(StrEnum):
    """Why the server, asked by name, does not show a thing."""

    MISSING = "missing"
    NOT_READABLE = "not_readable"


class KnownModel(NamedTuple):
    """What versions need of their model; its row is not kept, there may be many."""

    name: str
    created: int
    updated: int
    aliases: Mapping[str, tuple[str, ...]]  # by version number
    kept: bool  # not a prompt, not excluded

    @classmethod
    def of(cls, row: ModelRow, *, kept: bool) -> "KnownModel":
        """What a row says of it."""
        inverted: dict[str, list[str]] = defaultdict(list)
        for alias, number in sorted(row.aliases.items()):
            inverted[str(number)].append(alias)
        aliases = {number: tuple(names) for number, names in inverted.items()}
        created, updated = row.creation_timestamp or 0, row.last_updated_timestamp or 0
        return cls(row.name, created, updated, aliases, kept)


def is_prompt(row: ModelRow) -> bool:
    """Prompts share the registry's tables; client and server leave them out, old servers do not.

    The tag that says so, `mlflow.prompt.is_prompt`, is not among the entity's `tags`.
    """
    return row._is_prompt()  # noqa: SLF001  # no public attribute tells
