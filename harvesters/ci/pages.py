"""What is read of a CI system: plain values, so that a harvest can be recorded and replayed."""

from datetime import datetime
from typing import Any, NamedTuple

from schemas.identifiers import Identifier


class CiPage(NamedTuple):
    """Builds or deployments of one repository, secrets masked, or why they cannot be read."""

    at: datetime  # our time before the first request
    repository: Identifier | None = None
    path: str = ""  # `acme/churn`
    url: str = ""
    records: tuple[Any, ...] = ()
    failure: tuple[str, str] | None = None  # code and message
    cursor: str | None = None  # of the last page
