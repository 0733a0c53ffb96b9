"""Builds the bundles that wait, one after the other; what cannot be built says why."""

import hashlib
from datetime import timedelta
from functools import partial
from tempfile import TemporaryFile
from typing import IO, Any, Final, NamedTuple

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from schemas.bundles import Manifest
from service.access.accounts import Deed
from service.access.holders import caller_of_account
from service.access.policy import Caller
from service.errors import CatalogError, InsufficientScope, NotAuthenticated
from service.exports.bundle import Made, Order, build_bundle
from service.exports.jobs.asking import clock
from service.exports.jobs.lease import (
    Builder,
    Job,
    Lease,
    Lost,
    Stopped,
    change_held,
    take_export,
)
from service.exports.jobs.log import Exported, Passed, record_export
from service.exports.jobs.tables import CHUNK, ExportChunkRow
from service.ledger.change import Actor

MOST_TRIES: Final = 3
PAUSES: Final = (timedelta(seconds=10), timedelta(minutes=1))  # before the next try
UNEXPECTED: Final = "It failed for a reason that is in the log of the worker."
ENDED: Final = "Each worker that built it ended before it was done."
NEEDED: Final = "exports:read"
chunk: Final = ExportChunkRow.__table__
log = structlog.get_logger()


class File(NamedTuple):
    """A bundle that is built and not stored yet."""

    file: IO[bytes]
    size: int
    sha256: str
    manifest: Manifest


def build_waiting(builder: Builder) -> int:
    """Build all that waits; answers how many were finished."""
    done = 0
    while not builder.stopping():
        job = builder.database.transact(partial(take_export, worker=builder.worker))
        if job is None:
            break
        done += build_export(builder, job)
    return done


def build_export(builder: Builder, job: Job) -> bool:
    """Build one bundle that was taken; answers whether it is there now."""
    if job.tries > MOST_TRIES:
        _fail(builder, job, said=ENDED, again=False)
        return False
    try:
        with Lease(builder, job) as lease, TemporaryFile() as to:  # fmt: skip
            file = _built(builder, job, to=to, lease=lease)
            builder.database.transact(partial(_store, builder=builder, job=job, file=file))
    except Lost:
        log.info("export_lost", export=str(job.id))
        return False
    except Stopped:
        builder.database.transact(partial(_give_back, builder=builder, job=job))
        return False
    except CatalogError as error:
        _fail(builder, job, said=_sentence(error), again=error.status not in {401, 403, 422})
        return False
    except Exception:
        log.exception("export_failed", export=str(job.id))  # one order must not end the others
        _fail(builder, job, said=UNEXPECTED, again=True)
        return False
    log.info("export_built", export=str(job.id), size=file.size)
    return True


def _built(builder: Builder, job: Job, *, to: IO[bytes], lease: Lease) -> File:
    order = Order(job.profile, job.dialect, job.filters, job.moments)
    made = Made(job.id, job.asked_by, builder.keys)
    with builder.database.reading() as session:
        caller = _caller_of(session, job)
    manifest = build_bundle(
        builder.database, order, caller=caller, made=made, to=to, advance=lease.advance
    )
    size, digest = to.tell(), hashlib.sha256()
    to.seek(0)
    while piece := to.read(CHUNK):
        digest.update(piece)
    return File(to, size, f"sha256:{digest.hexdigest()}", manifest)


def _caller_of(session: Session, job: Job) -> Caller:
    """In whose name it is built: with what the account may do now. Raises `InsufficientScope`."""
    try:
        caller = caller_of_account(session, job.account_id, narrowing=job.narrowing)
    except NotAuthenticated:
        raise InsufficientScope(detail="The account is disabled.") from None
    if not caller.may(NEEDED):
        raise InsufficientScope(detail=f"The account lacks {NEEDED} now.")
    return caller


def _store(session: Session, *, builder: Builder, job: Job, file: File) -> None:
    """The pieces and the end, in one transaction. Raises `Lost` for what was cancelled by then."""
    records = sum(one.records or 0 for one in file.manifest.files)
    ended = {
        "state": "DONE", "worker": None, "held_until": None, "done_at": clock(), "error": None,
        "expires_at": clock() + timedelta(days=builder.days), "size": file.size,
        "sha256": file.sha256, "manifest": file.manifest.model_dump(mode="json"),
        "file": "", "records": records,
    }  # fmt: skip
    if not change_held(session, job, worker=builder.worker, values=ended):
        raise Lost
    file.file.seek(0)
    number = 0
    while piece := file.file.read(CHUNK):
        new = {"export_id": job.id, "number": number, "bytes": piece}
        session.execute(sa.insert(chunk).values(new))
        number += 1
    passed = Passed(records, file.size, file.sha256, complete=True)
    record_export(session, "build", by=_deed(job), about=_about(job), passed=passed)


def _give_back(session: Session, *, builder: Builder, job: Job) -> None:
    """As if nobody had tried."""
    waiting = {"state": "QUEUED", "worker": None, "held_until": None, "tries": job.tries - 1}
    change_held(session, job, worker=builder.worker, values=waiting)


def _fail(builder: Builder, job: Job, *, said: str, again: bool) -> None:
    """Let it be tried again after a while, at most twice; else it has failed."""
    last = not again or job.tries >= MOST_TRIES
    values: dict[str, Any] = {"worker": None, "error": said}
    if last:
        values |= {"state": "FAILED", "held_until": None, "done_at": clock()}
    else:
        values |= {"state": "QUEUED", "held_until": clock() + PAUSES[job.tries - 1]}

    def fail(session: Session) -> None:
        if change_held(session, job, worker=builder.worker, values=values) and last:
            passed = Passed(None, 0, f"sha256:{hashlib.sha256().hexdigest()}", complete=False)
            deed = _deed(job)._replace(reason=said)
            record_export(session, "build", by=deed, about=_about(job), passed=passed)

    log.warning("export_not_built", export=str(job.id), said=said, again=not last)
    builder.database.transact(fail)


def _deed(job: Job) -> Deed:
    return Deed(Actor("software", "exports", on_behalf_of=job.asked_by))


def _about(job: Job) -> Exported:
    return Exported(job.file_name, job.filters, job.moments.as_of, job.id)


def _sentence(error: CatalogError) -> str:
    """What is wrong and how to mend it, without what was sent."""
    places = [f"{one.pointer} {one.message}" for one in error.errors]
    return " ".join(part for part in (error.title, error.detail, *places, error.fix) if part)
