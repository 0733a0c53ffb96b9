"""The files of a bundle for risk reviews: the ordered columns of each, and what cells rest on."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.columns import Column
from schemas.omb_columns import OMB
from schemas.resting import BEGUN, DECIDED, RATED, SEEN, facts_of, resting, said_of
from schemas.review_models import MODELS, OSFI

FACTORS: Final = (  # in the order of the policy's axes
    "decision_role", "people_affected_per_year", "financial_exposure_per_year", "regulatory_use",
    "harm_reversibility", "downstream_dependents", "model_class", "update_mode", "explainability",
    "data_sensitivity", "origin", "exposure",
)  # fmt: skip
USES: Final = (
    *BEGUN,
    Column("use", "namespace/name/use", rests=("use.name", "use")),
    *resting(("use",), "boolean", implicit="true where nobody declared a use"),
    *facts_of("use", purpose="what it is for"),
    *(
        Column(
            name, f"{name.replace('_', ' ')}, as the tier reads it", "", "string",
            (f"use.{name}", f"model.{name}", *RATED),
        )
        for name in FACTORS
    ),
    *facts_of(
        "use",
        regulated_purposes="purposes that a law or the firm names",
        annex_iii_point="point of the EU AI Act's Annex III",
        art6_3_basis="why its Article 6(3) holds",
    ),
    *facts_of("use", "boolean", profiling="true when it profiles people"),
    *facts_of("use", jurisdictions="where it is used"),
    *resting(
        RATED,
        tier="LOW, MEDIUM or HIGH, NEGLIGIBLE if exempted",
        computed_tier="what the policy computes, whatever people set",
        tier_status="FIRM, PROVISIONAL or OVERRIDDEN",
        tier_low="what it would be at least",
        tier_high="what it would be at most",
        floors="rules that lift it",
        floors_undecided="rules that may, once more is known",
        ask_next="facts to ask for next",
    ),
    *resting(("override", "clock"), "datetime", override_expires_at="until when an override holds"),
    *resting(("exemption", "clock"), "datetime", exemption_expires_at="until when it is exempted"),
    *resting(
        (*DECIDED, "use", "version", "deployment", "clock"), "boolean",
        approved="true when people said yes to it for a live version, and that stands",
    ),
)  # fmt: skip

VERSIONS: Final = (
    *BEGUN,
    Column(
        "version", "its number, as v7; without one the identifier that it was first known by",
        rests=("version.number", "version"),
    ),
    Column("digest", "digests of its files", "digests", rests=("version.digests",)),
    *facts_of("version", "datetime", created_at="when its registry says it was created"),
    *resting(
        ("deployment", "version.aliases", "version.stage", "version"), "boolean",
        live="true while it is in use",
    ),
    *resting(
        ("deployment", "version"), "datetime",
        first_production_at="when it was first deployed to production",
    ),
    *facts_of(
        "version",
        source_commit="full commit of its source",
        repository="repository of its source",
        build="the build that made it",
        training_run="the training run that made it",
        base_model="what it was derived from",
    ),
    *resting(
        ("decision", "review", "version"),
        change_class="how much it differs from what was reviewed, as a reviewer says",
        material_changes="what of that a reviewer calls material",
    ),
    *resting(
        ("decision", "review", "condition", "exception", "version", "deployment", *RATED),
        review_state="what people have decided of it",
    ),
    *resting(DECIDED, reviewer="who reviewed it", approver="who approved it"),
    *resting(DECIDED, "datetime", decided_at="when that was decided"),
)  # fmt: skip

DEPLOYMENTS: Final = (
    *BEGUN,
    *resting(
        ("deployment",), deployment="the identifier that it was first known by, scheme:value"
    ),
    *facts_of(
        "deployment",
        environment="its environment, in the platform's words",
        environment_class="production, staging or development",
    ),
    *resting(("deployment.version", "deployment"), version="the version that it serves, as v7"),
    *facts_of("deployment", digest="digest of what it serves"),
    *resting(("version.digests", "deployment.version"), version_digest="what its registry says"),
    *facts_of("deployment", "number", traffic_percent="share of the traffic that it gets"),
    Column("from", "since when", "created_at", "datetime", ("deployment.created_at",)),
    Column("to", "when it ended, or since when no source shows it; unknown while neither is known",
           "ended_at", "datetime", ("deployment.ended_at", "deployment")),
    *resting((*SEEN, "deployment"), "datetime", last_seen_at="when a source last confirmed it"),
    *resting(("deployment",), source="sources that describe it"),
)  # fmt: skip

LINKED_BY: Final = ("version.datasets", "model.datasets", "version")
DATASETS: Final = (
    *BEGUN,
    *resting(
        LINKED_BY,
        version="the version that it belongs to, as v7; all: the model says it",
        dataset="the identifier that it was first known by, scheme:value",
        role="training, validation, test, reference or retrieval",
        digest="what it was at that time",
        dataset_version="its version",
    ),
    *resting(
        ("dataset.data_sensitivity", *LINKED_BY), sensitivity="how sensitive its data are"
    ),
    *said_of("dataset", license="SPDX identifier", source_url="where it comes from"),
    *resting(("dataset.description", *LINKED_BY), description="what it holds"),
)  # fmt: skip

FINDINGS: Final = (
    *BEGUN,
    *resting(
        ("finding",),
        finding="its id",
        version="the version that it is about, as its file calls it; empty: all",
        source="what it was found by",
        category="what kind of trouble it is",
        severity="low, medium or high",
        status="how far it is",
        title="what has to be mended",
        assignee="who mends it",
    ),
    *resting(
        ("finding",), "datetime",
        opened_at="when it was opened",
        original_due="until when it was to be mended at first",
        due_at="until when it is to be mended",
    ),
    *resting(("finding",), "integer", extensions="how often that was put off"),
    *resting(("finding",), "datetime", closed_at="when it was closed"),
    *resting(("finding",), closed_by="who closed it"),
)  # fmt: skip

CONTROLLED: Final = ("control", "waiver", "version", "deployment", *RATED)
CONTROLS: Final = (
    *BEGUN,
    *resting(
        CONTROLLED,
        control="its id in the pack",
        severity="how much it matters at this tier",
        result="PASS, FAIL, UNKNOWN, WAIVED or NOT_APPLICABLE",
    ),
    *resting(
        CONTROLLED,
        "datetime",
        since="since when the result is this",
        evaluated_at="when it was last evaluated with another outcome",
    ),
    *resting(
        CONTROLLED,
        items="what fails, or of what too little is known",
        missing="what is not stated",
        message="what that means",
        waiver="the waiver that holds",
        pack_version="the pack that it was evaluated by",
    ),
)

REVIEWED: Final = ("review", "decision", "condition", "clock")
REVIEWS: Final = (
    *BEGUN,
    *resting(
        REVIEWED,
        review="its id",
        kind="PRE, POST, SAMPLE, PERIODIC or TRIGGERED",
        version="the version that it is about, as its file calls it",
        version_digest="the digest that was decided about",
        use="the use that it is about; empty: all",
        state="how far it is",
        outcome="what was decided",
    ),
    *resting(REVIEWED, "boolean", tier_confirmed="whether the tier was confirmed"),
    *resting(
        REVIEWED,
        reviewer="who reviews it",
        approver="who approves it",
        independence="PASS, FAIL or UNKNOWN: has the reviewer no part in it?",
    ),
    *resting(
        REVIEWED, "datetime",
        opened_at="when it was opened",
        due_at="until when it is to be decided; empty: at first production",
        decided_at="when it was decided",
    ),
    *resting(REVIEWED, conditions="what the decision asks for and nobody has verified"),
)  # fmt: skip

WAIVERS: Final = (
    *BEGUN,
    *resting(
        ("waiver", "clock"),
        waiver="its id",
        control="the control that need not pass",
        item="of which item alone; empty: all",
        state="how far it is",
        reason="why",
        compensating="what is done instead",
        requested_by="who asked for it",
        approved_by="who granted it",
    ),
    *resting(
        ("waiver", "clock"), "datetime",
        granted_at="since when",
        expires_at="until when",
    ),
    *resting(("waiver",), "integer", renewals="how often it was renewed"),
)  # fmt: skip

CHANGES: Final = (
    *BEGUN,
    Column("change", "its number in the ledger", holds="integer"),
    Column("at", "when it was recorded", holds="datetime"),
    Column("entry_kind", "what changed: an entry, or what was computed or decided"),
    Column("entry", "what it is called"),
    Column("field", "which fact; of a decision its id"),
    Column("old", "the value before"),
    Column("new", "the value after"),
    Column("cause_kind", "harvest, person, policy, clock or merge"),
    Column("cause", "who or what did it"),
    Column("evidence", "where the source shows it"),
)
UNKNOWNS: Final = (
    *BEGUN,
    *resting(
        CONTROLLED,
        what_kind="field, floor, control, identity or source",
        what="which one",
        use="of which use; empty: of the model",
    ),
    *resting(CONTROLLED, "datetime", since="since when, where that is known"),
    *resting(CONTROLLED, who_can_state="person or source: who could say it"),
)
CORRECTIONS: Final = (
    *BEGUN,
    Column("observation", "the digest of what was said"),
    Column("entry", "about what"),
    Column("field", "which fact"),
    Column("observed_at", "when the source was read", holds="datetime"),
    Column("recorded_at", "when the catalog learned it", holds="datetime"),
    Column("source", "who said it"),
    Column("value_at_as_of", "what the catalog said then"),
    Column("value_learned", "what it learned later about then"),
)


class File(NamedTuple):
    """One file of a bundle: its columns, and those that tell its rows apart."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that its rows are ordered by, each by code point."""
        return ("model", "model_id", *(name for name in self.key if not name.startswith("model")))


MAIN: Final[Mapping[str, File]] = {  # by profile: the file that has a row for each model
    "models": File("models", MODELS, ("model_id",)),
    "osfi-e23": File("osfi-e23", OSFI, ("model_id",)),
    "omb-2025": File("omb-2025", OMB, tuple(column.name for column in OMB)),  # ids may repeat
}
COMPANIONS: Final = (
    File("uses", USES, ("model_id", "use")),
    File("versions", VERSIONS, ("model_id", "version")),
    File("deployments", DEPLOYMENTS, ("model_id", "deployment")),
    File("datasets", DATASETS, ("model_id", "version", "dataset", "role")),
    File("findings", FINDINGS, ("finding",)),
    File("controls", CONTROLS, ("model_id", "control")),
    File("reviews", REVIEWS, ("review",)),
    File("waivers", WAIVERS, ("waiver",)),
    File("changes_since", CHANGES, ("model_id", "change")),
    File("unknowns", UNKNOWNS, ("model_id", "what_kind", "what", "use")),
    File("corrections", CORRECTIONS, ("model_id", "observation", "entry", "field")),
)
