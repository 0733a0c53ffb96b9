"""Models are evaluated by the clock, and when what can be seen of them changes."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import Outcome
from service.db import Database
from service.ledger.change import Actor, Cause
from service.risk import settle as settling
from service.risk.evaluating import evaluate_due, follow_looks
from service.risk.touch import touch
from tests.risk.tellings import Told, harmless, made, plain, runs
from tests.support.catalog import Sweep, make_source, rows

TESTS = Cause(Actor("software", "tests"))
DUE = "SELECT count(*) FROM risk_clock WHERE due_at <= now()"
LOOKS = "SELECT what FROM risk_look WHERE complete ORDER BY what"


@pytest.fixture
def told(database: Database) -> Told:
    """A catalog with a registry and a cluster."""
    return Told(database)


def test_settle_too_many_at_once(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many models at once none is evaluated: they are due, and the worker evaluates them."""
    monkeypatch.setattr(settling, "AT_ONCE", 1)
    told.say(*harmless(), plain("menu"))
    assert told.tiers() == {}
    assert rows(told.database, DUE) == [(2,)]

    monkeypatch.undo()
    assert evaluate_due(told.database, dry_run=True) == 2
    assert evaluate_due(told.database, step=1) == 2
    assert told.tiers() == {"retail/churn": ("LOW", "FIRM"), "retail/menu": ("HIGH", "PROVISIONAL")}
    assert evaluate_due(told.database) == 0


def test_settle_supplier_of_too_many(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of the worker that feeds more models than fit leaves these for its next one."""
    needs = [
        {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}
        for name in ("churn", "menu")
    ]
    told.say(*harmless(), *harmless("menu"), *harmless("score", depends_on=needs))
    [(score,)] = rows(told.database, "SELECT id FROM entry WHERE natural_key = 'retail/score'")
    for change in (
        "UPDATE assessment SET own_low = 'HIGH', own_high = 'HIGH' WHERE model_id = :score",
        "UPDATE risk_clock SET due_at = now() - interval '1 hour' WHERE model_id = :score",
    ):
        told.run(change, score=score)
    monkeypatch.setattr(settling, "AT_ONCE", 1)

    assert evaluate_due(told.database, step=1) == 1
    assert rows(told.database, DUE) == [(2,)]
    assert evaluate_due(told.database, step=1) == 2
    assert rows(told.database, DUE) == [(0,)]


def test_settle_end_of_grace(told: Told) -> None:
    """When the grace of a provisional use is over, its model is due, and HIGH's rules apply."""
    told.say(plain(), made())
    told.serve(runs())
    [(tier, end, due)] = rows(
        told.database,
        "SELECT workflow_tier, grace_end, due_at FROM model_risk JOIN risk_clock USING (model_id)",
    )
    assert due is not None
    assert due <= end

    told.age(15)
    told.run("UPDATE risk_clock SET due_at = due_at - interval '15 days'")
    assert evaluate_due(told.database) == 1
    [(later, high, again)] = rows(
        told.database,
        "SELECT workflow_tier, tier_high, due_at > now() OR due_at IS NULL"
        " FROM model_risk JOIN risk_clock USING (model_id)",
    )
    assert (later, again) == (high, True)
    assert tier in {"LOW", "MEDIUM"}


def test_settle_complete_look(told: Told) -> None:
    """A harvest that completes a look lets every model be evaluated: nothing found is a fact."""
    told.say(*harmless())
    assert told.results()["INV-04"] == "UNKNOWN"
    assert rows(told.database, "SELECT in_production FROM model_risk") == [(None,)]

    cluster = Sweep(told.database, told.cluster)
    cluster.sweep(runs(of_model="other"))
    cluster.close()
    assert rows(told.database, LOOKS) == [("deployments",), ("source:cluster",)]
    assert rows(
        told.database,
        "SELECT in_production FROM model_risk JOIN entry ON id = model_id"
        " WHERE natural_key = 'retail/churn'",
    ) == [(False,)]

    registry = Sweep(told.database, told.registry)
    registry.sweep(*harmless())
    registry.close()
    assert told.results()["INV-04"] == "PASS"


def test_settle_look_that_gets_old(told: Told) -> None:
    """A look that is too old is none any more: the clock notices."""
    told.say(*harmless())
    cluster = Sweep(told.database, told.cluster)
    cluster.sweep(runs(of_model="other"))
    cluster.close()
    told.run("UPDATE scope SET full_closed_at = full_closed_at - interval '10 days'")

    evaluate_due(told.database)
    assert rows(told.database, LOOKS) == []
    assert rows(told.database, "SELECT DISTINCT in_production FROM model_risk") == [(None,)]


def test_settle_source_that_fails(told: Told) -> None:
    """The third failure in a row, and the next success, concern the models of that source alone."""
    git = make_source(told.database, "mlflow-git", kind="mlflow")
    told.say(*harmless())
    other = plain("else", source="mlflow-git")
    for source, said in ((told.registry, harmless()), (git, (other,))):
        sweep = Sweep(told.database, source)
        sweep.sweep(*said)
        sweep.close()
    evaluate_due(told.database)
    assert told.results()["INV-05"] == "PASS"
    for _ in range(3):
        Sweep(told.database, told.registry).close(Outcome.FAILED)
    assert rows(told.database, DUE) == [(1,)]

    assert evaluate_due(told.database) == 1
    assert (told.results()["INV-05"], told.results("retail/else")["INV-05"]) == ("FAIL", "PASS")
    sweep = Sweep(told.database, told.registry)
    sweep.sweep(*harmless())
    sweep.close()
    assert evaluate_due(told.database) == 1
    assert told.results()["INV-05"] == "PASS"


def test_settle_looks_that_stay(told: Told) -> None:
    """As long as nothing changes about what can be seen, no model is touched."""
    assert told.database.transact(follow_looks) is False
    told.say(*harmless())
    assert told.database.transact(follow_looks) is False


def test_settle_dry_run_and_rollback(told: Told) -> None:
    """What is taken back is not evaluated: a savepoint takes back its own part alone."""
    told.say(*harmless(), *harmless("menu"))
    models = [one for (one,) in rows(told.database, "SELECT id FROM entry WHERE kind = 'model'")]
    evaluated = "SELECT model_id, evaluated_at FROM risk_clock"
    before = dict(rows(told.database, evaluated))

    def partly(session: Session) -> None:
        touch(session, models[:1], cause=TESTS)
        with session.begin_nested() as savepoint:
            touch(session, models[1:], cause=TESTS)
            savepoint.rollback()

    told.database.transact(partly)
    after = dict(rows(told.database, evaluated))
    assert [one for one in models if after[one] != before[one]] == models[:1]

    def wholly(session: Session) -> None:
        session.execute(sa.select(1))
        touch(session, models, cause=TESTS)
        session.rollback()

    told.database.transact(wholly)
    assert dict(rows(told.database, evaluated)) == after


def test_settle_statements_are_few(told: Told, statements: Any) -> None:
    """However many models a batch concerns, as many statements evaluate them."""
    told.say(*harmless())
    counted = []
    for size in (1, 20):
        said = [one for n in range(size) for one in harmless(f"m{size}-{n}")]
        with statements() as sent:
            told.say(*said)
        counted.append(len(sent))

    assert counted[0] == counted[1]
