"""A pack of controls before it holds counts nowhere; then every model is checked by it."""

from typing import Any

import pytest

from service.db import Database
from service.risk.rules.jobs import follow_rules
from service.risk.rules.pack_previews import continue_pack_previews
from service.risk.rules.rule_sets import PACKS
from service.risk.settle import SOFTWARE, settle
from tests.risk.policies.rules import pack_of, preview, put_in_force, revaluate, upload
from tests.risk.tellings import LATER, Told, data, harmless, made, plain, runs, use
from tests.support.catalog import make_source, model, post, rows, version

RESULTS = "SELECT model_id, control, result FROM control_result ORDER BY 1, 2"
MODELS = 3


@pytest.fixture
def checked(database: Database) -> Database:
    """Some models that every control has been evaluated for."""
    source = make_source(database)
    names = [f"churn-{number}" for number in range(MODELS)]
    post(database, source, *(model(name) for name in names), *(version(1, name) for name in names))
    ids = [row[0] for row in rows(database, "SELECT id FROM model")]
    database.transact(lambda session: settle(session, ids, cause=SOFTWARE))
    return database


def harder(document: Any) -> None:
    """One control less, and one that fails for everybody."""
    document["controls"] = [one for one in document["controls"] if one["id"] != "INV-04"]
    own = next(one for one in document["controls"] if one["id"] == "INV-03")
    own |= {
        "id": "INV-33", "needs": [], "params": {}, "expression": "model.name == 'nobody'",
        "message": "Nothing is called so.", "fix": "Call it so.",
        "examples": [
            {"expect": "FAIL"},
            {"expect": "PASS", "set": {"model.name": "nobody"}},
        ],
    }  # fmt: skip
    for name in ("applies_when", "over", "as", "holds_for", "empty", "clock"):
        own.pop(name, None)


def test_preview_counts_nowhere(checked: Database) -> None:
    """What it would find is listed and counted, and nothing that stands has changed."""
    before = rows(checked, RESULTS)
    assert len({control for _, control, _ in before}) == 24
    upload(checked, PACKS, pack_of(change=harder))
    shown = preview(checked, PACKS, "2.0.0").preview
    assert shown is not None
    assert (shown.total, shown.rated) == (MODELS, MODELS)
    assert rows(checked, RESULTS) == before
    listed = rows(checked, "SELECT model_id, before, after FROM pack_preview_line"
                           " WHERE control = 'INV-33'")  # fmt: skip
    assert [row[1:] for row in listed] == [(None, "FAIL")] * MODELS
    counted = {
        one.after["result"]: one.count
        for one in shown.transitions
        if one.after["control"] == "INV-33"
    }
    assert counted == {"FAIL": MODELS}
    assert sum(one.count for one in shown.transitions) == MODELS * 23
    same = {(model, control): result for model, control, result in before}
    lines = rows(checked, "SELECT model_id, control, before FROM pack_preview_line")
    assert all(same.get((one, control)) == result for one, control, result in lines)


def test_preview_sees_reviews(database: Database) -> None:
    """The same controls find the same, of models in production whose reviews are open too."""
    told = Told(database)
    told.say(plain(), made(), use(regulated_purposes=["creditworthiness"]))
    told.say(*harmless("menu"), data(at=LATER, data_sensitivity="special_category"))
    told.serve(runs(), runs("menu", of_model="menu"))
    assert {kind for (kind,) in rows(database, "SELECT kind FROM review")} == {"PRE", "POST"}
    assert ("PASS",) in rows(database, "SELECT result FROM control_result WHERE control = 'VAL-05'")
    before = rows(database, "SELECT * FROM review ORDER BY id")
    upload(database, PACKS, pack_of())
    shown = preview(database, PACKS, "2.0.0").preview
    assert shown is not None
    assert [one for one in shown.transitions if one.before != one.after] == []
    assert shown.changed == 0
    assert rows(database, "SELECT * FROM review ORDER BY id") == before


def test_pack_in_force(checked: Database) -> None:
    """Every model is checked by it; what the preview said stands, what it dropped is gone."""
    upload(checked, PACKS, pack_of(change=harder))
    preview(checked, PACKS, "2.0.0")
    foreseen = rows(checked, "SELECT model_id, control, after FROM pack_preview_line ORDER BY 1, 2")
    put_in_force(checked, PACKS, "2.0.0")
    assert revaluate(checked, step=2) == MODELS
    found = rows(checked, RESULTS)
    assert {control for _, control, _ in found} >= {"INV-33"}
    assert "INV-04" not in {control for _, control, _ in found}
    still = {row for row in foreseen if not row[1].startswith("FND")}  # a failed one opens findings
    assert still <= set(found)
    what, total, rated, changed = rows(
        checked, "SELECT what, total, rated, changed FROM revaluation"
    )[0]
    assert (what, total, rated) == ("control_pack", MODELS, MODELS)
    assert changed >= MODELS


def test_many_step_by_step(checked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A preview of many models waits for the clock, and goes on where it was."""
    monkeypatch.setattr("service.risk.rules.pack_previews.AT_ONCE", 1)
    upload(checked, PACKS, pack_of(change=harder))
    shown = preview(checked, PACKS, "2.0.0")
    assert shown.preview is not None
    assert (shown.state, shown.preview.rated, shown.preview.done_at) == ("DRAFT", 0, None)
    seen: list[int] = []
    assert continue_pack_previews(checked, step=2, advance=seen.append) == MODELS
    assert seen == [2, 1]
    assert rows(checked, "SELECT state FROM control_pack WHERE version = '2.0.0'") == [
        ("PREVIEWED",)
    ]
    assert follow_rules(checked) == {"rules_begun": 0, "rules_previewed": 0, "rules_applied": 0}
