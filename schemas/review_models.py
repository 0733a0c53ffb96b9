"""The ordered columns of the models' file for risk reviews, and of OSFI E-23's Appendix 1."""

from collections.abc import Mapping
from typing import Final

from schemas.columns import Column
from schemas.resting import BEGUN, DECIDED, RATED, SEEN, facts_of, resting, said_of

OWNED: Final = ("model.owners",)
MODELS: Final = (
    *BEGUN,
    *facts_of(
        "model",
        display_name="the title that people see",
        description="what it does",
        asset_kind="model, ai_system, rule_engine, vendor_service, prompt_app or agent",
        lifecycle="proposed to decommissioned",
    ),
    *said_of(
        "use",
        line_of_business="which parts of the company use it",
        jurisdictions="where it is used",
    ),
    Column("owner", "accountable owners", "owners", rests=OWNED),
    *resting((*OWNED, "owner.email"), owner_email="their addresses"),
    *resting(
        (*OWNED, "owner.active", "owner.left_at", "clock"), "boolean",
        owner_active="true while one of them is there; false when all have left",
    ),
    Column("developers", "owners who develop it", "owners", rests=OWNED),
    *resting(DECIDED, reviewer="who reviewed it last", approver="who approved it last"),
    *resting(
        RATED,
        tier="the highest tier of its uses: LOW, MEDIUM or HIGH, NEGLIGIBLE if exempted",
        tier_status="FIRM, PROVISIONAL while facts are missing, or OVERRIDDEN by people",
        tier_low="what the tier would be at least, whatever is still unknown",
        tier_high="what it would be at most",
        workflow_tier="the tier whose review rules apply now",
        deciding_use="the use that its tier comes from",
    ),
    *resting(
        RATED, "integer",
        materiality_low="points for how much depends on it, at least",
        materiality_high="the same, at most",
        inherent_low="points for how risky it is in itself, at least",
        inherent_high="the same, at most",
    ),
    *resting(
        RATED,
        floors="rules that lift its tier",
        floors_undecided="rules that may, once more is known",
    ),
    *resting(RATED, "boolean", blocked="true when a rule forbids the use"),
    *resting(RATED, ask_next="facts to ask for next, those that move the tier most first"),
    *resting(
        RATED, "datetime",
        provisional_since="since when facts are missing; empty: none is",
        grace_end="until when the provisional tier may stand; empty: no limit",
    ),
    *resting(
        ("override",),
        override_tier="the tier that people set for the deciding use; empty: none",
        override_reason="why they did",
    ),
    *resting(("override", "clock"), "datetime", override_expires_at="until when it holds"),
    *resting(
        ("control", "finding", *RATED),
        residual_rating="what risk is left: low, medium or high, by failing controls and findings",
    ),
    *resting(("policy", "assessment"), policy_version="the policy that its tier was computed by"),
    *resting(("use",), "integer", uses="declared uses"),
    *resting((*DECIDED, "use", "version", "clock"), approved_uses="uses that people said yes to"),
    *said_of("use", restrictions="what it must not be used for"),
    *resting(
        ("use.regulated_purposes", "use"),
        regulated_purposes="purposes that a law or the firm names",
    ),
    *resting(
        (
            "use.regulated_purposes", "use.annex_iii_point", "use.art6_3_basis", "use.art6_3_ref",
            "use.profiling", "use",
        ),
        eu_class="under the EU AI Act: prohibited, high_risk, exempt_6_3, not_listed or unknown",
    ),
    *facts_of("model", origin="who built it", vendor_name="who sells it"),
    *resting(
        ("model.model_class", "version.model_class", *RATED),
        model_class="what kind of model it is, of the deciding use",
    ),
    *facts_of("model", base_model="what it was derived from", license="SPDX identifier"),
    *resting(("version", "deployment", "model"), live_versions="versions that are in use"),
    *resting(("version",), newest_version="the version with the highest number"),
    *resting(
        ("version.digests", "version", "deployment"),
        version_digest="digests of the live versions",
    ),
    *resting(
        ("version.source_commit", "version", "deployment"),
        source_commit="commits of the live versions",
    ),
    *resting(
        ("deployment", "version", "model"), environments="environments that something of it runs in"
    ),
    *resting(
        ("deployment", "version", "model"), "datetime",
        first_production_at="when it was first in production",
    ),
    *resting(("model", "clock"), "datetime", last_change_at="when anything about it last changed"),
    *resting((*SEEN, "model"), "datetime", last_seen_at="when a source last confirmed it"),
    *resting(("model",), sources="sources that describe it"),
    *resting(
        ("model.datasets", "version.datasets", "version", "deployment"),
        datasets="datasets of it and its live versions, with role",
    ),
    *resting(
        ("dataset.data_sensitivity", "model.data_sensitivity", *RATED),
        data_sensitivity="of the most sensitive data that it uses",
    ),
    *said_of("use", dpia_ref="its data protection impact assessments"),
    *facts_of("model", limitations="what it cannot do"),
    *resting(
        ("model.depends_on", "model.base_model"),
        dependencies="models whose output it consumes, and what it was derived from",
    ),
    *resting(
        ("model.downstream_dependents", *RATED),
        downstream_dependents="how many systems consume its output",
    ),
    *resting(
        ("model.last_monitored_at", "model.monitoring_interval_days", "finding", "clock"),
        monitoring_status="green, yellow (late), red (a severe incident is open), stale or none",
    ),
    *facts_of("model", "datetime", last_monitored_at="when it was last monitored"),
    *resting(
        ("review", "decision", "condition", "exception", "version", "deployment", *RATED),
        review_state="what people have decided of its worst live version",
    ),
    *resting(DECIDED, "datetime", last_review_at="when people last decided about it"),
    *resting(DECIDED, last_review_kind="in which kind of review", last_outcome="what they decided"),
    *resting(
        ("condition", "decision"), "integer",
        open_conditions="conditions of decisions that nobody has verified",
    ),
    *resting(
        ("decision", "review", *RATED), "datetime",
        next_review_due="when it has to be reviewed again; empty: no date",
        review_grace_end="until when the last decision stands",
    ),
    *resting(("review", "clock"), "integer", days_overdue="days that its latest review is late"),
    *resting(("exception",), exception_id="the exception that it is used under; empty: none"),
    *resting(("exception",), "datetime", exception_expires_at="until when"),
    *resting(
        ("finding", "clock"), "integer",
        findings_high="open findings of high severity",
        findings_medium="open findings of medium severity",
        findings_low="open findings of low severity",
        oldest_finding_days="age of the oldest open finding; empty: none is open",
        findings_past_due="open findings whose time is over",
    ),
    *resting(
        ("control", "waiver", *RATED), "integer",
        controls_pass="controls that pass",  # noqa: S106  # a meaning, no password
        controls_fail="controls that fail",
        controls_unknown="controls of which too little is known",
        controls_waived="controls that are waived",
        controls_not_applicable="controls that do not apply",
    ),
    *resting(
        ("control", "waiver", *RATED),
        failing_controls="which ones fail",
        unknown_controls="of which ones too little is known",
    ),
    *resting(("waiver", "clock"), "integer", waivers_in_force="waivers that hold"),
    *resting(("attestation",), "datetime", last_attested_at="when an owner last attested"),
    *resting(("attestation",), attestation_result="what that came to"),
    *resting(("model",), conflicts="facts that sources disagree about"),
    *resting(
        ("model", "use", "version", "deployment", *RATED), "integer",
        completeness_percent="share of the fields that its tier asks for and somebody states",
    ),
    *resting((*SEEN, "model"), "integer", freshness_days="days since a source last confirmed it"),
    *resting(
        ("model", "use", "version", "deployment", "clock"),
        evidence_digest="SHA-256 over the digests of all observations that it rests on",
    ),
)  # fmt: skip

