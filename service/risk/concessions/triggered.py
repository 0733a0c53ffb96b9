"""What has happened to a model since it was rated last that ends what people had granted."""

from collections.abc import Iterator
from typing import Final

from service.risk.batch import Batch, Rated, Standing
from service.risk.concessions.summary import end_for_triggers
from service.risk.tiers.rollup import highest

MATERIAL: Final = frozenset(
    {"decision_role", "exposure", "regulated_purposes", "update_mode", "origin", "model_class"}
)
DATA: Final = "data_sensitivity"
RED: Final = "red_signal_open"


def end_by_triggers(batch: Batch) -> None:
    """End overrides downward and exemptions of what has changed so; it is rated once more then."""
    for model, standing in batch.standings.items():
        granted = any(
            one.after["override_id"] or one.after["exemption_id"] for one in standing.uses
        )
        if granted and (told := set(triggers_of(standing))):
            end_for_triggers(batch.session, [model], told)


def triggers_of(standing: Standing) -> Iterator[str]:
    """The triggers, as policies call them, between the rows before and after."""
    known = [one for one in standing.uses if one.before is not None]
    if len(known) < len(standing.uses) and standing.before is not None:
        yield "new_use"
    if _gone_live(standing):
        yield "new_version_in_production"
    for one in known:
        yield from _of_use(one)


def _gone_live(standing: Standing) -> bool:
    before = standing.before
    if before is None or not standing.in_production:
        return False
    return bool(set(standing.after["live"]) - set(before["live"]))


def _of_use(one: Rated) -> Iterator[str]:
    before, after = one.before or {}, one.after
    was, now = before["computed_tier"], after["computed_tier"]
    if highest(was, now) != was:
        yield "tier_up"
    old, new = before["facts"], after["facts"]
    changed = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if changed & MATERIAL:
        yield "material_change"
    if DATA in changed:
        yield "dataset_change"
    if new.get(RED) is True and old.get(RED) is not True:
        yield "severity_1_incident"
