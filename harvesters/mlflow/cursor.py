"""Where a sweep of the registry stood: enough to notice a server that was restored."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from heapq import nlargest
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from harvesters.mlflow.rows import ModelRow, VersionRow
from schemas.strict import Closed, Count, Instant, instant_text

REMEMBERED: Final = 20  # models; with names at their longest, a cursor stays below 64 KiB
LONGEST_NAME: Final = 3_000  # as it is written; servers take 256 characters


class Changes:
    """When each model changed last: itself or one of its versions, which go when it goes.

    Times are the server's, in milliseconds.
    """

    def __init__(self) -> None:
        """Nothing was seen."""
        self.by_model: dict[str, int] = {}

    @property
    def newest(self) -> int:
        """The newest of all, 0 when there is none."""
        return max(self.by_model.values(), default=0)

    def add(self, rows: Iterable[ModelRow | VersionRow]) -> None:
        """Take what a page lists."""
        for row in rows:
            updated = max(row.last_updated_timestamp or 0, self.by_model.get(row.name, 0))
            self.by_model[row.name] = updated

    def cursor(self, began: datetime, *, versions: int) -> str:
        """The cursor of a sweep that began then; the data's times never pass our clock.

        Names that no text may hold are not remembered: the cursor could not be read again.
        """
        now = int(began.timestamp() * 1_000)
        changes = ((updated, name) for name, updated in self.by_model.items() if updated)
        remembered = nlargest(REMEMBERED, (one for one in changes if _fits(one[1])))
        return json.dumps(
            {
                "format": 1,
                "max_updated": min(self.newest, now),
                "newest": {name: min(updated, now) for updated, name in remembered},
                "last_full": instant_text(began),
                "versions": versions,
            }
        )


class SweepCursor(Closed):
    """The newest changes that a sweep saw, in milliseconds, the newest models by name.

    More than one, for any of them may have been deleted since.
    """

    format: Literal[1]
    max_updated: Count
    newest: Mapping[str, Count] = Field(default_factory=dict)
    last_full: Instant
    versions: Count = 0  # how many there were

    @model_validator(mode="before")
    @classmethod
    def _of_one_name(cls, stored: Any) -> Any:
        """An earlier form names only the model that carried the newest change, if any."""
        match stored:
            case {"newest": str(name), "max_updated": updated}:
                return stored | {"newest": {name: updated} if name else {}}
        return stored

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """A stored cursor; one of another format means none."""
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:
            return None

    def is_ahead_of(self, now: Changes) -> bool:
        """Did the server go back behind this cursor: was it restored from a backup?

        Changes only get newer, so a sweep with one as new as the newest is believed; a restored
        server that moved on is the truth again. Below that, only deletions explain what is shown:

        - one remembered model shows an older time: it went back;
        - those that are shown are as they were: the others were deleted;
        - none is shown, but others are: it went back. Had really all been deleted, and only
          they, the next change in the registry ends the refusal; believing a backup would undo
          and retire what it lacks. This holds for few remembered models too: they were all
          there were, so what is shown now is from before them;
        - nothing is shown at all: an empty listing is for others to judge.

        Why a model is not shown makes no difference: rights may have been lost as well.
        """
        if now.newest >= self.max_updated or not now.by_model:
            return False
        return not self.newest.keys() & now.by_model.keys() or self.contradicted_by(now)

    def contradicted_by(self, now: Changes, *, since: int = 0) -> bool:
        """Is a model whose change is remembered, not older than `since`, shown as it was before?"""
        return any(
            now.by_model.get(name, updated) < updated
            for name, updated in self.newest.items()
            if updated >= since
        )


def _fits(name: str) -> bool:
    return name.isprintable() and len(json.dumps(name)) <= LONGEST_NAME
