"""The models' file, and that of OSFI E-23's Appendix 1: a record for each model in scope."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from schemas.columns import Column
from schemas.review_models import APPENDIX_1, BESIDE_MODELS, MODELS, OF_MODELS, RIGHT_HALF
from service.exports.record import BESIDE
from service.exports.review.asking import asked_of
from service.exports.review.eu_class import eu_class
from service.exports.review.model_decisions import SEVERITIES, DecidedRecord, days
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, NOT_STATED, Text, as_text, constant, flag
from service.risk.picture import UNDECLARED

Write = Callable[["ModelFile"], Text]
NOT_APPLICABLE: Final = constant("not_applicable")
YELLOW: Final = 2  # intervals; later than that its monitoring is stale


class ModelFile(DecidedRecord):
    """The record of a model in the files for risk reviews."""

    @property
    def writers(self) -> Mapping[str, Any]:
        """How the columns are written that show no fact."""
        return {**BESIDE, **WRITERS}

    def cell(self, column: Column) -> Text:
        """One column's cell; remarks are facts with more than one part."""
        if column.name in REMARKS:
            return _remarks(column.name, self)
        return super().cell(column)


def select_models_file(reading: Reading) -> sa.Select[Any]:
    """A record for each model."""
    return reading.ordered_models(ModelFile(reading, MODELS).select(as_of=reading.as_of))


def select_osfi(reading: Reading) -> sa.Select[Any]:
    """The fields of Appendix 1; of a negligible model only those of its left half apply."""
    cells = OF_MODELS | BESIDE_MODELS
    shown = (*MODELS[:3], *(cells[of] for _, of in APPENDIX_1.values()))
    return reading.ordered_models(_Appendix(reading, shown).select(as_of=reading.as_of))


class _Appendix(ModelFile):
    """The same cells; the right half of the appendix is for models that are not negligible."""

    def cell(self, column: Column) -> Text:
        written = super().cell(column)
        if column.name not in RIGHT:
            return written
        negligible = self.risk.c.workflow_tier == constant("NEGLIGIBLE")
        return sa.case((negligible, NOT_APPLICABLE), else_=written)


RIGHT: Final = frozenset(of for field, of in APPENDIX_1.values() if field >= RIGHT_HALF)
REMARKS: Final = frozenset({"limitations"})


def _remarks(name: str, record: ModelFile) -> Text:
    """Their texts; how severe they are is read in the catalog."""
    each = sa.func.jsonb_path_query_array(record.typed.c[name], sa.literal_column("'$[*].text'"))
    stated = record.typed.c.provenance.has_key(constant(name))
    written = record.cells.items(sa.func.coalesce(each, sa.literal_column("'[]'::jsonb")))
    return sa.case((stated, written), else_=NOT_STATED)


def _owner_email(record: ModelFile) -> Text:
    found = record.owned
    return sa.case(
        (found.c.emails.is_not(None), record.cells.words(found.c.emails)),
        (found.c.owners.is_(None) & record.typed.c.provenance.has_key(constant("owners")), EMPTY),
        else_=NOT_STATED,
    )


def _owner_active(record: ModelFile) -> Text:
    found = record.owned
    return sa.case(
        (found.c.some, flag(sa.true())), (found.c.none, flag(sa.false())), else_=NOT_STATED
    )


def _deciding_use(record: ModelFile) -> Text:
    name = sa.func.coalesce(record.deciding_use.c.name, constant(UNDECLARED))
    return record.rated(record.cells.words(name))


def _points(name: str, record: ModelFile) -> Text:
    value = record.deciding.c[name]
    return record.known_as(value, as_text(value))


def _floors(name: str, record: ModelFile) -> Text:
    value = record.deciding.c[name]
    return record.known_as(value, record.cells.items(value))


def _ask_next(record: ModelFile) -> Text:
    """What `write_questions` makes a cell of."""
    return record.rated(asked_of(record.deciding))


def _approved(record: ModelFile) -> Text:
    """Uses that people said yes to; none before it was evaluated."""
    return record.rated(record.listed(record.approved.c.uses))


