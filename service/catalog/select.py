"""The one query behind each list: REST pages and exports share it, visibility included."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from schemas.identifiers import Kind, encode_segment, fold_name
from service.access.policy import Caller
from service.catalog.tables import Entry, EntryNamespace, Link, SubjectRow
from service.catalog.typed import TYPED, reference_columns, value_facts

Condition = Callable[[Any], sa.ColumnElement[bool]]

entry, link, granted, subject = (
    t.__table__ for t in (Entry, Link, EntryNamespace, SubjectRow)
)
model, version = TYPED[Kind.MODEL], TYPED[Kind.VERSION]
parent = entry.alias("parent")
LAST: Final = "\U0010ffff"  # what has no name comes last
LINKED_ROLES: Final = {"owner": "accountable", "developers": "developer"}


def visible(caller: Caller) -> sa.ColumnElement[bool]:
    """What the caller may see: a namespace is the boundary, for links and counts too."""
    if caller.namespaces is None:
        return sa.true()
    allowed = sorted(caller.namespaces)
    through = sa.exists().where(
        granted.c.entry_id == entry.c.id, granted.c.namespace.in_(allowed)
    )
    own = entry.c.namespace.in_(allowed)
    apart = entry.c.kind.in_((Kind.DATASET, Kind.REPOSITORY, Kind.BUILD, Kind.TRAINING_RUN))
    return sa.or_(own, entry.c.kind == Kind.OWNER, sa.and_(apart, through))


def current() -> sa.ColumnElement[bool]:
    """Entries that stand for themselves: not merged into another."""
    return entry.c.merged_into.is_(None)


def _folded(names: Any) -> list[str]:
    return [fold_name(name) for name in names]


def _sources(typed: sa.Table) -> Condition:
    def condition(names: Any) -> sa.ColumnElement[bool]:
        wanted = [typed.c.statements.contains([{"source": name}]) for name in names]
        return sa.or_(*wanted)

    return condition


def _owned(values: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        link.c.entry_id == entry.c.id,
        link.c.field == "owners",
        sa.or_(*(_is_owner(value) for value in values)),
    )


def _is_owner(value: str) -> sa.ColumnElement[bool]:
    named = link.c.attributes["owner"]["value"].astext
    return named == fold_name(value) if "@" in value else named == value


def _owner_is(state: str) -> sa.ColumnElement[bool]:
    stated = sa.exists().where(
        link.c.entry_id == entry.c.id, link.c.field == "owners", link.c.role == "accountable"
    )
    return stated if state == "known" else ~stated


def _tagged(values: Any) -> sa.ColumnElement[bool]:
    """`pii` matches `pii` and `pii=…`; `k=v` matches exactly."""
    each = sa.func.jsonb_array_elements_text(sa.func.coalesce(model.c.tags, sa.cast([], JSONB)))
    tag = each.table_valued("value").render_derived()
    wanted = sa.or_(
        *(
            tag.c.value == value
            if "=" in value
            else sa.or_(tag.c.value == value, tag.c.value.startswith(f"{value}=", autoescape=True))
            for value in values
        )
    )
    return sa.exists(sa.select(1).select_from(tag).where(wanted))


def _is_true(flag: sa.ColumnElement[bool]) -> Condition:
    return lambda value: flag if value == "true" else ~flag


MODEL_CONDITIONS: Final[Mapping[str, Condition]] = {  # one a field of ModelFilters: a test compares
    "namespace": lambda values: entry.c.namespace.in_(_folded(values)),
    "name": lambda values: sa.func.split_part(entry.c.natural_key, "/", 2).in_(
        [fold_name(encode_segment(value)) for value in values]
    ),
    "lifecycle": lambda values: model.c.lifecycle.in_(values),
    "asset_kind": lambda values: model.c.asset_kind.in_(values),
    "task": lambda values: model.c.task.in_(values),
    "source": _sources(model),
    "owner": _owned,
    "owner__is": _owner_is,
    "tags__has": _tagged,
    "stub": _is_true(entry.c.stub),
    "gone": _is_true(entry.c.gone_since.is_not(None)),
}
VERSION_CONDITIONS: Final[Mapping[str, Condition]] = {
    "namespace": lambda values: entry.c.namespace.in_(_folded(values)),
    "model": lambda values: parent.c.natural_key.in_(_folded(values)),
    "alias": lambda values: sa.or_(*(version.c.aliases.contains([value]) for value in values)),
    "source": _sources(version),
    "stub": _is_true(entry.c.stub),
    "gone": _is_true(entry.c.gone_since.is_not(None)),
}
ENTRY_COLUMNS: Final = (
    "id", "kind", "natural_key", "namespace", "stub", "first_seen_at", "last_changed_at",
    "gone_since",
)  # fmt: skip


def select_models(filters: BaseModel, *, visible_to: Caller) -> sa.Select[Any]:
    """Select the matching models that the caller may see, by name."""
    child, below = entry.alias("child"), version.alias("below")
    here = (below.c.model_id == entry.c.id, child.c.gone_since.is_(None))
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
        .add_columns(
            parent.c.natural_key.label("model"), version.c.model_id, version.c.number_key
        )
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
