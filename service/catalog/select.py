"""The one query behind each list: REST pages and exports share it, visibility included."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlmodel import Session

from schemas.identifiers import Kind, encode_segment, fold_name
from service.access.policy import Caller
from service.catalog.tables import Entry, EntryNamespace, Link, SubjectRow
from service.catalog.typed import TYPED, reference_columns, value_facts

Condition = Callable[[Any], sa.ColumnElement[bool]]

entry, link, granted, subject = (t.__table__ for t in (Entry, Link, EntryNamespace, SubjectRow))
model, version = TYPED[Kind.MODEL], TYPED[Kind.VERSION]
parent = entry.alias("parent")
LAST: Final = "\U0010ffff"  # what has no name comes last


def visible(caller: Caller, of: sa.FromClause = entry) -> sa.ColumnElement[bool]:
    """What the caller may see: a namespace is the boundary, for links and counts too."""
    if caller.namespaces is None:
        return sa.true()
    allowed = sorted(caller.namespaces)
    through = sa.exists().where(granted.c.entry_id == of.c.id, granted.c.namespace.in_(allowed))
    own = of.c.namespace.in_(allowed)
    apart = of.c.kind.in_((Kind.DATASET, Kind.REPOSITORY, Kind.BUILD, Kind.TRAINING_RUN))
    return sa.or_(own, of.c.kind == Kind.OWNER, sa.and_(apart, through))


def current(of: sa.FromClause = entry) -> sa.ColumnElement[bool]:
    """Entries that stand for themselves: not merged into another."""
    return of.c.merged_into.is_(None)


def bears_name(of: sa.FromClause = entry) -> sa.ColumnElement[bool]:
    """Entries that are found under their name: a replaced one has lost it."""
    return sa.and_(of.c.merged_into.is_(None), of.c.replaced_by.is_(None))


def _folded(names: Any) -> list[str]:
    return [fold_name(name) for name in names]


def _sources(typed: sa.Table) -> Condition:
    def condition(names: Any) -> sa.ColumnElement[bool]:
        wanted = [typed.c.statements.contains([{"source": name}]) for name in names]
        return sa.or_(*wanted)

    return condition


def _owned(values: Any) -> sa.ColumnElement[bool]:
    return _accountable(sa.or_(*(_is_owner(value) for value in values)))


def _accountable(*also: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    owned = (link.c.entry_id == entry.c.id, link.c.field == "owners")
    return sa.exists().where(*owned, link.c.role == "accountable", *also)


def _is_owner(value: str) -> sa.ColumnElement[bool]:
    named: sa.ColumnElement[str] = link.c.attributes["owner"]["value"].astext
    return named == fold_name(value) if "@" in value else named == value


def _owner_is(state: str) -> sa.ColumnElement[bool]:
    """Not stated is unknown; stated without anybody accountable is empty."""
    stated = model.c.provenance.has_key("owners")
    if state == "known":
        return _accountable()
    return sa.and_(stated, ~_accountable()) if state == "empty" else ~stated


def _tagged(typed: sa.Table) -> Condition:
    """`pii` matches `pii` and `pii=…`; `k=v` matches exactly."""
    each = sa.func.jsonb_array_elements_text(sa.func.coalesce(typed.c.tags, sa.cast([], JSONB)))
    tag = each.table_valued("value").render_derived()

    def is_tag(value: str) -> sa.ColumnElement[bool]:
        if "=" in value:
            return tag.c.value == value
        valued = tag.c.value.startswith(f"{value}=", autoescape=True)
        return sa.or_(tag.c.value == value, valued)

    return lambda values: sa.exists(
        sa.select(1).select_from(tag).where(sa.or_(*(is_tag(value) for value in values)))
    )


def _is_true(flag: sa.ColumnElement[bool]) -> Condition:
    return lambda value: flag if value == "true" else ~flag


MODEL_CONDITIONS: Final[Mapping[str, Condition]] = {  # one a field of ModelFilters: a test compares
    "namespace": lambda values: entry.c.namespace.in_(_folded(values)),
    "name": lambda values: sa.func.split_part(entry.c.natural_key, "/", 2).in_(
        [fold_name(encode_segment(value)) for value in values]
    ),
    "lifecycle": model.c.lifecycle.in_,
    "asset_kind": model.c.asset_kind.in_,
    "task": model.c.task.in_,
    "source": _sources(model),
    "owner": _owned,
    "owner__is": _owner_is,
    "tags__has": _tagged(model),
    "stub": _is_true(entry.c.stub),
    "gone": _is_true(entry.c.gone_since.is_not(None)),
}
VERSION_CONDITIONS: Final[Mapping[str, Condition]] = {
    "namespace": lambda values: entry.c.namespace.in_(_folded(values)),
    "model": lambda values: parent.c.natural_key.in_(_folded(values)),
    "alias": lambda values: sa.or_(*(version.c.aliases.contains([value]) for value in values)),
    "source": _sources(version),
    "tags__has": _tagged(version),
    "stub": _is_true(entry.c.stub),
    "gone": _is_true(entry.c.gone_since.is_not(None)),
}
ENTRY_COLUMNS: Final = (
    "id", "kind", "natural_key", "namespace", "stub", "first_seen_at", "last_changed_at",
    "gone_since", "replaced_by",
)  # fmt: skip


def select_models(filters: BaseModel, *, visible_to: Caller) -> sa.Select[Any]:
    """Select the matching models that the caller may see, by name."""
    child, below = entry.alias("child"), version.alias("below")
    here = (
        below.c.model_id == entry.c.id,
        child.c.gone_since.is_(None),
        bears_name(child),
        visible(visible_to, child),
    )
    joined = below.join(child, child.c.id == below.c.id)
    counted = sa.select(sa.func.count()).select_from(joined).where(*here)
    newest = (
        sa.select(below.c.number)
        .select_from(joined)
        .where(*here)
        .order_by(below.c.number_key.desc().nulls_last(), below.c.id)
        .limit(1)
    )
    return (
        select_entry(Kind.MODEL, visible_to=visible_to)
        .add_columns(
            counted.correlate(entry).scalar_subquery().label("versions"),
            newest.correlate(entry).scalar_subquery().label("newest_version"),
        )
        .where(*_conditions(filters, MODEL_CONDITIONS))
        .order_by(*MODEL_ORDER)
    )


def select_versions(filters: BaseModel, *, visible_to: Caller) -> sa.Select[Any]:
    """Select the matching versions that the caller may see, by model and number."""
    return (
        select_entry(Kind.VERSION, visible_to=visible_to)
        .outerjoin(parent, parent.c.id == version.c.model_id)
        .add_columns(parent.c.natural_key.label("model"), version.c.model_id)
        .where(*_conditions(filters, VERSION_CONDITIONS))
        .order_by(*VERSION_ORDER)
    )


MODEL_ORDER: Final = (sa.func.coalesce(entry.c.natural_key, LAST).collate("C"), entry.c.id)
VERSION_ORDER: Final = (
    sa.func.coalesce(parent.c.natural_key, LAST).collate("C"),
    sa.func.coalesce(version.c.number_key, "").collate("C"),
    entry.c.id,
)


def _conditions(
    filters: BaseModel, conditions: Mapping[str, Condition]
) -> list[sa.ColumnElement[bool]]:
    stated = filters.model_dump(include=set(conditions), exclude_none=True)
    return [conditions[name](value) for name, value in stated.items()]


def select_entry(kind: Kind, *, visible_to: Caller) -> sa.Select[Any]:
    """Select entries of a kind with everything that is said about them."""
    typed = TYPED[kind]
    members = (
        sa.select(
            link.c.entry_id,
            sa.func.jsonb_agg(
                aggregate_order_by(
                    sa.func.jsonb_build_object(
                        "field", link.c.field, "role", link.c.role, "item", link.c.attributes
                    ),
                    link.c.field,
                    link.c.key,
                )
            ).label("members"),
        )
        .where(link.c.entry_id == entry.c.id)
        .group_by(link.c.entry_id)
        .lateral("members")
    )
    named = [typed.c[fact].label(f"fact_{fact}") for fact in value_facts(kind)]
    named += [
        _label(typed.c[column]).label(f"ref_{fact}")
        for fact, column in reference_columns(kind).items()
    ]
    return (
        sa.select(
            *(entry.c[name] for name in ENTRY_COLUMNS),
            *(typed.c[name] for name in ("statements", "provenance", "narrowed", "conflicts")),
            *named,
            members.c.members,
        )
        .join_from(entry, typed, typed.c.id == entry.c.id)
        .outerjoin(members, sa.true())
        .where(current(), visible(visible_to))
    )


def _label(target: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What a referred entry is called: the identifier under which it was first heard of."""
    return (
        sa.select(subject.c.value)
        .where(subject.c.entry_id == target)
        .order_by(subject.c.id)
        .limit(1)
        .scalar_subquery()
    )


def one_snapshot(session: Session) -> None:
    """Let all statements of a session that has not begun see the same rows."""
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
