"""Models as risk sees them: each with its uses, live versions, deployments, datasets and owners.

Tiers, controls and reviews all read one picture, so that they agree about what is live.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.policy_scale import Tier

Row = Mapping[str, Any]
PRODUCTION: Final = "production"
UNDECLARED: Final = "(undeclared)"  # the use of a model of which nobody says what it is for
ACCOUNTABLE: Final = "accountable"
WITHOUT: Final = "(no version)"
NOTHING: Final[Row] = {"provenance": {}, "narrowed": {}, "statements": []}  # nobody says anything


class Said(NamedTuple):
    """What is stated of a field: a value, or candidates; by which source, observed when."""

    value: Any
    candidates: tuple[Any, ...]
    source: str
    observed_at: str

    @property
    def possible(self) -> tuple[Any, ...]:
        """Every value that it may have."""
        return self.candidates or (self.value,)


@dataclass(frozen=True)
class Part:
    """An entry with its facts: what nobody states is absent, what is stated empty is None."""

    id: UUID
    name: str
    row: Row
    links: tuple["Linked", ...] = ()

    def said(self, fact: str) -> Said | None:
        """What is stated of a fact, if anything is."""
        ranked = self.row["provenance"].get(fact)
        if ranked is None:
            return None
        told = self.row["statements"][ranked[0]] if ranked else {}
        source = told.get("source") or told.get("by") or ""
        candidates = tuple(self.row["narrowed"].get(fact, ()))
        return Said(self.row.get(fact), candidates, source, told.get("observed_at", ""))

    def stated(self, fact: str) -> bool:
        """Does anybody say something of it?"""
        return fact in self.row["provenance"]

    def value(self, fact: str) -> Any:
        """Its value; None where it is stated empty, narrowed or not stated."""
        return self.row.get(fact)

    def linked(self, fact: str) -> Iterator["Linked"]:
        """The members of a fact that names other entries."""
        return (one for one in self.links if one.fact == fact)

    @property
    def sources(self) -> frozenset[str]:
        """Who describes it."""
        return frozenset(one["source"] for one in self.row["statements"] if one.get("source"))


class Linked(NamedTuple):
    """A member of a fact that names another entry, and what is said of that one."""

    fact: str
    role: str | None
    digest: str | None
    attributes: Mapping[str, Any]
    target: Part


class Source(NamedTuple):
    """A source that describes something of a model, and how it is read."""

    name: str
    kind: str
    interval_seconds: int
    last_complete_at: datetime | None
    failures: int  # in a row, since the last complete one


class Looks(NamedTuple):
    """Has everything that could see such a thing had a complete look, in time?"""

    deployments: bool = False
    consumers: bool = False
    registries: bool = False  # of models, versions, their datasets and owners
    builds: bool = False
    observed: bool = False  # is there anything that could see consumers?


class Consumer(NamedTuple):
    """Another model that depends on this one, and its own tier where it has one."""

    id: UUID
    own_low: Tier | None
    own_high: Tier | None


@dataclass(frozen=True)
class Picture:
    """A model with everything that its risk rests on."""

    model: Part
    namespace: str
    gone: bool
    uses: tuple[Part, ...] = ()
    live: tuple[Part, ...] = ()  # versions: what production serves, else is marked so, else newest
    deployments: tuple[Part, ...] = ()  # live ones of any of its versions
    consumers: tuple[Consumer, ...] = ()
    sources: tuple[Source, ...] = ()
    twins: tuple[str, ...] = ()
    looks: Looks = field(default_factory=Looks)
    first_production_at: datetime | None = None
    last_gone_at: datetime | None = None  # when something that served it in production ended

    @property
    def id(self) -> UUID:
        """The model's entry."""
        return self.model.id

    @property
    def name(self) -> str:
        """`namespace/name`, or what else it is known by."""
        return self.model.name

    @property
    def declared(self) -> tuple[Part, ...]:
        """The uses that count: what somebody answered without declaring a use gives way."""
        named = tuple(one for one in self.uses if one.value("name") != UNDECLARED)
        return named or self.uses

    @property
    def reviewed(self) -> tuple[Part, ...]:
        """What reviews are about: live versions; of a model without any, the model itself.

        A vendor's service and a spreadsheet have no versions, and are decided about all the same.
        """
        return self.live or (Part(self.id, WITHOUT, NOTHING),)

    @property
    def in_production(self) -> bool | None:
        """Does production use it? None: nobody who could see that has looked completely."""
        if any(one.value("environment_class") == PRODUCTION for one in self.deployments):
            return True
        if self.model.value("lifecycle") == PRODUCTION or any(map(marked, self.live)):
            return True
        return False if self.looks.deployments else None

    @property
    def datasets(self) -> tuple[tuple[Part, Linked], ...]:
        """What live versions were made of, and what the model names for all of them."""
        of_versions = [(one, link) for one in self.live for link in one.linked("datasets")]
        return (*of_versions, *((self.model, link) for link in self.model.linked("datasets")))

    @property
    def owners(self) -> tuple[Linked, ...]:
        """Who answers for it."""
        return tuple(self.model.linked("owners"))


MARKS: Final = frozenset({"production", "prod", "champion"})  # aliases and stages of registries


def marked(version: Part) -> bool:
    """Does a registry mark a version as in production?"""
    aliases: Sequence[str] = version.value("aliases") or ()
    stage = version.value("stage") or ""
    return stage.lower() in MARKS or not MARKS.isdisjoint(one.lower() for one in aliases)
