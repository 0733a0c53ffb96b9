"""How risky a model is, why, what to ask next, and what people confirm about it."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.policy_scale import Tier
from schemas.strict import Closed, Count, Flag, Instant, Line, Text

Reason = Annotated[Text, Field(min_length=1, max_length=4_000)]
FACTS_SHOWN: Final = 60


class PolicyNamed(Closed):
    """The version of the policy that rated it."""

    name: Line
    version: Line
    digest: Line


class FactorReason(Closed):
    """What a factor adds to its axis: points of the values it may have, and who says so."""

    axis: Line
    factor: Line
    possible: tuple[JsonValue, ...]
    points_low: Count
    points_high: Count
    source: Line | None  # None: nobody states it
    observed_at: Line | None


class FloorReason(Closed):
    """A floor that holds or may hold, and the facts that decide it."""

    id: Line
    title: Line
    state: Line  # TRUE, UNKNOWN
    to: Tier | None
    raise_by: Count
    hard: Flag
    because: tuple[JsonValue, ...]


class QuestionNext(Closed):
    """A question whose answer could move the tier: how far, and who can say."""

    fact: Line
    question: Text
    kind: Line
    who: Line
    swing: Count
    span: Count
    answers: tuple[JsonValue, ...]
    pin: Line  # where the answer goes


class WhatIfAnswer(Closed):
    """One answer that would lower or raise the tier; `possible` unless something else is stated."""

    fact: Line
    answer: JsonValue
    possible: Flag
    tier_low: Tier
    tier_high: Tier
    lowers: Flag
    raises: Flag


class UseTier(Closed):
    """How risky one use is, and why."""

    use: Line
    use_id: UUID | None  # None: nobody declared it
    tier: Tier
    computed_tier: Tier
    status: Line
    tier_low: Tier
    tier_high: Tier
    workflow_tier: Tier
    blocked: Flag
    materiality: tuple[Count, Count]
    inherent: tuple[Count, Count]
    reasons: tuple[FactorReason, ...]
    floors: tuple[FloorReason, ...]
    ask_next: tuple[QuestionNext, ...]
    what_if: tuple[WhatIfAnswer, ...]
    facts: dict[str, JsonValue]
    outside: dict[str, JsonValue]  # values that the policy does not know, as sources gave them
    override_id: UUID | None
    exemption_id: UUID | None
    provisional_since: Instant | None
    grace_end: Instant | None


class Confirmed(Closed):
    """Who confirmed the facts, when, and whether they are still those."""

    by: Line
    at: Instant
    facts_digest: Line
    stale: Flag


class ModelTier(Closed):
    """How risky a model is: the greatest tier of its uses."""

    model: Line | None
    tier: Tier
    computed_tier: Tier
    status: Line
    tier_low: Tier
    tier_high: Tier
    workflow_tier: Tier
    blocked: Flag
    deciding_use: Line
    in_production: Flag | None  # None: nobody who could see that has looked completely
    grace_end: Instant | None
    policy: PolicyNamed
    facts_digest: Line
    confirmed: Confirmed | None
    evaluated_at: Instant
    uses: tuple[UseTier, ...]


class PreviewTier(Closed):
    """Facts as they might be: those named replace what is known, null takes one back."""

    use: Line | None = None
    facts: Annotated[dict[Line, JsonValue], Field(max_length=FACTS_SHOWN)]


class PreviewedTier(Closed):
    """What the tier of a use would be; nothing is stored."""

    use: Line
    tier: Tier
    status: Line
    tier_low: Tier
    tier_high: Tier
    blocked: Flag
    materiality: tuple[Count, Count]
    inherent: tuple[Count, Count]
    floors: tuple[FloorReason, ...]
    ask_next: tuple[QuestionNext, ...]


class ConfirmTier(Closed):
    """The facts that decide the tier are those that somebody read: by their digest."""

    facts_digest: Line
    comment: Reason | None = None
