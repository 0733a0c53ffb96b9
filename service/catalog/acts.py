"""What people did for models: who started training runs, made versions, built and deployed them.

Each statement serves any number of models.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceKind
from service.catalog.departed import OWNERS, departed
from service.catalog.entries import entry_address
from service.catalog.view import View
from service.ingest.tables import SourceRow
from service.recordset import among, recordset

MOST: Final = 10_000  # people and what they did, of all models that are asked for
COLUMNS: Final = {"scheme": sa.Text(), "value": sa.Text()}
source = SourceRow.__table__


class Act(NamedTuple):
    """What one account did, how often, and the latest time.

    `scheme` and `host` say where the account's name means something; without them it is a text.
    """

    model: UUID
    what: str
    actor: str
    scheme: str
    host: str
    times: int
    last_at: datetime | None
    url: str


class OwnerInfo(NamedTuple):
    """An owner as far as proposals show one."""

    id: UUID
    name: str
    display_name: str | None
    kind: str | None
    departed: bool | None


def read_acts(session: Session, view: View, *, models: Sequence[UUID]) -> list[Act]:
    """All that is known of a view's models, grouped by account; the commonest, if too many."""
    rows = session.execute(_select_acts(view, models)).mappings()
    return [_act(row) for row in rows]


def _act(row: sa.RowMapping) -> Act:
    kind = Kind(row["what"])
    url = entry_address(kind, row["natural_key"], entry_id=row["latest"]) or ""
    known = {name: row[name] for name in Act._fields if name != "url"}
    return Act(**known, url=url)


def _every(view: View, models: Sequence[UUID]) -> sa.Subquery:
    """One row for each thing that somebody did."""
    version, deployment = view.of(Kind.VERSION), view.of(Kind.DEPLOYMENT)
    own = (
        sa.select(*(version.c[n] for n in ("id", "model_id", "training_run_id", "build_id")))
        .where(among(version.c.model_id, models))
        .cte("own")
    )
    served = (
        sa.select(own.c.model_id, deployment.c.id, deployment.c.build_id)
        .join(deployment, deployment.c.version_id == own.c.id)
        .cte("served")
    )
    built = sa.union(
        sa.select(own.c.model_id, own.c.build_id.label("id")),
        sa.select(served.c.model_id, served.c.build_id),
    ).subquery("built")
    ran = sa.select(own.c.model_id, own.c.training_run_id.label("id")).distinct().subquery("ran")
    return sa.union_all(
        _by_source(view, Kind.VERSION, of=own, at=("created_at",)),
        _by_source(view, Kind.TRAINING_RUN, of=ran, at=("ended_at", "started_at")),
        _by_host(view, Kind.BUILD, of=built, fact="actor", at=("finished_at", "started_at")),
        _by_host(view, Kind.DEPLOYMENT, of=served, fact="deployed_by", at=("created_at",)),
    ).subquery("every")


def _select_acts(view: View, models: Sequence[UUID]) -> sa.Select[Any]:
    every = _every(view, models)
    latest = sa.func.array_agg(
        aggregate_order_by(every.c.id, every.c.at.desc().nulls_last(), every.c.id)
    )
    by = [every.c[name] for name in ("model", "what", "actor", "scheme", "host")]
    grouped = (
        sa.select(
            *by,
            sa.func.count().label("times"),
            sa.func.max(every.c.at).label("last_at"),
            sa.type_coerce(latest, sa.ARRAY(sa.Uuid))[1].label("latest"),
        )
        .group_by(*by)
        .order_by(sa.func.count().desc(), *by)
        .limit(MOST)
        .subquery("grouped")
    )
    named = view.entry.alias("named")
    return sa.select(*grouped.c, named.c.natural_key).outerjoin(
        named, named.c.id == grouped.c.latest
    )


def _about(
    view: View, kind: Kind, *, of: sa.FromClause, fact: str, at: tuple[str, ...]
) -> tuple[sa.FromClause, list[Any], sa.Select[Any]]:
    """Who is named by a fact of the entries that belong to models, with when."""
    typed, entry = view.of(kind).alias(f"{kind}_of"), view.entry.alias(f"{kind}_entry")
    when = sa.func.coalesce(*(typed.c[name] for name in at), None)
    columns = [
        of.c.model_id.label("model"),
        sa.literal(kind.value).label("what"),
        typed.c[fact].label("actor"),
    ]
    joined = (
        sa.select()
        .select_from(of)
        .join(typed, typed.c.id == of.c.id)
        .join(entry, entry.c.id == of.c.id)
        .where(
            typed.c[fact].is_not(None),
            entry.c.merged_into.is_(None),
            view.visible(entry, kind=kind),
        )
    )
    return typed, [columns, [when.label("at"), typed.c.id.label("id")]], joined


