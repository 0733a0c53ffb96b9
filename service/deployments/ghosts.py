"""What is said to be in production and no serving source sees; honest where nobody looks.

A record is looked for by those serving sources that cover its namespace: it is theirs, they may
name things in it, or something that they see stands in it. Only while all of them were read
completely within two of their intervals is it a statement that they do not see it.
"""

from datetime import UTC
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Session

from schemas.deployments import GhostFilters, GhostRow
from schemas.identifiers import Kind, fold_name
from schemas.sources import SERVING
from service.access.policy import Caller
from service.catalog.entries import entry_address
from service.catalog.keyset import Keyset
from service.catalog.lateness import MISSED, last_complete, lasting
from service.catalog.named import check_names
from service.catalog.sorting import Key
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.catalog.view import any_of, bears_name, everyone, label_of, visible
from service.deployments.judging import NO_TEXTS, SPEAKERS, deployment, is_live, serves_model
from service.ingest.record import sighted_at
from service.ingest.tables import AbsenceRow, ScopeRow, SightingRow, SourceRow
from service.ledger.tables import ChangeRow

MEMBERS: Final[sa.ColumnElement[Any]] = sa.literal_column("'$.*'")
SPEAKING: Final[sa.ColumnElement[Any]] = sa.literal_column("'$[*].source'")
PRODUCTION: Final = "production"
SAYS_SO: Final = ("production", "prod")  # stages and aliases, in small letters
MOVING: Final = (  # facts whose change makes another record of it
    "environment_class", "version", "digest", "status", "lifecycle", "stage", "aliases",
)  # fmt: skip
VENDOR: Final = "vendor_service"  # runs where nobody of ours looks
TODO: Final = {
    "ghost": "Find out whether it still runs: if not, let its record say so; if it does, let a "
    "serving source look where it runs.",
    "nobody_looks": "Declare a serving source for this namespace (docs/serving.md).",
    "nobody_looked_in_time": "`GET /api/v1/coverage` says which source is late, and why.",
    "not_comparable": "Let the record name the version, or the digest of what it deployed.",
}

entry, subject, sighting, absence, scope, source, change = (
    table.__table__
    for table in (Entry, SubjectRow, SightingRow, AbsenceRow, ScopeRow, SourceRow, ChangeRow)
)
version, model = TYPED[Kind.VERSION], TYPED[Kind.MODEL]
Value = sa.ColumnElement[Any]


def ghosts(session: Session, asked: GhostFilters, *, caller: Caller) -> Keyset:
    """What matches, by kind and id. Raises `Invalid`."""
    check_names(session, asked, caller=caller)
    found = production(caller)
    query = sa.select(found).where(found.c.state.in_(asked.state or ("ghost",)))
    if asked.what is not None:
        query = query.where(found.c.what.in_(asked.what))
    if asked.namespace is not None:
        query = query.where(found.c.namespace.in_([fold_name(one) for one in asked.namespace]))
    if asked.source is not None:
        wanted = sa.cast(list(asked.source), ARRAY(sa.Text))
        query = query.where(found.c.sources.overlap(wanted))
    return Keyset(query, (Key(found.c.what.collate("C")), Key(found.c.id)), ghost_row)


def ghost_row(row: sa.RowMapping) -> GhostRow:
    """One of them as readers see it."""
    kind = Kind(row["what"])
    name = row["natural_key"] or row["label"]
    members = {n: row[n] for n in GhostRow.model_fields.keys() & row.keys()} | {
        "name": name, "kind": kind, "why": _why(row, name),
        "url": entry_address(kind, row["natural_key"], entry_id=row["id"]),
        "todo": TODO[row["reason"] or "ghost"],
        "sources": tuple(row["sources"] or ()), "looking": tuple(row["looking"] or ()),
    }  # fmt: skip
    return GhostRow.model_validate(members)


def _why(row: sa.RowMapping, name: str | None) -> str:
    where = row["namespace"] or "its namespace"
    seen = row["last_seen_at"]
    last = f"last seen on {seen.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if seen else "never seen"
    said = f"{row['said']} says that {name or 'it'} is in production"
    if row["reason"] == "nobody_looks":
        return f"{said}; no serving source looks at {where}."
    looking = ", ".join(row["looking"] or ())
    if row["reason"] == "nobody_looked_in_time":
        return f"{said}; of {looking}, who look there, not all were read in time."
    if row["reason"] == "not_comparable":
        return f"{said}; it names neither a version nor a digest that {looking} could have seen."
    return f"{said}; it was {last} there by {looking}."


def production(caller: Caller) -> sa.Subquery:
    """Everything that is said to be in production and was not seen lately, with why."""
    return _production(caller.namespaces)


