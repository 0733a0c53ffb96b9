"""What leads to what: every kind of edge, as statements over a view of the catalog.

An edge runs in the direction of time: from what something was made of to what was made. All edges
at a set of entries are one statement, whatever their number; what the caller may not see is neither
shown nor followed.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.typed import MATCHING
from service.catalog.view import View, bears_name, everyone

AT: Final = sa.bindparam("at", type_=ARRAY(sa.Uuid()))  # the entries that are looked at
MOST: Final = sa.bindparam("most", type_=sa.Integer())
STATED: Final = sa.literal("stated", sa.Text)
NOTHING: Final = sa.null().cast(sa.Text)
REFERRING: Final = (  # the second is made of the first, which a column of it names
    (Kind.REPOSITORY, Kind.BUILD, "repository"),
    (Kind.REPOSITORY, Kind.TRAINING_RUN, "repository"),
    (Kind.REPOSITORY, Kind.VERSION, "repository"),
    (Kind.BUILD, Kind.VERSION, "build"),
    (Kind.BUILD, Kind.DEPLOYMENT, "build"),
    (Kind.TRAINING_RUN, Kind.VERSION, "training_run"),
    (Kind.MODEL, Kind.VERSION, "model"),
    (Kind.VERSION, Kind.DEPLOYMENT, "version"),
)
MADE_OF: Final = ("datasets", "repositories")  # links to what something is made of
MADE: Final = ("outputs", "versions", "training_runs")  # links to what it made


class Edges(NamedTuple):
    """Edges of one kind, and their two ends."""

    select: sa.Select[Any]
    start: sa.ColumnElement[Any]
    end: sa.ColumnElement[Any]


@lru_cache(maxsize=64)
def _present(namespaces: frozenset[str] | None, *, up: bool) -> sa.Select[Any]:
    """Built once, for to build it takes longer than to run it."""
    return _at(View(Kind.MODEL, everyone()._replace(namespaces=namespaces)), up=up)


def edges_at(view: View, *, up: bool) -> sa.Select[Any]:
    """The edges that end, or begin, at some entries, with what stands at their other ends.

    Bound are `at`, the entries, and `most`. Newest neighbours come first.
    """
    return _present(view.caller.namespaces, up=up) if view.as_of is None else _at(view, up=up)


def _at(view: View, *, up: bool) -> sa.Select[Any]:
    chosen = [
        edges.select.where((edges.end if up else edges.start) == sa.any_(AT))
        for edges in every_edge(view)
    ]
    found = sa.union_all(*chosen).subquery("found")
    other = view.entry.alias("other")
    here, there = (found.c.end, found.c.start) if up else (found.c.start, found.c.end)
    known = (
        sa.select(found, here.label("here"), *neighbour(other))
        .join_from(found, other, other.c.id == there)
        .where(other.c.merged_into.is_(None), view.sees(other))
        .order_by(other.c.id.desc(), found.c.relation, found.c.role, found.c.digest, here)
        .limit(MOST)
        .subquery("known")
    )
    return with_label(view, known)


def neighbour(other: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """What of an entry a node shows."""
    return (
        other.c.id.label("entry"),
        other.c.kind,
        other.c.natural_key,
        other.c.stub,
        other.c.gone_since.is_not(None).label("gone"),
    )


def with_label(view: View, known: sa.Subquery) -> sa.Select[Any]:
    """What entries without a name are called; asked for no more of them than are shown."""
    return sa.select(known, view.label_of(known.c.entry).label("label"))


def every_edge(view: View) -> Iterator[Edges]:
    """Every kind of edge."""
    for _, about, fact in REFERRING:
        yield _referring(view, about, fact=fact)
    link = view.link
    for fields, (start, end) in (
        (MADE_OF, (link.c.target_id, link.c.entry_id)),
        (MADE, (link.c.entry_id, link.c.target_id)),
    ):
        linked = _edge(start, end, relation=link.c.field, role=link.c.role, digest=link.c.digest)
        yield linked._replace(select=linked.select.where(link.c.field.in_(fields)))
    yield _committed(view)
    for about in (Kind.MODEL, Kind.VERSION):
        yield _based(view, about)


def _edge(
    start: sa.ColumnElement[Any],
    end: sa.ColumnElement[Any],
    *,
    relation: sa.ColumnElement[Any],
    role: sa.ColumnElement[Any] = NOTHING,
    digest: sa.ColumnElement[Any] = NOTHING,
    by: sa.ColumnElement[Any] = STATED,
) -> Edges:
    shown = {"start": start, "end": end, "relation": relation, "role": role, "digest": digest,
             "by": by}  # fmt: skip
    return Edges(sa.select(*(one.label(name) for name, one in shown.items())), start, end)


def _referring(view: View, about: Kind, *, fact: str) -> Edges:
    typed = view.of(about)
    by: sa.ColumnElement[Any] = STATED
    if fact in MATCHING.get(about, ()):
        by = sa.func.coalesce(typed.c.matched[fact]["by"].astext, STATED)
    named = typed.c[f"{fact}_id"]
    return _edge(named, typed.c.id, relation=sa.literal(fact, sa.Text), by=by)


def _committed(view: View) -> Edges:
    """A run and a version of one commit, where no other run could have made the version."""
    run, version = view.of(Kind.TRAINING_RUN), view.of(Kind.VERSION)
    rival = run.alias("rival")
    rivals = sa.exists().where(
        rival.c.source_commit == version.c.source_commit, rival.c.id != run.c.id
    )
    relation, by = sa.literal("training_run", sa.Text), sa.literal("commit", sa.Text)
    found = _edge(run.c.id, version.c.id, relation=relation, by=by)
    joined = found.select.join_from(
        run, version, version.c.source_commit == run.c.source_commit
    ).where(version.c.training_run_id.is_(None), run.c.job.is_not(None), ~rivals)
    return found._replace(select=joined)


def _based(view: View, about: Kind) -> Edges:
    """What was made from another model of the catalog, which it calls by its name."""
    typed, base = view.of(about), view.entry.alias("base")
    named = sa.func.lower(typed.c.base_model) == base.c.natural_key
    relation, by = sa.literal("base_model", sa.Text), sa.literal("name", sa.Text)
    found = _edge(base.c.id, typed.c.id, relation=relation, by=by)
    joined = found.select.join_from(typed, base, named).where(
        base.c.kind == Kind.MODEL, bears_name(base), base.c.id != typed.c.id
    )
    return found._replace(select=joined)


def versions_of(view: View) -> sa.Select[Any]:
    """The versions of the models among `at`, newest first; and the models of its versions."""
    version, other = view.of(Kind.VERSION), view.entry.alias("other")
    known = (
        sa.select(version.c.model_id.label("start"), version.c.id.label("end"), *neighbour(other))
        .join_from(version, other, other.c.id == version.c.id)
        .where(version.c.model_id == sa.any_(AT), other.c.merged_into.is_(None), view.sees(other))
        .order_by(version.c.number_key.desc().nulls_last(), other.c.id.desc())
        .limit(MOST)
        .subquery("known")
    )
    return with_label(view, known)


def models_of(view: View) -> sa.Select[Any]:
    """The models of the versions among `at`."""
    version, other = view.of(Kind.VERSION), view.entry.alias("other")
    known = (
        sa.select(version.c.model_id.label("start"), version.c.id.label("end"), *neighbour(other))
        .join_from(version, other, other.c.id == version.c.model_id)
        .where(version.c.id == sa.any_(AT), other.c.merged_into.is_(None), view.sees(other))
        .order_by(other.c.id, version.c.id)
        .limit(MOST)
        .subquery("known")
    )
    return with_label(view, known)


def reader(caller: Caller, as_of: Any) -> View:
    """The catalog as a caller sees it."""
    return View(Kind.MODEL, caller, as_of=as_of)