def _by_source(view: View, kind: Kind, *, of: sa.FromClause, at: tuple[str, ...]) -> sa.Select[Any]:
    """Accounts of a tracking server mean something to its source alone: who said it last."""
    typed, (before, after), joined = _about(view, kind, of=of, fact="created_by", at=at)
    place = sa.cast(typed.c.provenance["created_by"][0].astext, sa.Integer)
    said_by = typed.c.statements[place]["source"].astext
    of_mlflow = sa.exists().where(source.c.name == said_by, source.c.kind == SourceKind.MLFLOW)
    scheme = sa.case((of_mlflow, "mlflow"), else_="").label("scheme")
    return joined.with_only_columns(
        *before, scheme, sa.func.coalesce(said_by, "").label("host"), *after
    )


def _by_host(
    view: View, kind: Kind, *, of: sa.FromClause, fact: str, at: tuple[str, ...]
) -> sa.Select[Any]:
    """Logins of a host that builds or deploys: its name stands in the first identifier."""
    typed, (before, after), joined = _about(view, kind, of=of, fact=fact, at=at)
    known = view.subject.alias(f"{kind}_known")
    first = (
        sa.select(known.c.scheme, sa.func.split_part(known.c.value, "/", 1).label("host"))
        .where(known.c.entry_id == typed.c.id)
        .order_by(known.c.id)
        .limit(1)
        .lateral(f"{kind}_first")
    )
    scheme, host = (sa.func.coalesce(first.c[name], "").label(name) for name in ("scheme", "host"))
    return joined.outerjoin(first, sa.true()).with_only_columns(*before, scheme, host, *after)


def read_named(
    session: Session, view: View, *, models: Sequence[UUID]
) -> list[tuple[UUID, str, OwnerInfo]]:
    """The owners that models state: (model, role, who), in a settled order."""
    link, entry = view.link, view.entry.alias("owner_entry")
    target = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    rows = (
        sa.select(link.c.entry_id.label("model"), link.c.role, target.label("target"))
        .join(entry, entry.c.id == link.c.target_id)
        .where(among(link.c.entry_id, models), link.c.field == OWNERS)
        .distinct()
        .subquery("named")
    )
    shown = _described(view, rows, target=rows.c.target).add_columns(rows.c.model, rows.c.role)
    found = session.execute(shown.order_by(rows.c.model, rows.c.role, sa.text("name"))).mappings()
    return [(row["model"], row["role"], _info(row)) for row in found]


def read_known(
    session: Session, view: View, *, identifiers: Iterable[Identifier]
) -> Mapping[Identifier, OwnerInfo]:
    """The owners that identifiers belong to: equal ones only."""
    asked = sorted({(one.scheme, one.value) for one in identifiers})
    if not asked:
        return {}
    given = recordset([{"scheme": s, "value": v} for s, v in asked], "asked", **COLUMNS)
    known, entry = view.subject.alias("known"), view.entry.alias("owner_entry")
    same = (
        known.c.kind == Kind.OWNER,
        known.c.scheme == given.c.scheme,
        known.c.value == given.c.value,
    )
    rows = (
        sa.select(
            given.c.scheme,
            given.c.value,
            sa.func.coalesce(entry.c.merged_into, entry.c.id).label("target"),
        )
        .join(known, sa.and_(*same))
        .join(entry, entry.c.id == known.c.entry_id)
        .subquery("found")
    )
    shown = _described(view, rows, target=rows.c.target).add_columns(rows.c.scheme, rows.c.value)
    return {
        Identifier(kind=Kind.OWNER, scheme=row["scheme"], value=row["value"]): _info(row)
        for row in session.execute(shown).mappings()
    }


def _described(view: View, rows: sa.FromClause, *, target: Any) -> sa.Select[Any]:
    owner = view.of(Kind.OWNER).alias("described")
    name = sa.func.coalesce(owner.c.handle, owner.c.email, view.label_of(target))
    return (
        sa.select(
            *(owner.c[column] for column in ("id", "display_name", "kind")),
            name.label("name"),
            departed(view, owner).label("departed"),
        )
        .select_from(rows)
        .join(owner, owner.c.id == target)
    )


def _info(row: sa.RowMapping) -> OwnerInfo:
    return OwnerInfo(*(row[name] for name in OwnerInfo._fields))
