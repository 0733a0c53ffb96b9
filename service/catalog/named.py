"""Filter values that are few and known: a wrong source or namespace is refused with the nearest."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session

from schemas.filters import NAMESPACED
from schemas.identifiers import fold_name
from schemas.problem import FieldProblem
from schemas.sources import PIN
from service.access.policy import Caller
from service.catalog.view import ENTRY
from service.errors import Invalid
from service.history import HISTORY
from service.ingest.tables import SourceRow
from service.recordset import recordset

source = SourceRow.__table__
ME: Final = "Name an owner by handle or e-mail."
SPACES: Final = ("namespace", "namespace__not")
CHECKED: Final = ("source", "source__not", "stale_source", *SPACES)


def check_names(session: Session, filters: BaseModel, *, caller: Caller) -> None:
    """Refuse sources and namespaces that do not exist, or that the caller cannot know of."""
    if problems := [
        FieldProblem(pointer=f"?{name}/{place}", message="the token belongs to nobody", fix=ME)
        for name in ("owner", "owner__not", "developer", "developer__not")
        for place, value in enumerate(getattr(filters, name, None) or ())
        if value == "me" and caller.account is None
    ]:
        raise Invalid(*problems)
    stated = {name: value for name in CHECKED if (value := getattr(filters, name, None))}
    if not stated:
        return
    past = getattr(filters, "as_of", None) is not None
    known = _known(session, caller, past=past)
    left = {fold_name(one) for name in SPACES for one in stated.get(name, ())} - known["namespace"]
    if left:
        known["namespace"] |= _standing(session, left, caller=caller, past=past)
    wrong = [
        problem for name, values in stated.items() for problem in _wrong(name, values, known=known)
    ]
    if wrong:
        raise Invalid(*wrong)


def _known(session: Session, caller: Caller, *, past: bool) -> dict[str, set[str]]:
    """The names of sources and of the namespaces that they may speak in, or might in the past."""
    names = {PIN}  # what people pinned is listed like what a source says
    spoken: set[str] = set()
    declared = (_declared(table) for table in _tables(source, past=past))
    for name, own, mapped, may_name in session.execute(sa.union(*declared)):
        namespaces = {own, *mapped.values(), *may_name}
        if caller.namespaces is None or namespaces & caller.namespaces:
            names.add(name)
            spoken |= namespaces
    if caller.namespaces is not None:
        spoken &= caller.namespaces
    return {"source": names, "namespace": spoken}


def _declared(table: sa.Table) -> sa.Select[Any]:
    return sa.select(*table.c["name", "namespace", "namespaces", "may_name"])


def _tables(table: sa.Table, *, past: bool) -> tuple[sa.Table, ...]:
    """What holds its rows; with those of the past."""
    return (table, table.metadata.tables[f"{table.name}{HISTORY}"]) if past else (table,)


def _standing(session: Session, left: set[str], *, caller: Caller, past: bool) -> set[str]:
    """Those of some namespaces in which something stands, or stood, that no source writes there."""
    readable = left if caller.namespaces is None else left & caller.namespaces
    if not readable:
        return set()
    given = recordset([{"namespace": name} for name in sorted(readable)], namespace=sa.Text())
    here = (
        sa.exists().where(one.c.kind.in_(NAMESPACED), one.c.namespace == given.c.namespace)
        for one in _tables(ENTRY, past=past)
    )
    return set(session.execute(sa.select(given.c.namespace).where(sa.or_(*here))).scalars())


def _wrong(
    parameter: str, values: tuple[str, ...], *, known: Mapping[str, set[str]]
) -> Iterator[FieldProblem]:
    """The input is never echoed: a wrong value is told by its place."""
    field = "namespace" if parameter in SPACES else "source"
    for place, value in enumerate(values):
        given = fold_name(value) if field == "namespace" else value
        if given not in known[field]:
            near = get_close_matches(given, sorted(known[field]), n=1, cutoff=0)
            fix = f"Did you mean {near[0]}?" if near else f"You can read no {field}."
            yield FieldProblem(
                pointer=f"?{parameter}/{place}", message=f"is the name of no {field}", fix=fix
            )
