"""Decisions that may be asked for twice: the same `Idempotency-Key` gets the same answer."""

import hashlib
import json
import re
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Annotated, Any, Final, NamedTuple

import sqlalchemy as sa
from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.problem import FieldProblem
from service.access.tables import IdempotencyRow
from service.db import Database, Store
from service.errors import Conflict, Invalid
from service.routing import Requester

KEPT: Final = timedelta(hours=24)
FORM: Final = re.compile(r"[\x21-\x7e]{1,100}")
SHOWN: Final = ("etag", "location", "content-type")  # headers that belong to an answer
ALONE: Final = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:about, 1))")

idempotency = IdempotencyRow.__table__
Work = Callable[[Session], BaseModel | Response | None]
Key = Annotated[
    str | None,
    Header(max_length=100, description="Asked again under its key, a decision is not made again."),
]


class StillDeciding(Conflict):
    """A request with this `Idempotency-Key` is running.

    Send it again in a moment: it gets the answer of the one that is running.
    """


class KeyReused(Invalid):
    """This `Idempotency-Key` was sent with another request before.

    Choose a new key for each decision, best a random one; a key is kept for 24 hours.
    """


class KeyForm(Invalid):
    """An `Idempotency-Key` is one header of at most 100 printable characters without blanks.

    Best is a random UUID.
    """


REPEATED: Final = (StillDeciding, KeyReused)  # errors of each route that takes a key


class Asked(NamedTuple):
    """Who asks for a decision under which key, what exactly, and where it is kept."""

    store: Database
    caller: str
    key: str | None
    digest: str  # of method, path and body


async def _asked(
    request: Request, caller: Requester, *, store: Store, idempotency_key: Key = None
) -> Asked:
    given = request.headers.getlist("idempotency-key")
    if given and (len(given) > 1 or FORM.fullmatch(given[0]) is None):
        raise KeyForm(FieldProblem(pointer="Idempotency-Key", message="is no key"))
    place = f"{request.method} {request.url.path}?{request.url.query}\n"
    digest = hashlib.sha256(place.encode() + await request.body()).hexdigest()
    return Asked(store, f"{caller.kind}:{caller.id}", idempotency_key, digest)


Repeat = Annotated[Asked, Depends(_asked)]


def repeatable(
    repeat: Asked,
    work: Work,
    *,
    status: int = 200,
    dry_run: bool = False,
    unkept: Collection[str] = (),
) -> Response:
    """Decide in one transaction, once for each key, and answer; asked again, answer the same.

    ```python
    @router.post("/models/{namespace}/{name}:merge", response_model=Merged,
                 responses=problems(MergeCycle, *REPEATED))
    @policy("identity:decide")
    def merge_models(caller: Requester, …, asked: Merge, repeat: Repeat, trace: Trace) -> Response:
        work = partial(merging.merge, caller=caller, asked=asked, request=trace)
        return repeatable(repeat, work, status=201, dry_run=query.dry_run)
    ```

    `work` gets the session and answers a schema, None (204), or a `Response` with its headers. What
    raises is not kept: the same request may succeed later. A dry run keeps nothing and needs no
    key. Members named in `unkept` are shown once: they are null in what is kept.
    Raises `StillDeciding`, `KeyReused`.
    """

    def unit(session: Session) -> Response:
        if dry_run:
            with session.begin_nested() as savepoint:
                answer = _as_response(work(session), status=status)
                savepoint.rollback()
            return answer
        if repeat.key is None:
            return _as_response(work(session), status=status)
        found = _find(session, repeat)
        if found is None:
            found = _as_response(work(session), status=status)
            _keep(session, repeat, answer=found, unkept=unkept)
        return found

    return repeat.store.transact(unit)


def forget_answers(session: Session) -> int:
    """Let go of the answers that nobody may ask for any more."""
    old: Any = session.execute(
        sa.delete(idempotency).where(idempotency.c.asked_at < sa.func.now() - KEPT)
    )
    return int(old.rowcount)


def _as_response(found: BaseModel | Response | None, *, status: int) -> Response:
    if isinstance(found, Response):
        return found
    if found is None:
        return Response(status_code=204)
    return Response(found.model_dump_json(), status, media_type="application/json")


def _find(session: Session, repeat: Asked) -> Response | None:
    """What was answered. The lock comes first, in its own statement: so the answer is seen."""
    about = f"{repeat.caller} {repeat.key}"
    if not session.execute(ALONE, {"about": about}).scalar_one():
        raise StillDeciding
    row = session.execute(
        sa.select(*idempotency.c["request_sha256", "status", "answer"]).where(
            idempotency.c.caller == repeat.caller,
            idempotency.c.key == repeat.key,
            idempotency.c.asked_at >= sa.func.now() - KEPT,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != repeat.digest:
        raise KeyReused(FieldProblem(pointer="Idempotency-Key", message="was used for another"))
    return Response(row.answer["body"] or None, row.status, row.answer["headers"])


def _keep(session: Session, repeat: Asked, *, answer: Response, unkept: Collection[str]) -> None:
    body = bytes(answer.body).decode()
    if unkept:
        kept = json.loads(body) | dict.fromkeys(unkept)
        body = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    headers = {name: answer.headers[name] for name in SHOWN if name in answer.headers}
    new = insert(idempotency).values(
        caller=repeat.caller,
        key=repeat.key,
        request_sha256=repeat.digest,
        status=answer.status_code,
        answer={"body": body, "headers": headers},
        asked_at=sa.func.now(),
    )
    ours = ("request_sha256", "status", "answer", "asked_at")
    session.execute(
        new.on_conflict_do_update(
            index_elements=["caller", "key"], set_={name: new.excluded[name] for name in ours}
        )
    )
