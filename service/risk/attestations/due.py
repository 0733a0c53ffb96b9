"""Which models have to be attested, and until when; and what was attested."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

import sqlalchemy as sa
from sqlmodel import Session

from schemas.attestations import (
    AttestationFilters,
    AttestationOutline,
    AttestationRow,
    DueOutline,
    DueQuery,
    DueRow,
)
from schemas.canonical import fold_name
from schemas.identifiers import Kind
from schemas.policy_scale import Tier
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.catalog.owning import owned_entries
from service.catalog.sorting import Key
from service.db import Timestamp
from service.risk.acting import at_home, home, seen_by, told_to
from service.risk.attestations.signals import read_signals
from service.risk.attestations.statements import contradictions, current_statements
from service.risk.decided_tables import AttestationRow as Stored
from service.risk.findings.lists import FULL, model_keys
from service.risk.rules.active import read_policy
from service.risk.tables import ModelRiskRow

attestation, standing = Stored.__table__, ModelRiskRow.__table__
NEVER: Final = sa.literal_column("'infinity'::timestamptz", Timestamp)


def select_due(session: Session, *, caller: Caller) -> sa.Select[Any]:
    """Every model in use, or not known not to be, that the caller may see: when it is due."""
    reviews = read_policy(session).document.reviews
    months: Mapping[str, int | None] = {
        tier: getattr(reviews, tier).attestation_months for tier in get_args(Tier)
    }
    last = (
        sa.select(sa.func.max(attestation.c.attested_at))
        .where(attestation.c.model_id == home.c.id)
        .correlate(home)
        .scalar_subquery()
    )
    lasting = sa.case(
        *((standing.c.workflow_tier == tier, sa.func.make_interval(0, count))
          for tier, count in months.items() if count is not None)
    )  # fmt: skip
    due = sa.func.coalesce(last, home.c.first_seen_at) + lasting
    owned = (
        sa.false() if caller.account is None
        else sa.func.coalesce(home.c.id.in_(owned_entries(caller.account)), sa.false())
    )  # fmt: skip
    return (
        sa.select(
            home.c.id.label("model_id"), home.c.natural_key.label("model"), home.c.namespace,
            standing.c.workflow_tier, last.label("last_attested_at"),
            sa.type_coerce(due, Timestamp).label("due_at"),
            sa.func.coalesce(due <= sa.func.now(), sa.false()).label("past_due"),
            owned.label("owned"), told_to(caller).label(FULL),
        )
        .join_from(home, standing, standing.c.model_id == home.c.id)
        .where(
            home.c.kind == Kind.MODEL.value, home.c.merged_into.is_(None),
            home.c.replaced_by.is_(None), standing.c.in_production.is_distinct_from(sa.false()),
            seen_by(caller),
        )
    )  # fmt: skip


def due_models(session: Session, asked: DueQuery, *, caller: Caller) -> Keyset:
    """What matches, the earliest first. Raises `Invalid`.

    What speaks against each is counted for a page at once, when its first row is shown.
    """
    check_names(session, asked, caller=caller)
    due = select_due(session, caller=caller).subquery("due")
    query = sa.select(due).where(*_asked(due, asked))
    order = (Key(sa.func.coalesce(due.c.due_at, NEVER, type_=Timestamp)), Key(due.c.model_id))
    return Keyset(query, order, _due_outline)


def _asked(due: sa.FromClause, asked: DueQuery) -> Iterator[sa.ColumnElement[bool]]:
    if asked.namespace is not None:
        yield due.c.namespace.in_([fold_name(one) for one in asked.namespace])
    if asked.model is not None:
        yield due.c.model.in_(model_keys(asked.model))
    for name in ("owned", "past_due"):
        if (wanted := getattr(asked, name)) is not None:
            yield due.c[name].is_(wanted == "true")


def _due_outline(row: sa.RowMapping) -> DueOutline:
    shape = DueRow if row[FULL] else DueOutline
    members = {name: row[name] for name in DueOutline.model_fields}
    more = {"owned": row["owned"], "contradictions": ()} if row[FULL] else {}
    return shape.model_validate(members | more)


def with_contradictions(session: Session, rows: tuple[DueOutline, ...]) -> tuple[DueOutline, ...]:
    """The same rows, with what speaks against those that their reader may read. One statement."""
    full = [one.model_id for one in rows if isinstance(one, DueRow)]
    signals = read_signals(session, full) if full else {}
    said = current_statements()
    return tuple(
        one.model_copy(
            update={"contradictions": contradictions(said, signals.get(one.model_id, {}))}
        )
        if isinstance(one, DueRow)
        else one
        for one in rows
    )


def attestations(session: Session, asked: AttestationFilters, *, caller: Caller) -> Keyset:
    """What was attested, the newest first. Raises `Invalid`."""
    check_names(session, asked, caller=caller)
    query = at_home(attestation, told_to(caller).label(FULL)).where(seen_by(caller))
    each = query.subquery("found")
    wanted = sa.select(each)
    if asked.namespace is not None:
        wanted = wanted.where(each.c.namespace.in_([fold_name(one) for one in asked.namespace]))
    if asked.model is not None:
        wanted = wanted.where(each.c.model.in_(model_keys(asked.model)))
    if asked.result is not None:
        wanted = wanted.where(each.c[FULL], each.c.result.in_(asked.result))
    order = (Key(each.c.attested_at, descending=True), Key(each.c.id, descending=True))
    return Keyset(wanted, order, _attestation)


def _attestation(row: sa.RowMapping) -> AttestationOutline:
    shape = AttestationRow if row[FULL] else AttestationOutline
    return shape.model_validate({name: row[name] for name in shape.model_fields})
