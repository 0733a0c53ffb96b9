"""A review while somebody acts on it: who they are to it, by what rules, and what is shown now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.problem import FieldProblem
from schemas.strict import Closed, Flag, Instant, Json, Line
from service.errors import Conflict
from service.etag import check_match, tag_of
from service.risk.acting import Acting, NotIndependent, RoleMissing, StepImpossible, clock, roles_in
from service.risk.decided_tables import ReviewRow
from service.risk.reviews.builders import read_builders
from service.risk.reviews.content import Difference, Shown, differences
from service.risk.reviews.independence import Builder, Result, judge, part_of, told_by_others
from service.risk.reviews.machine import STEPS, Action, Part, Refusal, State, Step, take
from service.risk.reviews.plan import overlay_of
from service.risk.reviews.reading import find_review
from service.risk.reviews.shown import read_shown
from service.risk.rules.active import ActivePolicy, read_policy
from service.risk.tables import ModelRiskRow, RiskClockRow

review, standing, model_clock = (
    table.__table__ for table in (ReviewRow, ModelRiskRow, RiskClockRow)
)
MOST: Final = 100  # differences that an answer names
LONGEST: Final = 200


class ReviewOnHold(Conflict):
    """The review is on hold.

    A reviewer or approver releases it; its date stays what it is meanwhile.
    """


class ContentMoved(Conflict):
    """It is another thing now than what you decided about; nothing was stored.

    `errors` says what differs. `GET /api/v1/reviews/{id}/diff` shows it whole, with the digests to
    decide by.
    """


class ModelGone(Conflict):
    """The model or version of this review stands in the catalog no more.

    An approver cancels the review.
    """


class ReviewTag(Closed):
    """What the tag of a review stands for; reminders do not change it."""

    id: UUID
    state: Line
    reviewer: Line | None
    approver: Line | None
    due_at: Instant | None
    on_hold: Flag
    content_digest: Line | None
    identified: Json
    recommended: Json


@dataclass
class Turn:
    """Somebody's turn at a review."""

    session: Session
    row: dict[str, Any]
    by: Acting
    now: datetime
    standing: Mapping[str, Any] | None
    policy: ActivePolicy
    roles: frozenset[str]
    noted: dict[str, Any] = field(default_factory=dict)  # what the ledger is told

    @property
    def model(self) -> UUID:
        """The model that it is about."""
        found: UUID = self.row["model_id"]
        return found

    @property
    def tier(self) -> str:
        """The workflow tier that holds now."""
        found: str = (self.standing or self.row)["workflow_tier"]
        return found

    @property
    def two_people(self) -> bool:
        """Does a reviewer recommend and an approver decide?"""
        return overlay_of(self.policy.document, self.tier).decided_by == "approver"

    @property
    def parts(self) -> frozenset[Part]:
        """What the caller is to the review."""
        found = {Part(one) for one in self.roles}
        mine = self.by.name in {self.row["reviewer"], self.row["stands_in"]}
        return frozenset(found | ({Part.ASSIGNED} if mine and Part.REVIEWER in found else set()))

    @cached_property
    def shown(self) -> Shown:
        """What is shown now. Raises `ModelGone`."""
        found = read_shown(self.session, model=self.model, about=self.row["version_id"])
        if found is None:
            raise ModelGone(review=self.row["id"])
        return found

    @cached_property
    def builders(self) -> Sequence[Builder]:
        """Who had a part in it."""
        return read_builders(self.session, model=self.model, about=self.row["version_id"],
                             identified=self.row["identified"])  # fmt: skip

    @property
    def tag(self) -> ReviewTag:
        """What its tag stands for."""
        return ReviewTag(**{name: self.row[name] for name in ReviewTag.model_fields})

    def differences(self, old: Mapping[str, Any] | None) -> list[Difference]:
        """What is other now than it was."""
        if old is None:
            return []
        rules = self.policy.document.material_changes
        return differences(old, self.shown.content, material=rules, sources=self.shown.sources)

    def step(self, action: Action) -> Step:
        """Whether the caller may take it now. Raises what refuses it."""
        found = take(
            action, State(self.row["state"]), parts=self.parts, two_people=self.two_people,
            on_hold=self.row["on_hold"],
        )  # fmt: skip
        if isinstance(found, Step):
            return found
        if found is Refusal.NOT_YOURS:
            raise RoleMissing(detail=f"To {action.value} is not yours.")
        if found is Refusal.ON_HOLD and action is not Action.HOLD:
            raise ReviewOnHold
        steps = f"its steps are: {self._steps()}; {self._who_decides()}"
        raise StepImpossible(detail=f"It is {self.row['state']}; {steps}.")

    def _steps(self) -> str:
        """What can be done with it in its state, by whom it may."""
        state, decided = State(self.row["state"]), {None, self.two_people}
        found = [one for one in STEPS if state in one.states and one.two_people in decided]
        return ", ".join(dict.fromkeys(one.action.value for one in found)) or "none"

    def _who_decides(self) -> str:
        if self.two_people:
            return f"at {self.tier} a reviewer recommends and an approver decides"
        return f"at {self.tier} its reviewer decides"

    def check_independent(self, person: str) -> Result:
        """Did this person build none of it? Raises `NotIndependent`."""
        known = told_by_others(self.builders, self.row["identified"], person=person)
        found = judge(known, person=person)
        if found == "FAIL":
            why = part_of(self.builders, person=person)
            raise NotIndependent(detail=f"{person} had a part in it: {why}.")
        return found


def begin(session: Session, given: UUID, *, by: Acting, lock: bool = True) -> Turn:
    """Somebody's turn: nobody else acts on the model's reviews meanwhile.

    Raises `ReviewNotFound`.
    """
    row = find_review(session, given, caller=by.caller)
    if lock:
        of_model = sa.select(model_clock.c.model_id).where(
            model_clock.c.model_id == row["model_id"]
        )
        session.execute(of_model.with_for_update())
        session.execute(sa.select(review.c.id).where(review.c.id == given).with_for_update())
        row = find_review(session, given, caller=by.caller)
    found = session.execute(sa.select(standing).where(standing.c.model_id == row["model_id"]))
    roles = roles_in(session, by.caller, model=row["model_id"], namespace=row["namespace"])
    stands = found.mappings().first()
    return Turn(session, row, by, clock(session), dict(stands) if stands else None,
                read_policy(session), roles)  # fmt: skip


def check_tag(turn: Turn) -> None:
    """Is it still as the caller has read it? Raises `TagNeeded`, `TagStale`."""
    check_match(turn.by.match, turn.tag)


def tag_text(turn: Turn) -> str:
    """Its tag."""
    return tag_of(turn.tag)


def moved(turn: Turn, *, frozen: Mapping[str, Any] | None) -> ContentMoved:
    """The refusal that says what differs."""
    found = turn.differences(frozen)
    return ContentMoved(*(
        FieldProblem(
            pointer=one.path,
            message=f"{one.change_class}: was {_short(one.old)}, is {_short(one.new)}",
        )
        for one in found[:MOST]
    ))  # fmt: skip


def _short(value: Any) -> str:
    text = "not stated" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
