"""Legal holds: placed and lifted by approvers; while one stands, nothing is thrown away."""

from datetime import timedelta
from typing import Any

from service.operation.retention import forget_training_runs
from service.risk.reviews.legal_holds import held
from tests.risk.reviews.bank import Bank
from tests.support.accounts import make_person
from tests.support.catalog import post, rows

YEAR = timedelta(days=365)


def run(bank: Bank, name: str, experiment: str) -> None:
    """A training run that ended long ago."""
    said: Any = {
        "subject": {"kind": "training_run", "scheme": "mlflow", "value": f"mlflow-prod/{name}"},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"name": name, "experiment": experiment, "ended_at": "2020-01-01T00:00:00Z"},
    }
    assert post(bank.database, bank.registry, said).refused == ()


def names(bank: Bank) -> set[str]:
    """The runs that are left."""
    return {name for (name,) in rows(bank.database, "SELECT name FROM training_run")}


def ask(bank: Bank, who: str, path: str = "legal-holds", **body: Any) -> Any:
    """Place or lift one."""
    return bank.service.ask("POST", path, bank.tokens[who], json={"reason": "suit", **body})


def test_hold(bank: Bank) -> None:
    """Runs of the model's experiments stay while it is held; the others go."""
    for name, experiment in (("made", "churn"), ("tried", "churn"), ("other", "else")):
        run(bank, name, experiment)
    made = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/made"}
    bank.say_version(1, at="2026-11-21T12:00:00Z", training_run=made)
    assert ask(bank, "reviewer", model="retail/churn").status_code == 403
    assert ask(bank, "approver", model="retail/nothing").status_code == 404
    placed = ask(bank, "approver", model="retail/churn")
    assert placed.status_code == 201, placed.text
    with bank.database.reading() as session:
        assert held(session, bank.id_of("retail/churn"))
        assert not held(session, bank.id_of())

    forget_training_runs(bank.database, after=YEAR)
    assert names(bank) == {"made", "tried"}
    listed = bank.service.get("/api/v1/legal-holds", bank.tokens["auditor"])["items"]
    assert [(one["model"], one["placed_by"]) for one in listed] == [("retail/churn", "approver")]
    lifted = ask(bank, "approver", f"legal-holds/{placed.json()['id']}:lift")
    assert lifted.json()["lifted_by"] == "approver"
    assert ask(bank, "approver", f"legal-holds/{placed.json()['id']}:lift").status_code == 404
    forget_training_runs(bank.database, after=YEAR)
    assert names(bank) == {"made"}


def test_hold_on_all(bank: Bank) -> None:
    """On all models: nothing at all goes; who approves in one namespace cannot place it."""
    run(bank, "old", "else")
    make_person(bank.database, "local", ("approver", "retail"))
    bank.tokens["local"] = bank.service.token_of("local")
    assert ask(bank, "local").status_code == 403
    assert ask(bank, "approver").status_code == 201
    assert forget_training_runs(bank.database, after=YEAR, dry_run=True) == 0
    assert forget_training_runs(bank.database, after=YEAR) == 0
    with bank.database.reading() as session:
        assert held(session, bank.id_of("retail/churn"))
