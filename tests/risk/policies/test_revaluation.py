"""After a policy came into force, everything stands as it says; written once, and resumable."""

import signal
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import sqlalchemy as sa

from bench.fleet import FEW_PROFILES, fill_fleet
from service.db import Database
from service.risk.rules.confirmed import holds_by
from service.risk.rules.revaluation import continue_revaluations
from service.risk.rules.rule_sets import POLICIES
from tests.conftest import MakeDatabase
from tests.risk.policies.rules import (
    in_force,
    policy_of,
    preview,
    put_in_force,
    revaluate,
    standings,
    stricter,
    upload,
)
from tests.support.catalog import all_changes, last_change, rows
from tests.support.dying_revaluer import dying_revaluer

TOLD = ("tier", "status", "tier_low", "tier_high", "workflow_tier", "blocked")
WHERE = f"SELECT use_id, {', '.join(TOLD)} FROM assessment"  # noqa: S608  # ours
PROGRESS = "SELECT total, rated, changed, done_at IS NULL FROM revaluation ORDER BY id"
ALIKE = 130  # models that a kill meets: three steps


def asks_more(document: Any) -> None:
    """A purpose that nobody has been asked for lifts to HIGH."""
    document["purposes"]["for_children"] = {"regime": "firm", "asks": "an offer to children"}
    document["floors"].append({
        "id": "F11", "title": "Offers to children", "regime": "firm", "hard": True, "to": "HIGH",
        "when": {"purpose": "for_children"},
    })  # fmt: skip


def where(database: Database) -> dict[Any, dict[str, Any]]:
    """Where each use stands."""
    return {use: dict(zip(TOLD, rest, strict=True)) for use, *rest in rows(database, WHERE)}


def test_preview_is_activation(fleet: Database) -> None:
    """What the preview lists is what changes, and nothing else does."""
    upload(fleet, POLICIES, policy_of(change=stricter))
    shown = preview(fleet, POLICIES, "2.0.0").preview
    lines = rows(fleet, "SELECT use_id, before, after FROM policy_preview_line")
    before = where(fleet)

    put_in_force(fleet, POLICIES, "2.0.0")
    assert revaluate(fleet, step=100) == len(before)

    after = where(fleet)
    changed = {use: (old, after[use]) for use, old in before.items() if after[use] != old}
    assert changed == {use: (old, new) for use, old, new in lines}
    assert shown is not None
    assert shown.changed == len(changed) > 0
    assert sum(one.count for one in shown.transitions) == shown.rated == shown.total == len(before)
    assert rows(fleet, PROGRESS)[0][:2] == (len(before), len(before))


def test_unchanged_rows_are_confirmed_unwritten(fleet: Database) -> None:
    """A row whose outcome stays is not written; what has come by holds by the new policy."""
    in_force(fleet, policy_of(change=stricter))
    held = "SELECT use_id, model_id, policy_id FROM assessment ORDER BY model_id, use_id"
    *_, last = rows(fleet, held)
    with fleet.reading() as session:
        assert holds_by(session, last[1], policy_id=last[2]) == last[2] == 1

    revaluate(fleet)

    total, rated, changed, going_on = rows(fleet, PROGRESS)[0]
    written = rows(fleet, "SELECT count(*) FROM assessment WHERE policy_id <> 1")[0][0]
    past = rows(fleet, "SELECT count(*) FROM assessment_history WHERE policy_id = 1")[0][0]
    assert (rated, going_on) == (total, False)
    assert 0 < changed == written == past < total
    with fleet.reading() as session:
        assert holds_by(session, last[1], policy_id=1) == 2


