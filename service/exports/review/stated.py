"""A fact of an entry beside others, in its three states."""

import sqlalchemy as sa

from service.exports.statement import EMPTY, NOT_STATED, Text, Value, constant, narrowed


def stated(typed: sa.FromClause, fact: str, *, written: Text, value: Value | None = None) -> Text:
    """Written where it has a value; else `unknown`, a choice, or empty because it is stated so."""
    there = typed.c[fact] if value is None else value
    named, state = constant(fact), typed.c
    return sa.case(
        (there.is_not(None), written),
        (~sa.func.coalesce(state.provenance.has_key(named), sa.false()), NOT_STATED),
        (state.narrowed.has_key(named), narrowed(state.narrowed[named])),
        else_=EMPTY,
    )
