"""What each filter means: the one grammar, turned into conditions on a view of the catalog."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from operator import ge, gt, le, lt
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.filters import RISK, Filterable, Form, filterable, parameter
from schemas.identifiers import SCHEMES, Kind, encode_segment, fold_name
from schemas.queries import Filters
from service.catalog.departed import has_departed_owner, has_role, is_departed
from service.catalog.owning import own_owners
from service.catalog.reach import reaches
from service.catalog.risky import is_rated
from service.catalog.stale import is_stale, is_stale_of
from service.catalog.typed import link_facts, reference_columns
from service.catalog.view import View, any_of, bears_name

Bool = sa.ColumnElement[bool]
COMPARED: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "gte": ge, "lte": le, "gt": gt, "lt": lt,
}  # fmt: skip
ME: Final = "me"
RENAMED: Final = {"updated_at": "last_changed_at"}


def conditions(filters: Filters, view: View) -> list[Bool]:
    """One condition for each stated filter; all of them hold."""
    stated = filters.model_dump(exclude_none=True)
    return [
        _condition(view, field, operator=operator, value=stated[name])
        for name, (field, operator) in parameters(view.kind).items()
        if name in stated
    ]


@cache
def parameters(kind: Kind) -> Mapping[str, tuple[Filterable, str]]:
    """What each parameter of a kind's lists asks: a field and an operator."""
    return {
        parameter(field, operator): (field, operator)
        for field in filterable(kind).values()
        for operator in field.asked
    }


def _condition(view: View, field: Filterable, *, operator: str, value: Any) -> Bool:
    if operator == "is":
        return STATES[value](view, field)
    if operator in COMPARED:
        compared: Bool = COMPARED[operator](_column(view, field), value)
        return compared
    if operator == "not":  # everything else: what is not known does not match either
        return ~_is_true(_matches(view, field, value=value))
    return _matches(view, field, value=value)


def _is_true(condition: Bool) -> Bool:
    return sa.func.coalesce(condition, sa.false())


def _column(view: View, field: Filterable) -> sa.ColumnElement[Any]:
    if field.fact:
        return view.typed.c[field.fact]
    return view.entry.c[RENAMED.get(field.name, field.name)]


def _matches(view: View, field: Filterable, *, value: Any) -> Bool:
    special = None if field.fact else SPECIAL.get(field.name)
    if special is not None:
        return special(view, value)
    if field.fact == "tags":
        return _tagged(view.typed.c.tags, value)
    if field.form is Form.FLAG:
        return _column(view, field).is_(value == "true")
    if field.form is Form.LINES:
        return any_of(_column(view, field).contains([one]) for one in value)
    if field.form is Form.ENTRY:
        return _refers(view, field, values=value)
    return _column(view, field).in_(value)


def _named(view: View, values: Any) -> Bool:
    wanted = [fold_name(encode_segment(value)) for value in values]
    return sa.func.split_part(view.entry.c.natural_key, "/", 2).in_(wanted)


SPECIAL: Final[Mapping[str, Callable[[View, Any], Bool]]] = {  # what no fact states
    "namespace": lambda view, values: view.entry.c.namespace.in_([fold_name(v) for v in values]),
    "name": _named,
    "source": lambda view, names: any_of(
        view.typed.c.statements.contains([{"source": name}]) for name in names
    ),
    "stub": lambda view, value: view.entry.c.stub.is_(value == "true"),
    "gone": lambda view, value: view.entry.c.gone_since.is_not(None).is_(value == "true"),
    "stale": lambda view, value: is_stale(view) if value == "true" else ~is_stale(view),
    "stale_source": is_stale_of,
    "departed": is_departed,
    "owner_departed": has_departed_owner,
    "owner_role": has_role,
    **{name: partial(is_rated, name=name) for name in RISK},
    "conflicts": lambda view, names: any_of(view.typed.c.conflicts.contains([n]) for n in names),
}