def test_models_follow(fleet: Database) -> None:
    """A model stands as its uses make it, is due where it moved, and the ledger says why."""
    before, known = _models(fleet), last_change(fleet)
    in_force(fleet, policy_of(change=stricter))
    revaluate(fleet)

    after = _models(fleet)
    moved = {model for model, stood in before.items() if after[model] != stood}
    due = {row[0] for row in rows(fleet, "SELECT model_id FROM risk_clock WHERE due_at <= now()")}
    greatest = (
        "SELECT model_id, max(array_position(ARRAY['NEGLIGIBLE','LOW','MEDIUM','HIGH'], tier))"
        " FROM {} GROUP BY 1 ORDER BY 1"
    )
    assert moved
    assert moved <= due
    assert len(due) < len(before)
    assert rows(fleet, greatest.format("assessment")) == rows(fleet, greatest.format("model_risk"))
    told = [one for one in all_changes(fleet, known) if one["kind"] == "assessment"]
    assert {one["entry"] for one in told} >= {str(model) for model in moved}
    assert {one["reason"] for one in told} == {"policy default-tiering 2.0.0"}
    assert all(one["old"] != one["new"] and one["field"] for one in told)


def _models(database: Database) -> dict[Any, Any]:
    return {row[0]: row[1:] for row in standings(database)[1]}


def test_there_and_back(fleet: Database) -> None:
    """The old policy under a new number brings back what was, but for clocks that ran meanwhile."""
    before = where(fleet)
    in_force(fleet, policy_of("2.0.0", change=stricter))
    revaluate(fleet)
    assert where(fleet) != before
    in_force(fleet, policy_of("3.0.0"))
    revaluate(fleet)
    assert {u: _tiers(one) for u, one in where(fleet).items()} == {
        u: _tiers(one) for u, one in before.items()
    }


def _tiers(stands: dict[str, Any]) -> list[Any]:
    return [stands[name] for name in TOLD if name != "workflow_tier"]


def test_clocks_start_then(fleet: Database) -> None:
    """Who becomes PROVISIONAL in production by a policy has the whole grace, from then on."""
    old = dict(rows(fleet, "SELECT use_id, status FROM assessment"))
    in_force(fleet, policy_of(change=asks_more))
    begun = datetime.now(UTC)
    revaluate(fleet)
    found = rows(
        fleet,
        "SELECT use_id, provisional_since, assessment.grace_end FROM assessment"
        " JOIN model_risk USING (model_id)"
        " WHERE assessment.status = 'PROVISIONAL' AND in_production",
    )
    new = [(since, ends) for use, since, ends in found if old[use] != "PROVISIONAL"]
    assert new
    for since, ends in new:
        assert since >= begun - timedelta(minutes=1)
        assert ends - since == timedelta(days=14)


def test_older_answers_say_nothing_of_new_purposes(fleet: Database) -> None:
    """A list that was given before does not state it: what was LOW may be HIGH, and all is read."""
    low = "SELECT count(*) FROM assessment WHERE tier_low = 'LOW' AND tier_high = '{}'"
    assert rows(fleet, low.format("LOW"))[0][0] > 0
    in_force(fleet, policy_of(change=asks_more))
    revaluate(fleet)
    assert rows(fleet, low.format("LOW")) == [(0,)]
    stated = "SELECT count(*) FROM assessment WHERE facts->'regulated_purposes' ? 'for_children'"
    assert rows(fleet, stated) == [(0,)]
    due = "SELECT count(*) FROM risk_clock WHERE due_at IS NULL"  # facts are built anew for all
    assert rows(fleet, due) == [(0,)]


def test_consumers_follow_the_policy(fleet: Database) -> None:
    """F8 reads how risky consumers are by the same policy, whatever came by first."""
    fed = (
        "SELECT s.tier, s.facts->'feeds_high_model', bool_or(c.own_low = 'HIGH'),"
        " bool_or(c.own_high = 'HIGH') FROM link JOIN assessment s ON s.model_id = target_id"
        " JOIN assessment c ON c.model_id = entry_id WHERE field = 'depends_on'"
        " GROUP BY s.use_id, s.tier, 2"
    )
    before = rows(fleet, fed)
    assert before
    assert {row[1:] for row in before} == {(False, False, False)}
    in_force(fleet, policy_of(change=all_high))
    revaluate(fleet, step=50)
    after = rows(fleet, fed)
    assert any(row[2] for row in after)
    for tier, fact, certain, possible in after:
        assert fact is (True if certain else None if possible else False)
        assert tier in ({"MEDIUM", "HIGH"} if possible else {"LOW", "MEDIUM", "HIGH"})
    assert len(rows(fleet, "SELECT 1 FROM risk_clock WHERE due_at IS NULL")) > 0


