"""Proposes who might answer for models whose accountable owner is unknown or has left."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import Page, Paging
from schemas.details import AtMoment
from schemas.identifiers import Kind
from schemas.queries import Several
from schemas.succession import NamedOwner, Succession, Why
from service.access.policy import Caller
from service.catalog.acts import Act, OwnerInfo, read_acts, read_known, read_named
from service.catalog.departed import ACCOUNTABLE, OWNERS, has_departed_owner, has_role
from service.catalog.detail import find_model
from service.catalog.keyset import Keyset, read_keyset
from service.catalog.moments import begin_at
from service.catalog.pages import NOW, Pages
from service.catalog.ranking import identifiers_of, rank
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.catalog.view import View

MOST: Final = 100  # models a page: what all their people did is read at once


class SuccessionQuery(Paging):
    """Which models that need somebody."""

    namespace: Several | None = None


class Model(NamedTuple):
    """A model that proposals are made for."""

    id: UUID
    name: str
    stated: bool  # does any source say who owns it, if only nobody?


def get_succession(
    session: Session, namespace: str, *, name: str, caller: Caller, asked: AtMoment
) -> Succession:
    """Proposals for one model, whether it needs them or not. Raises `ModelNotFound`."""
    begin_at(session, asked.as_of)
    row = find_model(session, namespace, name=name, caller=caller, as_of=asked.as_of)
    view = View(Kind.MODEL, caller, as_of=asked.as_of)
    model = Model(row["id"], row["natural_key"], OWNERS in row["provenance"])
    return propose(session, view, models=[model])[0]


def list_successions(
    session: Session, asked: SuccessionQuery, *, caller: Caller, pages: Pages
) -> Page[Succession]:
    """The live models whose accountable owner is unknown, empty or has left, by name."""
    begin_at(session, None)
    view = View(Kind.MODEL, caller)
    shown = asked.model_copy(update={"page_size": str(min(int(asked.page_size), MOST))})
    rows = Keyset(
        _needing(view, asked),
        (Key(view.entry.c.natural_key), Key(view.entry.c.id)),
        _as_model,
    )
    page = read_keyset(session, rows, asked=shown, caller=caller, pages=pages)
    return Page[Succession](
        as_of=page.as_of,
        items=tuple(propose(session, view, models=page.items)) if page.items else (),
        next_page_token=page.next_page_token,
    )


def _as_model(row: sa.RowMapping) -> Model:
    return Model(row["id"], row["natural_key"], row["stated"])


def _needing(view: View, asked: SuccessionQuery) -> sa.Select[Any]:
    entry, typed = view.entry, view.typed
    needing = has_departed_owner(view, "true") | ~has_role(view, (ACCOUNTABLE,))
    stated = typed.c.provenance.has_key(OWNERS).label("stated")
    query = (
        sa.select(entry.c.id, entry.c.natural_key, stated)
        .select_from(entry.join(typed, typed.c.id == entry.c.id))
        .where(*view.here(), entry.c.natural_key.is_not(None), entry.c.replaced_by.is_(None))
        .where(entry.c.gone_since.is_(None), needing)
    )
    if asked.namespace is not None:
        query = query.where(entry.c.namespace.in_(asked.namespace))
    return query


def propose(session: Session, view: View, *, models: Sequence[Model]) -> list[Succession]:
    """Proposals for models: three statements, however many they are, and one for the time."""
    ids = [model.id for model in models]
    acts: dict[UUID, list[Act]] = defaultdict(list)
    named: dict[UUID, list[tuple[str, OwnerInfo]]] = defaultdict(list)
    for act in read_acts(session, view, models=ids):
        acts[act.model].append(act)
    for of, role, info in read_named(session, view, models=ids):
        named[of].append((role, info))
    every = (one for of in acts.values() for act in of for one in identifiers_of(act))
    known = read_known(session, view, identifiers=every)
    now = view.as_of or session.execute(NOW).scalar_one()
    proposed = []
    for model in models:
        candidates, left_out = rank(acts[model.id], named[model.id], known=known)
        why = _why(model, named[model.id])
        proposed.append(
            Succession(
                model=model.name,
                model_id=model.id,
                as_of=now,
                needed=why is not None,
                why=why,
                owners=tuple(_shown(role, info) for role, info in named[model.id]),
                candidates=candidates,
                left_out=left_out,
            )
        )
    return proposed


def _why(model: Model, named: Sequence[tuple[str, OwnerInfo]]) -> Why | None:
    answering = [info for role, info in named if role == ACCOUNTABLE]
    if not answering:
        return "owner_empty" if model.stated else "owner_unknown"
    return "owner_departed" if any(info.departed for info in answering) else None


def _shown(role: str, info: OwnerInfo) -> NamedOwner:
    url = f"{API}/owners/{info.id}"
    return NamedOwner.model_validate(
        {"id": info.id, "name": info.name, "role": role, "departed": info.departed, "url": url}
    )
