"""Models that are evaluated together, in one transaction: what each was, is, and what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.ledger.change import Cause, Change
from service.outgoing.outbox import Event
from service.risk.concessions.reading import Concessions
from service.risk.picture import Part, Picture
from service.risk.rules.active import ActivePack, ActivePolicy
from service.risk.tiers.facts import UseFacts

Row = Mapping[str, Any] | sa.RowMapping


@dataclass
class Rated:
    """A use with what it is rated by, and its row of `assessment`, before and after."""

    part: Part | None  # None: the use that nobody declared
    use_id: UUID
    name: str
    facts: UseFacts
    before: Row | None
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def implicit(self) -> bool:
        """Did nobody declare it?"""
        return self.part is None


@dataclass
class Standing:
    """A model: how it looks, its uses, and its row of `model_risk`, before and after."""

    picture: Picture
    before: Row | None
    earlier: Row | None = None  # the same, or how it stood before it was merged away
    uses: list[Rated] = field(default_factory=list)
    after: dict[str, Any] = field(default_factory=dict)
    moments: list[datetime] = field(default_factory=list)  # when it has to be looked at again
    moved: bool = False  # is its own tier another? Then what feeds it is evaluated too

    @property
    def workflow_tier(self) -> str:
        """The tier whose review rules apply now."""
        tier: str = self.after["workflow_tier"]
        return tier

    @property
    def in_production(self) -> bool:
        """As far as anybody knows."""
        return bool(self.after["in_production"])

    def again_at(self, *moments: datetime | None) -> None:
        """It has to be looked at again then."""
        self.moments += [one for one in moments if one is not None]


@dataclass
class Batch:
    """The models, by which rules they are evaluated, why, and what is told of it."""

    session: Session
    now: datetime
    cause: Cause
    policy: ActivePolicy
    pack: ActivePack
    standings: dict[UUID, Standing]
    granted: Concessions = field(default_factory=Concessions)
    changes: list[Change] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def ids(self) -> Sequence[UUID]:
        """The models, in order."""
        return sorted(self.standings)

    def tell(self, op: str, kind: str, *, model: UUID, **more: Any) -> None:
        """A row of the ledger, under the model's entry."""
        cause = self.cause
        self.changes.append(Change(
            op, kind, cause.actor, entry=model, source=cause.source, harvest=cause.harvest,
            request=cause.request, **{"reason": cause.reason, **more},
        ))  # fmt: skip

    def announce(self, event: str, *, model: UUID, **data: Any) -> None:
        """Tell other systems, once this is saved."""
        picture = self.standings[model].picture
        self.events.append(Event(event, picture.name, picture.namespace or None, model, data))
