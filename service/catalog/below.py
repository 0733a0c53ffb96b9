"""Parts of lists that stand below an entry: what belongs to a model, whose models they are."""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.entries import find_entry
from service.catalog.listings import Within
from service.catalog.reach import reaches
from service.catalog.view import View

LEADING: Final = (  # kinds that models lead to
    Kind.DATASET, Kind.OWNER, Kind.REPOSITORY, Kind.TRAINING_RUN, Kind.BUILD, Kind.DEPLOYMENT,
)  # fmt: skip


def of_model(
    session: Session,
    as_of: datetime | None,
    *,
    kind: Kind,
    model: tuple[str, str],
    caller: Caller,
) -> Within:
    """What of a kind belongs, or belonged, to one model. Raises `ModelNotFound`."""
    row = find_model(session, model[0], name=model[1], caller=caller, as_of=as_of)
    found: Any = row["id"]

    def within(view: View) -> sa.ColumnElement[bool]:
        if kind is Kind.OWNER:
            link = view.link
            named = (link.c.entry_id == found, link.c.field == "owners")
            return view.entry.c.id.in_(sa.select(link.c.target_id).where(*named))
        if kind is Kind.DEPLOYMENT:
            version = view.of(Kind.VERSION)
            own = sa.select(version.c.id).where(version.c.model_id == found)
            return view.typed.c.version_id.in_(own)
        condition: sa.ColumnElement[bool] = view.typed.c.model_id == found
        return condition

    return within


def models_of(
    session: Session, as_of: datetime | None, *, kind: Kind, given: str, caller: Caller
) -> Within:
    """The models that lead, or led, to one entry. Raises `EntryNotFound`."""
    found: Any = [find_entry(session, kind, given=given, caller=caller, as_of=as_of)]
    return lambda view: reaches(view, kind, wanted=found)
