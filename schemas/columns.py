"""The ordered columns of every export: one definition for lists, files and documentation."""

from typing import Final, NamedTuple


class Column(NamedTuple):
    """One column: its name, what it holds, and the fact that it shows, which may be unknown.

    `holds` is the type of its cells, as a table schema names it. `rests` says what its cells come
    from, closest first: `model.owners` is a fact, `review` what is decided there, `clock` time.
    """

    name: str
    meaning: str
    fact: str = ""
    holds: str = "string"
    rests: tuple[str, ...] = ()


def _facts(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, meaning, name) for name, meaning in meanings.items())


def _begun(what: str, meaning: str) -> tuple[Column, ...]:
    """How every table begins."""
    return (
        Column("as_of", "when the catalog said this"),
        Column(f"{what}_id", "the entry's id, never used again"),
        Column(what, meaning),
    )


OWNER: Final = Column("owner", "accountable owners", "owners")
ENDED: Final = (  # how every table ends
    *_facts(warnings="what of it could not be used, and why"),
    Column("sources", "sources that currently describe it"),
    Column("conflicts", "facts that sources disagree about"),
    Column("stub", "true while other things refer to it and no source describes it"),
    Column("first_seen_at", "when the catalog first heard of it"),
    Column("last_changed_at", "when anything about it last changed"),
    Column("gone_since", "since when no source shows it; empty while one does"),
    Column("stale", "sources of it that are late or disabled: what they said may be outdated"),
    Column("unseen_since", "since when no source shows it, while it is not retired yet"),
)
UNWARNED: Final = ENDED[1:]  # of kinds without that fact
OF_MODEL: Final = (
    Column("model_id", "the model's entry id"),
    Column("model", "namespace/name"),
)

MODELS: Final = (
    *_begun("model", "namespace/name"),
    *_facts(
        display_name="the title that people see",
        description="what it does",
        asset_kind="model, ai_system, rule_engine, vendor_service, prompt_app or agent",
        lifecycle="proposed to decommissioned",
        task="what kind of output it gives",
        origin="who built it",
        vendor_name="who sells it",
        model_class="what kind of model it is",
        license="SPDX identifier",
        base_model="what it was derived from",
        data_sensitivity="of the most sensitive data that it uses",
        exposure="who can send it input",
        tags="labels, as key=value where they have a value",
    ),
    OWNER,
    Column("developers", "owners who develop it", "owners"),
    *_facts(
        repositories="where its code lies, with role",
        datasets="datasets that are named for it, with role and digest",
        created_at="when its registry or manifest says it was created",
    ),
    Column("versions", "number of versions that are not gone"),
    Column("newest_version", "the version with the highest number, as v7"),
    Column("tier", "the highest tier of its uses: LOW, MEDIUM or HIGH, NEGLIGIBLE if exempted"),
    Column("tier_status", "FIRM, PROVISIONAL while facts are missing, or OVERRIDDEN by people"),
    Column("tier_low", "what the tier would be at least, whatever is still unknown"),
    Column("tier_high", "what it would be at most"),
    Column("workflow_tier", "the tier whose review rules apply now"),
    Column("review_state", "what people have decided of its worst live version"),
    Column("next_review_due", "when it has to be reviewed again; empty: no date"),
    *ENDED,
)

VERSIONS: Final = (
    Column("as_of", "when the catalog said this"),
    *OF_MODEL,
    Column("version", "its number, as v7"),
    Column("version_id", "the entry's id, never used again"),
    *_facts(
        aliases="names that point to it in its registry",
        stage="stage in its registry",
        status="status in its registry",
        description="what is said about it",
        tags="labels, as key=value where they have a value",
        training_run="the training run that made it",
        logged_model="the logged model that it was registered from",
        source_uri="where its files lie",
        source_commit="full commit of its source",
        source_branch="branch of its source",
        repository="repository of its source",
        build="the build that made it",
        model_class="what kind of model it is",
        framework="what it was built with",
        base_model="what it was derived from",
        size_bytes="size of its files",
        created_by="who registered it",
        created_at="when its registry says it was created",
        datasets="datasets it was trained or evaluated on, with role and digest",
    ),
    *ENDED,
)

TRAINING_RUNS: Final = (
    *_begun("training_run", "the identifier that it was first known by"),
    *_facts(
        name="its name in the tracker",
        experiment="the experiment that it belongs to",
        status="status in the tracker",
        lifecycle="active or deleted in the tracker",
        started_at="when it began",
        ended_at="when it ended",
        created_by="who started it",
        source_name="what ran: a script, notebook or job",
        parent="the training run that started it",
        params="parameters, as name=value",
        metrics="last values, as name=value; without one where it was no number",
        tags="labels, as key=value where they have a value",
        logged_models="logged models that it made",
        source_commit="full commit of what ran",
        source_branch="branch of what ran",
        repository="repository of what ran",
        datasets="datasets that it read, with role and digest",
    ),
    *ENDED,
)

