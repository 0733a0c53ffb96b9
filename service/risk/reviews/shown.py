"""Reads what is shown of one version, live or not."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.catalog.view import label_of
from service.risk.looking import read_pictures
from service.risk.picture import NOTHING, Linked, Part, Picture
from service.risk.reviews.content import Shown, show

version, dataset = TYPED[Kind.VERSION], TYPED[Kind.DATASET]
entry, link = Entry.__table__, Link.__table__


def read_shown(session: Session, *, model: UUID, about: UUID) -> Shown | None:
    """What is shown of a version of a model now; None where the model stands no more."""
    picture = read_pictures(session, [model]).get(model)
    part = None if picture is None else _part(session, picture, about=about)
    return None if picture is None or part is None else show(picture, part)


def _part(session: Session, picture: Picture, *, about: UUID) -> Part | None:
    live = next((one for one in picture.reviewed if one.id == about), None)
    if live is not None:
        return live
    whole: Any = sa.func.to_jsonb(sa.literal_column("version"), type_=JSONB)
    row = session.execute(
        sa.select(entry.c.natural_key, whole.label("facts"))
        .join_from(entry, version, version.c.id == entry.c.id)
        .where(entry.c.id == about)
    ).one_or_none()
    if row is None:
        return None
    return Part(about, row.natural_key or str(about), row.facts, tuple(_links(session, about)))


def _links(session: Session, about: UUID) -> list[Linked]:
    said: Any = sa.func.to_jsonb(sa.literal_column("dataset"), type_=JSONB)
    rows = session.execute(
        sa.select(link, label_of(link.c.target_id).label("label"), said.label("facts"))
        .join_from(link, dataset, dataset.c.id == link.c.target_id)
        .where(link.c.entry_id == about, link.c.field == "datasets")
        .order_by(link.c.key)
    )
    return [
        Linked(row.field, row.role, row.digest, row.attributes,
               Part(row.target_id, row.label or "", row.facts or NOTHING))
        for row in rows
    ]  # fmt: skip
