"""The words of the inventory of AI uses of US agencies: 36 columns and the facts that each becomes.

Harvesters read them and exports write them. A fact is named with its entry's kind: `use.topic`. In
a closed column each label has a value; None says nothing that is a fact. Who writes the table again
takes the first label of a fact's value; what that would not give back, and any cell that was not
read as it stands, `use.cells` keeps.
"""

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import JsonValue


class Form(StrEnum):
    """How the cells of a column are read."""

    IDENTITY = "identity"  # part of what the record is known by
    TITLE = "title"
    TEXT = "text"
    LINE = "line"
    CLOSED = "closed"
    DATE = "date"
    ADDRESS = "address"
    CODE = "code"
    FEATURES = "features"
    LISTED = "listed"
    EMAIL = "email"


class Column(NamedTuple):
    """One column: its facts, how it is read, and for closed ones what every label stands for."""

    name: str
    facts: tuple[str, ...]
    form: Form
    values: Mapping[str, JsonValue] = {}
    spellings: Mapping[str, str] = {}  # other ways to write a label
    narrowed: str | None = None  # the label that what begins like it is narrowed to
    member: str | None = None  # the member of the fact that it fills
    written: Mapping[str, str] = {}  # labels of values that none stands for alone, as sources of
    # other kinds state them


def _one_of(*values: str) -> JsonValue:
    return {"one_of": [*values]}


def _practice(
    name: str,
    *,
    member: str,
    labels: Mapping[str, str],
    spellings: Mapping[str, str] = {},
) -> Column:
    """Waived by an agency's officer is a state like any other, never a waiver of ours."""
    values: dict[str, JsonValue] = {**labels, "CAIO Waived": "caio_waived"}
    return Column(name, ("use.practices",), Form.CLOSED, values, spellings, member=member)


RULES, TREES, DEEP = "rules_or_linear", "tree_or_ensemble", "deep_learning"
NOT_AGENTIC: Final = _one_of(RULES, TREES, DEEP, "generative")
YES_NO: Final[Mapping[str, JsonValue]] = {"Yes": True, "No": False}
IN_PROGRESS: Final = {"In-progress": "in_progress"}
DONE: Final = {"Yes": "done", **IN_PROGRESS}
NOT_APPLICABLE: Final = {"Not Applicable": "not_applicable"}
SENSITIVITY: Final = ("model.data_sensitivity", "dataset.data_sensitivity")
TOPICS: Final = (
    "Science", "Admin Functions", "IT", "Law Enforcement", "Health and Medical", "Other",
    "Service Delivery", "Energy and Environment", "Procurement and Finance Mgmt", "Transportation",
    "Benefits Processing", "Cybersecurity", "HR", "Emergency Mgmt", "International Affairs",
)  # fmt: skip
FEATURES: Final = {  # label → feature
    "Race/Ethnicity": "race_ethnicity", "Sex": "sex", "Age": "age", "Religion": "religion",
    "Religious Affiliation": "religion", "Socioeconomic Status": "socioeconomic_status",
    "Ability Status": "ability", "Disability Status": "ability",
    "Residency Status": "residency_status", "Marital Status": "marital_status",
    "Income": "income", "Employment Status": "employment_status", "Other": "other",
}  # fmt: skip
SHARING: Final = frozenset({"has_pii", "has_custom_code"})  # others write their facts too
NO_FEATURES: Final = "None of the above"
NO_FEATURES_CELL: Final = f"['k) {NO_FEATURES}']"  # as the form writes it
SPECIAL: Final = frozenset({"race_ethnicity", "religion", "ability"})  # special-category data

