"""What nobody knew, in a bundle's file: facts, floors, controls, identities, sources."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.harvest import Coverage, Outcome
from schemas.identifiers import Kind
from schemas.queries import export_model
from service.exports.review.reading import Moments, Reading
from service.exports.review.required import completeness, missing_fields, required_count
from service.risk.controls.snapshot import missing_required
from service.risk.looking import read_pictures
from service.risk.tables import ModelRiskRow
from tests.api.test_as_of import moment
from tests.exports.review.told import AUDITOR, READER, cells, read_records
from tests.risk.reviews.bank import LOW, Bank
from tests.support.accounts import map_owner
from tests.support.catalog import Sweep, make_reader, model, post, rows, version

LATER = "2026-11-20T13:00:00Z"
SAID: dict[str, Any] = {"purpose": "It sorts.", "line_of_business": "retail",
                        "human_oversight": "none"}  # fmt: skip


def of(bank: Bank, when: str, kind: str, /, **asked: Any) -> list[tuple[str, ...]]:
    """What of one kind is unknown, whose it is, and of which use."""
    found = read_records(bank.database, "unknowns", when, **asked)
    return cells([one for one in found if one["what_kind"] == kind], "model", "what", "use")


def answer(bank: Bank, name: str, use: str, **facts: Any) -> None:
    """The registry says something of a use."""
    about = {"kind": "model", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}
    said = {"subject": {"kind": "use", "scheme": "name", "value": f"retail/{name}/{use}"},
            "observed_at": LATER, "facts": {"model": about, "name": use} | facts}  # fmt: skip
    assert post(bank.database, bank.registry, said).refused == ()


def fill(bank: Bank) -> None:
    """Models with no use, with one that nobody declared, with several; some without versions."""
    names = ("empty", "many", "asked")
    said = [model(name, exposure="offline_batch", lifecycle="pilot") for name in names]
    either = {"one_of": ["rules_or_linear", "agentic"]}
    assert post(
        bank.database, bank.registry, *said, version(1, "many", framework="sklearn"),
        version(2, "many", license="MIT", model_class=either),
    ).refused == ()  # fmt: skip
    answer(bank, "many", "first", **SAID)
    answer(bank, "many", "second", decision_role="automated", purpose=None)
    answer(bank, "asked", "(undeclared)", regulatory_use="none", **SAID)
    bank.say_use(at=LATER, **LOW)


def test_required(bank: Bank) -> None:
    """What is missing by the stored past is what is missing by the picture that controls read."""
    fill(bank)
    at, risk = datetime.fromisoformat(moment(bank.service)), ModelRiskRow.__table__
    tiers = dict(rows(bank.database, "SELECT model_id, workflow_tier FROM model_risk"))
    with bank.database.reading() as session:
        expected = {one.id: missing_required(one, tiers[one.id])
                    for one in read_pictures(session, tiers).values()}  # fmt: skip
    assert len({str(one) for one in expected.values()}) == len(expected) == 4
    assert len(set(tiers.values())) > 1

    with bank.database.reading() as session:
        moments = Moments(at, at)
        reading = Reading(session, export_model(Kind.MODEL)(), caller=AUDITOR, moments=moments)
        found: dict[Any, list[str]] = {one: [] for one in tiers}
        missing, share = missing_fields(reading), completeness(reading)
        for one in session.execute(sa.select(missing)):
            assert (one.use_id, one.kind in {"model", "use", "version"}) == (None, True)
            found[one.model_id].append(one.field)
        asked = sa.select(share, required_count(reading.at(risk).c.workflow_tier).label("asked"))
        stood = reading.at(risk)
        shares = session.execute(asked.join(stood, stood.c.model_id == share.c.model_id)).all()
    assert {one: sorted(fields) for one, fields in found.items()} == expected
    assert {one.model_id: one.percent for one in shares} == {
        one.model_id: 100 * (one.asked - len(found[one.model_id])) // one.asked for one in shares
    }
    assert {one.asked for one in shares} == {16, 25}


def test_facts_and_floors(bank: Bank) -> None:
    """Facts that the tier requires are of the model; floors of the use that they would lift."""
    bank.rate("LOW", at=LATER)
    when = moment(bank.service)
    facts = {what: use for _, what, use in of(bank, when, "field")}
    assert {"model.lifecycle", "use.line_of_business", "version.framework"} <= facts.keys()
    assert set(facts.values()) == {""}
    assert "use.decision_role" not in facts
    [(floors,)] = rows(bank.database, "SELECT floors_undecided FROM assessment")
    scoring = "retail/churn/scoring"
    assert of(bank, when, "floor") == [("retail/churn", one, scoring) for one in sorted(floors)]
    post(bank.database, bank.registry, model("fraud"))
    [(floors,)] = rows(bank.database, "SELECT floors_undecided FROM assessment a JOIN entry e"
                                      " ON e.id = a.model_id WHERE e.natural_key = :name",
                       name="retail/fraud")  # fmt: skip
    found = of(bank, moment(bank.service), "floor", name="fraud")
    use = "retail/fraud/(undeclared)"
    assert found == [("retail/fraud", one, use) for one in sorted(floors)] != []


def test_controls(bank: Bank) -> None:
    """Of a control each thing that it would have to know, since when, and who can state it."""
    when = moment(bank.service)
    lacking = {
        (control, one["path"], one["who"])
        for control, missing in rows(
            bank.database, "SELECT control, missing FROM control_result WHERE result = 'UNKNOWN'"
        )
        for one in missing
    }
    found = [one for one in read_records(bank.database, "unknowns", when)
             if one["what_kind"] == "control"]  # fmt: skip
    assert {(*one["what"].split(" "), one["who_can_state"]) for one in found} == lacking != set()
    assert all(one["since"] for one in found)


def test_identities(bank: Bank) -> None:
    """Whom nobody knew who built it, for those who may read notes; for others only that."""
    bank.rate("MEDIUM", at=LATER)
    bank.say_version(1, at=LATER, created_by="stranger@acme.example")
    map_owner(bank.database, "handle:retention", "other")
    review = bank.review("ASSIGNED", independence="UNKNOWN")
    opened = moment(bank.service)
    bank.act(review, "start", "reviewer")
    bank.act(review, "decide", "reviewer", **bank.decision(review))
    decided = moment(bank.service)
    assert of(bank, opened, "identity") == [("retail/churn", f"review {review}", "")]
    assert of(bank, decided, "identity") == [("retail/churn", "stranger@acme.example", "")]
    assert of(bank, decided, "identity", by=READER) == [("retail/churn", "withheld", "")]


def test_sources(bank: Bank) -> None:
    """A source that was not read completely in time is there once, for whoever may know of it."""
    post(bank.database, bank.registry, model("fraud"))
    never = moment(bank.service)
    sweep = Sweep(bank.database, bank.registry)
    sweep.sweep(model())
    opened = moment(bank.service)
    sweep.close()
    closed = moment(bank.service)
    failed = Sweep(bank.database, bank.registry, coverage=Coverage.DELTA)
    failed.close(Outcome.FAILED)
    both = [("", "cluster", ""), ("", "mlflow-prod", "")]
    assert of(bank, never, "source") == of(bank, opened, "source") == both
    assert of(bank, closed, "source") == of(bank, moment(bank.service), "source") == both[:1]
    assert of(bank, never, "source", by=make_reader(frozenset({"other"}))) == []

    long_ago = datetime.now(UTC) - timedelta(days=9)
    bank.run("UPDATE harvest SET closed_at = :at, opened_at = :at", at=long_ago)
    late = read_records(bank.database, "unknowns", moment(bank.service))
    [one] = [one for one in late if one["what"] == "mlflow-prod"]
    assert (one["model_id"], one["since"]) == ("", f"{long_ago:%Y-%m-%dT%H:%M:%SZ}")
    assert one["who_can_state"] == "source"