@lru_cache(maxsize=256)
def _production(namespaces: frozenset[str] | None) -> sa.Subquery:
    """Made once for each reader's namespaces: that takes longer than to read a page."""
    caller = everyone()._replace(namespaces=namespaces)
    records = sa.union_all(_deployments(caller), _models(caller), _versions(caller)).subquery(
        "records"
    )
    watched = _watched(records)
    latest = sa.func.greatest(records.c.since, records.c.last_seen_at)
    settled = latest + MISSED * lasting(watched.c.slowest) < sa.func.now()
    reason = sa.case(
        (watched.c.looking.is_(None), "nobody_looks"),
        (~records.c.comparable, "not_comparable"),
        (~watched.c.in_time, "nobody_looked_in_time"),
    )
    state = sa.case((reason.is_not(None), "not_observable"), (settled, "ghost"))
    return (
        sa.select(records, watched.c.looking, reason.label("reason"), state.label("state"))
        .select_from(records.join(watched, sa.true()))
        .subquery("production")
    )


def _sources() -> sa.CTE:
    """Serving sources that are read, how often, and whether all of them was read in time."""
    last, in_time = last_complete(), MISSED * lasting(source.c.expected_interval_seconds)
    each = sa.and_(scope.c.full_closed_at.is_not(None), last + in_time >= sa.func.now())
    return (
        sa.select(
            *source.c["id", "name", "namespace", "namespaces", "may_name"],
            source.c.expected_interval_seconds.label("seconds"),
            sa.func.coalesce(sa.func.bool_and(sa.func.coalesce(each, sa.false())), sa.false())
            .label("in_time"),
        )
        .outerjoin_from(source, scope, scope.c.source_id == source.c.id)
        .where(source.c.enabled, source.c.kind.in_(SERVING))
        .group_by(source.c.id)
        .cte("serving")
        .prefix_with("MATERIALIZED")
    )  # fmt: skip


SOURCES: Final = _sources()


