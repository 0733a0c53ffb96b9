"""Reads uses as they are stored, a span of models at a time: what rates them, and nothing else."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from service.catalog.tables import Entry, Link
from service.catalog.view import bears_name
from service.recordset import among
from service.risk.decided_tables import TierOverrideRow
from service.risk.looks import read_looks
from service.risk.related import DEPENDS
from service.risk.rules.rater import FEEDS, Fed, Rater, Said, StoredUse
from service.risk.tables import AssessmentRow, ModelRiskRow, RiskClockRow
from service.risk.tiering import feeds_high_model

FIRST: Final = UUID(int=0)
UNRATED: Final = ("LOW", "HIGH")  # a consumer that nobody has rated may be anything
assessment, standing, clock, override, link, entry = (
    table.__table__
    for table in (AssessmentRow, ModelRiskRow, RiskClockRow, TierOverrideRow, Link, Entry)
)
NOTHING: Final = sa.literal_column("'{}'::jsonb", JSONB)


class Span(NamedTuple):
    """Models behind one, up to another; by which time they are rated."""

    after: UUID
    last: UUID
    now: datetime

    def holds(self, model: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Is a model in it?"""
        return sa.and_(model > self.after, model <= self.last)


def next_span(session: Session, after: UUID, *, models: int, lock: bool) -> Span | None:
    """The next so many models, in id order; None behind the last one.

    Locked as everybody does who evaluates them: what others write of them is seen then.
    """
    some = sa.select(clock.c.model_id).where(clock.c.model_id > after)
    some = some.order_by(clock.c.model_id).limit(models)
    found = (some.with_for_update() if lock else some).cte("found")
    last = sa.select(found.c.model_id).order_by(found.c.model_id.desc()).limit(1)
    end = session.execute(last).scalar_one_or_none()
    if end is None:
        return None
    now: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return Span(after, end, now)


def count_uses(session: Session) -> int:
    """How many uses have been rated."""
    return int(session.execute(sa.select(sa.func.count()).select_from(assessment)).scalar_one())


def count_models(session: Session) -> int:
    """How many models have been evaluated."""
    return int(session.execute(sa.select(sa.func.count()).select_from(standing)).scalar_one())


def read_uses(session: Session, span: Span) -> list[StoredUse]:
    """The uses of a span's models. One statement."""
    rows = session.execute(
        sa.select(
            *assessment.c["use_id", "model_id"],
            _profile(assessment).label("profile"),
            override.c.tier.label("override"),
            sa.func.coalesce(override.c.direction == "up", sa.false()).label("raises"),
            assessment.c.exemption_id.is_not(None).label("exempt"),
            *assessment.c["provisional_since", "provisional_ended", "grace_end"],
            sa.func.coalesce(standing.c.in_production, sa.false()).label("in_production"),
        )
        .select_from(standing)
        .join(assessment, assessment.c.model_id == standing.c.model_id)
        .outerjoin(
            override,
            sa.and_(override.c.id == assessment.c.override_id, override.c.state == "IN_FORCE"),
        )
        .where(span.holds(standing.c.model_id))
    )
    return [StoredUse._make(row) for row in rows.all()]


class Profiles(dict[str, Said]):
    """Facts by the name of their profile, as far as they have been read."""

    def learn(self, session: Session, named: Iterable[tuple[str, UUID]]) -> None:
        """Read what is new of these, each from a use that has it. At most one statement."""
        new = {name: use for name, use in named if name not in self}
        if not new:
            return
        rows = session.execute(
            sa.select(
                _profile(assessment).label("profile"), *assessment.c["facts", "outside"]
            ).where(among(assessment.c.use_id, new.values()))
        )
        self.update({row.profile: Said(row.facts, row.outside) for row in rows})


class Supply(NamedTuple):
    """Which profiles consume the output of each model of a span, and who has looked for them."""

    consumers: Mapping[UUID, frozenset[str | None]]
    certain: bool

    def fed(self, use: StoredUse, *, rater: Rater, profiles: Mapping[str, Said]) -> Fed | None:
        """Does its model feed a HIGH one, by the rater's policy? None: it stands as it is."""
        consumers = self.consumers.get(use.model_id)
        if consumers is None:
            return None
        ends = [UNRATED if one is None else rater.own(one, profiles=profiles) for one in consumers]
        fed = feeds_high_model(ends)  # type: ignore[arg-type]  # of tiers
        fact = fed if fed or self.certain else None
        return None if profiles[use.profile].facts.get(FEEDS) is fact else Fed(fact)


def read_supply(session: Session, span: Span, *, profiles: Profiles) -> Supply:
    """Whose output of a span's models others consume, with what these are rated by."""
    consumer = assessment.alias("consumer")
    rows = session.execute(
        sa.select(link.c.target_id, consumer.c.use_id, _profile(consumer).label("profile"))
        .join_from(link, entry, entry.c.id == link.c.entry_id)
        .outerjoin(consumer, consumer.c.model_id == link.c.entry_id)
        .where(
            span.holds(link.c.target_id),
            link.c.field == DEPENDS,
            link.c.entry_id != link.c.target_id,
            bears_name(entry),
            entry.c.gone_since.is_(None),
        )
    ).all()
    profiles.learn(session, ((row.profile, row.use_id) for row in rows if row.use_id))
    found: dict[UUID, set[str | None]] = {}
    for row in rows:
        found.setdefault(row.target_id, set()).add(row.profile if row.use_id else None)
    looks = read_looks(session) if found else None
    return Supply(
        {model: frozenset(of) for model, of in found.items()},
        certain=looks is not None and (looks.consumers or not looks.observed),
    )


def _profile(of: sa.FromClause) -> sa.ColumnElement[str]:
    """The name of what a use is rated by: its facts, and what the policy did not know of them."""
    beside = sa.func.concat(of.c.facts_digest, " ", sa.func.md5(sa.cast(of.c.outside, sa.Text)))
    return sa.case((of.c.outside == NOTHING, of.c.facts_digest), else_=beside)
