"""What builds and deployments of CI systems have in common, as facts. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from harvesters.dropped import Dropped
from schemas.canonical import canonical_commit
from schemas.identifiers import Identifier, Kind, encode_segment

# Words of the systems, in small letters, as statuses of a build.
GITHUB_BUILDS: Final[Mapping[str, str]] = {
    "queued": "queued", "requested": "queued", "waiting": "queued", "pending": "queued",
    "action_required": "queued", "in_progress": "running", "success": "succeeded",
    "neutral": "succeeded", "failure": "failed", "timed_out": "failed",
    "startup_failure": "failed", "cancelled": "canceled", "stale": "canceled",
    "skipped": "skipped",
}  # fmt: skip
GITLAB_BUILDS: Final[Mapping[str, str]] = {
    "created": "queued", "waiting_for_resource": "queued", "waiting_for_callback": "queued",
    "preparing": "queued", "pending": "queued", "scheduled": "queued", "manual": "queued",
    "running": "running", "canceling": "running", "success": "succeeded", "failed": "failed",
    "canceled": "canceled", "skipped": "skipped",
}  # fmt: skip
# The same of a deployment. What GitHub calls inactive, another one has taken the place of.
GITHUB_DEPLOYMENTS: Final[Mapping[str, str]] = {
    "success": "ready", "active": "ready", "inactive": "superseded", "failure": "failed",
    "error": "failed", "pending": "pending", "queued": "pending", "in_progress": "pending",
    "waiting": "pending", "abandoned": "stopped", "destroyed": "stopped",
}  # fmt: skip
GITLAB_DEPLOYMENTS: Final[Mapping[str, str]] = {
    "success": "ready", "created": "pending", "running": "pending", "blocked": "pending",
    "failed": "failed", "canceled": "stopped", "skipped": "stopped",
}  # fmt: skip
OPEN: Final = frozenset({"queued", "running"})  # builds that will say something else


def status_of(word: str | None, words: Mapping[str, str]) -> tuple[Any, list[Dropped]]:
    """A status, and what is told of a word that nobody knows; `...`: not stated."""
    if word is None:
        return ..., []
    found = words.get(word.lower())
    if found is None:
        return ..., [Dropped("status_unknown", f"status: {word[:60]!r} is none that is known")]
    return found, []


def commit_of(written: str | None) -> Any:
    """A full commit; a short one, or what is none, is not stated."""
    found = canonical_commit(written) if written else None
    return ... if found is None else found


def stated(value: Any) -> Any:
    """A value that was read; None was not told."""
    return ... if value is None else value


def hosted(kind: Kind, scheme: str, *, host: str, parts: Iterable[str | int]) -> Identifier | None:
    """`<host>/<number>/<name>`, what the name holds encoded; None where no identifier holds it."""
    value = "/".join([host, *(encode_segment(str(one)) for one in parts)])
    try:
        return Identifier(kind=kind, scheme=scheme, value=value)
    except ValidationError:
        return None
