"""What controls found about models, as people read it: lists, files, and how it came about."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.canonical import fold_name
from schemas.control_results import (
    ControlFilters,
    ControlHistory,
    ControlRow,
    ControlWas,
    OfModelFilters,
)
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.errors import NotFound
from service.history import HISTORY
from service.risk.acting import at_home, home, seen_by
from service.risk.findings.lists import model_keys
from service.risk.tables import ControlPackRow, ControlResultRow

result, pack = ControlResultRow.__table__, ControlPackRow.__table__
MOST: Final = 500  # changes that a history shows


class ControlUnknown(NotFound):
    """No control of this name has looked at the model.

    `GET …/controls` lists those that have.
    """


def results(asked: ControlFilters, *, caller: Caller) -> Keyset:
    """What matches, by model and control."""
    each = _select(caller).subquery("found")
    conditions = [*_asked(each, asked)]
    if asked.namespace is not None:
        conditions.append(each.c.namespace.in_([fold_name(one) for one in asked.namespace]))
    if asked.model is not None:
        conditions.append(each.c.model.in_(model_keys(asked.model)))
    return _ordered(sa.select(each).where(*conditions), each)


def of_model(
    session: Session, at: tuple[str, str], *, asked: OfModelFilters, caller: Caller
) -> Keyset:
    """What controls found about one model. Raises `ModelNotFound`."""
    model = find_model(session, at[0], name=at[1], caller=caller)
    each = _select(caller).subquery("found")
    chosen = sa.select(each).where(each.c.model_id == model["id"], *_asked(each, asked))
    return _ordered(chosen, each)


def _ordered(query: sa.Select[Any], each: sa.FromClause) -> Keyset:
    name = sa.func.coalesce(each.c.model, "").collate("C")
    return Keyset(query, (Key(name), Key(each.c.model_id), Key(each.c.control)), control_row)


def _select(caller: Caller) -> sa.Select[Any]:
    """Results of the models that the caller may see, with the control's title."""
    listed = sa.func.jsonb_path_query_first(
        pack.c.document,
        sa.literal_column("'$.controls[*] ? (@.id == $id)'"),
        sa.func.jsonb_build_object("id", result.c.control),
        type_=JSONB,
    )
    beside = (
        pack.c.version.label("pack_version"),
        sa.func.coalesce(listed["title"].astext, result.c.control).label("title"),
    )
    return (
        at_home(result, *beside)
        .join(pack, pack.c.id == result.c.pack_id)
        .where(seen_by(caller), home.c.id == result.c.model_id)
    )


def _asked(each: sa.FromClause, asked: OfModelFilters) -> Iterator[sa.ColumnElement[bool]]:
    for name in ("control", "result", "severity"):
        if (wanted := getattr(asked, name)) is not None:
            yield each.c[name].in_(wanted)


def control_row(row: sa.RowMapping) -> ControlRow:
    """A result as its readers see it."""
    members = {name: row[name] for name in ControlRow.model_fields if name != "waiver"}
    return ControlRow.model_validate(members | {"waiver": row["waiver_id"]})


def flat(row: ControlRow) -> dict[str, Any]:
    """A row of a file: what is not stated by its path."""
    return dict(row) | {"missing": [one.path for one in row.missing]}


def history(
    session: Session, at: tuple[str, str], *, control: str, caller: Caller
) -> ControlHistory:
    """How a control stood for a model. Raises `ModelNotFound`, `ControlUnknown`."""
    model = find_model(session, at[0], name=at[1], caller=caller)
    past = result.metadata.tables[f"{result.name}{HISTORY}"]
    names = ("model_id", "control", "result", "severity", "message", "items", "pack_id",
             "valid_from")  # fmt: skip
    every = sa.union_all(
        sa.select(*result.c[names], sa.null().label("until")),
        sa.select(*past.c[names], past.c.valid_to),
    ).subquery("every")
    found = session.execute(
        sa.select(every, pack.c.version.label("pack_version"))
        .join(pack, pack.c.id == every.c.pack_id)
        .where(every.c.model_id == model["id"], every.c.control == control)
        .order_by(every.c.valid_from.desc())
        .limit(MOST)
    ).mappings().all()  # fmt: skip
    if not found:
        raise ControlUnknown(control=control)
    items = tuple(
        ControlWas.model_validate({
            **{name: row[name] for name in ("result", "severity", "message", "items")},
            "pack_version": row["pack_version"], "from_at": row["valid_from"],
            "until": row["until"],
        })
        for row in found
    )  # fmt: skip
    return ControlHistory(model=model["natural_key"], control=control, items=items)
