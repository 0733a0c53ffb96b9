"""Answers about a use of a model: pins, also of the use that nobody has declared yet."""

from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind, encode_segment, fold_name
from schemas.imports import PEOPLE
from service.catalog.detail import find_model
from service.catalog.owning import owns
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.catalog.view import View, bears_name
from service.errors import NotFound
from service.ingest.ingest import record_batch
from service.people.entered import spoken_at, use_subject
from service.people.pinning import Address, NotYours, Pinner
from service.people.source import Speaker, speaking_in

UNDECLARED: Final = "(undeclared)"
entry, uses = Entry.__table__, TYPED[Kind.USE]


class NamedUseNotFound(NotFound):
    """The model has no use of this name.

    Uses are declared in `model.yaml`, by tags of the registry or with `POST /api/v1/models`; what
    nobody declared is answered under `(undeclared)`.
    """


def use_of(session: Session, at: tuple[str, str, str], *, by: Pinner) -> Address:
    """The use of a model by its name, as pins address it. Raises `NamedUseNotFound`."""
    namespace, name, use = at
    model = find_model(session, namespace, name=name, caller=by.caller)
    found = _find(session, model["natural_key"], use=use, by=by)
    if found is None:
        raise NamedUseNotFound(use=use)
    return Address(Kind.USE, (str(found),))


def answered_use(session: Session, at: tuple[str, str, str], *, by: Pinner) -> Address:
    """As `use_of`; what nobody has declared begins with its first answer. Raises `NotYours`.

    Once a use is declared, nobody asks about the one that nobody declared.
    """
    namespace, name, use = at
    if fold_name(use) != UNDECLARED:
        return use_of(session, at, by=by)
    model = find_model(session, namespace, name=name, caller=by.caller)
    if _is_declared(session, model["id"]):
        raise NamedUseNotFound(use=use)
    if _find(session, model["natural_key"], use=use, by=by) is None:
        if not owns(session, by.caller, entry_id=model["id"]):
            raise NotYours(entry=model["id"])
        _begin(session, model["natural_key"], by=by)
    return use_of(session, at, by=by)


def _is_declared(session: Session, model: UUID) -> bool:
    """Has somebody declared a use of the model?"""
    declared = (
        sa.select(uses.c.id)
        .join(entry, entry.c.id == uses.c.id)
        .where(uses.c.model_id == model, uses.c.name != UNDECLARED, bears_name(entry),
               entry.c.gone_since.is_(None))
        .limit(1)
    )  # fmt: skip
    return session.execute(declared).first() is not None


def _find(session: Session, named: str, *, use: str, by: Pinner) -> UUID | None:
    key = f"{named}/{encode_segment(fold_name(use))}"
    view = View(Kind.USE, by.caller)
    found: UUID | None = session.execute(
        sa.select(view.entry.c.id).where(
            view.entry.c.kind == Kind.USE, view.entry.c.natural_key == key, bears_name(view.entry),
            view.visible(),
        )
    ).scalar_one_or_none()  # fmt: skip
    return found


def _begin(session: Session, named: str, *, by: Pinner) -> None:
    """People's source states that there is such a use: nothing about it."""
    speaker = Speaker(by.caller, PEOPLE, by.trace)
    source = speaking_in(session, speaker, namespaces=frozenset({named.partition("/")[0]}))
    said = {
        "subject": use_subject(named, UNDECLARED).model_dump(mode="json"),
        "observed_at": spoken_at(session),
        "facts": {
            "model": {"kind": Kind.MODEL, "scheme": "name", "value": named},
            "name": UNDECLARED,
        },
    }
    record_batch(session, [said], source=source, cause=speaker.cause("an answer about its use"))
