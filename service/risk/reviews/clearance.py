"""May a version go somewhere? What is answered to pipelines; the catalog itself stops nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.policy_scale import Tier
from schemas.reviews import Clearance, Clearing
from schemas.strict import instant_text
from service.access.policy import Caller
from service.catalog.detail import find_model, find_version
from service.risk.acting import clock
from service.risk.concessions.summary import read_concessions
from service.risk.looking import read_pictures
from service.risk.picture import PRODUCTION, Picture
from service.risk.reviews.plan import overlay_of, weakest
from service.risk.reviews.rows import Stored, read_stored
from service.risk.reviews.state import (
    APPROVALS,
    HIGH,
    REFUSED,
    Case,
    Held,
    covered,
    holding,
    restrictions,
    version_state,
)
from service.risk.rules.active import ActivePolicy, read_policy
from service.risk.tables import AssessmentRow, ControlResultRow, ModelRiskRow
from service.risk.tiers.rollup import highest

risk, result, assessment = (
    table.__table__ for table in (ModelRiskRow, ControlResultRow, AssessmentRow)
)
NOBODY: Final = "nobody has rated this model yet"


class Found(NamedTuple):
    """What a version's clearance follows from."""

    case: Case
    exception_until: str | None
    failing: Sequence[str]


def clearance(
    session: Session, model: tuple[str, str], *, label: str, environment: str, caller: Caller
) -> Clearance:
    """May this version go there? Raises `ModelNotFound`, `VersionNotFound`."""
    about = find_version(session, model, label=label, caller=caller)
    of_model = find_model(session, model[0], name=model[1], caller=caller)
    rated = session.execute(sa.select(risk).where(risk.c.model_id == of_model["id"]))
    row = rated.mappings().first()
    named = {"model": of_model["natural_key"], "version": about["natural_key"] or label,
             "environment": environment}  # fmt: skip
    if row is None:
        answer: Clearing = "NEEDS_APPROVAL" if environment == PRODUCTION else "CLEAR"
        return Clearance(**named, clearance=answer, review_state=None, workflow_tier=None,
                         reasons=(NOBODY,))  # fmt: skip
    now = clock(session)
    tier = _tier(session, dict(row), now=now)
    stands = dict(row) | {"workflow_tier": tier}
    found = _find(session, stands, version=about["id"], policy=read_policy(session))
    answer, reasons = judge(found, production=environment == PRODUCTION, now=now)
    state = version_state(found.case, now=now)
    return Clearance(**named, clearance=answer, review_state=state and state.value,
                     workflow_tier=tier, reasons=tuple(reasons))  # fmt: skip


def _tier(session: Session, row: Mapping[str, Any], *, now: datetime) -> Tier:
    """The workflow tier, also where no clock has run since a grace or a concession ended."""
    model, found = row["model_id"], cast("Tier", row["workflow_tier"])
    if row["grace_end"] is not None and row["grace_end"] <= now:
        found = highest(found, row["tier_high"])
    granted = read_concessions(session, [model], now=now).uses.values()
    holding = {None, *(one.override for one in granted), *(one.exemption for one in granted)}
    rated = sa.select(*assessment.c["computed_tier", "override_id", "exemption_id"])
    for one in session.execute(rated.where(assessment.c.model_id == model)):
        if not {one.override_id, one.exemption_id} <= holding:
            found = highest(found, one.computed_tier)
    return found


def _find(
    session: Session, row: Mapping[str, Any], *, version: UUID, policy: ActivePolicy
) -> Found:
    model, now = row["model_id"], clock(session)
    stored = read_stored(session, [model], live=[version], now=now, memory=timedelta())
    picture = read_pictures(session, [model]).get(model)
    case = _case(row, stored, picture=picture, version=version, now=now)
    until = stored.granted.exceptions.get(version)
    controls = policy.document.deploy_controls
    failing = session.execute(
        sa.select(result.c.control).where(
            result.c.model_id == model, result.c.result == "FAIL", result.c.control.in_(controls)
        ).order_by(result.c.control)
    ).scalars().all()  # fmt: skip
    asked = overlay_of(policy.document, row["workflow_tier"]).before_production
    shown = failing if asked == "deploy_controls" else []
    return Found(case, instant_text(until.expires_at) if until else None, shown)


def _case(
    row: Mapping[str, Any], stored: Stored, *, picture: Picture | None, version: UUID, now: Any
) -> Case:
    model = row["model_id"]
    decided = stored.about(model, version=version)
    reviews = [one for one in stored.open[model] if one["version_id"] == version]
    live = {one.id for one in picture.live} if picture else set()
    triggered = [one["opened_at"] for one in reviews if one["kind"] == "TRIGGERED"]
    approved = weakest(one["outcome"] for one in decided) in APPROVALS
    return Case(
        workflow_tier=row["workflow_tier"],
        in_use=row["in_production"] if version in live else False,
        blocked=row["blocked"],
        uses=frozenset(str(one.id) for one in picture.declared) if picture else frozenset(),
        decisions=[
            Held(one["outcome"], str(one["use_id"]) if one["use_id"] else None, one["decided_at"])
            for one in decided
        ],
        triggered_at=min(triggered, default=None),
        grace_end=row["review_grace_end"],
        review_open=bool(reviews),
        overdue=any(one["due_at"] is not None and one["due_at"] <= now for one in reviews),
        exception=version in stored.granted.exceptions,
        exception_ended=version in stored.granted.ended and not approved,
        condition_unmet=any(
            c["due_at"] <= now for one in decided for c in stored.conditions[one["id"]]
        ),
    )


def judge(found: Found, *, production: bool, now: Any) -> tuple[Clearing, list[str]]:
    """The answer with its reasons. Pure."""
    case = found.case
    outcome = holding(case, now=now)
    barred = list(restrictions(case, now=now))
    if outcome in REFUSED and not barred:
        barred = [f"it was {outcome}"]
    if case.blocked or (production and barred):
        return "RESTRICTED", barred
    if not production:
        return "CLEAR", ["reviews are of what production uses"]
    if covered(outcome, case.workflow_tier):
        return "CLEAR", [f"it was {outcome}"]
    if case.workflow_tier == HIGH and not case.exception:
        return "NEEDS_APPROVAL", ["its tier is HIGH, and no approval or exception is in force"]
    return "CLEAR_REVIEW_FOLLOWS", list(_followed(found))


def _followed(found: Found) -> Iterator[str]:
    """What comes after."""
    tier = found.case.workflow_tier
    if found.exception_until is not None:
        yield f"an exception is in force until {found.exception_until}"
    elif tier == "MEDIUM":
        yield "its tier is MEDIUM: a review follows once production uses it"
    else:
        yield f"its tier is {tier}: a sample of such models is reviewed"
    for control in found.failing:
        yield f"control {control} fails"
