"""Notes what a transaction changed that risk rests on: it is evaluated once, before it commits."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from sqlmodel import Session

from service.endings import at_end
from service.ledger.change import Cause


@dataclass
class Touched:
    """Entries that changed, models that have to be evaluated anyway, and why."""

    entries: set[UUID] = field(default_factory=set)
    models: set[UUID] = field(default_factory=set)
    cause: Cause | None = None


def touch(session: Session, models: Iterable[UUID], *, cause: Cause | None = None) -> None:
    """Evaluate these models: something was decided about them."""
    noted = _noted(session)
    noted.models |= set(models)
    noted.cause = cause or noted.cause


def touch_entries(session: Session, entries: Iterable[UUID], *, cause: Cause) -> None:
    """Evaluate the models that these entries belong to."""
    noted = _noted(session)
    noted.entries |= set(entries)
    noted.cause = cause


def _noted(session: Session) -> Touched:
    from service.risk.settle import settle_touched  # noqa: PLC0415  # it uses what touches

    return at_end(session, settle_touched, noting=Touched)