def _seen() -> sa.CTE:
    """What serving sources saw of deployments: when last, and whether that counts as now.

    What a source that is read in time has not missed is there: those that watch say what ends.
    """
    seen_at = sighted_at(absence)
    still = sa.and_(absence.c.subject_id.is_(None), sighting.c.scope_id.is_not(None),
                    SOURCES.c.in_time)  # fmt: skip
    lately = seen_at + MISSED * lasting(SOURCES.c.seconds) >= sa.func.now()
    gone = sa.func.coalesce(absence.c.gone_since.is_not(None), sa.false())
    return (
        sa.select(
            deployment.c.id,
            SOURCES.c.id.label("source_id"),
            entry.c.namespace,
            deployment.c.version_id,
            version.c.model_id,
            deployment.c.digest,
            deployment.c.environment_class,
            seen_at.label("seen_at"),
            sa.and_(~gone, sa.or_(still, lately)).label("fresh"),
        )
        .select_from(SOURCES)
        .join(sighting, sighting.c.source_id == SOURCES.c.id)
        .join(subject, subject.c.id == sighting.c.subject_id)
        .join(deployment, deployment.c.id == subject.c.entry_id)
        .join(entry, entry.c.id == deployment.c.id)
        .outerjoin(version, version.c.id == deployment.c.version_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .cte("seen")
        .prefix_with("MATERIALIZED")
    )


SEEN: Final = _seen()
IN_PRODUCTION: Final = sa.func.coalesce(SEEN.c.environment_class, PRODUCTION) == PRODUCTION


def _watched(records: sa.Subquery) -> sa.FromClause:
    """Who looks at the namespace of a record."""
    own, among_them = records.c.namespace, sa.func.jsonb_build_array(records.c.namespace)
    mapped = sa.func.jsonb_path_query_array(SOURCES.c.namespaces, MEMBERS, type_=JSONB)
    there = sa.select(SEEN.c.source_id).where(SEEN.c.namespace == own).correlate(records)
    covers = sa.or_(
        SOURCES.c.namespace == own,
        sa.type_coerce(SOURCES.c.may_name, JSONB).contains(among_them),
        mapped.contains(among_them),
        SOURCES.c.id.in_(there),
    )
    return (
        sa.select(
            sa.func.array_agg(SOURCES.c.name, type_=ARRAY(sa.Text)).label("looking"),
            sa.func.bool_and(SOURCES.c.in_time).label("in_time"),
            sa.func.max(SOURCES.c.seconds).label("slowest"),
        )
        .where(covers)
        .correlate(records)
        .lateral("watched")
    )


def _record(
    what: Kind, said: Value, *, fields: dict[str, Value], ways: list[tuple[Value, Value]]
) -> sa.Select[Any]:
    """One kind of record; `ways` are pairs of its own column and the one by which it is seen."""
    fresh = any_of(
        own.in_(sa.select(seen).where(SEEN.c.fresh, IN_PRODUCTION, seen.is_not(None)))
        for own, seen in ways
    )
    same = any_of(seen == own for own, seen in ways)
    last = sa.select(sa.func.max(SEEN.c.seen_at)).where(same, IN_PRODUCTION).scalar_subquery()
    named = {name: sa.cast(value, sa.Text) for name, value in fields.items()}
    return sa.select(
        sa.literal(what.value, sa.Text).label("what"),
        *entry.c["id", "namespace", "natural_key"],
        label_of(entry.c.id).label("label"),
        said.label("said"),
        _since().label("since"),
        last.label("last_seen_at"),
        *(named.get(name, sa.cast(sa.null(), sa.Text)).label(name)
          for name in ("model", "version", "environment")),
    ).where(~sa.func.coalesce(fresh, sa.false()))  # fmt: skip


def _since() -> Value:
    """When the record last became what it is."""
    moved = (
        sa.select(sa.func.max(change.c.recorded_at))
        .where(change.c.entry_id == entry.c.id, change.c.field.in_(MOVING))
        .correlate(entry)
        .scalar_subquery()
    )
    return sa.func.greatest(moved, entry.c.first_seen_at)


def _deployments(caller: Caller) -> sa.Select[Any]:
    """Records of pipelines and people that a version was deployed to production."""
    served, above = entry.alias("served_here"), entry.alias("model_here")
    facts = deployment.c
    found = _record(
        Kind.DEPLOYMENT,
        sa.literal("environment_class", sa.Text),
        fields={"model": above.c.natural_key, "version": served.c.natural_key,
                "environment": facts.environment},
        ways=[(facts.id, SEEN.c.id), (facts.version_id, SEEN.c.version_id),
              (facts.digest, SEEN.c.digest)],
    )  # fmt: skip
    known = sa.func.num_nonnulls(facts.version_id, facts.digest) > 0
    return (
        found.add_columns(
            sa.func.coalesce(SPEAKERS.c.names, NO_TEXTS).label("sources"),
            known.label("comparable"),
        )
        .select_from(deployment)
        .join(entry, entry.c.id == facts.id)
        .join(SPEAKERS, sa.true())
        .outerjoin(served, served.c.id == facts.version_id)
        .outerjoin(version, version.c.id == served.c.id)
        .outerjoin(above, above.c.id == version.c.model_id)
        .where(
            is_live(), serves_model(), visible(caller, entry, kind=Kind.DEPLOYMENT),
            facts.environment_class == PRODUCTION,
            sa.func.coalesce(facts.status, "") != "failed",
            ~sa.func.coalesce(SPEAKERS.c.serving_alone, sa.false()),
        )
    )  # fmt: skip


def _models(caller: Caller) -> sa.Select[Any]:
    """Models whose lifecycle says production."""
    found = _record(
        Kind.MODEL, sa.literal("lifecycle", sa.Text), fields={"model": entry.c.natural_key},
        ways=[(model.c.id, SEEN.c.model_id)],
    )  # fmt: skip
    return (
        found.add_columns(_names(model).label("sources"), sa.true().label("comparable"))
        .select_from(model)
        .join(entry, entry.c.id == model.c.id)
        .where(
            ~entry.c.stub, entry.c.gone_since.is_(None), bears_name(entry),
            visible(caller, entry, kind=Kind.MODEL), model.c.lifecycle == PRODUCTION,
            sa.func.coalesce(model.c.asset_kind, "") != VENDOR,
        )
    )  # fmt: skip


def _versions(caller: Caller) -> sa.Select[Any]:
    """Versions whose stage, or one of whose aliases, says production."""
    above = entry.alias("model_here")
    by_stage = sa.func.coalesce(sa.func.lower(version.c.stage).in_(SAYS_SO), sa.false())
    by_alias = any_of(
        sa.func.lower(sa.cast(version.c.aliases, sa.Text), type_=sa.Text).contains(f'"{word}"')
        for word in SAYS_SO
    )
    said = sa.case((by_stage, "stage"), else_="aliases")
    found = _record(
        Kind.VERSION, sa.cast(said, sa.Text),
        fields={"model": above.c.natural_key, "version": entry.c.natural_key},
        ways=[(version.c.id, SEEN.c.version_id)],
    )  # fmt: skip
    return (
        found.add_columns(_names(version).label("sources"), sa.true().label("comparable"))
        .select_from(version)
        .join(entry, entry.c.id == version.c.id)
        .outerjoin(above, above.c.id == version.c.model_id)
        .where(
            ~entry.c.stub, entry.c.gone_since.is_(None), bears_name(entry),
            visible(caller, entry, kind=Kind.VERSION),
            sa.or_(by_stage, sa.func.coalesce(by_alias, sa.false())),
        )
    )  # fmt: skip


def _names(typed: sa.Table) -> Value:
    """The sources that speak of something."""
    each = sa.func.jsonb_path_query_array(typed.c.statements, SPEAKING, type_=JSONB)
    text = sa.func.jsonb_array_elements_text(each).table_valued("value").c.value  # no fact's name
    return sa.func.array(
        sa.select(text.distinct()).correlate(typed).scalar_subquery(), type_=ARRAY(sa.Text)
    )
