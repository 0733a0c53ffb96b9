"""The lines of a preview, as pages and as files: of the models that the caller may see."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind, fold_name
from schemas.rule_sets import (
    PackPreviewRow,
    PolicyPreviewLine,
    PolicyPreviewRow,
    PreviewFilters,
    PreviewState,
)
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.catalog.tables import LAST, Entry
from service.catalog.typed import TYPED
from service.errors import NotFound
from service.risk.picture import UNDECLARED
from service.risk.rules.rule_sets import Rules, find_rules, newest_preview, preview_state
from service.risk.tables import PackPreviewLine
from service.risk.tables import PolicyPreviewLine as Line

entry, use = Entry.__table__, TYPED[Kind.USE]
of_policy, of_pack = Line.__table__, PackPreviewLine.__table__
SIDES: Final = ("before", "after")


class PreviewNotFound(NotFound):
    """These rules have not been previewed.

    Ask for a preview first: `POST …:preview`.
    """


def find_preview(session: Session, rules: Rules, *, given: str) -> tuple[sa.Row[Any], PreviewState]:
    """The newest preview of a version, and how far it is. Raises `PreviewNotFound`."""
    row = find_rules(session, rules, given=given)
    found = newest_preview(session, rules, rules_id=row.id)
    if found is None:
        raise PreviewNotFound
    return found, preview_state(session, rules, preview=found)


def policy_lines(
    preview: sa.Row[Any], query: PreviewFilters, *, caller: Caller, in_cells: bool = False
) -> Keyset:
    """Uses that a policy would rate otherwise, by model and name."""
    name = sa.func.coalesce(use.c.name, UNDECLARED).label("use")
    found = (
        sa.select(*of_policy.c["use_id", "before", "after", "differences"], _model(), name)
        .join_from(of_policy, entry, entry.c.id == of_policy.c.model_id)
        .outerjoin(use, use.c.id == of_policy.c.use_id)
        .where(of_policy.c.preview_id == preview.id, *_seen(query, caller=caller))
    )
    as_row = policy_line if in_cells else policy_row
    return Keyset(found, (*_by_model(), Key(of_policy.c.use_id)), as_row)


def pack_lines(preview: sa.Row[Any], query: PreviewFilters, *, caller: Caller) -> Keyset:
    """Results of a pack that need a look, by model and control."""
    found = (
        sa.select(of_pack, _model())
        .join_from(of_pack, entry, entry.c.id == of_pack.c.model_id)
        .where(of_pack.c.preview_id == preview.id, *_seen(query, caller=caller))
    )
    order = (*_by_model(), Key(of_pack.c.model_id), Key(of_pack.c.control.collate("C")))
    return Keyset(found, order, pack_row)


def policy_row(row: sa.RowMapping) -> PolicyPreviewRow:
    """A line, as it is stored."""
    return PolicyPreviewRow(**{name: row[name] for name in PolicyPreviewRow.model_fields})


def policy_line(row: sa.RowMapping) -> PolicyPreviewLine:
    """The same in a file."""
    sides = {
        f"{name}_{side}": row[side][name]
        for side in SIDES
        for name in ("tier", "status", "tier_low", "tier_high", "workflow_tier", "blocked")
    }
    by_what: dict[str, list[str]] = {"factor": [], "band": [], "floor": []}
    for one in row["differences"]:
        before, after = (_side(one[side]) for side in SIDES)
        by_what[one["what"]].append(f"{one['name']}: {before} → {after}")
    listed: dict[str, Any] = {f"{what}s": tuple(told) for what, told in by_what.items()}
    return PolicyPreviewLine(model=row["model"], use=row["use"], **sides | listed)


def pack_row(row: sa.RowMapping) -> PackPreviewRow:
    """A line, as it is stored."""
    members: dict[str, Any] = {name: row[name] for name in PackPreviewRow.model_fields}
    missing = tuple(f"{one['path']} ({one['who']})" for one in row["missing"])
    return PackPreviewRow(**members | {"missing": missing})


def _side(parts: Iterable[str] | None) -> str:
    return "-" if parts is None else " ".join(parts)


def _model() -> sa.ColumnElement[str]:
    return sa.func.coalesce(entry.c.natural_key, sa.cast(entry.c.id, sa.Text)).label("model")


def _by_model() -> tuple[Key, ...]:
    return (Key(sa.func.coalesce(entry.c.natural_key, LAST).collate("C")),)


def _seen(query: PreviewFilters, *, caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Which models: of namespaces that the caller reads, and asks for."""
    ways: list[sa.ColumnElement[bool]] = []
    if caller.namespaces is not None:
        ways.append(entry.c.namespace.in_(sorted(caller.namespaces)))
    if query.namespace is not None:
        ways.append(entry.c.namespace.in_([fold_name(one) for one in query.namespace]))
    return ways
