"""Reads what is currently said about entries and folds it into what they should be."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.facts import merge_rules
from schemas.identifiers import SCHEMES, Identifier, Kind, natural_name
from schemas.strict import instant_text
from service.catalog.desired import Standing
from service.catalog.pinned import RANK, Pinned, read_pins
from service.catalog.tables import Entry, SubjectRow
from service.db import Timestamp
from service.ingest.absence import is_gone
from service.ingest.lock import lock_others
from service.ingest.record import sighted_at
from service.ingest.sources import SourceFacts, list_sources
from service.ingest.tables import (
    AbsenceRow,
    HarvestRow,
    IdentityDecision,
    ObservationRow,
    ScopeRow,
    SeenRow,
    SightingRow,
)
from service.reconcile import Folded, Precedence, Statement, reconcile
from service.recordset import among

entry, subject, sighting, observation, absence, scope, decision, harvest, seen = (
    table.__table__
    for table in (
        Entry, SubjectRow, SightingRow, ObservationRow, AbsenceRow, ScopeRow, IdentityDecision,
        HarvestRow, SeenRow,
    )
)  # fmt: skip
NAMING: Final = frozenset({"namespace", "name"})
SAID_ORDER: Final = ("entry_id", "source_id", "scheme", "value", "observed_at", "digest")


class Said(NamedTuple):
    """One current statement about an entry, as it stands in the database."""

    entry: UUID
    source: int
    scheme: str
    value: str
    digest: str
    observed_at: datetime
    since: datetime
    confirmed: datetime
    facts: Mapping[str, Any]
    inferred: Sequence[str]
    gone_since: datetime | None
    home: UUID | None  # where its subject stands without merges; None: here


class Reconciled(NamedTuple):
    """What an entry should be, by all that is currently said about it."""

    standing: Standing
    said: tuple[Said, ...]  # in the order that `statements` are written in
    fields: Mapping[str, Folded]
    gone_since: datetime | None
    namespaces: frozenset[str]  # of the statements: for kinds without a namespace of their own
    pins: tuple[Pinned, ...] = ()  # they follow what sources say in `statements`
    pinned: tuple[Statement, ...] = ()  # what they say, one each
    beneath: Mapping[str, Folded] = MappingProxyType({})  # what the fields would be without pins

    @property
    def stated_name(self) -> str | None:
        """The natural name that the entry's facts give it; only a model states its own."""
        if self.standing.kind != Kind.MODEL or not {"namespace", "name"} <= self.fields.keys():
            return None
        namespace, name = self.fields["namespace"].value, self.fields["name"].value
        if isinstance(namespace, str) and isinstance(name, str):
            return natural_name(namespace, name)
        return None


def fold_entries(session: Session, entries: Iterable[UUID]) -> list[Reconciled]:
    """Fold each entry from its current statements and pins, in id order.

    It is locked before it is read; the caller locked in time all that it knew of. Raises `Moved`.
    Precedence is read after that, too: who changed it folds again, and waits for these locks.
    """
    wanted = sorted(set(entries))
    standing = lock_others(session, wanted, read=Standing._fields)
    sources, pins = list_sources(session), read_pins(session, wanted)
    said: dict[UUID, list[Said]] = {}
    for row in session.execute(_select_said(wanted)):
        said.setdefault(row.entry_id, []).append(Said(*row))
    return [
        _fold(Standing._make(row), said.get(row.id, []), pins=pins.get(row.id, ()), sources=sources)
        for row in standing
    ]


