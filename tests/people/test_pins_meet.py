"""Pins where others are: merged entries, batches at the same time."""

import threading

from tests.support.catalog import make_source, model, post, rows
from tests.support.pins import CHURN, OWNED, Owner, differences


def test_pins_of_merged_entries(ann: Owner) -> None:
    """Of two pins of one field the newest holds; un-merging restores both, releasing ends both."""
    service, database = ann.service, ann.service.database
    make_source(database, "mlflow-third")
    third = make_source(database, "mlflow-third", may_grant_ownership=True)
    post(database, third, model("attrition", source="mlflow-third", owners=OWNED))
    other, admin = "models/retail/attrition", service.token("admin")
    assert ann.put("license", value="older").status_code == 200
    assert ann.put("license", other, value="newer").status_code == 200
    asked = {"other": service.get(other)["id"], "reason": "the same"}
    merged = service.ask("POST", f"{CHURN}:merge", admin, json=asked)
    assert merged.is_success, merged.text

    found = ann.read("license").json()
    assert (found["value"], found["conflict"]) == ("newer", True)
    said = service.get(CHURN, provenance="true")["provenance"]["license"]
    assert [(one["source"], one["value"]) for one in said["contenders"]] == [("pin", "older")]
    assert differences(database) == []

    apart = service.ask("POST", f"{CHURN}:unmerge", admin, json=asked)
    assert apart.is_success, apart.text
    assert [ann.read("license", place).json()["value"] for place in (CHURN, other)] == [
        "older", "newer",
    ]  # fmt: skip
    assert service.ask("POST", f"{CHURN}:merge", admin, json=asked | {"lift": True}).is_success
    assert ann.drop("license").json()["pin"] is None
    assert "license" not in service.get(CHURN)["facts"]
    assert rows(database, "SELECT * FROM pin") == []
    assert differences(database) == []


def test_pin_while_a_batch_writes_the_same_entry(ann: Owner) -> None:
    """Whoever comes first: the pin holds, and the source's newest word lies beneath it."""
    database = ann.service.database
    source = make_source(database, precedence=80, may_grant_ownership=True)

    def harvest() -> None:
        for hour in range(10):
            at = f"2026-11-21T{hour:02}:00:00Z"
            post(database, source, model(at=at, description=f"d{hour}", owners=OWNED))

    running = threading.Thread(target=harvest)
    running.start()
    answers = [ann.put("description", tag="*", value=f"p{n}").status_code for n in range(5)]
    running.join()

    assert answers == [200] * 5
    found = ann.read("description").json()
    assert (found["value"], found["beneath"]["value"]) == ("p4", "d9")
    assert differences(database) == []
