"""What the MLflow client answers: the attributes of its entities that are read."""

from collections import defaultdict
from collections.abc import Mapping
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
