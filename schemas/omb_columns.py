"""The columns of the inventory of AI uses of US agencies, as a profile of bundles writes them."""

from collections.abc import Mapping
from typing import Final

from schemas.columns import Column
from schemas.omb_words import COLUMNS

MEANINGS: Final[Mapping[str, str]] = {
    "agency": "the agency's short name; of other models the namespace",
    "agency_name": "the organisation that uses it",
    "id": "what the agency calls the record; of other models the name",
    "use_case_name": "the title of the use",
    "agency_bureau": "which part of the organisation uses it",
    "contact_email": "address of its accountable owners, of a list before people",
    "is_withheld": "whether it is kept out of the public inventory, and why",
    "development_stage": "Pre-deployment, Pilot, Deployed or Retired",
    "is_high_impact": "whether it is high-impact under M-25-21",
    "HI_justification": "why it is, or is not",
    "topic_area": "what the use is about",
    "classification": "what kind of AI it is",
    "problem_solved": "what it is for",
    "benefits": "what is expected of it",
    "system_outputs": "what it does",
    "operational_date": "since when it is in use: a day, a month or a year",
    "contracting_usage": "bought, made in house, or both",
    "vendor_name": "who sells it",
    "have_ato": "whether it may run on the agency's systems",
    "system_name_ato": "on which system",
    "data_description": "what data it was made from; several datasets stand on lines of their own",
    "link_to_data": "where they are; several are separated by blanks",
    "has_pii": "whether data of persons are among them",
    "pia_url": "the privacy impact assessment",
    "demographic_features": "features that are protected, as a list",
    "has_custom_code": "whether there is code of its own",
    "code_url": "where; several are separated by blanks",
    "hi_testing_conducted": "practice: tests before deployment",
    "hi_assessment_completed": "practice: impact assessment",
    "hi_potential_impacts": "what it may do to people",
    "hi_independent_review": "practice: independent review",
    "hi_ongoing_monitoring": "practice: monitoring",
    "hi_training_established": "practice: training of those who operate it",
    "hi_failsafe_presence": "practice: a fail-safe",
    "hi_appeal_process": "practice: an appeal",
    "hi_public_consultation": "practice: consultation of those concerned",
}
DATA: Final = ("model.datasets", "version.datasets")
RATED: Final = (
    "assessment",
    "version",
    "deployment",
)  # of live versions, where the model is silent
BESIDE: Final[Mapping[str, tuple[str, ...]]] = {  # what decides it beside its facts
    "contact_email": ("owner.email", "owner.kind"),
    "classification": ("version.model_class", *RATED),
    "contracting_usage": ("version.origin", *RATED),
    "has_pii": (*DATA, *RATED),
    "data_description": (*DATA, "version", "deployment"),
    "link_to_data": (*DATA, "version", "deployment"),
}
ENDS: Final = ("use.cells", "use", "model")  # where a cell stands that facts alone do not say
OMB: Final = tuple(
    Column(one.name, MEANINGS[one.name], rests=(*one.facts, *BESIDE.get(one.name, ()), *ENDS))
    for one in COLUMNS
)
