"""What changed since an earlier moment, in a bundle's file: each change of a model, and why."""

from datetime import UTC, datetime
from typing import Any

from service.db import Database
from service.people.expiry import expire_pins
from service.risk.findings.opened import end_acceptances
from service.risk.rules.rule_sets import PACKS
from tests.api.test_as_of import moment
from tests.exports.review.told import AUDITOR, READER, Record, cells, read_records
from tests.risk.policies.rules import in_force, pack_of, policy_of, revaluate, stricter
from tests.risk.reviews.bank import Bank
from tests.support.accounts import owned_by
from tests.support.catalog import Sweep, make_reader, make_source, model, post, version
from tests.support.pins import Owner

LATER, LATEST = "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"
PAGE = {"url": "https://mlflow.acme.example/#/models/churn", "digest": "sha256:1"}
ENTRIES = ("model", "version", "use", "dataset", "owner", "deployment", "repository", "build")


def changed(database: Database, since: str, when: str, **asked: Any) -> list[Record]:
    """The file, in the order of the ledger."""
    found = read_records(database, "changes_since", when, since=since, **asked)
    return sorted(found, key=lambda one: int(one["change"]))


def of_entries(found: list[Record], *names: str) -> list[tuple[str, ...]]:
    """Some columns of the changes of entries: not of what follows from them."""
    return cells([one for one in found if one["entry_kind"] in ENTRIES], *names)


def test_harvest(bank: Bank) -> None:
    """What began is named; what changed says from what to what, by which harvest, and where."""
    start = moment(bank.service)
    sweep = Sweep(bank.database, bank.registry)
    trained = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://data/leavers"},
               "role": "training"}  # fmt: skip
    changed_model = model(at=LATER, lifecycle="pilot", tags=["a", "b"], datasets=[trained],
                          description="-x;y")  # fmt: skip
    sweep.sweep(changed_model | {"evidence": PAGE}, version(2, at=LATER))
    sweep.close()
    when = moment(bank.service)
    found = changed(bank.database, start, when)
    by = ("harvest", f"mlflow-prod {sweep.id}")
    columns = ("entry_kind", "entry", "field", "old", "new", "cause_kind", "cause", "evidence")
    churn = ("model", "retail/churn")
    assert sorted(of_entries(found, *columns)) == sorted([
        ("dataset", "s3://data/leavers", "", "", "s3://data/leavers", *by, ""),
        (*churn, "datasets", "", "s3://data/leavers training", *by, PAGE["url"]),
        (*churn, "description", "", "'-x;y", *by, PAGE["url"]),
        (*churn, "lifecycle", "", "pilot", *by, PAGE["url"]),
        (*churn, "tags", "", "a; b", *by, PAGE["url"]),
        *((*churn, field, old, "", *by, PAGE["url"]) for field, old in (
            ("owners", "retention accountable"), ("data_sensitivity", "internal"),
            ("model_class", "tree_or_ensemble"),
        )),
        ("version", "retail/churn/2", "", "", "retail/churn/2", *by, ""),
    ])  # fmt: skip
    assert {one["model"] for one in found} == {"retail/churn"}
    assert all(start[:19] <= one["at"][:19] <= when for one in found)
    assert read_records(bank.database, "changes_since", when) == []
    assert changed(bank.database, when, when) == []


def test_causes(bank: Bank) -> None:
    """People, pushes, clocks, merges and rules: every kind of cause, each by its name."""
    bank.rate("MEDIUM", at=LATER)
    start = moment(bank.service)
    bank.say_model(at=LATER, lifecycle="pilot")
    owner = Owner(bank.service, bank.tokens["owner"])
    answer = owner.put("description", value="right", expires_at="2099-01-01T00:00:00Z")
    assert answer.status_code == 200, answer.text
    bank.run("UPDATE pin SET expires_at = clock_timestamp() - interval '1 second'")
    assert expire_pins(bank.database) == 1
    other = make_source(bank.database, "mlflow-two")
    theirs = model("loss", source="mlflow-two")
    same = theirs | {"observed_at": LATEST, "same_as": [model()["subject"]]}
    assert post(bank.database, other, theirs).refused == ()
    assert post(bank.database, other, same).refused == ()
    in_force(bank.database, policy_of(change=stricter))
    revaluate(bank.database)
    in_force(bank.database, pack_of(), rules=PACKS)
    revaluate(bank.database)
    found = changed(bank.database, start, moment(bank.service))

    causes = {(one["cause_kind"], one["cause"], one["entry_kind"]) for one in found}
    assert {
        ("harvest", "mlflow-prod", "model"), ("person", "owner", "model"),
        ("clock", "expiry", "model"), ("merge", "mlflow-two", "model"),
        ("policy", "default-tiering 2.0.0", "assessment"),
        ("policy", "default-tiering 2.0.0", "policy"), ("policy", "default 2.0.0", "control_pack"),
    } <= causes  # fmt: skip
    assert {kind for kind, _, _ in causes} == {"harvest", "person", "clock", "merge", "policy"}
    merged = [one for one in found if one["cause_kind"] == "merge"]
    assert cells(merged, "entry", "field", "old", "new") == [
        ("retail/loss", "numbered_by", "", "mlflow-two"), ("retail/loss", "", "", "retail/loss"),
    ]  # fmt: skip
    rules = [one for one in found if one["entry_kind"] in {"policy", "control_pack"}]
    assert set(cells(rules, "model", "model_id", "cause_kind")) == {("", "", "policy")}
    assert len(rules) == 4  # one began and one ended, of each


