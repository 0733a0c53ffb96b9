"""What one person asks for and another grants, until a day.

Waivers of controls, exceptions for versions, overrides of tiers, exemptions of uses.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from schemas.catalog import Paging
from schemas.findings import Long, ModelRef, NotedStep, Proofs, ReasonedStep, SentProof, Title
from schemas.imports import Reason
from schemas.policy_scale import Tier
from schemas.queries import AnyOf, Dialect, Several
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

State = Literal["REQUESTED", "IN_FORCE", "REJECTED", "LAPSED", "REVOKED"]
ControlName = Annotated[Line, StringConstraints(min_length=1, max_length=60)]


class _Asked(Closed):
    reason: Reason
    evidence: Proofs = ()
    expires_at: Instant


class AskWaiver(_Asked):
    """A control need not pass for a model, or for one item of what it looks at, until a time.

    At most 366 days. `compensating` is what keeps the risk low meanwhile.
    """

    model: ModelRef
    control: ControlName
    item: Word | None = None
    compensating: Long


class AskException(_Asked):
    """A version of a HIGH model may be used before it is approved, within limits.

    At most 90 days. `informed` are those who were told.
    """

    model: ModelRef
    version: Word
    limits: Long
    monitoring: Long
    informed: Annotated[tuple[Title, ...], Field(min_length=1, max_length=50)]


class AskOverride(_Asked):
    """A use is riskier, or less so, than its facts say: at most 366 days.

    Up holds at once. Down waits for an approver, and needs evidence and 20 bytes of reason.
    """

    tier: Tier  # NEGLIGIBLE is refused by a rule that says what to ask for instead


class AskExemption(Closed):
    """A use matters so little that hardly any rule holds for it.

    For 24 months, or until `expires_at` before that.
    """

    reason: Reason
    evidence: Proofs = ()
    expires_at: Instant | None = None


class RenewConcession(_Asked):
    """The same for longer: a request of its own, granted by somebody else; once."""


class ApproveConcession(NotedStep):
    """Granted. `compensating` is for a waiver that a manifest asks for without naming any."""

    compensating: Long | None = None


class ConcessionOutline(Closed):
    """What every reader of the model may know: what is asked for or holds, and until when.

    One whose time is over is LAPSED, also before the clock has written that down. `renews` names
    the one before it; `renewals` counts those that were granted without a new request.
    """

    id: UUID
    url: Line
    model: Line | None
    model_id: UUID
    namespace: Line | None
    state: State
    requested_at: Instant
    granted_at: Instant | None
    expires_at: Instant
    renewals: Count
    renews: UUID | None
    ended_at: Instant | None


class Told(Closed):
    """What owners, reviewers, approvers and auditors may read beside it.

    `chain` lists the ones before it, the latest first; `possible` the steps that its state has.
    """

    reason: Text
    evidence: tuple[SentProof, ...]
    requested_by: Line
    approved_by: Line | None
    ended_by: Line | None
    end_reason: Text | None
    chain: tuple[UUID, ...]
    possible: tuple[Line, ...]


class WaiverOutline(ConcessionOutline):
    """A waiver, as every reader may know of it. No `item`: the whole control."""

    control: Line
    item: Text | None


class WaiverRow(WaiverOutline, Told):
    """All of a waiver. `stated`: a manifest asks for it; false: one did, and no longer does."""

    compensating: Text
    stated: Flag | None


class ExceptionOutline(ConcessionOutline):
    """An exception, as every reader may know of it."""

    version: Line | None
    version_id: UUID


class ExceptionRow(ExceptionOutline, Told):
    """All of an exception."""

    version_digest: Line | None
    limits: Text
    monitoring: Text
    informed: tuple[Text, ...]


class OverrideOutline(ConcessionOutline):
    """An override, as every reader may know of it."""

    use: Line
    use_id: UUID
    direction: Literal["up", "down"]
    tier: Tier


class OverrideRow(OverrideOutline, Told):
    """All of an override."""


class ExemptionOutline(ConcessionOutline):
    """An exemption, as every reader may know of it."""

    use: Line
    use_id: UUID


class ExemptionRow(ExemptionOutline, Told):
    """All of an exemption."""


class ConcessionFilters(Closed):
    """Which of them; those that wait or hold unless a state is asked for."""

    state: AnyOf[State] | None = None
    namespace: Several | None = None
    model: Several | None = None
    ends_before: Instant | None = None


class ConcessionQuery(ConcessionFilters, Paging):
    """All query parameters of a list."""


class ConcessionExport(ConcessionFilters):
    """All query parameters of its files."""

    dialect: Dialect = "plain"


class WaiverFilters(ConcessionFilters):
    """Which waivers; those that wait or hold unless a state is asked for."""

    control: Several | None = None


class WaiverQuery(WaiverFilters, Paging):
    """All query parameters of the list."""


class WaiverExport(WaiverFilters):
    """All query parameters of its files."""

    dialect: Dialect = "plain"


__all__ = [
    "ApproveConcession", "AskException", "AskExemption", "AskOverride", "AskWaiver",
    "ConcessionExport", "ConcessionOutline", "ConcessionQuery", "ExceptionOutline", "ExceptionRow",
    "ExemptionOutline", "ExemptionRow", "OverrideOutline", "OverrideRow", "ReasonedStep",
    "RenewConcession", "State", "Told", "WaiverExport", "WaiverOutline", "WaiverQuery", "WaiverRow",
]  # fmt: skip
