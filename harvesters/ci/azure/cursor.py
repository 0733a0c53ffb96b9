"""Where the harvests of a project stand."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from schemas.identifiers import Identifier
from schemas.strict import Closed, Count, Flag, Instant, Word, instant_text

SLACK: Final = timedelta(minutes=5)  # clocks differ, and a listing lags behind
PREFIX: Final = 12  # letters of a commit, or of a digest, that tell it from others
MOST_OPEN: Final = 1_000
MOST_SOUGHT: Final = 2_000
MOST_REPOSITORIES: Final = 800


class Cursor(Closed):
    """`told`: by which settings. `open`: builds of interest that had not ended.

    `sought`: commits, shortly, of which builds were looked for further back, and none was found.
    `repositories`: those that are built here, likewise. `wanted`: was any build here of interest?
    """

    format: Literal[1] = 1
    told: Word
    until: Instant
    open: Annotated[tuple[Count, ...], Field(max_length=MOST_OPEN)] = ()
    sought: Annotated[tuple[Word, ...], Field(max_length=MOST_SOUGHT)] = ()
    repositories: Annotated[tuple[Word, ...], Field(max_length=MOST_REPOSITORIES)] = ()
    wanted: Flag = False


def read_cursor(text: str | None, *, told: str) -> Cursor | None:
    """A stored cursor; one of another format or of other settings means none."""
    try:
        found = Cursor.model_validate_json(text) if text else None
    except ValidationError:
        return None
    return found if found is not None and found.told == told else None


def write_cursor(
    told: str,
    until: datetime,
    *,
    open_builds: Iterable[int],
    sought: Iterable[str],
    repositories: Iterable[str],
    wanted: bool,
) -> str:
    """A cursor as it is stored: of what is too much, the newest builds and any of the others."""
    return json.dumps(
        {
            "format": 1,
            "told": told,
            "until": instant_text(until),
            "open": sorted(open_builds)[-MOST_OPEN:],
            "sought": sorted(sought)[:MOST_SOUGHT],
            "repositories": sorted(repositories)[:MOST_REPOSITORIES],
            "wanted": wanted,
        }
    )


def short(commit: str) -> str:
    """Enough of a commit."""
    return commit[:PREFIX]


def marked(repository: Identifier) -> str:
    """A repository, shortly."""
    written = f"{repository.scheme}:{repository.value}"
    return hashlib.sha256(written.encode()).hexdigest()[:PREFIX]
