"""Decides a contested field: by a value, by joining what is said, or by a rank for a source."""

from sqlmodel import Session

from schemas.conflicts import Resolve
from schemas.pins import AskedPin, PinnedField
from schemas.sources import SourceChanged
from schemas.strict import Closed
from service.errors import Conflict, InsufficientScope
from service.ingest.ranks import set_rank
from service.people.attempt import LONGER
from service.people.pinnable import check_field
from service.people.pinning import Address, Pinner, find_row
from service.people.pins import read_field, set_pin


class NotContested(Conflict):
    """Nobody disputes this field any more.

    Read the entry again; its owner may still pin it with `PUT …/pins/{field}`.
    """


class Resolved(Closed):
    """What became of a contested field: the field as it is now, and the source that was ranked."""

    field: PinnedField
    source: SourceChanged | None = None


def resolve(session: Session, *, asked: Resolve, by: Pinner, dry_run: bool = False) -> Resolved:
    """Decide a contested field, if it still is. Raises `NotContested` and what pinning raises.

    A rank holds for everything that the source says of this field: it is for whoever may change
    sources.
    """
    session.execute(LONGER)
    check_field(asked.kind, asked.field)
    address = Address(asked.kind, (str(asked.entry),))
    row = find_row(session, address, caller=by.caller)
    if asked.field not in row["conflicts"]:
        raise NotContested(entry=asked.entry, field=asked.field)
    if asked.rank is None:
        given = asked.model_dump(include={"value", "joined", "expires_at"}, exclude_unset=True)
        pin = AskedPin.model_validate(given | {"reason": asked.reason})
        return Resolved(field=set_pin(session, address, field=asked.field, asked=pin, by=by))
    if not by.caller.may("sources:write"):
        raise InsufficientScope(detail="It lacks sources:write.", capability="sources:write")
    cause = by.cause(asked.rank.reason)
    changed = set_rank(
        session, name=asked.rank.source, field=asked.field, rank=asked.rank.rank, cause=cause,
        dry_run=dry_run,
    )  # fmt: skip
    found = read_field(session, asked.kind, entry=row["id"], field=asked.field, caller=by.caller)
    return Resolved(field=found, source=changed)
