"""Deliveries are taken while others hold what they can: no lock of theirs is waited for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.harvest import Coverage, OpenHarvest
from service.db import POOL
from service.hooks.process import claim, finish, process_deliveries
from service.ingest.harvests import open_harvest
from service.ingest.sources import get_source
from tests.hooks.deliveries import deliver, push
from tests.hooks.senders import GITHUB, GITLAB, PUSH, said, send, token_headers
from tests.support.http import Service


def harvesting(session: Session, name: str) -> None:
    """A harvest of a source that is being opened: its scope is locked."""
    asked = OpenHarvest(
        harvest=uuid7(), scope="repositories", coverage=Coverage.FULL, harvester_version="tests"
    )
    open_harvest(session, get_source(session, name), asked=asked, dry_run=False)


def declaring(session: Session, name: str) -> None:
    """A source whose settings somebody is changing."""
    session.execute(sa.text("UPDATE source SET enabled = true WHERE name = :name"), {"name": name})


def test_delivery_while_busy(service: Service) -> None:
    """HOOK-01: a harvest, a change of its source and a worker in mid-transaction hold nobody up.

    They hold what they have locked until all deliveries are answered.
    """
    database = service.database
    deliver(database, push(1))
    (claimed,) = database.transact(claim)
    with ExitStack() as stack:
        for work in (
            partial(harvesting, name=GITHUB), partial(declaring, name=GITHUB),
            partial(harvesting, name=GITLAB),
        ):  # fmt: skip
            work(stack.enter_context(database.writing()))
        reader = stack.enter_context(database.writing())
        finish(reader, claimed)
        for _ in range(3):  # slow queries of others
            stack.enter_context(database.reading()).execute(sa.text("SELECT 1"))

        with ThreadPoolExecutor(8) as pool:
            several = [pool.submit(send, service, {**PUSH, "of": number}) for number in range(24)]
            answers = [said(one.result()) for one in several]
        other = send(service, PUSH, token_headers(), to=GITLAB)

    assert answers == [(202, "stored")] * 24
    assert other.status_code == 202
    assert process_deliveries(database).deliveries == 25


def test_delivery_while_exhausted(service: Service) -> None:
    """HOOK-01: where slow requests hold every connection and thread, deliveries have their own.

    Their senders wait ten seconds at most, and GitHub sends nothing twice by itself.
    """
    with ExitStack() as stack, ThreadPoolExecutor(40) as pool:
        for _ in range(POOL):
            stack.enter_context(service.database.engine.connect())
        waiting = [pool.submit(service.ask, "GET", "models", service.reader) for _ in range(30)]
        answers = [said(send(service, {**PUSH, "of": number})) for number in range(6)]
        unanswered = sum(not one.done() for one in waiting)
        refused = {one.result().status_code for one in waiting}

    assert answers == [(202, "stored")] * 6
    assert unanswered > 0
    assert refused == {503}