def all_high(document: Any) -> None:
    """Whatever is known to have some points is HIGH."""
    document["bands"] = {"MEDIUM": 1, "HIGH": 2}
    document["matrix"] = {
        "LOW": {"LOW": "LOW", "MEDIUM": "LOW", "HIGH": "HIGH"},
        "MEDIUM": {"LOW": "LOW", "MEDIUM": "MEDIUM", "HIGH": "HIGH"},
        "HIGH": {"LOW": "HIGH", "MEDIUM": "HIGH", "HIGH": "HIGH"},
    }


def test_values_of_a_policy_apart(fleet: Database) -> None:
    """A value that a policy does not know stands apart, as it came; the next one reads it again."""

    def renamed(document: Any) -> None:
        points = document["axes"]["inherent"]["exposure"]
        document["axes"]["inherent"]["exposure"] = {
            "offline_batch": points.pop("offline_batch"), "online": points.pop("internal_api"),
            "customer_facing": 10, "untrusted_content_or_tools": 15,
        }  # fmt: skip

    apart = 'SELECT count(*) FROM assessment WHERE outside @> \'{"exposure": "internal_api"}\''
    known = 'SELECT count(*) FROM assessment WHERE facts @> \'{"exposure": "internal_api"}\''
    before, stood = rows(fleet, known)[0][0], where(fleet)
    assert before > 0
    in_force(fleet, policy_of(change=renamed))
    revaluate(fleet)
    assert (rows(fleet, known)[0][0], rows(fleet, apart)[0][0]) == (0, before)
    in_force(fleet, policy_of("3.0.0"))
    revaluate(fleet)
    assert (rows(fleet, known)[0][0], rows(fleet, apart)[0][0]) == (before, 0)
    assert {u: _tiers(one) for u, one in where(fleet).items()} == {
        u: _tiers(one) for u, one in stood.items()
    }


def test_waits_for_open_transactions(fleet: Database) -> None:
    """Who began before the policy holds may still write by the old one: it is waited for."""
    in_force(fleet, policy_of(change=stricter))
    with fleet.engine.connect() as other:
        other.execute(sa.text("SELECT pg_current_xact_id()"))
        assert continue_revaluations(fleet) == 0
        assert rows(fleet, PROGRESS)[0][1] == 0
    revaluate(fleet)
    assert rows(fleet, PROGRESS)[0][3] is False


def test_killed(make_database: MakeDatabase) -> None:
    """Killed before or after any commit, it goes on: nothing is lost, nothing is done twice."""
    with dying_revaluer() as worker:
        for boundary in count(1):
            with make_database() as database:
                owner = Database(database.url.render_as_string(hide_password=False), role=None)
                filled = fill_fleet(owner, models=ALIKE, profiles=FEW_PROFILES)
                owner.dispose()
                in_force(database, policy_of(change=stricter))
                url = database.url.render_as_string(hide_password=False)

                died = worker.go_on(url, boundary)
                assert died in {0, signal.SIGKILL}
                assert worker.go_on(url) == 0

                total, rated, changed, _ = rows(database, PROGRESS)[0]
                past = rows(database, "SELECT count(*) FROM assessment_history")[0][0]
                assert total == rated == filled.uses, boundary
                assert changed == past, boundary
                stood = standings(database)
                in_force(database, policy_of("3.0.0", change=stricter))
                revaluate(database)
                assert standings(database) == stood, boundary  # the same again changes nothing
            if not died:
                break
    assert boundary > 2 * 5  # before and after: first seen, three steps, done
