"""The contract of a tiering policy: data with a version, refused as a whole if a part is wrong."""

from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.digest import canonical_json, sha256
from schemas.policy_checks import Problem, problems_of
from schemas.policy_review import (
    ChangePath,
    Clocks,
    ControlNames,
    Currency,
    Day,
    ExceptionRule,
    ExemptionRule,
    Overlays,
    OverrideRule,
    PolicyName,
    Regime,
    Sampling,
    Triggers,
    VersionNumber,
    WaiverRule,
)
from schemas.policy_scale import (
    AskNext,
    Axes,
    FactorQuestion,
    FactRule,
    Floor,
    Limits,
    Matrix,
    Name,
    Numeric,
    Purpose,
    RegimeName,
    Tier,
)
from schemas.strict import Closed

MOST: Final = 100


class PolicyDocument(Closed):
    """One version of a tiering policy. No member's order means anything but a list's."""

    policy: PolicyName
    version: VersionNumber
    effective_from: Day | None
    currency: Currency
    tiers: Annotated[tuple[Tier, ...], Field(max_length=4)]
    bands: Limits
    axes: Axes
    matrix: Matrix
    numeric: Numeric
    purposes: Annotated[dict[Name, Purpose], Field(min_length=1, max_length=50)]
    facts: Annotated[dict[Name, FactRule], Field(max_length=40)]
    questions: Annotated[dict[Name, FactorQuestion], Field(max_length=40)]
    floors: Annotated[tuple[Floor, ...], Field(max_length=50)]
    ask_next: AskNext
    clocks: Clocks
    override: OverrideRule
    exemption: ExemptionRule
    exception: ExceptionRule
    waiver: WaiverRule
    reviews: Overlays
    deploy_controls: ControlNames
    sampling: Sampling
    triggers: Triggers
    material_changes: Annotated[tuple[ChangePath, ...], Field(max_length=100)]
    regimes: Annotated[dict[RegimeName, Regime], Field(min_length=1, max_length=MOST)]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Every name that a part uses is one that another part defines."""
        if problems := list(problems_of(self)):
            details = [_detail(problem) for problem in problems[:MOST]]
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self


def _detail(problem: Problem) -> InitErrorDetails:
    said = PydanticCustomError("policy", "{reason}", {"reason": problem.message})
    return InitErrorDetails(type=said, loc=problem.at, input=None)


def policy_digest(document: PolicyDocument) -> str:
    """Digest what a policy says, however its file is laid out."""
    return sha256(canonical_policy(document))


def canonical_policy(document: PolicyDocument) -> str:
    """Write a policy the one way it is hashed."""
    return canonical_json(document.model_dump(mode="json", exclude_unset=True))
