"""What stands against a waiver, an exception, an override or an exemption, as things are now."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import fold_name
from schemas.concessions import AskOverride
from schemas.identifiers import Kind
from schemas.policy_scale import Tier
from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.typed import TYPED
from service.errors import NotFound
from service.risk.acting import RuleBroken, broken
from service.risk.decided_tables import DecisionRow, ReviewRow
from service.risk.findings.opened import red_signals
from service.risk.looking import read_pictures
from service.risk.picture import UNDECLARED, Part, Picture
from service.risk.reviews.content import version_digest
from service.risk.reviews.plan import add_months
from service.risk.rules.active import ActivePolicy, read_pack, read_policy
from service.risk.tables import AssessmentRow, ModelRiskRow
from service.risk.tiering import Profile, profile_of, rate_profile
from service.risk.tiers.facts import use_facts
from service.risk.tiers.override_rules import (
    Asked,
    Direction,
    Refusal,
    direction_of,
    exemption_refusals,
    hard_floors_above,
    override_refusals,
)
from service.risk.tiers.rating import Rating

version: Final = TYPED[Kind.VERSION]
decision, review, assessment, standing = (
    table.__table__ for table in (DecisionRow, ReviewRow, AssessmentRow, ModelRiskRow)
)
MOST_DAYS: Final = 732  # of anything; the table of each is stricter
REASON_BYTES: Final = 20  # of a reason to lower a tier
OPEN_REVIEW: Final = ("REQUIRED", "ASSIGNED", "IN_REVIEW", "CHANGES_REQUESTED", "RECOMMENDED")


class UseNotFound(NotFound):
    """The model has no such use.

    `GET /api/v1/models/{namespace}/{name}/uses` lists them; a model of which nobody declares any
    has the one `(undeclared)`.
    """


class FoundUse(NamedTuple):
    """A use of a model, and how it is rated by its facts alone, now."""

    model: UUID
    namespace: str | None
    id: UUID  # of the model, while nobody declares a use
    name: str
    policy: ActivePolicy
    profile: Profile

    @property
    def rating(self) -> Rating:
        """Without what people decided."""
        return rate_profile(self.policy.compiled, self.profile)

    def direction(self, tier: Tier) -> Direction:
        """Which way an override to this tier goes."""
        return direction_of(self.rating, tier)


def find_use(session: Session, named: tuple[str, str, str], *, caller: Caller) -> FoundUse:
    """A use by the names of its model and its own. Raises `ModelNotFound`, `UseNotFound`."""
    namespace, name, use = named
    model = find_model(session, namespace, name=name, caller=caller)
    picture = read_pictures(session, [model["id"]]).get(model["id"])
    if picture is None:
        raise UseNotFound
    for part in picture.declared:
        if fold_name(part.value("name") or UNDECLARED) == fold_name(use):
            return _rated(session, picture, part=part)
    if picture.declared or use != UNDECLARED:
        raise UseNotFound
    return _rated(session, picture, part=None)


def read_use(session: Session, model: UUID, use: UUID) -> FoundUse:  # noqa: PLR0917  # two ids
    """The same by its ids. Raises `UseNotFound`, also when it is over."""
    picture = read_pictures(session, [model]).get(model)
    if picture is not None:
        for part in picture.declared:
            if part.id == use:
                return _rated(session, picture, part=part)
        if use == model and not picture.declared:
            return _rated(session, picture, part=None)
    raise UseNotFound


def _rated(session: Session, picture: Picture, *, part: Part | None) -> FoundUse:
    policy = read_policy(session)
    red = picture.id in red_signals(session, [picture.id])
    facts = use_facts(picture, part, rules=policy, red_signal=red)
    name = (part.value("name") if part else None) or UNDECLARED
    return FoundUse(
        picture.id, picture.namespace or None, part.id if part else picture.id, name, policy,
        profile_of(policy.compiled, facts.values),
    )  # fmt: skip


def check_override(
    use: FoundUse, said: AskOverride, *, roles: Iterable[str], now: datetime
) -> None:
    """Hold an override against the policy. Raises `RuleBroken`, which names each rule."""
    asked = Asked(
        said.tier,
        days=-(-(said.expires_at - now) // timedelta(days=1)),
        roles=frozenset(roles),  # type: ignore[arg-type]  # roles of the policy
        reason=len(said.reason.strip().encode()) >= REASON_BYTES,
        evidence=bool(said.evidence),
    )
    _refuse(override_refusals(use.policy.compiled, use.profile, asked=asked), at="/tier")


def check_floors(use: FoundUse, tier: Tier) -> None:
    """Is a tier below no hard floor that holds or may hold? Raises `RuleBroken`."""
    if floors := hard_floors_above(use.policy.compiled, use.profile, tier=tier):
        says = f"goes below {', '.join(floors)}: state the facts that decide it, or choose higher"
        raise broken("below_hard_floor", says, at="/tier")


def check_exemption(use: FoundUse, *, until: datetime, now: datetime) -> None:
    """Only from FIRM LOW, no floor, at most so many months. Raises `RuleBroken`."""
    latest = longest_exemption(use.policy, now=now)
    _refuse(exemption_refusals(use.rating), at="")
    if not now < until <= latest:
        raise broken(
            "too_long", "must end in the future, after 24 months at most", at="/expires_at"
        )


def longest_exemption(policy: ActivePolicy, *, now: datetime) -> datetime:
    """Until when an exemption may last that is granted now."""
    return add_months(now, policy.document.exemption.months)


def _refuse(refusals: Iterable[Refusal], *, at: str) -> None:
    problems = [
        FieldProblem(pointer=at, message=f"{one.rule}: {one.says}")
        for one in refusals
        if one.rule != "not_by_this_role"  # that is asked before, and is another error
    ]
    if problems:
        raise RuleBroken(*problems)


def check_lasting(until: datetime, *, now: datetime, days: int) -> None:
    """It ends, in the future, and not too late. Raises `RuleBroken`."""
    if until <= now:
        raise broken("ends_in_the_future", "lies in the past", at="/expires_at")
    if until > now + timedelta(days=days):
        says = f"must end within {days} days"
        raise broken("too_long", says, at="/expires_at", fix="Choose an earlier end.")


def check_control(session: Session, control: str) -> None:
    """Does the pack in force have it? Raises `RuleBroken`."""
    if control not in controls_in_force(session):
        fix = "`GET /api/v1/controls` lists those of the pack in force."
        raise broken("control_in_force", "the pack has no such control", at="/control", fix=fix)


def controls_in_force(session: Session) -> frozenset[str]:
    """The names of the controls of the pack in force."""
    return frozenset(one.text.id for one in read_pack(session).loaded.controls)


def check_exception(session: Session, of: sa.RowMapping, *, now: datetime) -> None:
    """Not below HIGH, not after a refusal, not for what is prohibited or overdue.

    Raises `RuleBroken`.
    """
    problems = [
        FieldProblem(pointer="/version", message=f"{rule}: {says}")
        for rule, says in _against_exception(session, of, now=now)
    ]
    if problems:
        raise RuleBroken(*problems)


def _against_exception(
    session: Session, of: sa.RowMapping, *, now: datetime
) -> Iterator[tuple[str, str]]:
    rules = read_policy(session).document.exception
    model = of["model_id"]
    risk = session.execute(
        sa.select(standing.c.tier, standing.c.next_review_due).where(standing.c.model_id == model)
    ).one_or_none()
    if risk is None or risk.tier != rules.tier:
        yield "high_only", f"only a {rules.tier} model needs an exception"
    floors = sa.select(assessment.c.floors).where(assessment.c.model_id == model)
    if any(rules.not_with_floor in one for one in session.execute(floors).scalars()):
        yield "not_with_floor", f"{rules.not_with_floor} holds: nothing excepts it"
    outcome = _last_outcome(session, of)
    if outcome in rules.not_after:
        yield "not_after", f"this digest was {outcome}: mend the version, or have it decided again"
    overdue = sa.select(review.c.id).where(
        review.c.model_id == model, review.c.kind == "PERIODIC", review.c.state.in_(OPEN_REVIEW),
        review.c.due_at <= now,
    )  # fmt: skip
    due = risk.next_review_due if risk is not None else None
    if (due is not None and due <= now) or session.execute(overdue).first() is not None:
        yield "not_for_overdue_review", "its periodic review is overdue: have that done"


def read_version(session: Session, version_id: UUID) -> sa.RowMapping:
    """A version by its id."""
    found = sa.select(*version.c["id", "model_id", "digests"]).where(version.c.id == version_id)
    return session.execute(found).mappings().one()


def _last_outcome(session: Session, of: sa.RowMapping) -> str | None:
    """What was decided last about the version, or about another one with the same digest."""
    digest = version_digest(of["digests"] or ())
    same = decision.c.version_id == of["id"]
    if digest is not None:
        same = sa.or_(same, sa.and_(decision.c.model_id == of["model_id"],
                                    decision.c.version_digest == digest))  # fmt: skip
    found: str | None = session.execute(
        sa.select(decision.c.outcome)
        .where(same)
        .order_by(decision.c.decided_at.desc(), decision.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return found
