"""Rates uses as they are stored, by the thousand: equal facts are rated once. Pure.

Settling a model builds its facts from everything that the catalog knows; here they are taken as
they stand in `assessment`. Both rate by `assess`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.digest import canonical_json, sha256
from schemas.policy_checks import REGULATED
from schemas.policy_scale import Tier
from service.risk.tiering import Explanation, grounds, rate, readable
from service.risk.tiers.assess import CLOCK, Decided, Terms, assess
from service.risk.tiers.rollup import Settled

FEEDS: Final = "feeds_high_model"
REMEMBERED: Final = 50_000  # profiles; then all are forgotten
Facts = Mapping[str, Any]
Clock = tuple[datetime | None, datetime | None, datetime | None]  # as `CLOCK` names them


class StoredUse(NamedTuple):
    """A use with what it is rated by; `profile` names its facts."""

    use_id: UUID
    model_id: UUID
    profile: str
    override: Tier | None
    raises: bool
    exempt: bool
    provisional_since: datetime | None
    provisional_ended: datetime | None
    grace_end: datetime | None
    in_production: bool

    @property
    def clock(self) -> Clock:
        """Its clock, as it is stored."""
        return self.provisional_since, self.provisional_ended, self.grace_end


class Said(NamedTuple):
    """The facts of a profile, and values that the policy did not know, as they came."""

    facts: Facts
    outside: Facts


class Fed(NamedTuple):
    """Whether a model feeds a HIGH one; None is not stated."""

    fact: bool | None


class Outcome(NamedTuple):
    """What a use is rated; `number` names it among others of this rater. Its clock stands apart."""

    number: int
    row: Mapping[str, Any]
    settled: Settled
    said: Said
    moved: bool  # its facts read otherwise than they are stored


class Rater:
    """Rates by one policy; remembers each profile, and each outcome."""

    def __init__(self, terms: Terms) -> None:
        """Nothing is known yet."""
        self.terms = terms
        self.outcomes: list[Outcome] = []
        self._read: dict[tuple[str, Fed | None], tuple[Said, bool]] = {}
        self._found: dict[tuple[Any, ...], Outcome] = {}
        self._plain: dict[tuple[Any, ...], Outcome] = {}  # of clocks that go on as they are

    def at(self, now: datetime) -> bool:
        """Go on at a later time. Answers whether all was forgotten: numbers begin anew then."""
        self.terms = self.terms._replace(now=now)
        forgets = len(self._read) > REMEMBERED
        if forgets:
            self.outcomes, self._read, self._found, self._plain = [], {}, {}, {}
        return forgets

    def rate(
        self, use: StoredUse, *, profiles: Mapping[str, Said], fed: Fed | None = None
    ) -> tuple[Outcome, Clock]:
        """What it is rated, and its clock. `fed`: None where no other model says something.

        Of a clock that goes on as it is, only its state counts; one that begins or stops is a
        use's own.
        """
        ends = use.grace_end
        running = use.provisional_since is not None and use.provisional_ended is None
        over = ends is not None and ends <= self.terms.now
        same = (
            use.profile, fed, use.override, use.raises, use.exempt, use.in_production, running,
            over,
        )  # fmt: skip
        if (known := self._plain.get(same)) is not None:
            return known, use.clock
        outcome, clock = self._rate(use, profiles=profiles, fed=fed)
        if clock == use.clock:
            self._plain[same] = outcome
        return outcome, clock

    def own(self, profile: str, *, profiles: Mapping[str, Said]) -> tuple[Tier, Tier]:
        """A use's own tier: what is fed reads these."""
        said, _ = self._said(profile, profiles=profiles, fed=None)
        rating = rate(self.terms.policy, said.facts)
        return rating.own_low, rating.own_high

    def grounds(self, outcome: Outcome) -> Explanation:
        """Why it is rated so."""
        return grounds(self.terms.policy, outcome.said.facts)

    def _rate(
        self, use: StoredUse, *, profiles: Mapping[str, Said], fed: Fed | None
    ) -> tuple[Outcome, Clock]:
        said, moved = self._said(use.profile, profiles=profiles, fed=fed)
        row, settled = assess(
            said.facts,
            terms=self.terms,
            decided=Decided(use.override, use.raises, use.exempt),
            clock=dict(zip(CLOCK, use.clock, strict=True)),
            in_production=use.in_production,
        )
        since, ended, grace_end = (row.pop(name) for name in CLOCK)
        key = (use.profile, fed, use.override, use.raises, use.exempt, row["workflow_tier"])
        if key not in self._found:
            outcome = Outcome(len(self.outcomes), row, settled, said, moved)
            self._found[key] = outcome
            self.outcomes.append(outcome)
        return self._found[key], (since, ended, grace_end)

    def _said(
        self, profile: str, *, profiles: Mapping[str, Said], fed: Fed | None
    ) -> tuple[Said, bool]:
        if (profile, fed) not in self._read:
            stored = profiles[profile]
            said = self._readable(stored, fed=fed)
            self._read[profile, fed] = said, said != stored
        return self._read[profile, fed]

    def _readable(self, stored: Said, *, fed: Fed | None) -> Said:
        """The facts as this policy reads them; what the one before did not know, it may know."""
        facts = dict(stored.facts)
        for name, raw in stored.outside.items():
            facts[name] = _named(facts.get(name)) | _named(raw) if name == REGULATED else raw
        if fed is not None:
            facts.pop(FEEDS, None)
            facts |= {} if fed.fact is None else {FEEDS: fed.fact}
        read = readable(self.terms.policy, facts)
        outside = dict(read.outside)
        if REGULATED in outside and REGULATED in stored.outside:
            outside[REGULATED] = stored.outside[REGULATED]  # as it came
        return Said(read.facts, outside)


def facts_digest(facts: Facts) -> str:
    """Names facts."""
    return sha256(canonical_json(facts))


def _named(raw: object) -> dict[str, Any]:
    """Purposes that an answer names: it says nothing of those that nobody asked for then."""
    if isinstance(raw, Mapping):
        return dict(raw)
    return dict.fromkeys(filter(_is_text, raw), True) if isinstance(raw, list) else {}


def _is_text(name: object) -> bool:
    return isinstance(name, str)
