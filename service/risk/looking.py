"""Reads models as risk sees them: a constant number of statements, however many there are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.policy_scale import TIERS
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.catalog.view import bears_name, label_of
from service.recordset import among
from service.risk.looks import read_seen
from service.risk.picture import MARKS, NOTHING, PRODUCTION, Consumer, Linked, Part, Picture
from service.risk.related import bears_digest, digests_of
from service.risk.tables import AssessmentRow

SERVED, MARKED, NEWEST = 1, 2, 3  # why a version is live: the first of these holds
ENDED: Final = ("stopped", "superseded")
ELSEWHERE: Final = "a model of another namespace"
UNREAD: Final = ("offered", "sought", "matched")  # keys that others find it by

entry, link, assessment = (table.__table__ for table in (Entry, Link, AssessmentRow))
model, version, deployment, use, dataset, owner, build = (
    TYPED[kind]
    for kind in (
        Kind.MODEL, Kind.VERSION, Kind.DEPLOYMENT, Kind.USE, Kind.DATASET, Kind.OWNER, Kind.BUILD,
    )
)  # fmt: skip
of_deployment = entry.alias("of_deployment")
Parts = dict[UUID, list[Part]]


def read_pictures(session: Session, models: Iterable[UUID]) -> dict[UUID, Picture]:
    """Every model that stands for itself, by its id; merged and replaced ones are left out."""
    found = _read_models(session, models)
    if not found:
        return {}
    ids = list(found)
    deployments = _read_deployments(session, ids)
    served = {
        one.row["version_id"]
        for many in deployments.values()
        for one in many
        if one.value("environment_class") == PRODUCTION
    }
    live = _read_live(session, ids, served=served)
    links = _read_links(session, [*ids, *(one.id for many in live.values() for one in many)])
    uses, consumers = _read_uses(session, ids), _read_consumers(session, ids)
    sources, looks, _ = read_seen(session)
    alike = [one.id for many in live.values() for one in many if one.value("digests")]
    twins = _read_twins(session, alike) if alike else {}
    pictures = {}
    for one, (namespace, gone, part, began, ended) in found.items():
        whole = _with(part, links)
        alive = tuple(_with(of, links) for of in live.get(one, ()))
        described = (whole, *alive, *uses.get(one, ()), *deployments.get(one, ()))
        speaking = {name for said in described for name in said.sources}
        pictures[one] = Picture(
            model=whole,
            namespace=namespace,
            gone=gone,
            uses=tuple(uses.get(one, ())),
            live=alive,
            deployments=tuple(deployments.get(one, ())),
            consumers=tuple(consumers.get(one, ())),
            sources=tuple(sources[name] for name in sorted(speaking & sources.keys())),
            twins=tuple(twins.get(one, ())),
            looks=looks,
            first_production_at=began,
            last_gone_at=ended,
        )
    return pictures


def _with(part: Part, links: Mapping[UUID, Sequence[Linked]]) -> Part:
    return Part(part.id, part.name, part.row, tuple(links.get(part.id, ())))


def _facts(of: sa.FromClause) -> sa.ColumnElement[Any]:
    """A typed row as JSON, without the keys that others find it by."""
    whole: sa.ColumnElement[Any] = sa.func.to_jsonb(sa.literal_column(of.name))  # type: ignore[attr-defined]
    for name in UNREAD:
        whole = whole.op("-", return_type=JSONB)(name) if name in of.c else whole
    return whole


def _read_models(session: Session, models: Iterable[UUID]) -> Mapping[UUID, Any]:
    began, ended = sa.func.min(deployment.c.created_at), sa.func.max(of_deployment.c.gone_since)
    rows = session.execute(
        sa.select(
            *entry.c["id", "namespace", "gone_since"], _facts(model).label("facts"),
            label_of(entry.c.id).label("label"), entry.c.natural_key,
            _in_production(began).label("began"), _in_production(ended).label("ended"),
        )
        .join_from(entry, model, model.c.id == entry.c.id)
        .where(among(entry.c.id, models), bears_name(entry))
        .order_by(entry.c.id)
    )  # fmt: skip
    return {
        row.id: (
            row.namespace or "", row.gone_since is not None,
            Part(row.id, row.natural_key or row.label or str(row.id), row.facts), row.began,
            row.ended,
        )
        for row in rows
    }  # fmt: skip


def _in_production(value: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Something over all that ever served a model in production."""
    return (
        sa.select(value)
        .select_from(deployment)
        .join(version, version.c.id == deployment.c.version_id)
        .join(of_deployment, of_deployment.c.id == deployment.c.id)
        .where(version.c.model_id == model.c.id, deployment.c.environment_class == PRODUCTION)
        .correlate(model)
        .scalar_subquery()
    )


