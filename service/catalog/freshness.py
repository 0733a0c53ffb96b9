"""What a list knows of staleness before it is read: whose facts are stale, is anything unseen?"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Partly(NamedTuple):
    """A source of which some scopes are late."""

    source_id: int
    scopes: tuple[int, ...]


class Freshness(NamedTuple):
    """Sources whose facts are all stale, those of which some are, and is anything unseen at all?

    Where nothing is stale, which is the rule, no list pays anything for it.
    """

    wholly: frozenset[str] = frozenset()
    partly: Mapping[str, Partly] = {}  # never changed
    unseen: bool = False

    @property
    def stale(self) -> bool:
        """Is anything?"""
        return bool(self.wholly or self.partly)


FRESH: Final = Freshness()
