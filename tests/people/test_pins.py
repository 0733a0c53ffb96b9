"""Pins: a person's value holds, the harvested one stays visible, and hostile ones are refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.strict import instant_text
from tests.support.accounts import make_owner
from tests.support.catalog import (
    changes,
    last_change,
    make_source,
    model,
    post,
    rows,
    version,
)
from tests.support.http import Service
from tests.support.identity import about
from tests.support.pins import ANN, CHURN, LATER, OWNED, Owner, differences, problem


def test_pin_holds_and_says_so(ann: Owner) -> None:
    """The pin is the value; the detail says who, when and why, and what sources say beneath."""
    after = last_change(ann.service.database)
    answer = ann.put("description", value="right", expires_at="2099-01-01T00:00:00Z")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["value"], found["conflict"]) == ("right", True)
    assert found["beneath"] == {"stated": True, "value": "strong"}
    assert found["pin"]["beneath"] == found["beneath"]
    assert found["pin"]["differs_since"] is None
    assert [(c["field"], c["old"], c["new"]) for c in found["changes"]] == [
        ("description", "strong", "right")
    ]
    assert answer.headers["ETag"] == ann.read("description").headers["ETag"]

    detail = ann.service.get(CHURN, provenance="true")
    said = detail["provenance"]["description"]
    assert (said["value"], said["source"], said["precedence"]) == ("right", "pin", 100)
    assert [one["value"] for one in said["contenders"]] == ["strong", "weak"]
    assert said["pin"] == found["pin"]
    assert (said["pin"]["reason"], said["pin"]["value"]) == ("I know", "right")
    assert detail["provenance"]["tags"]["pin"] is None
    assert detail["sources"] == ["mlflow-other", "mlflow-prod", "pin"]
    assert ann.service.get("models", source="pin")["items"][0]["name"] == "retail/churn"
    told = changes(ann.service.database, after)
    assert [(c["op"], c["field"], c["reason"]) for c in told] == [
        ("pin", "description", "I know"), ("update", "description", "I know"),
    ]  # fmt: skip
    assert differences(ann.service.database) == []


def test_pin_survives_harvest_and_differs(ann: Owner) -> None:
    """The source moves while the pin holds: the value stays, and the pin says since when."""
    database = ann.service.database
    source = make_source(database, precedence=80, may_grant_ownership=True)
    ann.put("description", value="right")
    post(database, source, model(at=LATER, description="moved", tags=["a"], owners=OWNED))
    moved = rows(database, "SELECT valid_from FROM model")[0][0]
    post(database, source, model(at="2026-11-22T00:00:00Z", description="moved", tags=["b"],
                                 owners=OWNED))  # fmt: skip

    found = ann.read("description").json()

    assert (found["value"], found["beneath"]["value"]) == ("right", "moved")
    assert found["pin"]["beneath"]["value"] == "strong"
    assert found["pin"]["differs_since"] == instant_text(moved)
    said = ann.service.get(CHURN, provenance="true")["provenance"]["description"]
    assert said["pin"] == found["pin"]
    assert differences(database) == []

    post(database, source, model(at="2026-11-23T00:00:00Z", description="strong", owners=OWNED))
    assert ann.read("description").json()["pin"]["differs_since"] is None


def test_pin_released(ann: Owner) -> None:
    """What sources say holds again, and the ledger keeps both."""
    after = last_change(ann.service.database)
    ann.put("tags", value=["pinned"])
    assert ann.service.get(CHURN)["facts"]["tags"] == ["pinned"]

    released = ann.drop("tags")

    assert (released.status_code, released.json()["pin"]) == (200, None)
    assert ann.service.get(CHURN)["facts"]["tags"] == ["a"]
    assert [c["op"] for c in changes(ann.service.database, after)] == [
        "pin", "update", "unpin", "update",
    ]  # fmt: skip
    again = ann.drop("tags")
    assert problem(again)[:2] == (404, "pin_not_found")
    assert differences(ann.service.database) == []


def test_pin_empty_is_stated_empty(ann: Owner) -> None:
    """Null and an empty list are values too: nobody owns it, it has no description."""
    assert ann.put("description", value=None).status_code == 200
    assert ann.put("owners", value=[]).status_code == 200

    facts = ann.service.get(CHURN)["facts"]
    assert (facts["description"], facts["owners"]) == (None, [])


def test_pin_narrowed(ann: Owner) -> None:
    """A choice is a value where sources may state one."""
    answer = ann.put("model_class", value={"one_of": ["generative", "agentic"]})

    assert answer.json()["value"] == {"one_of": ["agentic", "generative"]}
    assert problem(ann.put("model_class", value=None))[0] == 422
    assert differences(ann.service.database) == []


def test_pin_joined(ann: Owner) -> None:
    """Both are right: the members of all sources hold together; one value cannot."""
    found = ann.put("disclosed", joined=True).json()

    assert (found["value"], found["conflict"]) == (["x", "y"], False)
    assert problem(ann.put("description", joined=True))[:2] == (422, "not_a_set")
    assert problem(ann.put("disclosed", joined=True, value=["x"]))[0] == 422
    assert differences(ann.service.database) == []


@pytest.mark.parametrize(
    ("field", "body", "expected"),
    [
        ("descriptoin", {"value": "x"},
         (404, "fact_unknown", [("/field", "Did you mean description?")])),
        ("name", {"value": "x"}, (422, "naming_fact", [("/field", "")])),
        ("description", {"value": 7}, (422, "invalid", [("/value", "")])),
        ("tags", {"value": ["a", 7]}, (422, "invalid", [("/value/1", "")])),
        ("owners", {"value": "ann"}, (422, "invalid", [("/value", "")])),
        ("explainability", {"value": "mostly"}, (422, "invalid", [("/value", "")])),
        ("explainability", {"value": {"one_of": ["none", "mostly"]}},
         (422, "invalid", [("/value", ""), ("/value/one_of/1", "")])),
        ("owners", {"value": [{"owner": ANN, "rol": "x"}]},
         (422, "invalid", [("/value/0/rol", "Did you mean role?")])),
        ("description", {}, (422, "invalid", [("", "")])),
        ("description", {"value": "x", "reason": ""}, (422, "invalid", [("/reason", "")])),
        ("lifecycle", {"value": "prod"}, (422, "invalid", [("/value", "")])),
    ],
)  # fmt: skip
def test_pin_refused(ann: Owner, field: str, body: Any, expected: Any) -> None:
    """A pin is checked as strictly as an observation, and says where it is wrong."""
    tag = "*"

    assert problem(ann.put(field, tag=tag, **body)) == expected
    assert rows(ann.service.database, "SELECT * FROM pin") == []


def test_pin_expiry_in_the_past(ann: Owner) -> None:
    """It would never hold."""
    past = instant_text(datetime.now(UTC) - timedelta(seconds=1))
    status, code, places = problem(ann.put("description", value="x", expires_at=past))

    assert (status, code, places[0][0]) == (422, "invalid", "/expires_at")


def test_pin_needs_the_state_that_was_read(ann: Owner) -> None:
    """Nobody overwrites a pin unseen; the first needs the tag of its absence, or says so."""
    unpinned = ann.read("description").headers["ETag"]
    assert problem(ann.put("description", tag="", value="x"))[:2] == (428, "tag_needed")
    assert ann.put("description", tag=unpinned, value="x").status_code == 200
    stale = ann.put("description", tag=unpinned, value="y")
    assert problem(stale)[:2] == (412, "tag_stale")
    assert stale.headers["ETag"] == ann.read("description").headers["ETag"]
    fresh: dict[str, Any] = {
        "json": {"value": "z", "reason": "r"}, "headers": {"If-None-Match": "*"},
    }  # fmt: skip
    place = f"{CHURN}/pins"
    assert ann.service.ask("PUT", f"{place}/description", ann.token, **fresh).status_code == 412
    fresh["json"] = {"value": ["t"], "reason": "r"}
    assert ann.service.ask("PUT", f"{place}/tags", ann.token, **fresh).status_code == 200


def test_pin_same_again(ann: Owner) -> None:
    """Just the same writes nothing."""
    first = ann.put("description", value="x")
    after = last_change(ann.service.database)
    again = ann.put("description", value="x")

    assert again.headers["ETag"] == first.headers["ETag"]
    assert changes(ann.service.database, after) == []


def test_pin_dry_run(ann: Owner) -> None:
    """It says what would change, field by field, and keeps nothing."""
    after = last_change(ann.service.database)
    planned = ann.put("description", value="x", dry_run=True).json()

    assert [(c["field"], c["new"]) for c in planned["changes"]] == [("description", "x")]
    assert ann.read("description").json()["pin"] is None
    assert changes(ann.service.database, after) == []


def test_pin_who_may(ann: Owner) -> None:
    """Who owns it; not an admin as such, but whoever may resolve what is contested."""
    service = ann.service
    stranger = Owner(service, service.token())
    admin = Owner(service, service.token("admin"))

    assert problem(stranger.put("description", value="x"))[:2] == (403, "not_yours")
    assert problem(admin.put("tags", value=["x"]))[:2] == (403, "not_yours")
    assert admin.put("description", value="x").status_code == 200  # two sources differ
    assert admin.drop("description").status_code == 200
    elsewhere = service.token("reader", namespaces=["wholesale"])
    asked = {"json": {"value": "x", "reason": "r"}, "headers": {"If-Match": "*"}}
    hidden = service.ask("PUT", f"{CHURN}/pins/description", elsewhere, **asked)
    assert problem(hidden)[:2] == (404, "model_not_found")


def test_pin_of_an_owner_whom_nobody_described(service: Service) -> None:
    """A stub begins, as when a source mentions somebody; who may not name a model names none."""
    post(service.database, make_source(service.database), model())
    admin = Owner(service, service.token("admin"))
    new = {"kind": "owner", "scheme": "email", "value": "Eve@acme.example"}

    found = admin.put("owners", value=[{"owner": new}])

    assert found.status_code == 200, found.text
    assert found.json()["value"][0]["owner"]["value"] == "eve@acme.example"
    owner = service.get("owners")["items"][0]
    assert (owner["stub"], owner["name"]) == (True, "eve@acme.example")
    assert service.get("models", owner="eve@acme.example")["items"][0]["name"] == "retail/churn"
    assert differences(service.database) == []


def test_pin_below_and_elsewhere(ann: Owner) -> None:
    """Versions and everything else are pinned at their own addresses."""
    number = f"{CHURN}/versions/1"
    assert ann.put("status", number, value="BROKEN").json()["value"] == "BROKEN"
    assert ann.service.get(number)["facts"]["status"] == "BROKEN"
    assert problem(ann.put("number", number, tag="*", value="2"))[:2] == (422, "naming_fact")
    listed = ann.service.get(f"{number}/pins")["items"]
    assert [(one["field"], one["value"]) for one in listed] == [("status", "BROKEN")]
    owner = ann.service.get("owners")["items"][0]["id"]
    assert problem(ann.put("active", f"owners/{owner}", value=False))[0] == 403
    unknown = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/r9"}
    assert ann.put("training_run", number, value=unknown).status_code == 200
    nobody = {"kind": "repository", "scheme": "url", "value": "https://git.acme.example/a/b"}
    assert ann.put("repository", number, value=nobody).status_code == 200
    assert differences(ann.service.database) == []


def test_pin_on_a_stub_and_a_retired_one(service: Service) -> None:
    """A stub stays one, and what is gone keeps its pin."""
    source = make_source(service.database)
    run = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/default/r1"}
    post(service.database, source, model(), version(1, training_run=run))
    make_source(service.database, "mlflow-other")
    admin = Owner(service, service.token("admin"))
    asked = admin.put("owners", value=OWNED)
    assert asked.status_code == 200
    owner = Owner(service, make_owner(service, "ann", "handle:user:ann"))
    stub = service.get("training-runs")["items"][0]
    assert problem(owner.put("name", f"training-runs/{stub['id']}", value="x"))[0] == 403
    owner.put("description", value="x")
    post(
        service.database,
        source,
        {"subject": model()["subject"], "observed_at": LATER, "gone": True},
    )

    detail = service.get(CHURN)
    assert (detail["gone_since"] is not None, detail["facts"]["description"]) == (True, "x")
    assert owner.put("description", value="y").json()["value"] == "y"
    assert differences(service.database) == []


def test_pins_statements_are_constant(ann: Owner, statements: Any) -> None:
    """Reading costs the same for one pin and for many, however often sources moved since."""
    database = ann.service.database
    source = make_source(database, precedence=80, may_grant_ownership=True)

    def counted() -> list[int]:
        found = []
        for path in (f"{CHURN}/pins", f"{CHURN}/pins/description", f"{CHURN}?provenance=true"):
            with statements() as said:
                assert ann.service.ask("GET", path, ann.service.reader).status_code == 200
            found.append(len([one for one in said if "token" not in one]))
        return found

    ann.put("description", value="x")
    first = counted()
    for field, value in (("tags", ["x"]), ("license", "MIT"), ("lifecycle", "pilot")):
        assert ann.put(field, value=value).status_code == 200
    for hour in range(5):
        at = f"2026-11-21T{hour:02}:00:00Z"
        post(database, source, model(at=at, description=f"d{hour}", owners=OWNED))

    assert counted() == first
    assert first == [4, 4, 7]


def test_pin_names_what_the_caller_sees(ann: Owner) -> None:
    """Who is bound to a namespace learns and reaches nothing of another one by naming it."""
    service = ann.service
    theirs = make_source(service.database, "elsewhere", namespace="wholesale")
    named = about("dataset", "s3://theirs/a", "uri")
    hidden = model("hidden", source="elsewhere")
    hidden |= {"facts": {"namespace": "wholesale", "name": "hidden"}}
    post(service.database, theirs, hidden, version(1, "hidden", source="elsewhere"),
         {"subject": named, "observed_at": LATER, "facts": {}})  # fmt: skip
    ours = make_source(service.database, precedence=80, may_grant_ownership=True)
    served = {
        "subject": about("deployment", "cluster/churn", "k8s"), "observed_at": LATER,
        "facts": {"version": version(1)["subject"]},
    }  # fmt: skip
    assert post(service.database, ours, version(1), served).refused == ()
    [(live,)] = rows(service.database, "SELECT id FROM deployment")
    bound = Owner(service, service.token_of("ann", role="reader", namespaces=["retail"]))

    def refused(place: str, field: str, value: Any) -> Any:
        answer = bound.put(field, place, value=value)
        assert answer.status_code == 422, answer.text
        return answer.json()["errors"]

    for value in ("elsewhere/default/hidden/1", "elsewhere/default/nothing/1"):
        errors = refused(f"deployments/{live}", "version", about("version", value))
        assert errors[0]["message"] == "names a version that the catalog does not know"
    for data in (named, named | {"value": "s3://theirs/b"}):
        errors = refused(f"{CHURN}/versions/1", "datasets", [{"dataset": data}])
        assert errors[0]["message"] == "names a dataset that the catalog does not know"
    assert bound.service.get("datasets", bound.token)["items"] == []
    new = [*OWNED, {"owner": about("owner", "new", "handle"), "role": "developer"}]
    assert bound.put("owners", value=new).status_code == 200
    assert ann.put("datasets", f"{CHURN}/versions/1", value=[{"dataset": named}]).status_code == 200
