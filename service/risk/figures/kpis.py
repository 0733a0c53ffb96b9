"""Figures for leadership, from the counts: each with its parts, its unknowns and its list."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session

from schemas.kpis import FIGURES, By, KpiFilters, KpiRow
from schemas.samples import SampleFilters
from schemas.strict import instant_text
from service.access.policy import Caller
from service.catalog.rows import API
from service.risk.figures.selects import (
    Ground,
    Months,
    ground,
    of_concessions,
    of_controls,
    of_findings,
    of_models,
    of_reviews,
)
from service.risk.rules.active import read_policy
from service.risk.samples.reading import samples

TIERS: Final = ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH")
Row = Mapping[str, Any]


class Group(NamedTuple):
    """Of what a figure is: everything, or one group; and as of when, for its links."""

    by: By | None = None
    value: str | None = None
    as_of: datetime | None = None


def risk_figures(
    session: Session, asked: KpiFilters, *, caller: Caller, now: datetime
) -> Iterator[KpiRow]:
    """Every figure that risk knows: the totals, then each group."""
    overlays = read_policy(session).document.reviews
    months = {tier: getattr(overlays, tier).attestation_months for tier in TIERS}
    grounds: list[By | None] = [None] if asked.by is None else [None, asked.by]
    for by in grounds:
        on = ground(caller, by=by, as_of=asked.as_of, now=now)
        yield from _of_ground(session, on, by=by, as_of=asked.as_of, months=months)
    if asked.as_of is None:
        yield from _sample(session)


def _of_ground(
    session: Session, on: Ground, *, by: By | None, as_of: datetime | None, months: Months
) -> Iterator[KpiRow]:
    """Six statements. A group without any row of a kind has zeros."""
    counted = {
        "models": of_models(on, months), "reviews": of_reviews(on), "findings": of_findings(on),
        "controls": of_controls(on), "waivers": of_concessions(on, exceptions=False),
        "exceptions": of_concessions(on, exceptions=True),
    }  # fmt: skip
    found = {
        name: {row["grp"]: row for row in session.execute(query).mappings()}
        for name, query in counted.items()
    }
    groups = {None} if by is None else {*found["models"]}
    for one in sorted(groups, key=lambda group: (group is None, group or "")):
        rows: dict[str, Row] = {
            name: dict(of[one]) if one in of else Nothing() for name, of in found.items()
        }
        yield from _figures(rows, Group(by, one, as_of))


class Nothing(dict[str, Any]):
    """The counts of what is not there."""

    def __missing__(self, name: str) -> int | None:
        """None of them; and no median."""
        return None if name == "days" else 0


def _figures(rows: Mapping[str, Row], of: Group) -> Iterator[KpiRow]:
    models, reviews, findings = rows["models"], rows["reviews"], rows["findings"]
    controls, used = rows["controls"], rows["models"]["in_use"]
    yield figure("models_in_use", of, part=used, whole=models["models"],
                 unknown=models["in_use_unknown"])  # fmt: skip
    for name in ("firm", "provisional", "beyond_grace", "overridden"):
        yield figure(name, of, part=models[name], whole=used)
    for name, count in (("vendor", "vendor"), ("generative_or_agentic", "generative")):
        yield figure(name, of, part=models[count], whole=used, unknown=models[f"{count}_unknown"])
    yield figure("required_fields_stated", of, part=controls["fields_pass"],
                 whole=controls["fields"], unknown=controls["fields_unknown"])  # fmt: skip
    for name in ("unreviewed", "pending", "restricted", "reviewed"):
        yield figure(name, of, part=models[name], whole=used)
    yield figure("reviews_overdue", of, part=reviews["overdue"], whole=reviews["open"],
                 unknown=reviews["undated"])  # fmt: skip
    yield figure("days_to_review", of, whole=reviews["decided"], value=reviews["days"])
    for kind in ("waivers", "exceptions"):
        row = rows[kind]
        for name, whole in (("in_force", "granted"), ("lapsed", "granted"), ("ending", "in_force")):
            yield figure(f"{kind}_{name}", of, part=row[name], whole=row[whole])
    for name in ("pass", "fail", "unknown", "waived"):
        yield figure(f"controls_{name}", of, part=controls[name], whole=controls["all"])
    yield figure("findings_open", of, part=findings["open"], whole=findings["all"])
    yield figure("findings_past_due", of, part=findings["past_due"], whole=findings["open"])
    yield figure("days_to_close", of, whole=findings["closed"], value=findings["days"])
    yield figure("attested_on_time", of, part=models["attested"], whole=models["attestable"])


def _sample(session: Session) -> Iterator[KpiRow]:
    """The newest sample of LOW, which is of the whole catalog."""
    found = samples(session, SampleFilters(tier=("LOW",)))
    newest = found.query.order_by(*(key.ordered for key in found.order)).limit(1)
    row = session.execute(newest).mappings().one_or_none()
    if row is None:
        return
    shown = found.as_row(row)
    yield figure("sample_not_confirmed", Group(), part=shown.not_confirmed, whole=shown.decided,
                 unknown=shown.draws - shown.left - shown.decided)  # fmt: skip
    yield figure("sample_bound", Group(), whole=shown.decided, value=shown.upper_bound)


def figure(
    name: str,
    of: Group,
    *,
    part: int | None = None,
    whole: int | None = None,
    unknown: int | None = None,
    value: Any = None,
) -> KpiRow:
    """One figure with its meaning, and the address of the list that it counts."""
    unit, meaning = FIGURES[name]
    measured = None if value is None else round(float(value), 6)
    return KpiRow(
        figure=name, by=of.by, group=of.value, unit=unit, numerator=part, denominator=whole,
        unknown=unknown, value=measured, url=_list_of(name, of), meaning=meaning,
    )  # fmt: skip


LISTS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {  # figure → list, filters
    "models_in_use": ("models", {}),
    "firm": ("models", {"tier_status": "FIRM"}),
    "provisional": ("models", {"tier_status": "PROVISIONAL"}),
    "beyond_grace": ("models", {"tier_status": "PROVISIONAL"}),
    "overridden": ("models", {"tier_status": "OVERRIDDEN"}),
    "vendor": ("models", {"origin": "vendor_black_box"}),
    "generative_or_agentic": ("versions", {"model_class": "generative,agentic"}),
    "required_fields_stated": ("models", {}),
    "unreviewed": ("models", {"review_state": "IN_USE_UNREVIEWED"}),
    "pending": ("models", {"review_state": "IN_USE_PENDING_REVIEW"}),
    "restricted": ("models", {"review_state": "RESTRICTED"}),
    "reviewed": (
        "models",
        {"review_state": "APPROVED_WITH_CONDITIONS,APPROVED,REVIEWED_WITH_CONDITIONS,REVIEWED"},
    ),
    "reviews_overdue": ("reviews", {"overdue": "true"}),
    "days_to_review": ("reviews", {"state": "DECIDED"}),
    "waivers_in_force": ("waivers", {"state": "IN_FORCE"}),
    "waivers_lapsed": ("waivers", {"state": "LAPSED"}),
    "waivers_ending": ("waivers", {"state": "IN_FORCE"}),
    "exceptions_in_force": ("exceptions", {"state": "IN_FORCE"}),
    "exceptions_lapsed": ("exceptions", {"state": "LAPSED"}),
    "exceptions_ending": ("exceptions", {"state": "IN_FORCE"}),
    "controls_pass": ("controls", {"result": "PASS"}),
    "controls_fail": ("controls", {"result": "FAIL"}),
    "controls_unknown": ("controls", {"result": "UNKNOWN"}),
    "controls_waived": ("controls", {"result": "WAIVED"}),
    "findings_open": ("findings", {}),
    "findings_past_due": ("findings", {"past_due": "true"}),
    "days_to_close": ("findings", {"state": "CLOSED"}),
    "attested_on_time": ("attestations", {}),
    "sample_not_confirmed": ("samples", {"tier": "LOW"}),
    "sample_bound": ("samples", {"tier": "LOW"}),
    "unregistered_deployments": ("unregistered-deployments", {"unregistered": "true"}),
    "ghosts": ("ghosts", {}),
    "time_to_catalog_p95": ("time-to-catalog", {}),
}
GROUPED: Final[Mapping[tuple[str, By], str]] = {  # list, group → the filter that names the group
    ("models", "tier"): "tier",
    ("models", "namespace"): "namespace",
    **{
        (one, "namespace"): "namespace"
        for one in ("reviews", "findings", "waivers", "exceptions", "unregistered-deployments",
                    "ghosts", "versions")
    },
}  # fmt: skip
OF_PAST: Final = ("models", "versions")  # lists that tell what was


def _list_of(name: str, of: Group) -> str:
    """As near as the list's filters come: what cannot be asked for is wider than the figure."""
    place, filters = LISTS[name]
    asked = dict(filters)
    known = None if of.by is None else GROUPED.get((place, of.by))
    if known is not None and of.value not in {None, "UNRATED"}:
        asked[known] = str(of.value)
    if of.value == "UNRATED" and place == "models":
        asked["tier_status"] = "PROVISIONAL"
    if of.as_of is not None and place in OF_PAST:
        asked["as_of"] = instant_text(of.as_of)
    return f"{API}/{place}" + (f"?{urlencode(asked)}" if asked else "")


def read_now(session: Session) -> datetime:
    """The time that everything in this transaction is told of."""
    found: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return found