def _here() -> tuple[sa.ColumnElement[bool], ...]:
    return bears_name(entry), entry.c.gone_since.is_(None)


def _beneath(model_id: sa.ColumnElement[UUID]) -> tuple[sa.ColumnElement[bool], ...]:
    """What belongs to a model; of one that has ended, also what ended with it or since."""
    above = entry.alias("above")
    ended = sa.select(above.c.gone_since).where(above.c.id == model_id).scalar_subquery()
    return bears_name(entry), sa.or_(entry.c.gone_since.is_(None), entry.c.gone_since >= ended)


def _read_deployments(session: Session, models: Sequence[UUID]) -> Parts:
    facts = deployment.c
    over = sa.func.coalesce(facts.ended_at <= sa.func.now(), sa.false())
    rows = session.execute(
        sa.select(entry.c.id, version.c.model_id, label_of(entry.c.id).label("label"),
                  _facts(deployment).label("facts"))
        .join_from(entry, deployment, deployment.c.id == entry.c.id)
        .join(version, version.c.id == facts.version_id)
        .where(among(version.c.model_id, models), *_here(), ~entry.c.stub,
               sa.func.coalesce(facts.status, "").not_in(ENDED), ~over)
        .order_by(entry.c.id)
    )  # fmt: skip
    return _by_model(rows)


def _read_uses(session: Session, models: Sequence[UUID]) -> Parts:
    rows = session.execute(
        sa.select(entry.c.id, use.c.model_id, entry.c.natural_key, use.c.name.label("label"),
                  _facts(use).label("facts"))
        .join_from(entry, use, use.c.id == entry.c.id)
        .where(among(use.c.model_id, models), *_beneath(use.c.model_id))
        .order_by(use.c.name, entry.c.id)
    )  # fmt: skip
    return _by_model(rows)


def _read_live(session: Session, models: Sequence[UUID], *, served: Iterable[UUID]) -> Parts:
    """The versions of the first of three groups that has any: served, marked, the newest."""
    facts = version.c
    aliases = sa.func.lower(sa.cast(facts.aliases, sa.Text))
    marked = sa.or_(
        sa.func.lower(facts.stage).in_(sorted(MARKS)),
        *(aliases.contains(f'"{one}"') for one in sorted(MARKS)),
    )
    by_registry = sa.func.coalesce(marked, sa.false())
    group = sa.case((among(facts.id, served), SERVED), (by_registry, MARKED), else_=NEWEST)
    newest = (facts.number_key.desc().nulls_last(), facts.created_at.desc().nulls_last(), facts.id)
    each = (
        sa.select(
            facts.id, group.label("group"),
            sa.func.min(group).over(partition_by=facts.model_id).label("first"),
            sa.func.row_number().over(partition_by=facts.model_id, order_by=newest).label("place"),
        )
        .join_from(entry, version, facts.id == entry.c.id)
        .where(among(facts.model_id, models), *_beneath(facts.model_id), ~entry.c.stub)
        .subquery("each")
    )  # fmt: skip
    chosen = sa.and_(
        each.c.group == each.c.first, sa.or_(each.c.group != NEWEST, each.c.place == 1)
    )  # fmt: skip
    rows = session.execute(
        sa.select(
            facts.id, facts.model_id, facts.number.label("label"),
            _facts(version).op("||", return_type=JSONB)(
                sa.func.jsonb_build_object("built_protected", build.c.on_protected_branch)
            ).label("facts"),
        )
        .join_from(each, version, facts.id == each.c.id)
        .outerjoin(build, build.c.id == facts.build_id)
        .join(entry, entry.c.id == facts.id)
        .where(chosen)
        .order_by(facts.number_key, facts.id)
    )  # fmt: skip
    return _by_model(rows)