COLUMNS: Final = (
    Column("agency", ("model.namespace",), Form.IDENTITY),
    Column("agency_name", ("use.organisation",), Form.LINE),
    Column("id", ("model.name",), Form.IDENTITY),
    Column("use_case_name", ("model.display_name", "use.name"), Form.TITLE),
    Column("agency_bureau", ("use.line_of_business",), Form.LINE),
    Column("contact_email", ("model.owners",), Form.EMAIL),
    Column("is_withheld", ("use.withheld",), Form.CLOSED, {
        "No": "no", "Yes - Disclosure Risk": "disclosure_risk",
        "Yes - Prohibited by Law": "prohibited_by_law", "Other": "other",
    }),
    Column("development_stage", ("model.lifecycle",), Form.CLOSED, {
        "Pre-deployment": "development", "Pilot": "pilot", "Deployed": "production",
        "Retired": "decommissioned",
    }, written={"proposed": "Pre-deployment", "validation": "Pre-deployment"}),
    Column("is_high_impact", ("use.regulated_purposes",), Form.CLOSED, {
        "High-impact": True, "Not High-impact": False,
        "Presumed High-Impact, but Not High-impact": False,
    }, member="us_high_impact"),
    Column("HI_justification", ("use.us_high_impact_reason",), Form.TEXT),
    Column("topic_area", ("use.topic",), Form.CLOSED, {one: one for one in TOPICS},
           {"Administrative functions": "Admin Functions"}, "Other"),
    Column("classification", ("model.model_class",), Form.CLOSED, {
        "Classical ML": _one_of(RULES, TREES, DEEP), "Generative AI": "generative",
        "NLP": NOT_AGENTIC, "Computer Vision": NOT_AGENTIC, "Agentic AI": "agentic",
        "Reinforcement Learning": _one_of(DEEP, "agentic"),
    }, written={RULES: "Classical ML", TREES: "Classical ML"}),
    Column("problem_solved", ("use.purpose",), Form.TEXT),
    Column("benefits", ("use.benefits",), Form.TEXT),
    Column("system_outputs", ("model.description",), Form.TEXT),
    Column("operational_date", ("use.in_use_since",), Form.DATE),
    Column("contracting_usage", ("model.origin",), Form.CLOSED, {
        "Vendor Purchased": "vendor_black_box",
        "In-house Development": _one_of("in_house", "open_weights"),
        "Contracting and In House": None,
    }, written={"in_house": "In-house Development", "open_weights": "In-house Development"}),
    Column("vendor_name", ("model.vendor_name",), Form.LINE),
    Column("have_ato", ("use.authorisation",), Form.CLOSED, YES_NO, member="granted"),
    Column("system_name_ato", ("use.authorisation",), Form.LINE, member="system"),
    Column("data_description", ("dataset.description",), Form.TEXT),
    Column("link_to_data", ("dataset.source_url",), Form.ADDRESS),
    Column("has_pii", SENSITIVITY, Form.CLOSED, {
        "Yes": _one_of("personal", "special_category"), "No": _one_of("public", "internal"),
    }, written={
        "personal": "Yes", "special_category": "Yes", "public": "No", "internal": "No",
    }),
    Column("pia_url", ("use.dpia_ref",), Form.ADDRESS),
    Column("demographic_features", ("model.protected_features", *SENSITIVITY), Form.FEATURES),
    Column("has_custom_code", ("model.repositories",), Form.CLOSED, {"Yes": None, "No": []}),
    Column("code_url", ("model.repositories", "model.links"), Form.CODE),
    _practice("hi_testing_conducted", member="pre_deployment_testing", labels=DONE),
    _practice("hi_assessment_completed", member="impact_assessment", labels=DONE),
    Column("hi_potential_impacts", ("use.potential_impacts",), Form.TEXT),
    _practice("hi_independent_review", member="independent_review", labels={
        "Internal Independent Review": "internal", "CAIO Review": "caio",
        "Oversight Board Review": "oversight_board", **IN_PROGRESS,
    }, spellings={
        "Yes - by an agency AI oversight board not directly involved in the AI's development":
            "Oversight Board Review",
    }),
    _practice("hi_ongoing_monitoring", member="ongoing_monitoring", labels={
        "Yes - Monitoring Established": "established", **IN_PROGRESS,
    }, spellings={
        "Yes, sufficient monitoring protocols have been established":
            "Yes - Monitoring Established",
        "Development of monitoring protocols is in-progess": "In-progress",  # as it is written
    }),
    _practice("hi_training_established", member="operator_training", labels={
        "Training Established": "established", "Training In-progress": "in_progress",
    }),
    _practice("hi_failsafe_presence", member="failsafe", labels={
        "Yes": "established", **IN_PROGRESS, **NOT_APPLICABLE,
    }),
    _practice("hi_appeal_process", member="appeal_process", labels={
        "Appeal Process Established": "established",
        "Appeal Process In-progress": "in_progress", **NOT_APPLICABLE,
        "Appeal Precluded by Law": "precluded_by_law",
    }),
    Column("hi_public_consultation", ("use.practices",), Form.LISTED, member="public_consultation"),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Column]] = {column.name: column for column in COLUMNS}
CLOSED: Final = tuple(column for column in COLUMNS if column.form is Form.CLOSED)

LETTER: Final = re.compile(r"[a-z]\)\s*", re.IGNORECASE)
ALIKE: Final = str.maketrans("‐‑‒–—―’‘", "------''")  # noqa: RUF001  # what it is about


def folded(label: str) -> str:
    """A label as it is compared: in one line, whatever its case, dashes and leading letter."""
    return without_letter(" ".join(label.translate(ALIKE).split())).casefold()


def without_letter(text: str) -> str:
    """An item of a list without the letter that counts it: `c) Age`."""
    found = LETTER.match(text)
    return text[found.end() :] if found else text


def _labels(column: Column) -> Mapping[str, str]:
    """The column's labels by all their spellings."""
    own = {folded(label): label for label in column.values}
    return {folded(other): label for other, label in column.spellings.items()} | own


LABELS: Final = {column.name: _labels(column) for column in CLOSED}
_USED: Final = Counter(spelling for labels in LABELS.values() for spelling in labels)
OWNED: Final = {  # a spelling that only one column knows, and whose it is
    spelling: name for name, labels in LABELS.items() for spelling in labels if _USED[spelling] == 1
}
FOLDED_FEATURES: Final = {folded(label): feature for label, feature in FEATURES.items()}


def is_exact(column: Column, label: str) -> bool:
    """Does the fact alone say which label it was read from?"""
    value = column.values[label]
    first = next(one for one, other in column.values.items() if other == value)
    return value is not None and label == first and column.name not in SHARING
