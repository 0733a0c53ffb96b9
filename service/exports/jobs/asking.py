"""Asks for bundles: what is wanted is checked at once, what it is of is fixed for ever."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.bundles import bundle_name
from schemas.exports import ExportShown, ExportWanted, RequestExport
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.queries import export_model, filters_of
from service.access.accounts import Deed
from service.access.holders import Narrowing, narrowing_of
from service.access.policy import Caller
from service.catalog.moments import check_settled, read_settled
from service.catalog.named import check_names
from service.errors import CatalogError, Conflict, InsufficientScope, Invalid
from service.exports.jobs.log import Exported, record_export
from service.exports.jobs.rights import check_may_end, export, find_export, get_export
from service.exports.jobs.tables import UNFINISHED
from service.exports.review.reading import Moments
from service.invalid import field_problems

MOST_UNFINISHED: Final = 2  # of one account
OVER: Final = frozenset({"DONE", "FAILED", "EXPIRED"})
ME: Final = "me"
OF_NOBODY: Final = FieldProblem(
    pointer="/filters/owner", message="is somebody else for each reader, and may change",
    fix="Name the owner: `model-catalog list owners` shows them.",
)  # fmt: skip
LATEST: Final = timedelta(microseconds=1)  # before the first moment that is not settled
ONE_AT_A_TIME: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:whose, 3))")
NOBODY: Final = "It belongs to no account, so nobody could say whose rights the bundle has."


class TooManyExports(CatalogError):
    """Two bundles of yours are not finished yet.

    Wait until one of them is, or cancel it: `POST /api/v1/exports/{id}:cancel`.
    """

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "30"}


class ExportOver(Conflict):
    """The bundle is finished: there is nothing to cancel.

    Read its state; a bundle that is there stays until it expires.
    """


class Asker(NamedTuple):
    """In whose name a bundle is built, and to what its rights are narrowed."""

    account: UUID
    name: str
    narrowing: Narrowing

    @property
    def columns(self) -> dict[str, Any]:
        """As they stand in the tables."""
        return {"account_id": self.account, **self.narrowing._asdict()}


def request_export(
    session: Session, *, caller: Caller, asked: RequestExport, request: str | None
) -> ExportShown:
    """Queue a bundle. Raises `TooManyExports`, `Invalid`, `MomentUnsettled`."""
    asker = asker_of(session, caller)
    _check_free(session, asker)
    moments = moments_of(session, asked)
    check_wanted(session, asked, caller=caller, as_of=moments.as_of)
    name = bundle_name(asked.profile, moments.as_of)
    made = queue(session, asker, wanted=asked, moments=moments, file_name=name)
    if made is None:
        raise AssertionError
    about = Exported(name, dict(asked.filters), moments.as_of, made)
    record_export(session, "request", by=Deed(caller.actor, request=request), about=about)
    return get_export(session, made, caller=caller)


def cancel_export(
    session: Session, export_id: UUID, *, caller: Caller, request: str | None
) -> ExportShown:
    """End a bundle that is not finished, whatever part of it is done. Again changes nothing.

    Raises `ExportNotFound`, `InsufficientScope`, `ExportOver`.
    """
    found = find_export(session, export_id, caller=caller, lock=True)
    check_may_end(caller, found)
    if found.state in OVER:
        raise ExportOver(detail=f"Its state is {found.state}.")
    if found.state != "CANCELLED":
        ended = {"state": "CANCELLED", "worker": None, "held_until": None, "done_at": clock()}
        session.execute(sa.update(export).where(export.c.id == export_id).values(ended))
        about = Exported(found.file_name, found.filters, found.as_of, export_id)
        record_export(session, "cancel", by=Deed(caller.actor, request=request), about=about)
    return get_export(session, export_id, caller=caller)


def asker_of(session: Session, caller: Caller) -> Asker:
    """Whose rights a bundle will have. Raises `InsufficientScope` for tokens of no account."""
    if caller.account is None:
        raise InsufficientScope(detail=NOBODY)
    return Asker(caller.account, caller.id, narrowing_of(session, caller))


def queue(
    session: Session,
    asker: Asker,
    *,
    wanted: ExportWanted,
    moments: Moments,
    file_name: str,
    of: tuple[str, str] | None = None,
) -> UUID | None:
    """Store what is to be built; answers its id.

    Of a schedule and a period there is one: None where another one came first.
    """
    made = uuid7()
    schedule, period = of or (None, None)
    new = {
        "id": made, "asked_by": asker.name, **asker.columns, "profile": wanted.profile,
        "dialect": wanted.dialect, "filters": dict(wanted.filters), **moments._asdict(),
        "file_name": file_name, "state": "QUEUED", "file": "", "records": 0, "tries": 0,
        "asked_at": clock(), "schedule": schedule, "period": period,
    }  # fmt: skip
    once = insert(export).values(new).on_conflict_do_nothing(index_elements=["schedule", "period"])
    return session.execute(once.returning(export.c.id)).scalar_one_or_none()


def check_wanted(
    session: Session, wanted: ExportWanted, *, caller: Caller, as_of: datetime | None = None
) -> None:
    """Refuse conditions that the list of models does not know. Raises `Invalid`."""
    conditions = dict(wanted.filters)
    try:
        filters_of(Kind.MODEL).model_validate(conditions)
    except ValidationError as error:
        known = sorted(filters_of(Kind.MODEL).model_fields)
        raise Invalid(*field_problems(_located(error), known=known)) from None
    asked = export_model(Kind.MODEL).model_validate(conditions)
    if ME in (getattr(asked, "owner", None) or ()):
        raise Invalid(OF_NOBODY)
    try:
        check_names(session, asked.model_copy(update={"as_of": as_of}), caller=caller)
    except Invalid as refused:
        raise Invalid(*map(_in_body, refused.errors)) from None


def moments_of(session: Session, asked: RequestExport) -> Moments:
    """Which moments are told of. Raises `Invalid`, `MomentUnsettled`."""
    settled, now = read_settled(session)
    if settled is None:
        check_settled(now, settled)
        raise AssertionError
    now = max(now, settled)  # the transaction's time is that of its beginning
    as_of, known_at = asked.as_of, asked.known_at or now
    if as_of is None:
        as_of = settled - LATEST
    wrong = list(_misplaced(asked, as_of=as_of, now=now))
    if wrong:
        raise Invalid(*wrong)
    check_settled(as_of, settled, pointer="/as_of")
    return Moments(as_of, known_at, asked.since)


def _misplaced(asked: RequestExport, *, as_of: datetime, now: datetime) -> Iterator[FieldProblem]:
    """Moments that do not follow one another as they must."""
    present = "Leave it out for the present."
    for name in ("as_of", "known_at"):
        if (moment := getattr(asked, name)) is not None and moment > now:
            yield FieldProblem(pointer=f"/{name}", message="lies in the future", fix=present)
    if asked.known_at is not None and asked.known_at < as_of:
        yield FieldProblem(pointer="/known_at", message="lies before as_of", fix=present)
    if asked.since is not None and asked.since >= as_of:
        fix = "Name an earlier one."
        yield FieldProblem(pointer="/since", message="does not lie before as_of", fix=fix)


def clock() -> sa.ColumnElement[datetime]:
    """The time, on the database's clock."""
    return sa.func.clock_timestamp()


def _check_free(session: Session, asker: Asker) -> None:
    """Scheduled ones are nobody's doing. Raises `TooManyExports`."""
    session.execute(ONE_AT_A_TIME, {"whose": f"export:{asker.account}"})
    unfinished = sa.select(sa.func.count()).where(
        export.c.account_id == asker.account, sa.text(UNFINISHED), export.c.schedule.is_(None)
    )
    if session.execute(unfinished).scalar_one() >= MOST_UNFINISHED:
        raise TooManyExports


def _located(error: ValidationError) -> list[Mapping[str, Any]]:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    return [{**detail, "loc": ("filters", *detail["loc"])} for detail in details]


def _in_body(problem: FieldProblem) -> FieldProblem:
    return problem.model_copy(update={"pointer": f"/filters/{problem.pointer.removeprefix('?')}"})