def _policy(record: ModelFile) -> Text:
    policy = record.policy
    named = policy.c.name + constant("@") + policy.c.version
    return record.known_as(policy.c.version, record.cells.words(named))


def _override(name: str, record: ModelFile) -> Text:
    value = record.override.c[name]
    written = record.listed(value)
    if name != "reason":
        return written
    return sa.case((value.is_(None), EMPTY), else_=record.noted(written))


def _residual(record: ModelFile) -> Text:
    """What failing controls and findings leave; docs/bundles.md says how."""
    controls, findings = record.controls, record.findings
    zero = constant(0)
    return sa.case(
        (controls.c.PASS.is_(None), NOT_STATED),
        (sa.or_(controls.c.severe > zero, findings.c.severe_late > zero), constant("high")),
        (
            sa.or_(controls.c.middling > zero, findings.c.high > zero, findings.c.medium > zero),
            constant("medium"),
        ),
        else_=constant("low"),
    )


def _environments(record: ModelFile) -> Text:
    found = record.runs.c.environments
    unseen = record.risk.c.in_production.is_(None)
    return sa.case(
        (found.is_not(None), record.cells.words(found)), (unseen, NOT_STATED), else_=EMPTY
    )


def _first_production(record: ModelFile) -> Text:
    since = record.risk.c.production_since
    unseen = sa.and_(since.is_(None), record.risk.c.in_production.is_(None))
    return sa.case((unseen, NOT_STATED), else_=record.time(since))


def _datasets(record: ModelFile) -> Text:
    found = record.data.c.datasets
    stated = record.typed.c.provenance.has_key(constant("datasets"))
    return sa.case(
        (found.is_not(None), record.cells.words(found)), (stated, EMPTY), else_=NOT_STATED
    )


def _dependencies(record: ModelFile) -> Text:
    """What it consumes, and what it was derived from."""
    consumed, derived = record.depends.c.models, record.typed.c.base_model
    both = sa.func.nullif(sa.func.concat_ws(constant("; "), consumed, derived), EMPTY)
    stated = record.typed.c.provenance.has_any(
        sa.literal_column("ARRAY['depends_on', 'base_model']")
    )
    return sa.case((both.is_not(None), record.cells.words(both)), (stated, EMPTY), else_=NOT_STATED)


def _monitoring(record: ModelFile) -> Text:
    """Red while a severe incident is open; else by the age of the last signal."""
    last, interval = record.typed.c.last_monitored_at, record.typed.c.monitoring_interval_days
    age = sa.extract("epoch", record.reading.now - last) / constant(86_400)
    return sa.case(
        (record.findings.c.red, constant("red")),
        (last.is_(None), constant("none")),
        (interval.is_(None), NOT_STATED),
        (age <= interval, constant("green")),
        (age <= interval * constant(YELLOW), constant("yellow")),
        else_=constant("stale"),
    )


def _decided(name: str, record: ModelFile) -> Text:
    return record.listed(record.decided.c[name])


def _live(record: ModelFile) -> Text:
    """The versions in use; `unknown` before the model was evaluated."""
    return record.rated(record.listed(record.live.c.numbers))


def _seen(record: ModelFile) -> Text:
    when = record.confirmed.c.at
    return record.known_as(when, record.time(when))


def _freshness(record: ModelFile) -> Text:
    when = record.confirmed.c.at
    return record.known_as(when, as_text(days(when, record.reading.now)))


def _completeness(record: ModelFile) -> Text:
    percent = record.complete.c.percent
    return record.known_as(percent, as_text(percent))


def _exceptions(record: ModelFile) -> Text:
    """Until when, and within which limits, which are a note."""
    found = record.exception
    text = constant("until ") + record.time(found.c.expires_at) + constant(": ") + found.c.limits
    return sa.case((found.c.id.is_(None), EMPTY), else_=record.noted(record.cells.words(text)))


def _requirements(record: ModelFile) -> Text:
    texts = record.conditions.c.texts
    return sa.case((texts.is_(None), EMPTY), else_=record.noted(record.cells.words(texts)))


