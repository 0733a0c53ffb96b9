"""Gathers why something is, or is not, in the catalog; only what the caller may know of."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.explain import (
    ExplainedDecision,
    ExplainedEntry,
    ExplainedRefusal,
    ExplainedRule,
    ExplainedSighting,
    ExplainQuery,
    Explanation,
)
from schemas.identifiers import NATURAL, Identifier, Kind, decode_segment, source_of, workspace_of
from schemas.operations import CoverageRow
from service.access.policy import Caller
from service.catalog.entries import entry_address
from service.catalog.select import entry, one_snapshot, subject, visible
from service.catalog.view import label_of
from service.history import HISTORY
from service.ingest import tables
from service.ingest.coverage import coverage_row, select_coverage
from service.ingest.explain_repository import find_reader, repositories_of, rules_of
from service.ingest.explain_source import explain_source
from service.ingest.meant import Meant, read_meant
from service.ingest.obstacles import passed_over, plans_for
from service.ingest.record import sighted_at
from service.ingest.sources import DEFAULT_WORKSPACE
from service.ingest.verdict import Evidence, decide
from service.recordset import among

MOST: Final = 100
EXCLUDING: Final = {Kind.MODEL: 2, Kind.VERSION: 2}  # where the model's name stands in a value

absence, decision, observation, quarantine, scope, sighting, source = (
    table.__table__
    for table in (
        tables.AbsenceRow, tables.IdentityDecision, tables.ObservationRow, tables.QuarantineRow,
        tables.ScopeRow, tables.SightingRow, tables.SourceRow,
    )
)  # fmt: skip


def explain(session: Session, asked: ExplainQuery, *, caller: Caller) -> Explanation:
    """Seen by whom and when, refused, left out, merged, replaced, gone, or never there."""
    if asked.source is not None and asked.model_dump(exclude_none=True).keys() == {"source"}:
        return explain_source(session, asked.source, caller=caller)
    meant = read_meant(asked)
    one_snapshot(session)
    entries = _entries(session, meant, caller=caller)
    ids = [one.id for one in entries]
    named = (*meant.identifiers, *repositories_of(session, ids))
    speaking = _speaking(session, meant.identifiers, caller=caller)
    found = Evidence(
        entries=entries,
        sightings=_sightings(session, ids),
        refusals=_refusals(session, named, ids=ids, caller=caller),
        decisions=_decisions(session, ids),
        held_back=plans_for(session, ids) if ids else (),
        skipped=passed_over(session, speaking["id"], identifiers=named) if speaking else (),
        rules=tuple(_rules(speaking, meant.identifiers)),
        coverage=_coverage(session, speaking, identifiers=meant.identifiers, caller=caller),
        bound=any(source_of(one) for one in meant.identifiers),
        source=speaking["name"] if speaking else None,
    )
    verdict, summary = decide(found)
    return Explanation(
        verdict=verdict,
        summary=summary,
        identifiers=tuple(str(one) for one in meant.identifiers),
        entries=entries,
        sightings=found.sightings,
        refusals=found.refusals,
        held_back=found.held_back,
        skipped=found.skipped,
        decisions=found.decisions,
        filtered_by=found.rules,
        coverage=found.coverage,
    )


def _entries(session: Session, meant: Meant, *, caller: Caller) -> tuple[ExplainedEntry, ...]:
    """What is meant, what it was merged into, and what it replaced."""
    asked = _is_one_of(meant.identifiers)
    named: list[Any] = [sa.select(subject.c.entry_id).where(asked), _merged_away(asked)]
    named += [
        sa.select(entry.c.id).where(entry.c.kind == one.kind, entry.c.natural_key == one.value)
        for one in meant.identifiers
        if (one.kind, one.scheme) in NATURAL
    ]
    if meant.lookup is not None:
        named.append(meant.lookup)
    first = sa.union(*named).cte("first")
    ids = sa.select(first.c[0])
    met = sa.or_(decision.c.entry_id.in_(ids), decision.c.other_id.in_(ids))
    others = sa.select(decision.c.other_id).where(met, decision.c.op == "replaced")
    stays = sa.select(entry.c.merged_into).where(entry.c.id.in_(ids))
    query = (
        sa.select(entry, label_of(entry.c.id).label("label"))
        .where(sa.or_(*(entry.c.id.in_(part) for part in (ids, others, stays))), visible(caller))
        .order_by(entry.c.gone_since.desc().nulls_first(), entry.c.first_seen_at, entry.c.id)
        .limit(MOST)
    )
    return tuple(_entry(row) for row in session.execute(query).mappings())


def _merged_away(asked: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Where these identifiers stood, and what stands there no more."""
    past = subject.metadata.tables[f"{subject.name}{HISTORY}"]
    return (
        sa.select(past.c.entry_id)
        .join_from(subject, past, past.c.id == subject.c.id)
        .join(entry, entry.c.id == past.c.entry_id)
        .where(asked, entry.c.merged_into == subject.c.entry_id)
    )


