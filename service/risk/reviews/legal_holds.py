"""Legal holds: while one stands, nothing about its model is thrown away."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind, fold_name
from schemas.problem import FieldProblem
from schemas.review_rules import HoldQuery, LegalHold, PlaceHold
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.catalog.tables import Entry
from service.catalog.view import visible
from service.errors import Invalid, NotFound
from service.ledger.change import Change, record_changes
from service.risk.acting import NOTES, Acting, RoleMissing, clock
from service.risk.hold_tables import LegalHoldRow

KIND: Final = "legal_hold"
PLACES: Final = "approvals:grant"
hold, entry = LegalHoldRow.__table__, Entry.__table__


class HoldNotFound(NotFound):
    """No such hold stands.

    `GET /api/v1/legal-holds` lists those that do.
    """


def held(session: Session, model: UUID) -> bool:
    """Does a hold stand on a model, on what was merged into it, or on all models?"""
    return bool(session.execute(sa.select(sa.exists(standing(model)))).scalar_one())


def standing(model: Any = None) -> sa.Select[Any]:
    """The holds that stand on a model, given by id or column; without one, those on all models."""
    lasting = sa.select(hold.c.id).where(hold.c.lifted_at.is_(None))
    if model is None:
        return lasting.where(hold.c.model_id.is_(None))
    merged = sa.select(entry.c.id).where(entry.c.merged_into == model)
    of_model = sa.or_(hold.c.model_id.is_(None), hold.c.model_id == model,
                      hold.c.model_id.in_(merged))  # fmt: skip
    return lasting.where(of_model)


def holds(asked: HoldQuery, *, caller: Caller) -> Keyset:
    """The holds on models of which the caller may read notes, and on all models."""
    query = _select().where(sa.or_(hold.c.model_id.is_(None), visible(caller, kind=Kind.MODEL)))
    if (within := caller.within(NOTES)) is not None:
        told = entry.c.namespace.in_(sorted(within))
        query = query.where(sa.or_(hold.c.model_id.is_(None), told))
    if asked.lifted != "true":
        query = query.where(hold.c.lifted_at.is_(None))
    if asked.model is not None:
        query = query.where(entry.c.natural_key == fold_name(asked.model))
    return Keyset(query, (Key(hold.c.id),), hold_row)


def _select() -> sa.Select[Any]:
    return (
        sa.select(hold, entry.c.natural_key.label("model"), entry.c.namespace)
        .select_from(hold)
        .outerjoin(entry, entry.c.id == hold.c.model_id)
    )


def hold_row(row: Any) -> LegalHold:
    """One as readers see it."""
    return LegalHold(**{name: row[name] for name in LegalHold.model_fields})


def place_hold(session: Session, *, asked: PlaceHold, by: Acting) -> LegalHold:
    """Keep everything about a model, or about all. Raises `ModelNotFound`, `RoleMissing`."""
    model = _model(session, asked.model, by=by)
    _check_right(model["namespace"] if model else None, by=by)
    about: UUID | None = model["id"] if model else None
    given = {"model_id": about, "reason": asked.reason, "placed_by": by.name,
             "placed_at": clock(session)}  # fmt: skip
    [made] = session.execute(sa.insert(hold).values(**given).returning(hold.c.id)).scalars()
    _tell(session, "place", at=made, model=about, reason=asked.reason, by=by)
    return _find(session, made)


def lift_hold(session: Session, given: int, *, reason: str, by: Acting) -> LegalHold:
    """Let go again. Raises `HoldNotFound`, `RoleMissing`."""
    visibly = sa.or_(hold.c.model_id.is_(None), visible(by.caller, kind=Kind.MODEL))
    query = _select().where(hold.c.id == given, hold.c.lifted_at.is_(None), visibly)
    row = session.execute(query.with_for_update(of=hold)).mappings().first()
    if row is None:
        raise HoldNotFound(hold=given)
    _check_right(row["namespace"], by=by)
    over = sa.update(hold).where(hold.c.id == given)
    session.execute(over.values(lifted_by=by.name, lifted_at=clock(session)))
    _tell(session, "lift", at=given, model=row["model_id"], reason=reason, by=by)
    return _find(session, given)


def _find(session: Session, given: int) -> LegalHold:
    return hold_row(session.execute(_select().where(hold.c.id == given)).mappings().one())


def _model(session: Session, named: str | None, *, by: Acting) -> sa.RowMapping | None:
    if named is None:
        return None
    namespace, _, name = named.partition("/")
    if not namespace or not name:
        raise Invalid(FieldProblem(pointer="/model", message="should read namespace/name"))
    return find_model(session, namespace, name=name, caller=by.caller)


def _check_right(namespace: str | None, *, by: Acting) -> None:
    """Of all models, whoever approves everywhere."""
    within = by.caller.within(PLACES)
    if within is not None and (namespace is None or namespace not in within):
        raise RoleMissing(detail="It takes the approver of its namespace; of all models, of all.")


def _tell(
    session: Session, op: str, *, at: int, model: UUID | None, reason: str, by: Acting
) -> None:
    change = Change(op, KIND, by.caller.actor, entry=model, field=str(at), reason=reason,
                    new={"model": str(model) if model else None}, request=by.trace)  # fmt: skip
    record_changes(session, [change])