DATASETS: Final = (
    *_begun("dataset", "the identifier that it was first known by"),
    *_facts(
        name="what it is called",
        uri="where it lies",
        source_type="what kind of place that is",
        data_sensitivity="of the most sensitive data in it",
        description="what it holds",
        license="SPDX identifier",
        source_url="where it comes from",
        collected_from="from when its data are",
        collected_to="until when its data are",
        records="number of records",
    ),
    OWNER,
    *_facts(created_at="when its source says it was created"),
    *ENDED,
)

OWNERS: Final = (
    *_begun("owner", "the identifier that they were first known by"),
    *_facts(
        handle="name in a directory",
        display_name="the name that people see",
        email="address",
        kind="person, team, bot or list",
        active="false when they have left",
        left_at="when they left",
        members="of a team",
    ),
    Column("departed", "whether they have left; `unknown` where nobody says"),
    *UNWARNED,
)

REPOSITORIES: Final = (
    *_begun("repository", "the identifier that it was first known by"),
    *_facts(
        url="its address",
        name="what it is called",
        default_branch="branch that stands for it",
        head_commit="full commit of that branch",
        visibility="who can read it",
        archived="true when nobody can change it any more",
        description="what it is for",
        topics="labels",
    ),
    OWNER,
    *_facts(
        license="SPDX identifier",
        created_at="when its host says it was created",
        pushed_at="when it last changed",
        manifests="paths of the manifests in it that could be read",
        expects_models="true where its source is declared to hold models",
    ),
    *ENDED,
)

BUILDS: Final = (
    *_begun("build", "the identifier that it was first known by"),
    *_facts(
        repository="what was built",
        commit="full commit that was built",
        ref="branch or tag that was built",
        on_protected_branch="true when nobody can push there without review",
        event="what set it off",
        workflow="its definition",
        attempt="number of the attempt",
        status="queued, running, succeeded, failed, canceled or skipped",
        started_at="when it began",
        finished_at="when it ended",
        url="where the CI system shows it",
        actor="who set it off",
    ),
    *UNWARNED,
)

DEPLOYMENTS: Final = (
    *_begun("deployment", "the identifier that it was first known by"),
    *OF_MODEL,
    Column("version_id", "the version's entry id"),
    Column("version", "namespace/name/number of the version that it serves"),
    *_facts(
        platform="what serves it",
        name="its name on the platform",
        environment="its environment, in the platform's words",
        environment_class="production, staging or development",
        role="live, canary, shadow or batch",
        claimed_model="the model that it says it serves",
        claimed_version="the version that it says it serves",
        repository="repository of its definition",
        commit="full commit of its definition",
        build="the build that made it",
        artifact_uri="where its model files lie",
        image="container image",
        digest="digest of what it serves",
        endpoint="where it answers",
        status="pending, ready, failed, stopped, superseded or unknown",
        traffic_percent="share of the traffic that it gets",
        deployed_by="who deployed it",
        blueprint="the blueprint that it was deployed by",
        created_at="when the platform says it was created",
        ended_at="when it ended",
    ),
    *UNWARNED,
)

USES: Final = (
    *_begun("use", "namespace/name/use"),
    *OF_MODEL,
    *_facts(
        name="what it is called",
        purpose="what it is for",
        line_of_business="which part of the company it serves",
        jurisdictions="where it is used",
        restrictions="what it must not be used for",
        human_oversight="in_loop, on_loop or none",
        exposure="who can send it input",
        decision_role="how much it decides",
        people_affected_per_year="how many people it concerns",
        financial_exposure_per_year="how much money it concerns",
        regulatory_use="what it reports to",
        harm_reversibility="whether harm can be undone",
        regulated_purposes="purposes that a law names",
        eu_role="role under the EU AI Act",
        annex_iii_point="point of its Annex III",
        profiling="true when it profiles people",
        art6_3_basis="why its Article 6(3) holds",
        writes_system_of_record="true when it changes a system of record",
        per_action_approval="true when a person approves every action",
        organisation="the organisation that uses it",
        topic="its area, in its organisation's words",
        benefits="what it is expected to bring",
        potential_impacts="what it may do to people",
        in_use_since="since when it is used: a day, a month or a year",
        withheld="kept from the public: no, disclosure_risk, prohibited_by_law or other",
        us_high_impact_reason="why it is, or is not, a high-impact use of a US agency",
        dpia_ref="its data protection impact assessment",
        fria_ref="its fundamental rights impact assessment",
        impact_assessed_on="when its impact was assessed",
        member_states="member states of the EU where it is used",
        eu_registration_id="its number in the EU's database",
        declaration_ref="its EU declaration of conformity",
        bias_audit_on="when it was audited for bias",
        auditor="who audited it for bias",
        distribution_on="since when the audited tool is in use",
        summary_url="where the audit's summary is published",
    ),
    *UNWARNED,
)

TABLES: Final = {  # by the name of the list
    "models": MODELS,
    "versions": VERSIONS,
    "uses": USES,
    "training-runs": TRAINING_RUNS,
    "datasets": DATASETS,
    "owners": OWNERS,
    "repositories": REPOSITORIES,
    "builds": BUILDS,
    "deployments": DEPLOYMENTS,
}
