"""What follows from a tier: clocks, overrides, reviews, samples, triggers and regimes."""

import re
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from schemas.policy_scale import Band, Label, Name, RegimeName
from schemas.strict import Closed, Flag, Line, Number, Word

DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
MOST_DAYS: Final = 366


def _day(said: object) -> object:
    """Numbers would pass for days: only year-month-day and real dates do."""
    if isinstance(said, str) and DAY.fullmatch(said):
        return said
    if type(said) is date:
        return said
    raise ValueError("must be a day of the calendar like 2027-03-31")


Day = Annotated[date, BeforeValidator(_day)]
Days = Annotated[int, Field(strict=True, ge=0, le=3_660)]
SomeDays = Annotated[int, Field(strict=True, ge=1, le=3_660)]
YearOfDays = Annotated[int, Field(strict=True, ge=1, le=MOST_DAYS)]  # tables check it as well
Months = Annotated[int, Field(strict=True, ge=1, le=120)]
Renewals = Annotated[int, Field(strict=True, ge=0, le=10)]
Share = Annotated[Number, Field(gt=0, lt=1)]
Currency = Annotated[Line, StringConstraints(pattern=r"^[A-Z]{3}$")]
VersionNumber = Annotated[Line, StringConstraints(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){2}$")]
PolicyName = RegimeName
Role = Literal["owner", "reviewer", "approver"]
Roles = Annotated[tuple[Role, ...], Field(min_length=1, max_length=3)]

Trigger = Literal[
    "tier_up", "severity_1_incident", "material_change", "threshold_breach", "dataset_change",
    "base_model_change", "new_version_in_production", "new_use", "new_caller", "new_jurisdiction",
    "traffic_x10",
]  # fmt: skip
Triggering = Annotated[tuple[Trigger, ...], Field(max_length=20)]
ChangePath = Annotated[
    Line, StringConstraints(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,80}$", max_length=121)
]
ControlNames = Annotated[tuple[Label, ...], Field(max_length=100)]


class Clocks(Closed):
    """How long things may take, in days."""

    provisional_grace_days: Days
    provisional_memory_days: Days
    grace_workflow_tier: Band
    triggered_due_days: SomeDays
    preview_valid_days: SomeDays


class UpOverride(Closed):
    """Who may set a tier higher than the computed one, and for how long."""

    by: Roles
    max_days: YearOfDays


class DownOverride(UpOverride):
    """Who may ask for a lower tier, who approves it, and what it needs."""

    approved_by: Role
    needs: Annotated[tuple[Literal["reason", "evidence"], ...], Field(max_length=2)]


class OverrideRule(Closed):
    """Overrides of a computed tier, both ways."""

    up: UpOverride
    down: DownOverride


class ExemptionRule(Closed):
    """The only way to NEGLIGIBLE."""

    tier: Literal["NEGLIGIBLE"]
    only_from: Literal["LOW"]
    only_status: Literal["FIRM"]
    approved_by: Role
    months: Months


class ExceptionRule(Closed):
    """HIGH in production before its approval."""

    tier: Literal["HIGH"]
    approved_by: Role
    max_days: YearOfDays
    renewals: Renewals
    not_after: Annotated[tuple[Literal["OBJECTED", "REJECTED"], ...], Field(max_length=2)]
    not_with_floor: Label


class WaiverRule(Closed):
    """Waivers of a control."""

    approved_by: Role
    max_days: YearOfDays
    renewals: Renewals


class AfterReview(Closed):
    """The review that follows when something is already in use."""

    kind: Literal["POST", "SAMPLE"]
    share: Share | None = None
    due_days: SomeDays


class Overlay(Closed):
    """What a workflow tier asks for before and after production."""

    before_production: Literal[
        "exemption", "registration", "deploy_controls", "approval_or_exception"
    ]
    after: AfterReview | None
    decided_by: Literal["reviewer", "approver"]
    periodic_months: Months
    grace_days: Days
    attestation_months: Months | None
    overdue: Annotated[
        tuple[Literal["becomes_low", "finding", "restrict", "notify", "escalate"], ...],
        Field(min_length=1, max_length=5),
    ]


class Overlays(Closed):
    """One overlay for each workflow tier."""

    NEGLIGIBLE: Overlay
    LOW: Overlay
    MEDIUM: Overlay
    HIGH: Overlay


class Sampling(Closed):
    """How large a sample of LOW is."""

    cycle: Literal["month", "quarter", "year"]
    confidence: Share
    tolerable_rate: Share
    accept: Annotated[int, Field(strict=True, ge=0, le=100)]


class Triggers(Closed):
    """What makes a confirmed tier stale, at any tier and at each."""

    any_tier: Triggering
    NEGLIGIBLE: Triggering = ()
    LOW: Triggering = ()
    MEDIUM: Triggering = ()
    HIGH: Triggering = ()


class Regime(Closed):
    """A body of rules, its dates, and how far its text was checked."""

    title: Word
    enabled: Flag
    checked: Literal["primary", "secondary", "unchecked"]
    grain: Literal["model", "use"] | None = None
    supersedes: Word | None = None
    dates: dict[Name, Day] = Field(default_factory=dict)
    leaves_out: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    voluntary: Flag = False
    audit_months: Months | None = None
