"""What is known of each version of a model when its reviews are planned. Pure.

A decision is compared with what is shown now: what differs is a trigger where the policy says so.
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from schemas.policies import PolicyDocument
from service.risk.batch import Standing
from service.risk.picture import PRODUCTION, Part
from service.risk.reviews.content import (
    differences,
    material_changes,
    reclassed,
    show,
    triggers_of,
)
from service.risk.reviews.plan import (
    AHEAD,
    Plan,
    Seen,
    next_due,
    overlay_of,
    rose,
    triggers_in_force,
    weakest,
)
from service.risk.reviews.rows import Row, Stored
from service.risk.reviews.state import APPROVALS, REFUSED, Case, Held


class Standpoint(NamedTuple):
    """What the reviews of a model follow from."""

    versions: Sequence[Seen]
    last: Row | None
    last_at: datetime | None
    next_due: datetime | None
    grace_end: datetime | None
    material: Mapping[UUID, Sequence[str] | None]
    moments: Sequence[datetime | None]


def look_at(
    standing: Standing, stored: Stored, *, rules: PolicyDocument, now: datetime
) -> Standpoint:
    """Look at each version of a model that is live, or deployed somewhere."""
    picture, overlay = standing.picture, overlay_of(rules, standing.workflow_tier)
    last = stored.latest(picture.id)
    last_at = last["decided_at"] if last else None
    due = next_due(last_at, overlay)
    grace = due + timedelta(days=overlay.grace_days) if due else None
    material = dict(_material(standing, stored, last=last, rules=rules))
    versions = [
        *_live(standing, stored, rules=rules, now=now),
        *_staged(standing, stored),
    ]
    ends = [one.exception_until for one in versions]
    conditions = (
        one["due_at"]
        for decision in stored.decisions[picture.id]
        for one in stored.conditions[decision["id"]]
    )
    moments = [due, grace, due - AHEAD if due else None, *ends, *conditions]
    return Standpoint(versions, last, last_at, due, grace, material, moments)


def _live(
    standing: Standing, stored: Stored, *, rules: PolicyDocument, now: datetime
) -> Iterator[Seen]:
    for one in standing.picture.reviewed:
        until = stored.granted.exceptions.get(one.id)
        yield Seen(
            id=one.id,
            number_key=one.row.get("number_key") or "",
            live=True,
            producing_since=_producing(standing, one, now=now),
            outcome=_outcome(standing, stored, version=one.id),
            triggers=_triggers(standing, stored, one=one, rules=rules),
            exception_until=until.expires_at if until else None,
        )


def _staged(standing: Standing, stored: Stored) -> Iterator[Seen]:
    """Versions that run somewhere, and that production does not use: they may be next."""
    live = {one.id for one in standing.picture.reviewed}
    found = {
        UUID(str(one.row["version_id"]))
        for one in standing.picture.deployments
        if one.row.get("version_id")
    }
    for one in sorted(found - live):
        until = stored.granted.exceptions.get(one)
        yield Seen(
            id=one, number_key="", live=False, producing_since=None,
            outcome=_outcome(standing, stored, version=one),
            exception_until=until.expires_at if until else None,
        )  # fmt: skip


def _decided(standing: Standing, stored: Stored, *, version: UUID) -> list[Row]:
    return stored.about(standing.picture.id, version=version)


def _outcome(standing: Standing, stored: Stored, *, version: UUID) -> str | None:
    """The weakest of what was decided; an approval of some uses alone is none of the version."""
    decided = _decided(standing, stored, version=version)
    found = weakest(one["outcome"] for one in decided)
    about, uses = {one["use_id"] for one in decided}, {one.id for one in standing.picture.declared}
    whole = None in about or (bool(uses) and uses <= about)
    return found if whole or found in REFUSED else None


def _producing(standing: Standing, version: Part, *, now: datetime) -> datetime | None:
    """Since when production uses a version, as far as anybody says."""
    if not standing.in_production:
        return None
    since: datetime = standing.after["production_since"] or now
    told = [
        datetime.fromisoformat(said)
        for one in standing.picture.deployments
        if str(one.row.get("version_id")) == str(version.id)
        and one.value("environment_class") == PRODUCTION
        and (said := one.value("created_at"))
    ]
    return max(since, min(told)) if told else since


def _triggers(
    standing: Standing, stored: Stored, *, one: Part, rules: PolicyDocument
) -> tuple[str, ...]:
    """What has happened since the last decision about a version."""
    decided = _decided(standing, stored, version=one.id)
    if not decided:
        return ()
    newest = max(decided, key=lambda row: row["decided_at"])
    found: set[str] = set()
    if rose(newest["workflow_tier"], standing.workflow_tier):
        found.add("tier_up")
    incident = stored.incidents.get(standing.picture.id)
    if incident is not None and incident > newest["decided_at"]:
        found.add("severity_1_incident")
    if (content := stored.contents.get(newest["id"])) is not None:
        shown = show(standing.picture, one)
        differing = differences(content, shown.content, material=rules.material_changes)
        found |= triggers_of(reclassed(differing, stored.classed, version=one.id))
    return triggers_in_force(found, tier=standing.workflow_tier, rules=rules)


def _material(
    standing: Standing, stored: Stored, *, last: Row | None, rules: PolicyDocument
) -> Iterator[tuple[UUID, Sequence[str] | None]]:
    """What of each live version is materially other than what was reviewed last."""
    if last is None:
        return
    for one in standing.picture.reviewed:
        own = _decided(standing, stored, version=one.id)
        basis = max(own, key=lambda row: row["decided_at"]) if own else last
        content = stored.contents.get(basis["id"])
        if content is None:
            yield one.id, None
            continue
        shown = show(standing.picture, one)
        found = differences(content, shown.content, material=rules.material_changes)
        yield one.id, material_changes(reclassed(found, stored.classed, version=one.id))


def plan_of(
    standing: Standing, point: Standpoint, *, stored: Stored, rules: PolicyDocument, now: datetime
) -> Plan:
    """By what its reviews are planned."""
    dates = {
        (one["kind"], one["version_id"]): one["due_at"] for one in stored.open[standing.picture.id]
    }
    return Plan(
        workflow_tier=standing.workflow_tier,
        in_production=standing.after["in_production"],
        versions=point.versions,
        last_version=point.last["version_id"] if point.last else None,
        next_due=point.next_due,
        due=ChainMap(dates, stored.cancelled),
        rules=rules,
        now=now,
    )


def cases_of(
    standing: Standing, point: Standpoint, *, stored: Stored, rows: Iterable[Row], now: datetime
) -> dict[UUID, Case]:
    """What each live version's review state follows from."""
    listed = list(rows)
    return {
        one.id: _case(standing, point, stored=stored, seen=one, rows=[
            row for row in listed if row["version_id"] == one.id
        ], now=now)
        for one in point.versions
        if one.live
    }  # fmt: skip


def _case(
    standing: Standing, point: Standpoint, *, stored: Stored, seen: Seen, rows: Sequence[Row],
    now: datetime,
) -> Case:  # fmt: skip
    decided = _decided(standing, stored, version=seen.id)
    triggered = [one["opened_at"] for one in rows if one["kind"] == "TRIGGERED"]
    unmet = (c["due_at"] <= now for one in decided for c in stored.conditions[one["id"]])
    return Case(
        workflow_tier=standing.workflow_tier,
        in_use=standing.after["in_production"],
        blocked=bool(standing.after["blocked"]),
        uses=frozenset(str(one.id) for one in standing.picture.declared),
        decisions=[_held(one) for one in decided],
        triggered_at=min(triggered, default=None),
        grace_end=point.grace_end,
        review_open=bool(rows),
        overdue=any(one["due_at"] is not None and one["due_at"] <= now for one in rows),
        exception=seen.exception_until is not None,
        exception_ended=seen.id in stored.granted.ended and seen.outcome not in APPROVALS,
        condition_unmet=any(unmet),
    )


def _held(row: Mapping[str, Any]) -> Held:
    use = row["use_id"]
    return Held(row["outcome"], str(use) if use else None, row["decided_at"])
