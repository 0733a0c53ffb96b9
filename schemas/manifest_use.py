"""What a manifest says about one use of its model; risk belongs to (model, use)."""

from typing import Literal

from pydantic import Field

from schemas import values
from schemas.manifest_parts import Written
from schemas.manifest_values import (
    Amount,
    Country,
    Factor,
    Line,
    ListOf,
    Point,
    Purposes,
    StatedFlag,
    Text,
    UseName,
    WebAddress,
)


class Use(Written):
    """One purpose that the model is used for."""

    name: UseName = Field(
        description="What it is called below the model.", examples=["retention-offers"]
    )
    purpose: Text | None = Field(
        default=None,
        description="What the output is for, in a sentence.",
        examples=["Chooses which customers the call centre offers a discount."],
    )
    line_of_business: Line | None = Field(
        default=None, description="The part of the business that uses it."
    )
    jurisdictions: ListOf[Country] = Field(
        default=(),
        description="Countries whose people or markets it affects: ISO 3166-1 alpha-2, or `EU`.",
        examples=[["DE", "AT"]],
    )
    user_groups: Text | None = Field(default=None, description="Who works with the output.")
    restrictions: ListOf[Line] = Field(
        default=(), description="What the model must not be used for here."
    )
    operating_boundaries: Text | None = Field(
        default=None, description="Within which limits the output may be relied on."
    )
    human_oversight: Literal["in_loop", "on_loop", "none"] | None = Field(
        default=None,
        description="`in_loop`: a person decides each case; `on_loop`: a person watches and can "
        "stop it; `none`: nobody does.",
    )
    appeal_route: Text | None = Field(
        default=None, description="How those affected can object to a decision."
    )
    fallback: Text | None = Field(
        default=None, description="What is done while the model is not available."
    )
    exposure: Factor[values.Exposure] = Field(
        default=None,
        description="Who can send it input in this use. Risk is computed from it.",
    )
    decision_role: Factor[values.DecisionRole] = Field(
        default=None,
        description="How far the output decides. Risk is computed from it.",
    )
    people_affected_per_year: Amount[values.PeopleAffected] = Field(
        default=None,
        description="How many people a year: a band, or a number. Risk is computed from it.",
        examples=[120000, "50k_500k"],
    )
    financial_exposure_per_year: Amount[values.FinancialExposure] = Field(
        default=None,
        description="How much money a year depends on it: a band, or a number in the currency of "
        "the tiering policy. Risk is computed from it.",
        examples=["100k_1m", 750000],
    )
    regulatory_use: Factor[values.RegulatoryUse] = Field(
        default=None,
        description="Whether a regulator or a control relies on it. Risk is computed from it.",
    )
    harm_reversibility: Factor[values.HarmReversibility] = Field(
        default=None,
        description="Whether a wrong output can be undone. Risk is computed from it.",
    )
    regulated_purposes: Purposes = Field(
        default=None,
        description="Which purposes of the tiering policy it serves: a list names all of them "
        "(`[]`: none), a map says true or false of some. Risk is computed from it.",
        examples=[[], ["creditworthiness"], {"us_high_impact": False}],
    )
    eu_role: values.EuRole | None = Field(
        default=None, description="The firm's role under the EU AI Act."
    )
    annex_iii_point: Point | None = Field(
        default=None,
        description="The point of Annex III of the EU AI Act that the use falls under.",
        examples=["5(b)"],
    )
    profiling: StatedFlag = Field(
        default=None,
        description="Whether it profiles natural persons. Risk is computed from it.",
    )
    art6_3_basis: Factor[values.Article63Basis] = Field(
        default=None,
        description="The ground of Art. 6(3) of the EU AI Act on which it is not high-risk. Risk "
        "is computed from it.",
    )
    art6_3_ref: WebAddress | None = Field(
        default=None, description="Address of the assessment under Art. 6(4)."
    )
    writes_system_of_record: StatedFlag = Field(
        default=None,
        description="Whether an agent can write to a system of record. Risk is computed from it.",
    )
    per_action_approval: StatedFlag = Field(
        default=None,
        description="Whether a person approves each action of an agent. Risk is computed from it.",
    )
