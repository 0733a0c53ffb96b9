"""What controls find: three states, items, waivers and time."""

from collections.abc import Mapping
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from schemas.controls import Result, Severity
from service.risk.controls.judging import (
    MOST_ITEMS,
    ControlResult,
    Missing,
    evaluate,
    evaluate_one,
    who_states,
)
from service.risk.controls.pack_examples import changed
from service.risk.controls.packed import Control
from service.risk.controls.packs import default_pack, load_pack, pack_json, parse_pack
from service.risk.controls.snapshot_schema import three_state
from service.risk.controls.words import rendered
from tests.risk.snapshots import NOON, lackable, without

DOCUMENT: Final = default_pack()
PACK: Final = load_pack(DOCUMENT)
BASE: Final[dict[str, Any]] = deepcopy(DOCUMENT.base)
BY_ID: Final = {control.text.id: control for control in PACK.controls}
FAILING: Final = [
    (control, changed(DOCUMENT.base, example))
    for control in PACK.controls
    for example in control.text.examples
    if example.expect is Result.FAIL
]
OPEN: Final = {Result.FAIL, Result.UNKNOWN}
DAY: Final = timedelta(days=1)


def find(control: str, snapshot: Mapping[str, Any]) -> ControlResult:
    """What one control of the default pack finds."""
    return evaluate_one(BY_ID[control], snapshot)


def with_(**members: Any) -> dict[str, Any]:
    """The base with other members of the model or, after `risk_`, of its risk."""
    made = deepcopy(BASE)
    for name, value in members.items():
        root, member = ("risk", name[5:]) if name.startswith("risk_") else ("model", name)
        made[root][member] = value
    return made


def version(number: str, **facts: Any) -> dict[str, Any]:
    """A live version of which all is in order, unless told otherwise."""
    return {**BASE["model"]["versions"][0], "number": number, **facts}


def waiver(called: str, **facts: Any) -> dict[str, Any]:
    """A waiver of BLD-01 that is in force for a day."""
    return {
        "id": called, "control": "BLD-01", "item": None, "state": "IN_FORCE",
        "requested_by": "person-a", "approved_by": "person-b", "expires_at": NOON + DAY,
        "renewals": 0,
    } | facts  # fmt: skip


UNBUILT: Final = (version("v7", build=None), version("v8", build=None), version("v9"))


@pytest.mark.parametrize(
    ("control", "need"), [(c.text.id, need) for c in PACK.controls for need in c.text.needs]
)
def test_evaluate_need_not_stated(control: str, need: str) -> None:
    """Without a fact that it needs a control is UNKNOWN, and names it and who could state it."""
    snapshot = without(BASE, tuple(need.split(".")))

    found = find(control, snapshot)

    assert found.result is Result.UNKNOWN
    assert need in [path for path, _ in found.missing]
    assert all(who for _, who in found.missing)
    assert need in found.message
    assert who_states(need) in found.fix


@pytest.mark.parametrize("control", PACK.controls, ids=[c.text.id for c in PACK.controls])
def test_evaluate_without_one_fact(control: Control) -> None:
    """No control breaks over a fact that is not stated, and none takes it for an answer."""
    for place in lackable(BASE):
        found = evaluate_one(control, without(BASE, place))

        assert found.pack_defect is None
        assert (found.result is Result.UNKNOWN) == bool(found.missing)


@pytest.mark.parametrize("case", FAILING, ids=range(len(FAILING)))
def test_evaluate_failed_without_facts(case: tuple[Control, dict[str, Any]]) -> None:
    """Taking facts away, one or all, never turns FAIL into PASS, nor out of scope."""
    control, snapshot = case
    places = list(lackable(snapshot))

    for taken in [*([place] for place in places), places]:
        found = evaluate_one(control, without(snapshot, *taken))
        assert (found.result in OPEN, found.pack_defect) == (True, None), taken


def test_three_state_who() -> None:
    """Of everything that may not be stated, somebody is named who could."""
    paths = [".".join(path).replace(".[]", "[]") for path in three_state()]

    assert len(paths) == 30
    assert "model.versions[].on_protected_branch" in paths
    assert "the catalog, which always states it" not in {who_states(path) for path in paths}


@pytest.mark.parametrize("snapshot", [{}, {"now": "soon"}, {"now": NOON.replace(tzinfo=None)}])
def test_evaluate_unreadable(snapshot: dict[str, Any]) -> None:
    """A document that cannot be evaluated in is said to be that by every control."""
    found = evaluate(PACK, snapshot)

    assert {one.result for one in found} == {Result.UNKNOWN}
    assert all("snapshot" in (one.pack_defect or "") for one in found)