def _entry(row: sa.RowMapping) -> ExplainedEntry:
    kind = Kind(row["kind"])
    lost = row["replaced_by"] or row["merged_into"]
    key = None if lost else row["natural_key"]
    members = {name: row[name] for name in ExplainedEntry.model_fields if name in row}
    return ExplainedEntry.model_validate(
        members | {"name": row["natural_key"], "url": entry_address(kind, key, entry_id=row["id"])}
    )


def _is_one_of(identifiers: Sequence[Identifier]) -> sa.ColumnElement[bool]:
    """One of few: an address names one value, in the schemes of at most nine kinds."""
    named = [(one.kind.value, one.scheme, one.value) for one in identifiers]
    return sa.tuple_(subject.c.kind, subject.c.scheme, subject.c.value).in_(named)


def _sightings(session: Session, ids: Sequence[UUID]) -> tuple[ExplainedSighting, ...]:
    query = (
        sa.select(
            (subject.c.kind + ":" + subject.c.scheme + ":" + subject.c.value).label("identifier"),
            source.c.name.label("source"),
            scope.c.name.label("scope"),
            *sighting.c["first_seen", "observed_at"],
            sighted_at(absence).label("confirmed_at"),
            observation.c.harvest_id.label("harvest"),
            sa.func.coalesce(absence.c.harvests, 0).label("missed_harvests"),
            *absence.c["unseen_since", "gone_since"],
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .where(among(subject.c.entry_id, ids))
        .order_by(source.c.name, subject.c.id)
        .limit(MOST)
    )
    return tuple(
        ExplainedSighting.model_validate(dict(row)) for row in session.execute(query).mappings()
    )


def _refusals(
    session: Session, identifiers: Sequence[Identifier], *, ids: Sequence[UUID], caller: Caller
) -> tuple[ExplainedRefusal, ...]:
    """Refused records about what is meant, in namespaces that the caller may read."""
    text = subject.c.kind + ":" + subject.c.scheme + ":" + subject.c.value
    known = sa.select(text).where(among(subject.c.entry_id, ids))
    named = [str(one) for one in identifiers]
    within = [f"model:manifest:{i.value}" for i in identifiers if i.kind is Kind.REPOSITORY]
    query = (
        sa.select(
            source.c.name.label("source"), *source.c["namespace", "namespaces"],
            *quarantine.c["subject", "code", "pointer", "message", "times", "first_at", "last_at"],
            quarantine.c.resolved_at.label("settled_at"),
        )
        .join_from(quarantine, source, source.c.id == quarantine.c.source_id)
        .where(
            quarantine.c.what == "refused",
            sa.or_(
                among(quarantine.c.subject, named),
                quarantine.c.subject.in_(known),
                sa.func.split_part(quarantine.c.subject, "#", 1).in_(within),
            ),
        )
        .order_by(quarantine.c.last_at.desc(), quarantine.c.id)
        .limit(MOST)
    )  # fmt: skip
    return tuple(
        ExplainedRefusal.model_validate({name: row[name] for name in ExplainedRefusal.model_fields})
        for row in session.execute(query).mappings()
        if _may_know(caller, row, about=row["subject"])
    )


def _may_know(caller: Caller, speaking: sa.RowMapping, *, about: str) -> bool:
    """May the caller read the namespace in which a source speaks about a subject?"""
    if caller.namespaces is None:
        return True
    kind, scheme, value = about.split(":", 2)
    workspace = workspace_of(
        Identifier.model_construct(kind=Kind(kind), scheme=scheme, value=value)
    )
    namespace = speaking["namespace"]
    if workspace is not None and workspace != DEFAULT_WORKSPACE:
        namespace = speaking["namespaces"].get(workspace, namespace)
    return namespace in caller.namespaces


def _speaking(
    session: Session, identifiers: Sequence[Identifier], *, caller: Caller
) -> sa.RowMapping | None:
    """The only source that may speak about it, or that reads where it lies, if there is one.

    None where the caller may not know of it.
    """
    bound = next((one for one in identifiers if source_of(one)), None)
    if bound is None:
        return find_reader(session, identifiers, caller=caller)
    query = sa.select(source).where(source.c.name == source_of(bound))
    found = session.execute(query).mappings().one_or_none()
    return found if found and _may_know(caller, found, about=str(bound)) else None


def _rules(
    speaking: sa.RowMapping | None, identifiers: Sequence[Identifier]
) -> Iterator[ExplainedRule]:
    """Settings of the source that leave it out."""
    if speaking is None:
        return
    yield from rules_of(speaking, identifiers)
    name, settings = speaking["name"], speaking["settings"]
    workspaces = settings.get("workspaces", [DEFAULT_WORKSPACE])
    for one in filter(source_of, identifiers):
        parts = [decode_segment(part) for part in one.value.split("/")]
        workspace = workspace_of(one)
        if workspace and isinstance(workspaces, list) and workspace not in workspaces:
            rule = ", ".join(str(listed) for listed in workspaces)
            yield ExplainedRule(source=name, setting="workspaces", rule=rule)
            return
        place = EXCLUDING.get(one.kind, len(parts))
        for glob in settings.get("exclude", ()):
            if len(parts) > place and fnmatchcase(parts[place], str(glob)):
                yield ExplainedRule(source=name, setting="exclude", rule=str(glob))
                return


def _coverage(
    session: Session,
    speaking: sa.RowMapping | None,
    *,
    identifiers: Sequence[Identifier],
    caller: Caller,
) -> tuple[CoverageRow, ...]:
    """The scopes in which its source would show it."""
    if speaking is None:
        return ()
    query = select_coverage(caller).where(source.c.id == speaking["id"]).limit(MOST)
    workspaces = {workspace_of(one) for one in identifiers} - {None}
    rows = (coverage_row(row) for row in session.execute(query).mappings())
    return tuple(
        row
        for row in rows
        if row.scope is None
        or not workspaces
        or decode_segment(row.scope.partition("/")[2]) in workspaces
    )


def _decisions(session: Session, ids: Sequence[UUID]) -> tuple[ExplainedDecision, ...]:
    """What was decided about these entries, where both are among them or there is only one."""
    query = (
        sa.select(
            decision.c.op, decision.c.entry_id.label("entry"), decision.c.other_id.label("other"),
            decision.c.valid_from.label("decided_at"), *decision.c["lifted_at", "reason"],
            decision.c.evidence.op("-", return_type=JSONB)("last").label("evidence"),
        )
        .where(
            among(decision.c.entry_id, ids),
            sa.or_(decision.c.other_id.is_(None), among(decision.c.other_id, ids)),
            decision.c.op != "numbering",
        )
        .order_by(decision.c.id)
        .limit(MOST)
    )  # fmt: skip
    return tuple(
        ExplainedDecision.model_validate(dict(row)) for row in session.execute(query).mappings()
    )