OF_MODELS: Final = {column.name: column for column in MODELS}
APPENDIX_1: Final[
    Mapping[str, tuple[int, str]]
] = {  # column → field of E-23's Appendix 1, its cell
    "model_name": (2, "display_name"),
    "key_features": (2, "description"),
    "model_use": (2, "purposes"),
    "risk_rating": (3, "tier"),
    "risk_rating_status": (3, "tier_status"),
    "owner": (4, "owner"),
    "developer": (5, "developers"),
    "origin": (6, "origin"),
    "version": (7, "live_versions"),
    "production_date": (8, "first_production_at"),
    "reviewer": (9, "reviewer"),
    "approver": (10, "approver"),
    "dependencies": (11, "dependencies"),
    "data_sources": (12, "datasets"),
    "approved_uses": (13, "approved_uses"),
    "limitations": (14, "limitations"),
    "restrictions": (14, "restrictions"),
    "requirements": (14, "requirements"),
    "exceptions": (14, "exceptions"),
    "last_review": (15, "last_review_at"),
    "monitoring_status": (16, "monitoring_status"),
    "next_review": (17, "next_review_due"),
}
RIGHT_HALF: Final = 7  # from this field on: of models that are not negligible
BESIDE_MODELS: Final = {  # cells that only the appendix has
    one.name: one
    for one in (
        *resting(("use.purpose", "use"), purposes="what it is used for"),
        *resting(("condition", "decision"), requirements="conditions that nobody has verified"),
        *resting(
            ("exception",), exceptions="what it may be used for before it is approved, until when"
        ),
    )
}


def _appendix() -> tuple[Column, ...]:
    """The columns of Appendix 1: cells of the models' file, under the names of the guideline."""
    cells = OF_MODELS | BESIDE_MODELS
    return tuple(cells[of]._replace(name=name) for name, (_, of) in APPENDIX_1.items())


OSFI: Final = (*BEGUN, *_appendix())
