"""What a revaluation makes of stored facts is what settling makes of the catalog."""

from typing import Any

from service.db import Database
from service.risk.settle import SOFTWARE, settle
from tests.risk.policies.rules import in_force, policy_of, revaluate
from tests.support.catalog import make_source, model, post, rows, version

RATED = (
    "SELECT use_id, tier, computed_tier, status, tier_low, tier_high, own_low, own_high,"
    " workflow_tier, blocked, materiality_low, materiality_high, inherent_low, inherent_high,"
    " floors, floors_undecided, facts, facts_digest, outside, provisional_since, provisional_ended,"
    " grace_end FROM assessment ORDER BY use_id"
)
STANDS = (
    "SELECT model_id, tier, computed_tier, status, tier_low, tier_high, workflow_tier,"
    " deciding_use, blocked, uses, grace_end, facts_digest FROM model_risk ORDER BY model_id"
)
CLASSES = ("rules_or_linear", "tree_or_ensemble", "generative", "agentic")
ROLES = ("informational", "assists", "automated")
PURPOSES: tuple[list[str], ...] = ([], ["creditworthiness"], ["us_high_impact", "safety_component"])


def use(name: str, number: int, **facts: Any) -> Any:
    """An observation of a use."""
    named = {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}
    value = f"retail/{name}/use-{number}"
    return {
        "subject": {"kind": "use", "scheme": "name", "value": value},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"model": named, "name": f"use-{number}"} | facts,
    }


def company() -> list[Any]:
    """Models with no, one or two uses, of all classes, some depending on the one before."""
    said = []
    for number in range(24):
        name = f"m{number}"
        facts: dict[str, Any] = {"explainability": "none"} if number % 3 else {}
        if number % 4 == 1:
            before = f"mlflow-prod/default/m{number - 1}"
            facts["depends_on"] = [{"kind": "model", "scheme": "mlflow", "value": before}]
        said.append(model(name, **facts))
        said.append(version(1, name, model_class=CLASSES[number % 4], origin="in_house",
                            aliases=["production"] if number % 2 else []))  # fmt: skip
        said += [
            use(name, one, decision_role=ROLES[(number + one) % 3],
                people_affected_per_year=10 ** (number % 7),
                regulated_purposes=PURPOSES[number % 3])
            for one in range(number % 3)
        ]  # fmt: skip
    return said


def change(document: Any) -> None:
    """Limits, points and a matrix all change."""
    document["bands"] = {"MEDIUM": 22, "HIGH": 41}
    document["axes"]["materiality"]["decision_role"]["assists"] = 17
    document["axes"]["inherent"]["model_class"]["agentic"] = 27
    document["matrix"]["LOW"]["HIGH"] = "MEDIUM"


def test_revaluation_is_settling(database: Database) -> None:
    """Every row is as settling everything afterwards would leave it."""
    receipt = post(database, make_source(database), *company())
    assert receipt.refused == ()
    ids = [row[0] for row in rows(database, "SELECT id FROM model")]
    database.transact(lambda session: settle(session, ids, cause=SOFTWARE))
    assert len(rows(database, RATED)) == 32
    before = rows(database, RATED)

    in_force(database, policy_of(change=change))
    revaluate(database, step=7)
    found = rows(database, RATED), rows(database, STANDS)
    assert found[0] != before
    assert len({row[4] for row in found[0]}) > 1

    database.transact(lambda session: settle(session, ids, cause=SOFTWARE))
    assert (rows(database, RATED), rows(database, STANDS)) == found