def _by_model(rows: Iterable[Any]) -> Parts:
    found: Parts = defaultdict(list)
    for row in rows:
        found[row.model_id].append(Part(row.id, row.label or str(row.id), row.facts))
    return found


def _read_links(session: Session, entries: Sequence[UUID]) -> dict[UUID, list[Linked]]:
    """What they link to of owners and datasets, with what is said of these."""
    of_target = entry.alias("of_target")
    said = sa.func.coalesce(
        sa.func.to_jsonb(sa.literal_column("owner")), sa.func.to_jsonb(sa.literal_column("dataset"))
    )
    rows = session.execute(
        sa.select(link, label_of(link.c.target_id).label("label"), said.label("facts"))
        .join_from(link, of_target, of_target.c.id == link.c.target_id)
        .outerjoin(owner, owner.c.id == link.c.target_id)
        .outerjoin(dataset, dataset.c.id == link.c.target_id)
        .where(among(link.c.entry_id, entries), link.c.field.in_(("owners", "datasets")))
        .order_by(link.c.entry_id, link.c.field, link.c.key)
    )
    found: dict[UUID, list[Linked]] = defaultdict(list)
    for row in rows:
        target = Part(row.target_id, row.label or "", row.facts or NOTHING)
        one = Linked(row.field, row.role, row.digest, row.attributes, target)
        found[row.entry_id].append(one)
    return found


def _read_consumers(session: Session, models: Sequence[UUID]) -> dict[UUID, list[Consumer]]:
    """Models that say that they depend on these; how risky each would be by itself."""
    rows = session.execute(
        sa.select(
            link.c.target_id.label("model_id"), link.c.entry_id.label("id"),
            _highest(assessment.c.own_low).label("own_low"),
            _highest(assessment.c.own_high).label("own_high"),
        )
        .join_from(link, entry, entry.c.id == link.c.entry_id)
        .where(among(link.c.target_id, models), link.c.field == "depends_on", *_here(),
               link.c.entry_id != link.c.target_id)
        .order_by(link.c.target_id, link.c.entry_id)
    )  # fmt: skip
    found: dict[UUID, list[Consumer]] = defaultdict(list)
    for row in rows:
        found[row.model_id].append(Consumer(row.id, row.own_low, row.own_high))
    return found


def _highest(tier: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The highest over the uses of what links."""
    rank = sa.func.array_position(sa.cast(list(TIERS), ARRAY(sa.Text)), tier)
    of_uses = sa.select(tier).where(assessment.c.model_id == link.c.entry_id)
    return of_uses.order_by(rank.desc()).limit(1).scalar_subquery()


def _read_twins(session: Session, versions: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Other models with a version that has a digest of these, by the models of these.

    Whoever may read a model may not read all others: one of another namespace is not named.
    """
    own, other, its = version.alias("own"), version.alias("other"), entry.alias("its")
    mine = entry.alias("mine")
    near = its.c.namespace == mine.c.namespace
    named = sa.case((near, its.c.natural_key), else_=ELSEWHERE).label("named")
    rows = session.execute(
        sa.select(own.c.model_id, named)
        .distinct()
        .join_from(own, digests := digests_of(own), sa.true())
        .join(other, sa.and_(bears_digest(other, digests), other.c.model_id != own.c.model_id))
        .join(its, its.c.id == other.c.model_id)
        .join(mine, mine.c.id == own.c.model_id)
        .where(among(own.c.id, versions), bears_name(its), its.c.natural_key.is_not(None),
               its.c.gone_since.is_(None))
        .order_by(own.c.model_id, named)
    )  # fmt: skip
    found: dict[UUID, list[str]] = defaultdict(list)
    for row in rows:
        found[row.model_id].append(row.named)
    return found
