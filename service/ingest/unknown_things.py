"""What no source could tell about entries: a select for each kind of unknown.

Missing is not empty: what a source stated to be empty is known, unless that source is late; then
nobody has looked completely.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from schemas.identifiers import Kind
from schemas.reports import UnknownFilters
from service.catalog.conditions import called
from service.catalog.sorting import Key
from service.catalog.stale import is_stale
from service.catalog.tables import EntryNamespace
from service.catalog.typed import BORROWING
from service.catalog.view import ENTRY, View, any_of, bears_name, visible

Bool = sa.ColumnElement[bool]
TEXT: Final = sa.cast(sa.null(), sa.Text)


class Part(NamedTuple):
    """The rows of one kind of unknown, and the keys of their order, which are never NULL."""

    rows: sa.Select[Any]
    keys: tuple[Key, ...]


def row(**members: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """The columns of an unknown; what is not given is not known of it."""
    nothing: Mapping[str, sa.ColumnElement[Any]] = {
        "kind": TEXT, "entry": sa.cast(sa.null(), sa.Uuid), "name": TEXT, "natural_key": TEXT,
        "namespace": TEXT, "source": TEXT, "scope": TEXT, "owner": TEXT,
        "since": sa.cast(sa.null(), sa.DateTime(timezone=True)),
    }  # fmt: skip
    return [sa.type_coerce(value, nothing[name].type).label(name) for name, value in
            ({**nothing, **members}).items()]  # fmt: skip


def stated(of: sa.FromClause, *facts: str) -> Bool:
    """Does any source say something about one of these facts?"""
    return any_of(of.c.provenance.has_key(fact) for fact in facts)


def _told(view: View, fact: str, *, empty: Bool) -> Bool:
    """A fact that is stated; stated empty counts after a complete look alone."""
    looked = sa.or_(~empty, ~is_stale(view)) if view.freshness.stale else sa.true()
    return sa.and_(stated(view.typed, fact), looked)


def _links(view: View, fact: str, *also: Bool) -> Bool:
    link = view.link
    return sa.exists().where(link.c.entry_id == view.entry.c.id, link.c.field == fact, *also)


def _accountable(view: View) -> Bool:
    return sa.func.coalesce(view.link.c.role, "accountable") == "accountable"


def _without_owner(view: View) -> Bool:
    none = ~_links(view, "owners")
    known = sa.and_(none, _told(view, "owners", empty=none))
    return sa.and_(~_links(view, "owners", _accountable(view)), ~known)


def _below(view: View, *facts: str, of_run: tuple[str, ...]) -> Bool:
    """Does any live version of a model say one of these facts, or the training run of one?"""
    version, run, child = view.of(Kind.VERSION), view.of(Kind.TRAINING_RUN), ENTRY.alias("child")
    told = sa.or_(stated(version, *facts), sa.func.coalesce(stated(run, *of_run), sa.false()))
    return (
        sa.select(version.c.id)
        .select_from(version)
        .join(child, sa.and_(child.c.id == version.c.id, child.c.gone_since.is_(None)))
        .outerjoin(run, run.c.id == version.c.training_run_id)
        .where(version.c.model_id == view.entry.c.id, told)
        .correlate(view.entry)
        .exists()
    )


def _run_says(view: View, *facts: str) -> Bool:
    run = view.of(Kind.TRAINING_RUN)
    said = sa.select(run.c.id).where(run.c.id == view.typed.c.training_run_id, stated(run, *facts))
    return said.exists()


def _model_without_data(view: View) -> Bool:
    own = _told(view, "datasets", empty=~_links(view, "datasets"))
    return ~sa.or_(own, _below(view, "datasets", of_run=("datasets",)))


def _model_without_build(view: View) -> Bool:
    below = _below(view, "build", "source_commit", of_run=("source_commit",))
    return ~sa.or_(stated(view.typed, "repositories"), below)


def _version_without_data(view: View) -> Bool:
    own = _told(view, "datasets", empty=~_links(view, "datasets"))
    return ~sa.or_(own, _run_says(view, "datasets"))


def _version_without_build(view: View) -> Bool:
    return ~sa.or_(stated(view.typed, "build", "source_commit"), _run_says(view, "source_commit"))


def _without_version(view: View) -> Bool:
    served = ENTRY.alias("served")
    stub = sa.exists().where(served.c.id == view.typed.c.version_id, served.c.stub)
    empty = view.typed.c.version_id.is_(None)
    told = sa.and_(_told(view, "version", empty=empty), ~view.typed.c.narrowed.has_key("version"))
    return sa.or_(~told, stub)


def _without_manifest(view: View) -> Bool:
    """Its source is declared to hold models; nobody can say which, and none is invented."""
    facts = view.typed.c
    none = sa.func.coalesce(sa.func.jsonb_array_length(facts.manifests), 0) == 0
    kept = sa.func.coalesce(facts.archived, sa.false()) == sa.false()
    return sa.and_(facts.expects_models == sa.true(), none, kept)


CONDITIONS: Final[Mapping[str, tuple[Kind, Callable[[View], Bool]]]] = {
    "model_without_owner": (Kind.MODEL, _without_owner),
    "model_without_data": (Kind.MODEL, _model_without_data),
    "model_without_build": (Kind.MODEL, _model_without_build),
    "version_without_training_run": (
        Kind.VERSION, lambda view: ~stated(view.typed, "training_run"),
    ),
    "version_without_data": (Kind.VERSION, _version_without_data),
    "version_without_build": (Kind.VERSION, _version_without_build),
    "deployment_without_version": (Kind.DEPLOYMENT, _without_version),
    "repository_without_manifest": (Kind.REPOSITORY, _without_manifest),
}  # fmt: skip


def without(what: str, view: View, *, asked: UnknownFilters) -> Part:
    """Live entries that somebody describes and of which nobody says something."""
    entry = view.entry
    _, condition = CONDITIONS[what]
    rows = (
        sa.select(*_entry_row(view))
        .select_from(view.rows)
        .where(*view.here(), *_live(entry), ~entry.c.stub, condition(view))
        .where(*_asked_of(view, asked))
    )
    return Part(rows, (Key(entry.c.id),))


def _entry_row(view: View, **more: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    entry = view.entry
    name = sa.func.coalesce(entry.c.natural_key, view.label_of(entry.c.id))
    return row(
        kind=entry.c.kind, entry=entry.c.id, name=name, natural_key=entry.c.natural_key,
        namespace=entry.c.namespace, since=entry.c.first_seen_at, **more,
    )  # fmt: skip


def _live(entry: sa.FromClause) -> tuple[Bool, ...]:
    return entry.c.gone_since.is_(None), bears_name(entry)


def _asked_of(view: View, asked: UnknownFilters) -> list[Bool]:
    """What the filters say of an entry: a version's and a deployment's owner is its model's."""
    found: list[Bool] = []
    if asked.namespace is not None:
        found.append(_stands_in(view, asked.namespace))
    if asked.source is not None:
        said = view.typed.c.statements
        found.append(any_of(said.contains([{"source": name}]) for name in asked.source))
    if asked.owner is not None:
        owned = sa.select(view.link.c.entry_id).where(
            view.link.c.field == "owners", _accountable(view),
            view.link.c.target_id.in_(called(view, Kind.OWNER, values=asked.owner)),
        )  # fmt: skip
        found.append(_model_of(view).in_(owned))
    return found


