"""Expiry: a pin falls away by itself, says so, and loses nobody else's."""

from typing import Any

import pytest
import sqlalchemy as sa

from service.db import Database
from service.ingest.rebuild import reconcile_all
from service.operation.jobs import run_jobs
from service.people.expiry import expire_pins
from tests.support.catalog import (
    OPERATOR,
    changes,
    last_change,
    make_source,
    model,
    post,
    rows,
)
from tests.support.http import Service

SOON = "2099-01-01T00:00:00Z"


def pin(service: Service, field: str, value: Any, name: str = "churn") -> None:
    """Pin a field of a contested model until long from now."""
    asked = {"value": value, "reason": "r", "expires_at": SOON}
    answer = service.ask(
        "PUT", f"models/retail/{name}/pins/{field}", service.token("admin"), json=asked,
        headers={"If-Match": "*"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text


def let_time_pass(database: Database) -> None:
    """All pins are over."""
    past = sa.text("UPDATE pin SET expires_at = clock_timestamp() - interval '1 second'")
    database.transact(lambda session: session.execute(past))


@pytest.fixture
def pinned(service: Service) -> Service:
    """A pinned model that two sources dispute."""
    for name, text in (("mlflow-prod", "a"), ("mlflow-other", "b")):
        source = make_source(service.database, name, precedence=50 if text == "a" else 40)
        post(service.database, source, model(source=name, description=text, owners=[]))
    pin(service, "description", "right")
    return service


def test_expired_pin_falls_away(pinned: Service) -> None:
    """Until the job comes it holds: expiry is an event, in the ledger and in the history."""
    database = pinned.database
    let_time_pass(database)
    assert pinned.get("models/retail/churn")["facts"]["description"] == "right"
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=True)) == []
    after = last_change(database)

    assert run_jobs(database, training_run_days=None, dry_run=True)["pins_expired"] == 1
    assert run_jobs(database, training_run_days=None)["pins_expired"] == 1

    assert pinned.get("models/retail/churn")["facts"]["description"] == "a"
    told = changes(database, after)
    assert [(c["op"], c["field"], c["new"], c["actor"]["kind"]) for c in told] == [
        ("expire", "description", None, "software"), ("update", "description", "a", "software"),
    ]  # fmt: skip
    assert told[0]["old"]["value"] == "right"
    assert told[0]["reason"] == told[1]["reason"] == "the pin expired"
    assert [c["op"] for c in pinned.get("models/retail/churn/history")["items"]][:2] == [
        "update", "expire",
    ]  # fmt: skip
    assert len(rows(database, "SELECT * FROM pin_history WHERE valid_to > valid_from")) >= 1
    assert run_jobs(database, training_run_days=None)["pins_expired"] == 0
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=True)) == []


def test_expired_pins_step_by_step(service: Service) -> None:
    """Many at once fall away in steps, each a transaction; one that is prolonged stays."""
    database = service.database
    source = make_source(database)
    names = [f"m{number}" for number in range(30)]
    post(database, source, *(model(name, description="a") for name in names))

    def many(session: Any) -> None:
        session.execute(sa.text(
            "INSERT INTO pin (entry_id, field, value, joined, beneath, reason, pinned_by, "
            "pinned_at, expires_at, change_id) SELECT id, 'description', '\"x\"', false, "
            "'{\"value\": \"a\"}', 'r', 'ann', now(), now() - interval '1 day', "
            "(SELECT max(id) FROM change) FROM entry WHERE kind = 'model'"
        ))  # fmt: skip
        session.execute(sa.text(
            "UPDATE pin SET expires_at = NULL WHERE entry_id = (SELECT entry_id FROM pin LIMIT 1)"
        ))  # fmt: skip

    database.transact(many)
    assert len(list(reconcile_all(database, actor=OPERATOR, dry_run=False))) >= 30

    assert expire_pins(database, step=7) == 29

    held = rows(database, "SELECT count(*) FROM model WHERE description = 'x'")
    assert (held, rows(database, "SELECT count(*) FROM pin")) == ([(1,)], [(1,)])
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=True)) == []


def test_damaged_pin_projection_is_repaired(pinned: Service) -> None:
    """What a pin made of an entry is rebuilt from the pin."""
    database = pinned.database
    forge = sa.text("UPDATE model SET description = 'forged', statements = '[]'")
    database.transact(lambda session: session.execute(forge))

    listed = list(reconcile_all(database, actor=OPERATOR, dry_run=False))

    assert sorted(str(one.field) for one in listed) == ["description", "statements"]
    assert pinned.get("models/retail/churn")["facts"]["description"] == "right"
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=True)) == []
