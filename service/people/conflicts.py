"""The contested fields of all kinds as one list, newest entry first."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import Page
from schemas.conflicts import ConflictFilters, ConflictQuery, ConflictRow, Decided
from schemas.details import Contender
from schemas.digest import as_set, canonical_json
from schemas.facts import merge_rules
from schemas.identifiers import Kind, fold_name
from schemas.problem import FieldProblem
from schemas.sources import PIN
from schemas.values import Merge
from service.access.policy import Caller
from service.catalog.beneath import as_shown
from service.catalog.conditions import called
from service.catalog.entries import entry_address
from service.catalog.keyset import Keyset, bound_to, read_keyset
from service.catalog.moments import check_moment
from service.catalog.named import check_names
from service.catalog.owning import own_owners
from service.catalog.pages import Pages
from service.catalog.sorting import Key, after
from service.catalog.tables import EntryNamespace
from service.catalog.typed import TYPED
from service.catalog.view import View, current
from service.errors import Invalid
from service.people.contending import (
    NOTHING,
    accountable,
    contenders,
    owners,
    ranked,
    settled,
    since,
)
from service.reconcile import ACCOUNTABLE

GRANTED = EntryNamespace.__table__


class Part(NamedTuple):
    """Which part of the list: what comes after a row, and how many rows at most."""

    last: Sequence[str] | None = None
    limit: int | None = None


WHOLE: Final = Part()


def select_conflicts(
    session: Session, asked: ConflictFilters, *, caller: Caller, part: Part = WHOLE
) -> Keyset:
    """Every contested field that matches and that the caller may see.

    Each kind gives its rows in order from its index of contested entries, and no more of them than
    are wanted: so a page reads only its part. What stands beside a row is gathered for the page
    alone. Raises `Invalid`, `MomentUnsettled`.
    """
    _check(session, asked, caller=caller)
    if asked.as_of is not None:
        check_moment(session, asked.as_of)
    view = View(Kind.MODEL, caller, as_of=asked.as_of)
    ways = [_of_kind(view, kind, asked=asked, part=part) for kind in asked.kind or tuple(TYPED)]
    found = sa.union_all(*(sa.select(way.subquery()) for way in ways)).subquery("contested")
    query = sa.select(
        *found.c["id", "kind", "natural_key", "namespace", "replaced_by", "field"],
        view.label_of(found.c.id).label("label"),
        contenders(view, found, name=found.c.field).label("said"),
        since(view, found, name=found.c.field).label("since"),
        owners(view, found.c.owned, found).label("owners"),
    )
    return Keyset(query, _order(found.c.id, found.c.field), conflict_row)


def read_conflicts(
    session: Session, asked: ConflictQuery, *, caller: Caller, pages: Pages
) -> Page[ConflictRow]:
    """One page of the list."""
    last = None
    if asked.page_token is not None:
        bound = bound_to(asked, caller, path=pages.request.url.path)
        last = pages.pager.read(asked.page_token, bound)
    part = Part(last, int(asked.page_size) + 1)
    found = select_conflicts(session, asked, caller=caller, part=part)
    return read_keyset(session, found, asked=asked, caller=caller, pages=pages)


def _order(entry: sa.ColumnElement[Any], field: sa.ColumnElement[Any]) -> tuple[Key, Key]:
    """The newest entry first, its fields by name."""
    return Key(entry, descending=True), Key(field.collate("C"))


def _of_kind(view: View, kind: Kind, *, asked: ConflictFilters, part: Part) -> sa.Select[Any]:
    """The contested fields of one kind."""
    typed, entry, version = view.of(kind), view.entry, view.of(Kind.VERSION)
    each = sa.func.jsonb_array_elements_text(typed.c.conflicts).table_valued(
        sa.column("name", sa.Text)
    )
    field = each.render_derived(name="field")
    name, rows = field.c.name, typed.join(entry, entry.c.id == typed.c.id)
    owned: sa.ColumnElement[Any] = typed.c.get("model_id", typed.c.id)
    if kind is Kind.DEPLOYMENT:
        served = version.alias("served")
        rows = rows.outerjoin(served, served.c.id == typed.c.version_id)
        owned = served.c.model_id
    owned = sa.func.coalesce(owned, typed.c.id)
    order = _order(typed.c.id, name)
    chosen = (
        sa.select(
            typed.c.id, entry.c.kind, *entry.c["natural_key", "namespace", "replaced_by"],
            name.label("field"), *typed.c["statements", "provenance"], owned.label("owned"),
        )
        .select_from(rows.join(field, sa.true()))
        .where(typed.c.conflicts != NOTHING, current(entry), view.visible(entry, kind=kind))
        .where(*_wanted(view, asked, fields=typed, name=name, owned=owned))
    )  # fmt: skip
    if part.last is not None:
        chosen = chosen.where(after(order, part.last))
    if part.limit is not None:
        chosen = chosen.order_by(*(key.ordered for key in order)).limit(part.limit)
    return chosen


def _wanted(
    view: View,
    asked: ConflictFilters,
    *,
    fields: sa.FromClause,
    name: sa.ColumnElement[Any],
    owned: sa.ColumnElement[Any],
) -> Iterator[sa.ColumnElement[bool]]:
    decided = settled(view, fields, name=name)
    yield decided if asked.settled == "true" else ~decided
    if asked.field is not None:
        yield name.in_(asked.field)
    if asked.namespace is not None:
        spaces, granted = [fold_name(one) for one in asked.namespace], view.table(GRANTED)
        through = sa.exists().where(
            granted.c.entry_id == view.entry.c.id, granted.c.namespace.in_(spaces)
        )
        yield sa.or_(view.entry.c.namespace.in_(spaces), through)
    if asked.source is not None:
        place, told = ranked(fields, name)
        spoken = sa.select(place.c.n).where(told["source"].astext.in_(asked.source))
        yield sa.exists(spoken).correlate(fields, name.table)
    if asked.owner is not None:
        link = view.link
        yield sa.exists().where(
            *accountable(link, owned), link.c.target_id.in_(_owners(view, asked.owner))
        )


def _owners(view: View, values: Sequence[str]) -> sa.CompoundSelect[Any]:
    named = [value for value in values if value != "me"]
    ways = [called(view, Kind.OWNER, values=named)] if named else []
    if "me" in values:
        ways.append(own_owners(view.caller.account, view.subject))
    return sa.union(*ways)


def _check(session: Session, asked: ConflictFilters, *, caller: Caller) -> None:
    """Refuse what cannot match anything, with the nearest that can."""
    check_names(session, asked, caller=caller)  # the members it knows
    known = sorted({name for kind in asked.kind or tuple(TYPED) for name in merge_rules(kind)})
    wrong = [
        FieldProblem(
            pointer=f"?field/{place}", message="is no fact",
            fix=f"Did you mean {get_close_matches(name, known, n=1, cutoff=0)[0]}?",
        )
        for place, name in enumerate(asked.field or ())
        if name not in known
    ]  # fmt: skip
    if wrong:
        raise Invalid(*wrong)


def conflict_row(row: sa.RowMapping) -> ConflictRow:
    """One contested field, as the list shows it."""
    kind, name = Kind(row["kind"]), row["field"]
    said: Sequence[Mapping[str, Any]] = row["said"] or ()
    first: Mapping[str, Any] = said[0] if said else {}
    key = row["natural_key"]
    return ConflictRow(
        entry=row["id"],
        kind=kind,
        name=key or row["label"],
        namespace=row["namespace"],
        url=None if row["replaced_by"] else entry_address(kind, key, entry_id=row["id"]),
        field=name,
        decided_by=_decided_by(kind, name, said=said),
        value=as_shown(kind, name, value=first.get("value")),
        source=first.get("source"),
        observed_at=first.get("observed_at"),
        confirmed_at=first.get("confirmed_at"),
        evidence=first.get("evidence"),
        contenders=tuple(_contender(kind, name, said=one) for one in said[1:]),
        since=row["since"],
        owners=tuple(sorted(one for one in row["owners"] or () if one)),
    )


def _contender(kind: Kind, name: str, *, said: Mapping[str, Any]) -> Contender:
    kept = {member: said[member] for member in Contender.model_fields if member in said}
    return Contender.model_validate(kept | {"value": as_shown(kind, name, value=said["value"])})


def _decided_by(kind: Kind, name: str, *, said: Sequence[Mapping[str, Any]]) -> Decided:
    """Which rule let the first one win over the strongest that says something else."""
    if said and said[0]["source"] == PIN:
        return "pin"
    answers = [_answer(kind, name, value=one["value"]) for one in said]
    other = next((one for one, answer in zip(said, answers, strict=True)
                  if answer not in {answers[0], ""}), None)  # fmt: skip
    if other is None:
        return "claim"
    if said[0]["inferred"] != other["inferred"]:
        return "inferred"
    if said[0]["precedence"] != other["precedence"]:
        return "field_precedence" if said[0]["ranked"] or other["ranked"] else "precedence"
    return "newest"


def _answer(kind: Kind, name: str, *, value: Any) -> str:
    """What disputes: of owners the accountable ones alone."""
    if merge_rules(kind)[name] is not Merge.OWNERS:
        return canonical_json(value)
    owners_said = value or ()
    answering = [o for o in owners_said if o.get("role", ACCOUNTABLE) == ACCOUNTABLE]
    return canonical_json(as_set(answering)) if answering or not owners_said else ""
