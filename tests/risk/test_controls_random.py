"""What holds of every control of the default pack, whatever a snapshot says."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.controls import Result
from service.risk.controls.judging import evaluate, evaluate_one
from service.risk.controls.packs import default_pack, load_pack
from service.risk.controls.snapshot_schema import SNAPSHOT, faults_of
from tests.risk.snapshots import NOON, lackable, snapshots, without

PACK: Final = load_pack(default_pack())
OPEN: Final = {Result.FAIL, Result.UNKNOWN}


@settings(max_examples=60, deadline=None)
@given(snapshots(), st.data())
def test_evaluate_random(snapshot: dict[str, Any], data: st.DataObject) -> None:
    """Of any snapshot, every control finds one of five results, and breaks over none.

    Facts that are taken away help no control, and the order of lists decides nothing.
    """
    assert list(faults_of(snapshot)) == []
    found = evaluate(PACK, snapshot)
    places = list(lackable(snapshot))
    taken = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []

    assert [one.pack_defect for one in found] == [None] * len(PACK.controls)
    less = evaluate(PACK, without(snapshot, *taken))
    for before, after in zip(found, less, strict=True):
        assert after.pack_defect is None
        if before.result is Result.FAIL:
            assert after.result in OPEN
    turned = evaluate(PACK, {**snapshot, "model": backwards(snapshot["model"]),
                             "risk": backwards(snapshot["risk"])})  # fmt: skip
    assert turned == found


def backwards(value: Any) -> Any:
    """With every list reversed."""
    if isinstance(value, dict):
        return {name: backwards(member) for name, member in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value  # messages tell texts as they stand
    return [backwards(item) for item in reversed(value)] if isinstance(value, list) else value


@settings(max_examples=60, deadline=None)
@given(snapshots(), st.fractions(0, 1))
def test_evaluate_constant_until_recheck(snapshot: dict[str, Any], share: Any) -> None:
    """Until `recheck_at` a control finds the same whenever it is asked; without one, for ever."""
    for control in PACK.controls:
        found = evaluate_one(control, snapshot)
        end = found.recheck_at or datetime(9999, 12, 31, tzinfo=UTC)
        assert end > NOON
        for now in (NOON + (end - NOON) * float(share), end - timedelta(microseconds=1)):
            moment = min(max(now, NOON), end - timedelta(microseconds=1))
            assert evaluate_one(control, snapshot | {"now": moment}) == found


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(NOON)
    | st.binary() | st.just(NOON.replace(tzinfo=None)),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["name", "kind", "id", "owners", "waivers"]), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(snapshots(), st.data())
def test_evaluate_anything(snapshot: dict[str, Any], data: st.DataObject) -> None:
    """Whatever a document holds, each control answers: at worst that it cannot be evaluated."""
    for root in data.draw(st.lists(st.sampled_from(["now", "model", "risk"]), unique=True)):
        snapshot[root] = data.draw(JSON)
    for root in {"model", "risk"} & snapshot.keys():
        if isinstance(snapshot[root], dict):
            members = st.dictionaries(
                st.sampled_from(sorted(SNAPSHOT[root].members or {})), JSON, max_size=4
            )
            snapshot[root] |= data.draw(members)

    found = evaluate(PACK, snapshot)

    assert [one.control for one in found] == [control.text.id for control in PACK.controls]
    assert {one.result for one in found} <= set(Result)
