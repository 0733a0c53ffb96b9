"""A decision that is asked for again under its key is answered, not made again."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import pytest
from fastapi import Response
from sqlmodel import Session

from schemas.strict import Closed
from service.access.idempotency import (
    Asked,
    KeyReused,
    StillDeciding,
    forget_answers,
    repeatable,
)
from service.db import Busy, Database
from service.errors import NotFound
from tests.support.catalog import rows

ONCE = "s3cr3t"


class Decided(Closed):
    """What a decision answers."""

    number: int
    secret: str | None = None


def give(found: Response | None, _session: Session) -> Response | None:
    """A decision with this answer."""
    return found


class Decision:
    """Counts how often it is made."""

    def __init__(self, fails: Exception | None = None) -> None:
        """It may fail."""
        self.made, self.fails = 0, fails

    def __call__(self, _session: Session) -> Decided:
        """Make it."""
        self.made += 1
        if self.fails is not None:
            raise self.fails
        return Decided(number=self.made, secret=ONCE)


def ask(database: Database, **changed: Any) -> Asked:
    """A decision that somebody asks for."""
    given = {"caller": "person:anna", "key": "k-1", "digest": "d"} | changed
    return Asked(store=database, **given)


def answer(found: Response) -> tuple[int, str, str | None]:
    """What was sent."""
    return found.status_code, bytes(found.body).decode(), found.headers.get("etag")


def test_idempotency_same_again(database: Database) -> None:
    """The same key gets the stored answer and status, and the decision is made once."""
    decision = Decision()
    first = answer(repeatable(ask(database), decision, status=201))
    again = answer(repeatable(ask(database), decision, status=201))

    assert first == again == (201, '{"number":1,"secret":"s3cr3t"}', None)
    assert decision.made == 1


def test_idempotency_other_request_or_caller(database: Database) -> None:
    """Another request under the key is refused; another caller's key is another key."""
    decision = Decision()
    repeatable(ask(database), decision)
    with pytest.raises(KeyReused):
        repeatable(ask(database, digest="e"), decision)
    for changed in ({"caller": "person:ben"}, {"key": "k-2"}, {"key": None}, {"key": None}):
        repeatable(ask(database, **changed), decision)

    assert decision.made == 5


def test_idempotency_answer_with_headers(database: Database) -> None:
    """An answer keeps its tag and its emptiness."""
    tagged = Response('{"a":1}', 200, {"ETag": '"x"'}, "application/json")
    for key, found in (("tagged", tagged), ("empty", None)):
        shown = [answer(repeatable(ask(database, key=key), partial(give, found))) for _ in range(2)]
        assert shown[0] == shown[1]
    assert answer(repeatable(ask(database, key="empty"), Decision())) == (204, "", None)


def test_idempotency_failure_not_kept(database: Database) -> None:
    """What failed is tried again: nothing was decided."""
    failing, decision = Decision(NotFound()), Decision()
    with pytest.raises(NotFound):
        repeatable(ask(database), failing)

    assert answer(repeatable(ask(database), decision))[0] == 200
    assert decision.made == 1


def test_idempotency_contended_decided_once(database: Database) -> None:
    """A decision that others were in the way of is made by a later try, and kept once."""
    tries: list[int] = []

    def contended(_session: Session) -> Decided:
        tries.append(1)
        if len(tries) == 1:
            raise Busy
        return Decided(number=len(tries))

    assert answer(repeatable(ask(database), contended)) == answer(
        repeatable(ask(database), contended)
    )
    assert len(tries) == 2


def test_idempotency_still_running(database: Database) -> None:
    """While one runs, the same key is told so and waits for nothing."""
    begun, go_on = Event(), Event()

    def slow(_session: Session) -> Decided:
        begun.set()
        assert go_on.wait(10)
        return Decided(number=1)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(repeatable, ask(database), slow)
        assert begun.wait(10)
        with pytest.raises(StillDeciding):
            repeatable(ask(database), Decision())
        repeatable(ask(database, key="k-2"), Decision())
        go_on.set()
        assert running.result().status_code == 200


def test_idempotency_dry_run_keeps_nothing(database: Database) -> None:
    """A dry run answers without keeping its key: the decision itself comes later."""
    decision = Decision()
    repeatable(ask(database), decision, dry_run=True)

    assert rows(database, "SELECT count(*) FROM idempotency") == [(0,)]
    assert answer(repeatable(ask(database), decision))[1] == '{"number":2,"secret":"s3cr3t"}'


def test_idempotency_secret_shown_once(database: Database) -> None:
    """P-11: a secret is in the first answer alone; it is stored nowhere."""
    first, again = (
        answer(repeatable(ask(database), Decision(), unkept=("secret",))) for _ in range(2)
    )

    assert "s3cr3t" in first[1]
    assert again[1] == '{"number":1,"secret":null}'
    assert "s3cr3t" not in str(rows(database, "SELECT * FROM idempotency"))


def test_idempotency_kept_a_day(database: Database) -> None:
    """After a day the key is new again, whether or not the answer was let go of."""
    decision = Decision()
    for key in ("old", "older", "new"):
        repeatable(ask(database, key=key), decision)
    with database.writing() as session:
        session.connection().exec_driver_sql(
            "UPDATE idempotency SET asked_at = asked_at - interval '25 hours' WHERE key <> 'new'"
        )
    repeatable(ask(database, key="old", digest="another"), decision)

    assert decision.made == 4
    assert database.transact(forget_answers) == 1
    assert rows(database, "SELECT key FROM idempotency ORDER BY key") == [("new",), ("old",)]