def _select_said(entries: Sequence[UUID]) -> sa.CompoundSelect[Any]:
    """What is current about the subjects of entries, and the last about those that left them."""
    current: sa.Select[Any] = (
        sa.select(
            subject.c.entry_id,
            sighting.c.source_id,
            subject.c.scheme,
            subject.c.value,
            sighting.c.digest,
            sighting.c.observed_at,
            sighting.c.effective_at,
            sighted_at(absence).label("confirmed"),
            observation.c.facts,
            observation.c.inferred,
            absence.c.gone_since,
            subject.c.home_id,
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .where(among(subject.c.entry_id, entries))
    )
    return sa.union_all(current, _select_left(entries)).order_by(*SAID_ORDER)


def _select_left(entries: Sequence[UUID]) -> sa.Select[Any]:
    """A replaced subject took its identifier along; what it last said stays, as of something gone.

    So the old entry keeps its facts: its reviews cover what they saw.
    """
    last = (
        sa.func.jsonb_to_recordset(decision.c.evidence["last"])
        .table_valued(
            sa.column("observation_id", sa.BigInteger), sa.column("effective_at", Timestamp),
            name="last",
        )
        .render_derived(with_types=True)
    )  # fmt: skip
    return (
        sa.select(
            decision.c.other_id,
            observation.c.source_id,
            subject.c.scheme,
            subject.c.value,
            observation.c.digest,
            observation.c.observed_at,
            last.c.effective_at,
            last.c.effective_at,
            observation.c.facts,
            observation.c.inferred,
            sa.cast(decision.c.evidence["until"].astext, Timestamp),
            sa.cast(sa.null(), sa.Uuid),
        )
        .select_from(decision)
        .join(last, sa.true())
        .join(observation, observation.c.id == last.c.observation_id)
        .join(subject, subject.c.id == observation.c.subject_id)
        .where(decision.c.op == "replaced", among(decision.c.other_id, entries))
    )


def _fold(
    standing: Standing,
    said: Sequence[Said],
    *,
    pins: Sequence[Pinned],
    sources: Mapping[int, SourceFacts],
) -> Reconciled:
    """Live statements count; when the entry is retired, the last facts stay."""
    kind = Kind(standing.kind)
    vital = [one for one in said if SCHEMES[kind][one.scheme].keeps_alive]
    gone = [one.gone_since for one in vital]
    retired = bool(vital) and all(gone)
    live = [one for one in said if one.gone_since is None]
    speaking = tuple(
        sorted(
            said if retired else live or said,
            key=lambda one: (sources[one.source].name, one.scheme, one.value, one.digest),
        )
    )
    stated = [_statement(standing, one, source=sources[one.source].name) for one in speaking]
    rules, precedence = merge_rules(kind), _precedence(sources)
    fields = beneath = reconcile(stated, rules, precedence=precedence)
    pinned = tuple(pin.statement() for pin in pins)
    if pinned:
        fields = reconcile([*stated, *pinned], rules, precedence=precedence)
    return Reconciled(
        standing,
        speaking,
        fields,
        max(moment for moment in gone if moment) if retired else None,
        frozenset(
            sources[one.source].namespace_of(
                Identifier.model_construct(kind=kind, scheme=one.scheme, value=one.value)
            )
            for one in speaking
        ),
        tuple(pins),
        pinned,
        beneath,
    )


def _precedence(sources: Mapping[int, SourceFacts]) -> Precedence:
    ranks = {source.name: source for source in sources.values()}
    return lambda source, field: ranks[source].rank(field) if source in ranks else RANK


def _statement(standing: Standing, one: Said, *, source: str) -> Statement:
    """What an entry of another namespace brought along names it no more: its own word comes first.

    Else the newest word would carry it out of sight of those who know it.
    """
    inferred = frozenset(one.inferred)
    if one.home not in {None, standing.id} and one.facts.get("namespace") != standing.namespace:
        inferred |= NAMING
    return Statement(
        source,
        one.facts,
        one.since,
        confirmed=one.confirmed,
        digest=one.digest,
        subject=f"{standing.kind}:{one.scheme}:{one.value}",
        inferred=inferred,
        below=SCHEMES[Kind(standing.kind)][one.scheme].below,
    )


def statements_of(reconciled: Reconciled, sources: Mapping[int, SourceFacts]) -> list[Any]:
    """The statements as `statements` holds them; provenance points into this list."""
    said = [
        {
            "source": sources[one.source].name,
            "subject": f"{one.scheme}:{one.value}",
            "digest": one.digest,
            "observed_at": instant_text(one.observed_at),
        }
        for one in reconciled.said
    ]
    return said + [pin.shown() for pin in reconciled.pins]


def refold_by_time(scope_id: int) -> sa.Select[Any]:
    """Entries whose references may mean something else once a scope's open harvest is over.

    Of subjects that the scope has, and of those that become its own because the harvest saw them.
    """
    open_ones = sa.select(harvest.c.id).where(
        harvest.c.scope_id == scope_id, harvest.c.closed_at.is_(None)
    )
    seen_now = sa.exists().where(
        seen.c.subject_id == sighting.c.subject_id, seen.c.harvest_id.in_(open_ones)
    )
    return (
        sa.select(entry.c.id)
        .join_from(entry, subject, subject.c.entry_id == entry.c.id)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .where(entry.c.by_time, ~is_gone(sighting))
        .where(sa.or_(sighting.c.scope_id == scope_id, seen_now))
    )
