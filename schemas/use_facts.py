"""What can be said about a use of a model; every field carries its merge rule."""

from typing import Annotated, Literal

from schemas.facts_base import Facts
from schemas.identifiers import Kind
from schemas.strict import Count, Flag
from schemas.values import (
    Article63Basis,
    Authorisation,
    DecisionRole,
    EuRole,
    Exposure,
    Factor,
    FinancialExposure,
    GroupRate,
    HarmReversibility,
    Line,
    Lines,
    Merge,
    ModelRef,
    PeopleAffected,
    Practice,
    RegulatoryUse,
    SetOf,
    SourceCell,
    Text,
    Withheld,
)


class UseFacts(Facts):
    """About one purpose that a model is used for; risk belongs to (model, use)."""

    about = Kind.USE

    model: Annotated[ModelRef | None, Merge.TOP] = None
    name: Annotated[Line | None, Merge.TOP] = None
    purpose: Annotated[Text | None, Merge.TOP] = None
    line_of_business: Annotated[Line | None, Merge.TOP] = None
    jurisdictions: Annotated[Lines | None, Merge.TOP] = None
    user_groups: Annotated[Text | None, Merge.TOP] = None
    restrictions: Annotated[Lines | None, Merge.TOP] = None
    operating_boundaries: Annotated[Text | None, Merge.TOP] = None
    human_oversight: Annotated[Literal["in_loop", "on_loop", "none"] | None, Merge.TOP] = None
    appeal_route: Annotated[Text | None, Merge.TOP] = None
    fallback: Annotated[Text | None, Merge.TOP] = None
    exposure: Annotated[Factor[Exposure], Merge.TOP] = None
    decision_role: Annotated[Factor[DecisionRole], Merge.TOP] = None
    people_affected_per_year: Annotated[Factor[PeopleAffected] | Count, Merge.TOP] = None
    financial_exposure_per_year: Annotated[Factor[FinancialExposure] | Count, Merge.TOP] = None
    regulatory_use: Annotated[Factor[RegulatoryUse], Merge.TOP] = None
    harm_reversibility: Annotated[Factor[HarmReversibility], Merge.TOP] = None
    regulated_purposes: Annotated[Lines | dict[Line, Flag] | None, Merge.TOP] = None
    eu_role: Annotated[EuRole | None, Merge.TOP] = None
    annex_iii_point: Annotated[Line | None, Merge.TOP] = None
    profiling: Annotated[Flag | None, Merge.TOP] = None
    art6_3_basis: Annotated[Factor[Article63Basis], Merge.TOP] = None
    art6_3_ref: Annotated[Line | None, Merge.TOP] = None
    writes_system_of_record: Annotated[Flag | None, Merge.TOP] = None
    per_action_approval: Annotated[Flag | None, Merge.TOP] = None
    organisation: Annotated[Line | None, Merge.TOP] = None
    topic: Annotated[Line | None, Merge.TOP] = None
    benefits: Annotated[Text | None, Merge.TOP] = None
    potential_impacts: Annotated[Text | None, Merge.TOP] = None
    in_use_since: Annotated[Line | None, Merge.TOP] = None  # 2024-10-01, 2024-10 or 2024
    withheld: Annotated[Withheld | None, Merge.TOP] = None
    us_high_impact_reason: Annotated[Text | None, Merge.TOP] = None
    practices: Annotated[SetOf[Practice] | None, Merge.TOP] = None
    authorisation: Annotated[Authorisation | None, Merge.TOP] = None
    dpia_ref: Annotated[Line | None, Merge.TOP] = None
    fria_ref: Annotated[Line | None, Merge.TOP] = None
    impact_assessed_on: Annotated[Line | None, Merge.TOP] = None
    member_states: Annotated[Lines | None, Merge.TOP] = None
    eu_registration_id: Annotated[Line | None, Merge.TOP] = None
    declaration_ref: Annotated[Line | None, Merge.TOP] = None
    bias_audit_on: Annotated[Line | None, Merge.TOP] = None
    auditor: Annotated[Line | None, Merge.TOP] = None
    distribution_on: Annotated[Line | None, Merge.TOP] = None
    summary_url: Annotated[Line | None, Merge.TOP] = None
    fairness: Annotated[SetOf[GroupRate] | None, Merge.TOP] = None
    cells: Annotated[SetOf[SourceCell] | None, Merge.TOP] = None  # of the table it was read from
