"""What changed settings of a source do to entries, and how far folding them again has come."""

from typing import Annotated

from pydantic import Field

from schemas.harvest import PlannedChange
from schemas.strict import Closed, Count, Flag, Instant
from schemas.values import Text


class RefoldState(Closed):
    """Folding again all that a source speaks of, after its settings changed.

    `done_at` is null while it goes on: the worker, or `model-catalog evaluate`, continues it.
    """

    asked_at: Instant
    folded: Count
    changed: Count
    done_at: Instant | None


class Impact(Closed):
    """Which entries changed settings change: how many, and the first 1,000 changes.

    Not `complete`: there are more entries than one request looks at; it counts the first ones.
    """

    entries: Count = 0
    changes: tuple[PlannedChange, ...] = ()
    complete: Flag = True


class AskedRank(Closed):
    """How much a source counts for one field, and why."""

    rank: Annotated[int, Field(strict=True, ge=0, le=99)]
    reason: Annotated[Text, Field(min_length=1, max_length=2_000)]
