"""The models' file: what stands beside a model's own facts, as it stood, for its reader."""

from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils.compat import uuid7

from tests.api.test_as_of import moment
from tests.exports.review.told import read_records
from tests.risk.reviews.bank import Bank
from tests.support.catalog import make_reader, make_source, model, post, rows

LATER = "2026-11-21T12:00:00Z"
RETAIL = make_reader(frozenset({"retail"}))


def of_churn(bank: Bank, **options: Any) -> dict[str, str]:
    """The record of the bank's model now."""
    records = read_records(bank.database, "models", moment(bank.service), **options)
    return next(one for one in records if one["model"] == "retail/churn")


def test_models_unseen_dependency(bank: Bank) -> None:
    """A model that its reader may not see is called as its consumer calls it."""
    other = make_source(bank.database, "elsewhere", namespace="wholesale")
    secret = {"kind": "model", "scheme": "mlflow", "value": "elsewhere/default/z1"}
    said = model("secret", "elsewhere", namespace="wholesale") | {"subject": secret}
    assert post(bank.database, other, said).refused == ()
    bank.say_model(at=LATER, depends_on=[secret])
    assert of_churn(bank)["dependencies"] == "wholesale/secret"
    assert of_churn(bank, by=RETAIL)["dependencies"] == "elsewhere/default/z1"


def test_models_uses_that_count(bank: Bank) -> None:
    """What was answered without declaring a use gives way to the first that is declared."""
    bank.say_use("(undeclared)", restrictions=["never for tests"])
    first = of_churn(bank)
    assert (first["uses"], first["restrictions"]) == ("0", "never for tests")
    bank.say_use("scoring", restrictions=["never alone"])
    second = of_churn(bank)
    assert (second["uses"], second["restrictions"]) == ("1", "never alone")


def test_models_owner_left(bank: Bank) -> None:
    """An owner who has left is not there, whatever else is said; before that day they are."""
    owner = {"kind": "owner", "scheme": "handle", "value": "retention"}

    def say(at: str, **facts: Any) -> None:
        document = {"subject": owner, "observed_at": at, "facts": facts}
        assert post(bank.database, bank.registry, document).refused == ()

    assert of_churn(bank)["owner_active"] == "unknown"
    say(LATER, active=True)
    assert of_churn(bank)["owner_active"] == "true"
    say("2026-11-22T12:00:00Z", active=True, left_at="2026-11-21T00:00:00Z")
    assert of_churn(bank)["owner_active"] == "false"


def test_models_override_over(bank: Bank) -> None:
    """An override whose time is over is none, also before that is written down."""
    now, made = datetime.now(UTC), uuid7()
    bank.insert("tier_override", {
        "id": made, "model_id": bank.id_of("retail/churn"), "use_id": bank.id_of("retail/churn"),
        "state": "IN_FORCE", "reason": "It is.", "evidence": [], "requested_by": "owner",
        "requested_at": now, "approved_by": "approver", "granted_at": now, "renewals": 0,
        "expires_at": now + timedelta(seconds=2), "direction": "up", "tier": "HIGH",
        "valid_from": now,
    })  # fmt: skip
    bank.run("UPDATE assessment SET override_id = :made", made=made)
    assert of_churn(bank)["override_tier"] == "HIGH"
    while rows(bank.database, "SELECT 1 FROM tier_override WHERE expires_at > clock_timestamp()"):
        pass
    assert of_churn(bank)["override_tier"] == ""
