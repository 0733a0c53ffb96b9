"""What has no versions is reviewed as it is; what a reviewer says of a difference counts."""

from typing import Any

from tests.risk.reviews.bank import Bank
from tests.risk.reviews.test_clock import LATER, LATEST, decide, kinds
from tests.support.accounts import owned_by
from tests.support.catalog import model, post, rows, version


def test_no_version(bank: Bank) -> None:
    """What has no versions is reviewed as it is; its first version takes the review over."""
    said: dict[str, Any] = {"lifecycle": "production", "owners": [owned_by("retention")]}
    assert post(bank.database, bank.registry, model("vendor", **said)).refused == ()
    vendor = bank.id_of("retail/vendor")
    open_ones = (
        "SELECT id, version_id, due_at FROM review WHERE model_id = :m AND closed_at IS NULL"
    )

    [(first, about, before)] = rows(bank.database, open_ones, m=vendor)
    assert about == vendor
    bank.act(first, "assign", "reviewer")
    bank.act(first, "start", "reviewer")
    assert bank.get(first)["state"] == "IN_REVIEW"
    assert post(bank.database, bank.registry, version(1, "vendor")).refused == ()
    [(second, about, after)] = rows(bank.database, open_ones, m=vendor)
    assert (about, after) == (bank.id_of("retail/vendor/1"), before)
    assert second != first


def test_no_version_decided(bank: Bank) -> None:
    """A decision about what has no versions counts for it."""
    said: dict[str, Any] = {"lifecycle": "production", "owners": [owned_by("retention")]}
    post(bank.database, bank.registry, model("vendor", **said))
    of_vendor = "SELECT id FROM review WHERE model_id = :m"
    [(review,)] = rows(bank.database, of_vendor, m=bank.id_of("retail/vendor"))
    bank.act(review, "assign", "reviewer")
    bank.act(review, "start", "reviewer")
    bank.act(review, "decide", "reviewer", **bank.decision(review))

    states = "SELECT review_state FROM model_risk WHERE model_id = :m"
    assert rows(bank.database, states, m=bank.id_of("retail/vendor")) == [("REVIEWED",)]


def test_classified(bank: Bank) -> None:
    """A reviewer who did not build it may say that a material change is minor, until the next."""
    bank.say_model(at="2026-11-20T13:00:00Z", origin="in_house")
    bank.rate("MEDIUM")
    bank.deploy(1)
    decide(bank)
    bank.say_model(at=LATER, origin="vendor_black_box")
    assert kinds(bank) == [("TRIGGERED", "1")]
    place = "models/retail/churn/versions/1/changes"
    body = {"path": "model.origin", "change_class": "minor", "reason": "a new name alone"}

    def classify(who: str, **other: str) -> int:
        token = bank.tokens[who]
        answer = bank.service.ask("POST", f"{place}:classify", token, json=body | other)
        return int(answer.status_code)

    assert [classify(who) for who in ("reader", "owner", "approver", "admin")] == [403] * 4
    assert classify("reviewer", path="model.task") == 404
    assert classify("reviewer") == 200
    (one,) = bank.service.get(place, bank.tokens["reader"])["changes"]
    assert (one["path"], one["change_class"]) == ("model.origin", "minor")
    assert kinds(bank) == []
    bank.say_model(at=LATEST, origin="open_weights")
    assert kinds(bank) == [("TRIGGERED", "1")]