def test_clock(bank: Bank) -> None:
    """What time brings is the clock's: a finding whose accepted risk is open again."""
    start = moment(bank.service)
    decided(bank)
    bank.run("UPDATE finding SET state = 'RISK_ACCEPTED', accepted_by = 'approver',"
             " accepted_until = clock_timestamp()")  # fmt: skip
    now = datetime.now(UTC)
    assert bank.database.transact(lambda session: end_acceptances(session, now=now)) == 1
    found = changed(bank.database, start, moment(bank.service))
    [over] = [one for one in found if one["cause_kind"] == "clock"
              and one["entry_kind"] == "finding"]  # fmt: skip
    assert (over["cause"], over["new"]) == ("risk", "state=OPEN")


def decided(bank: Bank) -> str:
    """A reviewer finds something; the ledger keeps it under the model."""
    said = {"model": "retail/churn", "category": "data", "severity": "high", "title": "It drifts",
            "description": "Since May.", "assignee": "owner"}  # fmt: skip
    answer = bank.service.ask("POST", "findings", bank.tokens["reviewer"], json=said)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_masks(bank: Bank) -> None:
    """Of what people decided, others learn that there was a step, and no word of it."""
    start = moment(bank.service)
    at = decided(bank)
    when = moment(bank.service)
    [told], [seen] = ([one for one in changed(bank.database, start, when, by=by)
                       if one["entry_kind"] == "finding"] for by in (AUDITOR, READER))  # fmt: skip
    assert (told["field"], told["cause_kind"], told["cause"]) == (at, "person", "reviewer")
    assert (told["entry"], told["old"]) == ("retail/churn", "")
    assert "state=OPEN" in told["new"]
    hidden = ("old", "new", "cause", "evidence")
    assert seen == told | dict.fromkeys(hidden, "withheld")
    elsewhere = make_reader(frozenset({"wholesale"}))
    assert changed(bank.database, start, when, by=elsewhere) == []


def test_shared(bank: Bank) -> None:
    """A change of an owner is one of each model that names it, and of no other model."""
    post(bank.database, bank.registry, model("fraud", owners=[owned_by("retention")]),
         model("menu", owners=[owned_by("kitchen")]))  # fmt: skip
    start = moment(bank.service)
    told = {"subject": {"kind": "owner", "scheme": "handle", "value": "retention"},
            "observed_at": LATER, "facts": {"handle": "retention", "kind": "team"}}  # fmt: skip
    assert post(bank.database, bank.registry, told).refused == ()
    when = moment(bank.service)
    found = [one for one in changed(bank.database, start, when) if one["entry_kind"] == "owner"]
    assert set(cells(found, "model", "entry")) == {
        ("retail/churn", "retention"), ("retail/fraud", "retention"),
    }  # fmt: skip
    assert len({one["change"] for one in found}) == len(found) // 2
    only = changed(bank.database, start, when, name="fraud")
    assert [one for one in found if one["model"] == "retail/fraud"] == [
        one for one in only if one["entry_kind"] == "owner"
    ]


def test_references(bank: Bank) -> None:
    """What refers to another thing names it, by the fact; a deployment is its version's model's."""
    bank.say_version(2)
    bank.deploy(1)
    start = moment(bank.service)
    bank.deploy(2, at=LATER)
    found = changed(bank.database, start, moment(bank.service))
    assert of_entries(found, "entry_kind", "entry", "field", "old", "new") == [
        ("deployment", "cluster/serving/churn", "version", "retail/churn/1", "retail/churn/2")
    ]


def test_past_stays(bank: Bank) -> None:
    """What happens after the moment changes nothing in the file."""
    start = moment(bank.service)
    bank.say_model(at=LATER, lifecycle="pilot")
    decided(bank)
    when = moment(bank.service)
    past = changed(bank.database, start, when)
    bank.say_model(at=LATEST, lifecycle="production")
    bank.say_version(2)
    other = make_source(bank.database, "mlflow-two")
    theirs = model("loss", source="mlflow-two", at=LATEST)
    assert post(bank.database, other, theirs | {"same_as": [model()["subject"]]}).refused == ()
    assert changed(bank.database, start, when) == past != []
