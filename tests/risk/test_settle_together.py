"""Whatever the order, the batches, and who else writes meanwhile: everything ends the same."""

import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from service.db import Database
from service.ingest.ingest import record_batch
from service.ledger.change import Actor, Cause
from tests.conftest import MakeDatabase
from tests.risk.tellings import LATER, Told, data, harmless, made, named, of, plain, runs, use
from tests.support.accounts import owned_by

HIGH = ["creditworthiness"]
TWIN = [f"sha256:{'a' * 64}"]
SAID: list[tuple[str, Any]] = [
    *(("registry", one) for one in harmless(owners=[owned_by("retention")])),
    ("registry", made(2, digests=TWIN, datasets=[of("a"), of("b")], at=LATER)),
    ("registry", data("b", data_sensitivity="special_category")),
    ("registry", plain("score", depends_on=[named("churn"), named("menu")])),
    ("registry", made(1, "score", digests=TWIN)),
    ("registry", use(of_model="score", regulated_purposes=HIGH)),
    ("registry", plain("menu", depends_on=[named("score")])),
    ("registry", use("lunch", of_model="menu", exposure="customer_facing")),
    ("registry", use("dinner", of_model="menu", purpose=None)),
    ("registry", made(1, "menu", model_class={"one_of": ["generative", "agentic"]})),
    ("cluster", runs(number=1)),
    ("cluster", runs("second", of_model="score")),
]


@pytest.fixture(scope="module")
def expected(server: str, template: str) -> Iterator[list[Any]]:
    """What becomes of everything that is said in one go."""
    from tests.conftest import created  # noqa: PLC0415

    with created(server, template) as url:
        database = Database(url)
        yield told_in(database, SAID, batches=1)
        database.dispose()


def told_in(database: Database, said: list[tuple[str, Any]], *, batches: int) -> list[Any]:
    """What becomes of it when it is said in this order, in so many batches."""
    told = Told(database)
    for batch in range(batches):
        some = said[batch::batches]
        for name in ("registry", "cluster"):
            told.say(*(one for source, one in some if source == name),
                     source=getattr(told, name))  # fmt: skip
    return told.all()


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shuffled=st.randoms(use_true_random=False), batches=st.integers(1, 6))
def test_settle_order_changes_nothing(
    make_database: MakeDatabase, expected: list[Any], shuffled: random.Random, batches: int
) -> None:
    """Same observations, any order, any splitting: equal assessments, results and standings."""
    said = [*SAID]
    shuffled.shuffle(said)
    with make_database() as database:
        assert told_in(database, said, batches=batches) == expected


class Meanwhile:
    """Two transactions: one is open and has evaluated nothing yet when the other one begins."""

    def __init__(self, told: Told) -> None:
        """They meet here."""
        self.told, self.failed = told, list[BaseException]()
        self.recorded, self.begun = threading.Event(), threading.Event()

    def both(self, first: Any, second: Any) -> None:
        """Record both; the first one commits when the second one has recorded, or has to wait."""

        def hold(_session: Session) -> None:
            self.recorded.set()
            self.begun.wait(1)

        def follow(_session: Session) -> None:
            self.begun.set()

        threads = [threading.Thread(target=self._say, args=(first, hold))]
        threads[0].start()
        assert self.recorded.wait(30)
        threads.append(threading.Thread(target=self._say, args=(second, follow)))
        threads[1].start()
        for thread in threads:
            thread.join()
        assert self.failed == []

    def _say(self, document: Any, then: Callable[[Session], None]) -> None:
        source = self.told.registry
        cause = Cause(Actor("source", source.name), source.name)

        def work(session: Session) -> None:
            assert (
                record_batch(session, [document], source=source, cause=cause).receipt.refused == ()
            )
            then(session)

        try:
            self.told.database.transact(work)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            self.failed.append(error)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        (made(1, at=LATER, model_class="agentic"), use(at=LATER, decision_role="automated")),
        (made(1, at=LATER, datasets=[of("b")]), data("b", at=LATER, data_sensitivity="personal")),
        (plain("score", at=LATER, depends_on=[named("churn")]),
         use(of_model="score", at=LATER, regulated_purposes=HIGH)),
    ],
    ids=["two parts of one model", "a new dataset and what is known of it", "a new consumer"],
)  # fmt: skip
def test_settle_two_at_once(
    database: Database, make_database: MakeDatabase, changes: tuple[Any, Any], *, turned: bool
) -> None:
    """Two transactions that change what one model rests on end as if one had come after the other.

    Neither sees what the other one writes until that is saved.
    """
    said = [*harmless(), *harmless("score"), data("b", data_sensitivity="internal")]
    told = Told(database)
    told.say(*said)
    Meanwhile(told).both(*(reversed(changes) if turned else changes))

    with make_database() as other:
        alone = Told(other)
        alone.say(*said)
        for one in changes:
            alone.say(one)
        assert told.all() == alone.all()
    with database.reading() as session:
        deadlocks = sa.text(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        assert session.execute(deadlocks).scalar_one() == 0