def _tagged(tags: sa.ColumnElement[Any], values: Any) -> Bool:
    """`pii` matches `pii` and `pii=…`; `k=v` matches exactly."""
    each = sa.func.jsonb_array_elements_text(sa.func.coalesce(tags, sa.cast([], JSONB)))
    tag = each.table_valued("value").render_derived()

    def is_tag(value: str) -> Bool:
        if "=" in value:
            return tag.c.value == value
        return sa.or_(tag.c.value == value, tag.c.value.startswith(f"{value}=", autoescape=True))

    return sa.exists(sa.select(1).select_from(tag).where(any_of(is_tag(one) for one in values)))


def _refers(view: View, field: Filterable, *, values: Any) -> Bool:
    """Does a fact name one of the entries that are called so?"""
    assert field.target is not None  # noqa: S101  # what names an entry has one
    wanted = called(view, field.target, values=values)
    if view.kind is Kind.MODEL and field.target in {Kind.DATASET, Kind.REPOSITORY}:
        return reaches(view, field.target, wanted=wanted)
    column = reference_columns(view.kind).get(field.fact)
    if column is not None:
        return view.typed.c[column].in_(wanted)
    return _linked(view, field, view.link.c.target_id.in_(wanted))


def _linked(view: View, field: Filterable, *also: Bool) -> Bool:
    link = view.link
    owned = (link.c.entry_id == view.entry.c.id, link.c.field == field.fact)
    role = () if field.role is None else (link.c.role == field.role,)
    return sa.exists().where(*owned, *role, *also)


def called(view: View, kind: Kind, *, values: Any) -> sa.Select[Any]:
    """The ids of the entries of a kind that bear one of these names, identifiers or ids.

    `me` is every owner that stands for the caller's account, by today's mapping.
    """
    mine = kind is Kind.OWNER and ME in values
    values = [value for value in values if not mine or value != ME]
    pairs = [pair for value in values for pair in _identifiers(kind, value)]
    subject = view.subject
    named = sa.select(subject.c.entry_id).where(
        subject.c.kind == kind, sa.tuple_(subject.c.scheme, subject.c.value).in_(pairs)
    )
    entry = view.entry.alias("called")
    known = sa.select(entry.c.id).where(entry.c.kind == kind, bears_name(entry))
    ways = [named, known.where(entry.c.natural_key.in_([fold_name(value) for value in values]))]
    if ids := [found for value in values if (found := _uuid(value))]:
        ways.append(known.where(entry.c.id.in_(ids)))
    if mine:
        ways.append(own_owners(view.caller.account, subject))
    return sa.select(sa.union(*ways).subquery("wanted").c[0])


def _identifiers(kind: Kind, value: str) -> list[tuple[str, str]]:
    """What a text may mean: the value under any scheme of the kind, or `scheme:value`."""
    scheme, _, rest = value.partition(":")
    given = [(name, value) for name in SCHEMES[kind]]
    given += [(scheme, rest)] if scheme in SCHEMES[kind] and rest else []
    found = []
    for name, text in given:
        try:
            found.append((name, SCHEMES[kind][name].canonical(text)))
        except ValueError:  # nothing of this scheme reads so
            continue
    return found


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def _stated(view: View, field: Filterable) -> Bool:
    stated: Bool = view.typed.c.provenance.has_key(field.fact)
    return stated


def _narrowed(view: View, field: Filterable) -> Bool:
    narrowed: Bool = view.typed.c.narrowed.has_key(field.fact)
    return narrowed


def _has_value(view: View, field: Filterable) -> Bool:
    """Neither stated empty nor a mere choice; an empty list or object is empty too."""
    if field.fact in link_facts(view.kind):
        return _linked(view, field)
    column = view.typed.c[reference_columns(view.kind).get(field.fact, field.fact)]
    if not isinstance(column.type, JSONB):
        return column.is_not(None)
    return _is_true(column.not_in([sa.cast([], JSONB), sa.cast({}, JSONB)]))


STATES: Final[Mapping[str, Callable[[View, Filterable], Bool]]] = {
    "known": _has_value,
    "unknown": lambda view, field: ~_stated(view, field),
    "empty": lambda view, field: sa.and_(
        _stated(view, field), ~_narrowed(view, field), ~_has_value(view, field)
    ),
    "narrowed": _narrowed,
}