def test_evaluate_severity() -> None:
    """Severity none is out of scope whatever is stated; an unknown tier counts as the greatest."""
    unstated = without(with_(risk_workflow_tier="LOW"), ("model", "in_production"))

    assert find("VAL-01", unstated) == ControlResult("VAL-01", Severity.NONE, Result.NOT_APPLICABLE)
    weighs = {
        tier: find("INV-03", with_(risk_workflow_tier=tier)).severity
        for tier in ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH", "new", None)
    }
    assert weighs == {
        "NEGLIGIBLE": Severity.LOW, "LOW": Severity.LOW, "MEDIUM": Severity.MEDIUM,
        "HIGH": Severity.HIGH, "new": Severity.HIGH, None: Severity.HIGH,
    }  # fmt: skip


def test_evaluate_all_items() -> None:
    """One that fails decides; those that fail are told, and beside them those nobody knows."""
    unknown = version("v8")
    del unknown["build"]
    found = find("BLD-01", with_(versions=[version("v9"), version("v7", build=None), unknown]))

    assert found == ControlResult(
        "BLD-01",
        Severity.HIGH,
        Result.FAIL,
        items=("v7", "v8"),
        missing=(Missing("model.versions[].build", who_states("model.versions[].build")),),
        message="No build is known for v7 of retail/churn: uploaded by hand?",
        fix="Register versions from the pipeline; "
        "post the build from CI with `model-catalog push --ci`.",
    )


def test_evaluate_unknown_item() -> None:
    """Where only too little is known, the message says what is missing and accuses nobody."""
    unknown = version("v8")
    del unknown["build"]
    found = find("BLD-01", with_(versions=[version("v9"), unknown]))

    assert (found.result, found.items) == (Result.UNKNOWN, ("v8",))
    assert found.message == (
        "Not decided: Versions in production were built by CI. "
        "Not stated for v8: model.versions[].build."
    )
    assert found.fix == (
        "model.versions[].build is stated by the CI system, once all of them were read completely."
    )


def test_evaluate_any_item() -> None:
    """One that passes is enough; one that nobody knows might; no item is what the control says."""
    bot = {"name": "bot", "kind": "bot", "role": "accountable", "active": True}
    team = bot | {"name": "team", "kind": "team"}
    hidden = {"name": "hidden", "role": "accountable"}

    assert find("OWN-01", with_(owners=[bot, hidden, team])).result is Result.PASS
    assert find("OWN-01", with_(owners=[bot, hidden])).items == ("bot", "hidden")
    assert find("OWN-01", with_(owners=[bot, hidden])).result is Result.UNKNOWN
    assert find("OWN-01", with_(owners=[bot])).result is Result.FAIL
    assert find("OWN-01", with_(owners=[])).result is Result.FAIL
    assert find("OWN-02", with_(owners=[])).result is Result.NOT_APPLICABLE


def test_evaluate_many_items() -> None:
    """A list of more items than can be gone through in time is not decided."""
    many = [version(f"v{number}") for number in range(MOST_ITEMS + 1)]

    found = find("BLD-01", with_(versions=many))

    assert found.result is Result.UNKNOWN
    assert found.pack_defect == "over: has more than 10000 items"
    assert find("BLD-01", with_(versions=many[1:])).result is Result.PASS


def test_evaluate_recheck_least() -> None:
    """Of the moments of all items, the next one after now counts."""
    source = BASE["model"]["sources"][0]
    late, soon, past = (
        source | {"name": name, "last_complete_at": NOON + timedelta(hours=hours)}
        for name, hours in (("late", 3), ("soon", -1), ("past", -9))
    )
    found = find("INV-05", with_(sources=[late, past, soon]))

    assert (found.result, found.items) == (Result.FAIL, ("past",))
    assert found.recheck_at == NOON + timedelta(hours=1)


def test_evaluate_recheck_out_of_scope() -> None:
    """A control that does not apply reads no clock, and waits for a change alone."""
    clocked = with_(lifecycle="development")

    assert find("INV-02", clocked).recheck_at is None
    assert find("INV-02", BASE).recheck_at == datetime(2026, 12, 7, 11, 40, tzinfo=UTC)


@pytest.mark.parametrize("over", [True, False])
def test_evaluate_recheck_of_scope(*, over: bool) -> None:
    """A control that begins to apply at a moment says when, while it does not apply yet."""
    since = "2026-06-01T00:00:00Z"
    items = {"over": "model.versions", "as": "version", "holds_for": "all", "empty": "FAIL"}
    written = pack_json(DOCUMENT)
    written["controls"] = [
        {
            "id": "BLD-01",
            "title": "Built",
            "severity": {"LOW": "low", "MEDIUM": "low", "HIGH": "low"},
            "applies_when": "!(now < risk.review_grace_end)",
            "needs": ["model.versions", "model.twins"],
            "expression": "version.build != null" if over else "size(model.twins) == 0",
            "clock": "risk.review_grace_end",
            "message": "{model.name}",
            "fix": "Build it.",
            "examples": [
                {"expect": "NOT_APPLICABLE"},
                {"expect": "PASS", "set": {"risk.review_grace_end": since}},
                {
                    "expect": "FAIL",
                    "set": {
                        "risk.review_grace_end": since,
                        "model.versions[0].build": None,
                        "model.twins": ["retail/other"],
                    },
                },
            ],
            **(items if over else {}),
        }
    ]
    [control] = load_pack(parse_pack(written)).controls
    due = BASE["risk"]["review_grace_end"]

    for snapshot in (BASE, without(BASE, ("model", "twins"))):
        found = evaluate_one(control, snapshot)
        assert (found.result, found.recheck_at) == (Result.NOT_APPLICABLE, due)
    assert evaluate_one(control, {**BASE, "now": due}).recheck_at is None


