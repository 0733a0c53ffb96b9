"""Figures for leadership: each with what it is part of, what is unknown, and its list."""

from typing import Final, Literal

from schemas.queries import Dialect, Moment
from schemas.strict import Closed, Count, Instant, Line, Number, Word

By = Literal["tier", "namespace", "line_of_business"]
Unit = Literal["models", "reviews", "waivers", "exceptions", "controls", "findings", "deployments",
               "things", "days", "seconds", "rate"]  # fmt: skip
Shared = Literal["dataset", "base_model", "vendor"]

FIGURES: Final[dict[str, tuple[Unit, str]]] = {  # name → unit, meaning; in order
    "models_in_use": ("models", "models in production, of all; unknown: nobody has looked"),
    "firm": ("models", "of those in use: their tier is FIRM"),
    "provisional": ("models", "of those in use: too little is stated, they are unrated"),
    "beyond_grace": ("models", "of those in use: unrated for longer than they may be"),
    "overridden": ("models", "of those in use: people set their tier"),
    "vendor": ("models", "of those in use: bought, nobody here sees inside"),
    "generative_or_agentic": ("models", "of those in use: generative or agentic"),
    "required_fields_stated": ("models", "models that lack no field their tier asks for (INV-03)"),
    "unreviewed": ("models", "of those in use: nobody reviewed them, and no review is open"),
    "pending": ("models", "of those in use: a review is open"),
    "restricted": ("models", "of those in use: RESTRICTED"),
    "reviewed": ("models", "of those in use: reviewed or approved, conditions or not"),
    "reviews_overdue": ("reviews", "of the open reviews: past due; unknown: due at first use"),
    "days_to_review": ("days", "median from opening to decision, of the last 365 days' decisions"),
    "waivers_in_force": ("waivers", "of all waivers ever granted"),
    "waivers_lapsed": ("waivers", "of all waivers ever granted: their end came"),
    "waivers_ending": ("waivers", "of those in force: they end within 30 days"),
    "exceptions_in_force": ("exceptions", "of all exceptions ever granted"),
    "exceptions_lapsed": ("exceptions", "of all exceptions ever granted: their end came"),
    "exceptions_ending": ("exceptions", "of those in force: they end within 30 days"),
    "controls_pass": ("controls", "of the results of controls that apply"),
    "controls_fail": ("controls", "of the results of controls that apply"),
    "controls_unknown": ("controls", "of the results of controls that apply: too little is stated"),
    "controls_waived": ("controls", "of the results of controls that apply"),
    "findings_open": ("findings", "of all findings"),
    "findings_past_due": ("findings", "of the open findings"),
    "days_to_close": ("days", "median from opening to closing, of those closed in 365 days"),
    "attested_on_time": (
        "models",
        "of those in use whose tier asks for it and whose time has come",
    ),
    "sample_not_confirmed": ("models", "of the decided draws of the newest LOW sample"),
    "sample_bound": ("rate", "the rate of wrong LOW tiers that this sample does not exclude"),
    "unregistered_deployments": ("deployments", "open, of all that run; unknown: a label alone"),
    "ghosts": ("things", "said to be in production and unseen; unknown: cannot be observed"),
    "time_to_catalog_p95": ("seconds", "from event to entry, 95 in 100 of the last 12 weeks"),
}


class KpiFilters(Closed):
    """By what figures are told apart beside the totals, and as of when."""

    by: By | None = None
    as_of: Moment | None = None


class KpiExport(KpiFilters):
    """All query parameters of a file of figures."""

    dialect: Dialect = "plain"


class KpiRow(Closed):
    """One figure of everything (`by` is null), or of one group.

    `group` is null where nobody states it; an unrated model has the tier UNRATED. `numerator` of
    `denominator`, of which `unknown` could be either; a median, bound or quantile is `value` of
    `denominator` cases, and null without any. A model counts in each of its lines of business.
    """

    figure: Word
    by: By | None
    group: Line | None
    unit: Unit
    numerator: Count | None
    denominator: Count | None
    unknown: Count | None
    value: Number | None
    url: Line
    meaning: Line


class Kpis(Closed):
    """All figures, the totals first. What the past cannot tell is left out of it: `left_out`."""

    as_of: Instant
    items: tuple[KpiRow, ...]
    left_out: tuple[Word, ...]


class SharedFilters(Closed):
    """As of when."""

    as_of: Moment | None = None


class SharedExport(SharedFilters):
    """All query parameters of a file of what models share."""

    dialect: Dialect = "plain"


class SharedRow(Closed):
    """A dataset, base model or vendor that several models rest on; how many of these are in use.

    `high`: how many of them are HIGH.
    """

    what: Shared
    name: Line
    models: Count
    in_use: Count
    high: Count


class SharedThings(Closed):
    """What several models rest on, that which most rest on first."""

    as_of: Instant
    items: tuple[SharedRow, ...]
