"""Where a harvest of a cluster ended: when, what it was told, and how far each kind was read."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Self


class Left(NamedTuple):
    """Versions of lists stand by kind and namespace; `identity` tells the cluster from others."""

    at: datetime
    told: str  # digest of the settings
    identity: str | None
    versions: Mapping[str, str]

    @classmethod
    def read(cls, cursor: str | None) -> Self | None:
        """None for one that this release did not write."""
        try:
            found = json.loads(cursor or "")
            at, told, versions = found["at"], found["told"], found["versions"]
            moment = datetime.fromisoformat(at)
        except (ValueError, TypeError, KeyError):
            return None
        if moment.tzinfo is None or not isinstance(versions, dict):
            return None
        identity = found.get("cluster")
        known = identity if isinstance(identity, str) else None
        return cls(moment, str(told), known, {str(key): str(one) for key, one in versions.items()})

    def written(self) -> str:
        """As the catalog keeps it."""
        said = {
            "at": self.at.isoformat(), "told": self.told, "cluster": self.identity,
            "versions": self.versions,
        }  # fmt: skip
        return json.dumps(said, separators=(",", ":"))


def newest(*cursors: str | None, told: str) -> Left:
    """Where the last of these harvests ended, of those that were told the same; there is one."""
    left = [one for cursor in cursors if (one := Left.read(cursor)) and one.told == told]
    return max(left, key=lambda one: one.at)
