"""Where a sweep of the registry stood: enough to notice a server that was restored."""

import json
from datetime import datetime
from typing import Literal, NamedTuple, Self

from pydantic import ValidationError

from schemas.strict import Closed, Count, Instant, instant_text


class SweepCursor(Closed):
    """The newest change that a sweep saw. Times of change are the server's, in milliseconds.

    `newest` is the model that carried it: when it was deleted, later sweeps see older times only.
    """

    format: Literal[1]
    max_updated: Count
    newest: str = ""
    last_full: Instant

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """A stored cursor; one of another format means none."""
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:
            return None


class Newest(NamedTuple):
    """The newest change so far: when, and of which model."""

    updated: int = 0
    name: str = ""

    def cursor(self, began: datetime) -> str:
        """The cursor of a sweep that began then; the data's times never pass our clock.

        Written in ASCII: names may hold what no text may hold.
        """
        updated = min(self.updated, int(began.timestamp() * 1_000))
        return json.dumps(
            {
                "format": 1,
                "max_updated": max(updated, 0),
                "newest": self.name,
                "last_full": instant_text(began),
            }
        )
