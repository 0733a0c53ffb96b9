"""Merged models are one for risk too; un-merged, each goes on where it stood."""

from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from service.db import Database
from service.ledger.change import Actor, Cause
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.locking import lock_models
from service.risk.touch import touch
from tests.risk.tellings import Told, harmless, made, plain, runs, use
from tests.support.catalog import rows
from tests.support.identity import decide, find_id

TESTS = Cause(Actor("software", "tests"))
CHURN, COPY = "mlflow:mlflow-prod/default/churn", "mlflow:mlflow-prod/default/copy"


@pytest.fixture
def told(database: Database) -> Told:
    """A catalog with a registry and a cluster."""
    return Told(database)


def two_models(told: Told) -> None:
    """One that is harmless, one of whose use nobody says anything, both in production."""
    told.say(*harmless(), plain("copy"), made(9, "copy"))
    told.serve(runs(), runs("other", number=9, of_model="copy"))
    assert told.tiers() == {"retail/churn": ("LOW", "FIRM"), "retail/copy": ("HIGH", "PROVISIONAL")}


def opened(told: Told, model: UUID) -> None:
    """A severe incident of a model, as somebody reported it."""
    incident = WantedFinding(
        model=model, version=None, source="incident", cause=f"incident:{uuid7()}",
        category="incident", severity="high", title="It answers anything", description="Stop it.",
    )  # fmt: skip

    def work(session: Any) -> None:
        now = lock_models(session, [model])
        open_findings(session, [incident], cause=TESTS, now=now)
        touch(session, [model], cause=TESTS)

    told.database.transact(work)


def test_settle_merged_models(told: Told) -> None:
    """The one that was merged away has no standing of its own: no tier, no result."""
    two_models(told)
    decide(told.database, "model", CHURN, COPY)

    assert told.tiers() == {"retail/churn": ("LOW", "FIRM")}
    assert told.uses() == {"retail/churn/offers": "LOW"}
    assert told.results("retail/copy") == {}
    [(models,)] = rows(told.database, "SELECT count(DISTINCT model_id) FROM control_result")
    assert models == 1


def test_settle_unmerged_models(told: Told) -> None:
    """Each comes back with its tier, what was confirmed of it, and its clock."""
    two_models(told)
    told.age(5)
    told.run(
        "UPDATE model_risk SET confirmed_by = 'anna', confirmed_at = now(),"
        " confirmed_digest = facts_digest"
    )
    told.settle()
    standing = (
        "SELECT natural_key, tier, confirmed_by, confirmed_digest, production_since"
        " FROM model_risk JOIN entry ON id = model_id ORDER BY 1"
    )
    before, clocks, seen = rows(told.database, standing), told.clocks(), told.all()
    decide(told.database, "model", CHURN, COPY)
    assert len(rows(told.database, standing)) == 1

    decide(told.database, "model", CHURN, COPY, verb="unmerge")

    assert rows(told.database, standing) == before
    assert told.clocks() == clocks
    for was, found in zip(seen, told.all(), strict=True):
        assert set(found) ^ set(was) == set()


def test_settle_decisions_of_merged_models(told: Told) -> None:
    """What is open about a model that was merged away counts for the one that it went into."""
    two_models(told)
    opened(told, find_id(told.database, "mlflow-prod/default/copy"))
    decide(told.database, "model", CHURN, COPY)
    assert told.facts()["red_signal_open"] is True
    assert told.tiers()["retail/churn"] == ("MEDIUM", "FIRM")

    decide(told.database, "model", CHURN, COPY, verb="unmerge")
    assert told.facts()["red_signal_open"] is False
    assert told.tiers()["retail/churn"] == ("LOW", "FIRM")
    assert told.facts("retail/copy")["red_signal_open"] is True


def test_settle_decision_about_a_merged_model(told: Told) -> None:
    """What is decided under the merged model is followed at once under the one that stands."""
    two_models(told)
    merged = find_id(told.database, "mlflow-prod/default/copy")
    decide(told.database, "model", CHURN, COPY)
    opened(told, merged)

    assert told.facts()["red_signal_open"] is True
    assert rows(told.database, "SELECT count(*) FROM model_risk") == [(1,)]


def test_settle_merged_consumer(told: Told) -> None:
    """A consumer that is merged with another one is one consumer."""
    needs = [{"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"}]
    high = use(of_model="copy", regulated_purposes=["creditworthiness"])
    told.say(*harmless(), plain("copy", depends_on=needs), made(1, "copy"), high)
    told.say(plain("menu"), made(2, "menu"), use("games", of_model="menu"))
    assert told.tiers()["retail/churn"] == ("MEDIUM", "FIRM")

    decide(told.database, "model", COPY, "mlflow:mlflow-prod/default/menu")

    assert told.tiers()["retail/churn"] == ("MEDIUM", "FIRM")
    assert len(told.tiers()) == 2
    counted = told.facts()["downstream_dependents"]
    assert counted == {"one_of": ["1_2", "3_9", "ge_10"]}