def _counts(table: str, **named: str) -> dict[str, Write]:
    """Columns that count what a gathered table counts under these names."""

    def written(name: str, record: ModelFile) -> Text:
        return record.number(getattr(record, table).c[name])

    return {column: partial(written, name) for column, name in named.items()}


def _control_count(name: str, record: ModelFile) -> Text:
    value = record.controls.c[name]
    return record.known_as(value, as_text(value))


WRITERS: Final[Mapping[str, Write]] = {
    **{
        name: partial(lambda fact, record: record.of_uses(fact), name)
        for name in (
            "line_of_business",
            "jurisdictions",
            "restrictions",
            "regulated_purposes",
            "dpia_ref",
        )
    },
    "purposes": lambda record: record.of_uses("purpose"),
    "owner_email": _owner_email,
    "owner_active": _owner_active,
    "reviewer": partial(_decided, "reviewer"),
    "approver": partial(_decided, "approver"),
    "deciding_use": _deciding_use,
    **{
        name: partial(_points, name)
        for name in ("materiality_low", "materiality_high", "inherent_low", "inherent_high")
    },
    "floors": partial(_floors, "floors"),
    "floors_undecided": partial(_floors, "floors_undecided"),
    "blocked": lambda record: record.rated(flag(record.risk.c.blocked)),
    "ask_next": _ask_next,
    "provisional_since": lambda record: record.rated(
        record.time(record.deciding.c.provisional_since)
    ),
    "grace_end": lambda record: record.rated(record.time(record.risk.c.grace_end)),
    "override_tier": partial(_override, "tier"),
    "override_reason": partial(_override, "reason"),
    "override_expires_at": lambda record: record.time(record.override.c.expires_at),
    "residual_rating": _residual,
    "policy_version": _policy,
    "uses": lambda record: record.number(record.used.c.declared),
    "eu_class": eu_class,
    **{
        name: partial(lambda fact, record: record.fact_of_tier(fact), name)
        for name in ("model_class", "data_sensitivity", "downstream_dependents")
    },
    "approved_uses": _approved,
    "live_versions": _live,
    "version_digest": lambda record: record.of_live("digests"),
    "source_commit": lambda record: record.of_live("commits"),
    "environments": _environments,
    "first_production_at": _first_production,
    "last_change_at": lambda record: record.time(record.entry.c.last_changed_at),
    "datasets": _datasets,
    "dependencies": _dependencies,
    "monitoring_status": _monitoring,
    "last_review_at": lambda record: record.time(record.decided.c.decided_at),
    "last_review_kind": partial(_decided, "kind"),
    "last_outcome": partial(_decided, "outcome"),
    **_counts("conditions", open_conditions="open"),
    "requirements": _requirements,
    "review_grace_end": lambda record: record.rated(record.time(record.risk.c.review_grace_end)),
    **_counts("late", days_overdue="days"),
    "exception_id": lambda record: sa.func.coalesce(as_text(record.exception.c.id), EMPTY),
    "exception_expires_at": lambda record: record.time(record.exception.c.expires_at),
    "exceptions": _exceptions,
    **_counts(
        "findings",
        findings_past_due="past_due",
        **{f"findings_{one}": one for one in SEVERITIES},
    ),
    "oldest_finding_days": lambda record: sa.func.coalesce(
        as_text(record.findings.c.oldest), EMPTY
    ),
    **{
        f"controls_{one.lower()}": partial(_control_count, one)
        for one in ("PASS", "FAIL", "UNKNOWN", "WAIVED", "NOT_APPLICABLE")
    },
    "failing_controls": lambda record: record.listed(record.controls.c.FAIL_listed),
    "unknown_controls": lambda record: record.listed(record.controls.c.UNKNOWN_listed),
    **_counts("waivers", waivers_in_force="holding"),
    "completeness_percent": _completeness,
    "last_seen_at": _seen,
    "freshness_days": _freshness,
    "evidence_digest": lambda record: record.known_as(record.rests.c.digest, record.rests.c.digest),
    "last_attested_at": lambda record: record.time(record.attested.c.attested_at),
    "attestation_result": lambda record: record.listed(record.attested.c.result),
}