Waivers = list[Any]
SIX_HOURS: Final = NOON + timedelta(hours=6)
COVERED: Final[Mapping[str, tuple[Waivers, tuple[str, datetime] | None]]] = {
    "whole": ([waiver("W-1")], ("W-1", NOON + DAY)),
    "each item": (
        [waiver("W-1", item="v7"), waiver("W-2", item="v8", expires_at=SIX_HOURS)],
        ("W-2", SIX_HOURS),
    ),
    "one item of two": ([waiver("W-1", item="v7")], None),
    "another item": ([waiver("W-1", item="v7"), waiver("W-2", item="v9")], None),
    "another control": ([waiver("W-1", control="BLD-03")], None),
    "the longer of two": (
        [waiver("W-1"), waiver("W-2", expires_at=SIX_HOURS), waiver("W-3", item="v7")],
        ("W-1", NOON + DAY),
    ),
    "ends now": ([waiver("W-1", expires_at=NOON)], None),
    "no end": ([waiver("W-1", expires_at=None)], None),
    "requested": ([waiver("W-1", state="REQUESTED")], None),
    "revoked": ([waiver("W-1", state="REVOKED")], None),
    "no waiver at all": (["W-1"], None),
    "no name": ([waiver("W-1", id=None)], None),
}


@pytest.mark.parametrize("case", COVERED)
def test_evaluate_waiver(case: str) -> None:
    """A waiver covers its control, its items and its time, and nothing else."""
    waivers, covered = COVERED[case]

    found = find("BLD-01", with_(versions=list(UNBUILT), risk_waivers=waivers))

    assert found.items == ("v7", "v8")
    assert found.message.startswith("No build is known for v7, v8 of retail/churn")
    if covered is None:
        assert (found.result, found.waiver, found.waived_until) == (Result.FAIL, None, None)
    else:
        assert found.result is Result.WAIVED
        assert (found.waiver, found.waived_until) == covered
        assert found.recheck_at == covered[1]


def test_evaluate_waiver_of_unknown() -> None:
    """What is not known can be waived too; where no item is named, by one of the whole alone."""
    unstated = without(with_(risk_waivers=[waiver("W-1")]), ("model", "versions"))
    of_item = without(with_(risk_waivers=[waiver("W-1", item="v7")]), ("model", "versions"))

    assert find("BLD-01", unstated).result is Result.WAIVED
    assert find("BLD-01", unstated).missing
    assert find("BLD-01", of_item).result is Result.UNKNOWN


def test_evaluate_waiver_needless() -> None:
    """What passes, or does not apply, is not waived."""
    passes = with_(risk_waivers=[waiver("W-1")])

    assert find("BLD-01", passes).result is Result.PASS
    assert (
        find("BLD-01", passes | {"model": passes["model"] | {"in_production": False}}).waiver
        is None
    )


def test_evaluate_waiver_lapses() -> None:
    """At its end, and not before, what it covered is open again."""
    snapshot = with_(versions=list(UNBUILT), risk_waivers=[waiver("W-1")])

    before, after = NOON + DAY - timedelta(microseconds=1), NOON + DAY
    assert find("BLD-01", snapshot | {"now": before}).result is Result.WAIVED
    assert find("BLD-01", snapshot | {"now": after}).result is Result.FAIL


def test_rendered_values() -> None:
    """Placeholders stand for values as people read them; long lists end in how many more."""
    within = {
        "model": {"flag": True, "none": None, "at": NOON, "list": ["a", "b"], "long": "x" * 500},
        "params": {"days": 14},
    }
    template = (
        "{model.flag} {model.none} {model.at} {model.list} {model.gone} {params.days} {items}"
    )

    assert rendered(template, within=within, items=[f"v{n}" for n in range(12)]) == (
        "true (none) 2026-11-23T12:00:00Z a, b (not stated) 14 "
        "v0, v1, v2, v3, v4, v5, v6, v7, v8, v9 and 2 more"
    )
    assert rendered("{items}", within=within, items=[]) == "(none)"
    assert len(rendered("{model.long}", within=within, items=[])) == 200
