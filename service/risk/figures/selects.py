"""The counts behind the figures: of everything, or of each group; one row a group."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from schemas.identifiers import Kind
from schemas.kpis import By
from service.access.policy import Caller
from service.catalog.view import View, bears_name
from service.risk.decided_tables import (
    AttestationRow,
    DecisionRow,
    FindingRow,
    ReviewRow,
    RiskExceptionRow,
    WaiverRow,
)
from service.risk.tables import AssessmentRow, ControlResultRow, ModelRiskRow

UNRATED: Final = "UNRATED"
YEAR: Final = timedelta(days=365)
SOON: Final = timedelta(days=30)
ENDED: Final = {
    "review": ("DECIDED", "CANCELLED", "SUPERSEDED"), "finding": ("CLOSED", "WITHDRAWN"),
}  # fmt: skip
LOOKED_AT: Final = (
    "APPROVED_WITH_CONDITIONS", "APPROVED", "REVIEWED_WITH_CONDITIONS", "REVIEWED",
)  # fmt: skip
VENDOR: Final = ["vendor_black_box"]
GENERATIVE: Final = ["generative", "agentic"]
COMPLETE: Final = "INV-03"  # the control that asks for the required fields
Bool = sa.ColumnElement[bool]
Months = Mapping[str, int | None]

standing, assessment, result, review, finding, waiver, risk_exception = (
    table.__table__
    for table in (
        ModelRiskRow, AssessmentRow, ControlResultRow, ReviewRow, FindingRow, WaiverRow,
        RiskExceptionRow,
    )
)  # fmt: skip
decision, attestation = DecisionRow.__table__, AttestationRow.__table__
NUMBER: Final = sa.func.count()


class Ground(NamedTuple):
    """The models that the caller sees, each with its group, as they stood at a moment."""

    view: View
    models: sa.CTE  # id, grp
    now: datetime


def ground(caller: Caller, *, by: By | None, as_of: datetime | None, now: datetime) -> Ground:
    """A model has one row, or one for each of its lines of business."""
    view = View(Kind.MODEL, caller, as_of=as_of)
    entry, risk = view.entry, view.table(standing)
    query = sa.select(entry.c.id, _group(view, by).label("grp")).distinct()
    if by == "tier":
        query = query.outerjoin_from(entry, risk, risk.c.model_id == entry.c.id)
    if by == "line_of_business":
        use, of_use = view.of(Kind.USE), view.entry.alias("of_use")
        live = sa.and_(use.c.model_id == entry.c.id, use.c.line_of_business.is_not(None))
        known = sa.and_(of_use.c.id == use.c.id, of_use.c.gone_since.is_(None))
        query = query.select_from(
            entry.outerjoin(use.join(of_use, known), live)  # what nobody states is a group too
        )
    there = (*view.here(), entry.c.gone_since.is_(None), bears_name(entry))
    return Ground(view, query.where(*there).cte("models"), as_of or now)


def _group(view: View, by: By | None) -> sa.ColumnElement[Any]:
    if by == "namespace":
        return view.entry.c.namespace
    if by == "line_of_business":
        column: sa.ColumnElement[Any] = view.of(Kind.USE).c.line_of_business
        return column
    if by == "tier":
        risk = view.table(standing)
        rated = sa.func.coalesce(risk.c.status, "PROVISIONAL") != "PROVISIONAL"
        return sa.case((rated, risk.c.tier), else_=UNRATED)
    return sa.null()


def of_models(on: Ground, months: Months) -> sa.Select[Any]:
    """How many models are what: in use, rated, reviewed, attested, and of what kind."""
    risk, facts = on.view.table(standing), _facts(on)
    used = sa.func.coalesce(risk.c.in_production, sa.false())
    attested, expected = _attested(on, risk, months=months)
    counts: dict[str, Bool] = {
        "models": sa.true(),
        "in_use": used,
        "in_use_unknown": risk.c.in_production.is_(None),
        "firm": used & (risk.c.status == "FIRM"),
        "provisional": used & (risk.c.status == "PROVISIONAL"),
        "beyond_grace": used & (risk.c.status == "PROVISIONAL") & (risk.c.grace_end <= on.now),
        "overridden": used & (risk.c.status == "OVERRIDDEN"),
        "vendor": used & facts.c.vendor,
        "vendor_unknown": used & ~facts.c.vendor & facts.c.vendor_open,
        "generative": used & facts.c.generative,
        "generative_unknown": used & ~facts.c.generative & facts.c.generative_open,
        "unreviewed": used & (risk.c.review_state == "IN_USE_UNREVIEWED"),
        "pending": used & (risk.c.review_state == "IN_USE_PENDING_REVIEW"),
        "restricted": used & (risk.c.review_state == "RESTRICTED"),
        "reviewed": used & risk.c.review_state.in_(LOOKED_AT),
        "attestable": used & expected,
        "attested": used & expected & attested,
    }
    return (
        sa.select(on.models.c.grp, *_counted(counts))
        .outerjoin_from(on.models, risk, risk.c.model_id == on.models.c.id)
        .outerjoin(facts, facts.c.model_id == on.models.c.id)
        .group_by(on.models.c.grp)
    )


def of_reviews(on: Ground) -> sa.Select[Any]:
    """Open reviews, those past due, and how long decisions took."""
    rows = on.view.table(review)
    is_open = rows.c.state.not_in(ENDED["review"])
    first = (
        sa.select(decision.c.review_id, sa.func.min(decision.c.decided_at).label("at"))
        .where(decision.c.decided_at <= on.now)
        .group_by(decision.c.review_id)
        .subquery("first")
    )
    counts: dict[str, Bool] = {
        "open": is_open,
        "overdue": is_open & (rows.c.due_at < on.now),
        "undated": is_open & rows.c.due_at.is_(None),
        "decided": first.c.at > on.now - YEAR,
    }
    took = _median(first.c.at - rows.c.opened_at, where=counts["decided"])
    query = sa.select(on.models.c.grp, *_counted(counts), took.label("days"))
    return _at_home(query, on, rows=rows).outerjoin(first, first.c.review_id == rows.c.id)


def of_findings(on: Ground) -> sa.Select[Any]:
    """All findings, open ones, those past due, and how long closing took."""
    rows = on.view.table(finding)
    is_open = rows.c.state.not_in(ENDED["finding"])
    counts: dict[str, Bool] = {
        "all": sa.true(),
        "open": is_open,
        "past_due": is_open & (sa.func.greatest(rows.c.due_at, rows.c.accepted_until) <= on.now),
        "closed": (rows.c.state == "CLOSED") & (rows.c.closed_at > on.now - YEAR),
    }
    took = _median(rows.c.closed_at - rows.c.opened_at, where=counts["closed"])
    return _at_home(
        sa.select(on.models.c.grp, *_counted(counts), took.label("days")), on, rows=rows
    )


def of_concessions(on: Ground, *, exceptions: bool) -> sa.Select[Any]:
    """Waivers or exceptions: granted ever, in force, lapsed, ending soon."""
    rows = on.view.table(risk_exception if exceptions else waiver)
    holds = (rows.c.state == "IN_FORCE") & (rows.c.expires_at > on.now)
    over = (rows.c.state == "IN_FORCE") & (rows.c.expires_at <= on.now)  # no clock has run since
    counts: dict[str, Bool] = {
        "granted": rows.c.granted_at.is_not(None),
        "in_force": holds,
        "lapsed": (rows.c.state == "LAPSED") | over,
        "ending": holds & (rows.c.expires_at <= on.now + SOON),
    }
    return _at_home(sa.select(on.models.c.grp, *_counted(counts)), on, rows=rows)


def of_controls(on: Ground) -> sa.Select[Any]:
    """Results of controls that apply, by what they are; and of the one that asks for fields."""
    rows = on.view.table(result)
    fields = rows.c.control == COMPLETE
    counts: dict[str, Bool] = {
        "all": sa.true(),
        **{name: rows.c.result == name.upper() for name in ("pass", "fail", "unknown", "waived")},
        "fields": fields,
        "fields_pass": fields & (rows.c.result == "PASS"),
        "fields_unknown": fields & (rows.c.result == "UNKNOWN"),
    }
    return (
        sa.select(on.models.c.grp, *_counted(counts))
        .join_from(on.models, rows, rows.c.model_id == on.models.c.id)
        .where(rows.c.result != "NOT_APPLICABLE")
        .group_by(on.models.c.grp)
    )


def _facts(on: Ground) -> sa.Subquery:
    """What a model is, by any of its uses: certainly, or as far as anybody knows."""
    rows = on.view.table(assessment)
    told: dict[str, Any] = {}
    for name, fact, wanted in (("vendor", "origin", VENDOR),
                               ("generative", "model_class", GENERATIVE)):  # fmt: skip
        value = rows.c.facts[fact]
        candidates = value["one_of"]
        certain = sa.func.coalesce(
            value.in_([sa.cast(one, JSONB) for one in wanted])
            | candidates.contained_by(sa.cast(wanted, JSONB)),
            sa.false(),
        )
        texts = sa.cast(wanted, ARRAY(sa.Text))
        possible = value.is_(None) | sa.func.coalesce(candidates.has_any(texts), sa.false())
        told[name] = sa.func.bool_or(certain)
        told[f"{name}_open"] = sa.func.bool_or(possible)
    columns = [value.label(name) for name, value in told.items()]
    return sa.select(rows.c.model_id, *columns).group_by(rows.c.model_id).subquery("facts")


def _attested(on: Ground, risk: sa.FromClause, *, months: Months) -> tuple[Bool, Bool]:
    """Did its owner attest in time? And was it to be expected by now?"""
    asked = [(tier, sa.func.make_interval(0, many)) for tier, many in months.items() if many]
    lasting = sa.case(
        *((risk.c.workflow_tier == tier, interval) for tier, interval in asked),
        else_=sa.null(),
    )
    last = (
        sa.select(sa.func.max(attestation.c.attested_at))
        .where(attestation.c.model_id == on.models.c.id, attestation.c.attested_at <= on.now)
        .correlate(on.models)
        .scalar_subquery()
    )
    now = sa.literal(on.now, sa.DateTime(timezone=True))
    in_time = sa.func.coalesce(last + lasting > now, sa.false())
    came = sa.func.coalesce(risk.c.production_since + lasting <= now, sa.false())
    expected = lasting.is_not(None) & (last.is_not(None) | came)
    return in_time, expected


def _at_home(query: sa.Select[Any], on: Ground, *, rows: sa.FromClause) -> sa.Select[Any]:
    """Rows under the model that theirs is, or was merged into."""
    written = on.view.entry.alias("written")
    home = sa.func.coalesce(written.c.merged_into, written.c.id)
    return (
        query.select_from(on.models)
        .join(written, home == on.models.c.id)
        .join(rows, rows.c.model_id == written.c.id)
        .group_by(on.models.c.grp)
    )


def _counted(counts: Mapping[str, Bool]) -> list[sa.ColumnElement[Any]]:
    return [NUMBER.filter(condition).label(name) for name, condition in counts.items()]


def _median(lasting: Any, *, where: Bool) -> Any:
    days = sa.extract("epoch", lasting) / 86_400
    return sa.func.percentile_cont(0.5).within_group(days).filter(where)


def shared(on: Ground) -> sa.Select[Any]:
    """Datasets, base models and vendors that two models or more rest on."""
    view = on.view
    version, model, link = view.of(Kind.VERSION), view.of(Kind.MODEL), view.link
    risk = view.table(standing)
    made_of = sa.func.coalesce(version.c.model_id, link.c.entry_id)
    parts = [
        sa.select(sa.literal("dataset").label("what"),
                  view.label_of(link.c.target_id).label("name"), made_of.label("model_id"))
        .outerjoin_from(link, version, version.c.id == link.c.entry_id)
        .where(link.c.field == "datasets"),
        *(
            sa.select(sa.literal("base_model"), part.c.base_model, owner)
            .where(part.c.base_model.is_not(None))
            for part, owner in ((version, version.c.model_id), (model, model.c.id))
            if "base_model" in part.c
        ),
        sa.select(sa.literal("vendor"), model.c.vendor_name, model.c.id)
        .where(model.c.vendor_name.is_not(None)),
    ]  # fmt: skip
    each = sa.union(*parts).subquery("each")
    used = sa.func.coalesce(risk.c.in_production, sa.false())
    return (
        sa.select(
            each.c.what, each.c.name, NUMBER.label("models"),
            NUMBER.filter(used).label("in_use"), NUMBER.filter(risk.c.tier == "HIGH").label("high"),
        )
        .join_from(each, on.models, on.models.c.id == each.c.model_id)
        .outerjoin(risk, risk.c.model_id == each.c.model_id)
        .where(each.c.name.is_not(None))
        .group_by(each.c.what, each.c.name)
        .having(NUMBER > 1)
    )  # fmt: skip