def _stands_in(view: View, namespaces: Sequence[str]) -> Bool:
    """Its own namespace, or one that it is seen through."""
    if view.kind not in BORROWING:
        return view.entry.c.namespace.in_(namespaces)
    seen = EntryNamespace.__table__.alias("seen")
    through = sa.select(seen.c.entry_id).where(seen.c.namespace.in_(namespaces))
    return view.entry.c.id.in_(through)


def _model_of(view: View) -> sa.ColumnElement[Any]:
    if view.kind is Kind.VERSION:
        return view.typed.c.model_id
    if view.kind is Kind.DEPLOYMENT:
        version = view.of(Kind.VERSION)
        return (
            sa.select(version.c.model_id)
            .where(version.c.id == view.typed.c.version_id)
            .scalar_subquery()
        )
    return view.entry.c.id


def stubs(view: View, *, asked: UnknownFilters) -> Part:
    """What others refer to and nobody describes, of any kind."""
    entry = view.entry
    rows = (
        sa.select(*_entry_row(view))
        .select_from(entry)
        .where(entry.c.stub, *_live(entry), visible(view.caller))
    )
    if asked.namespace is not None:
        rows = rows.where(entry.c.namespace.in_(asked.namespace))
    if asked.source is not None or asked.owner is not None:
        rows = rows.where(sa.false())  # of what nobody describes neither is known
    return Part(rows, (Key(entry.c.id),))


def left(view: View, *, asked: UnknownFilters) -> Part:
    """Models, and whom they still name as accountable although they have left: a row for each."""
    entry, link, owner = view.entry, view.link, view.of(Kind.OWNER)
    gone = sa.or_(owner.c.active.is_(False), owner.c.left_at <= sa.func.now())
    rows = (
        sa.select(*_entry_row(view, owner=view.label_of(link.c.target_id)))
        .select_from(view.rows)
        .join(link, sa.and_(link.c.entry_id == entry.c.id, link.c.field == "owners"))
        .join(owner, owner.c.id == link.c.target_id)
        .where(*view.here(), *_live(entry), _accountable(view), gone)
        .where(*_asked_of(view, asked))
    )
    if asked.owner is not None:
        rows = rows.where(owner.c.id.in_(called(view, Kind.OWNER, values=asked.owner)))
    return Part(rows, (Key(entry.c.id), Key(owner.c.id)))
