"""Why a source's things are, or are not, in the catalog: how its harvests stand."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from sqlmodel import Session

from schemas.explain import ExplainedPlan, Explanation, Verdict
from schemas.operations import CoverageRow
from schemas.strict import instant_text
from service.access.policy import Caller
from service.catalog.select import one_snapshot
from service.ingest.coverage import coverage_row, select_coverage, source
from service.ingest.obstacles import plans_of

MOST: Final = 100


class Standing(NamedTuple):
    """The scopes of a source that the caller may know of, and its held-back plans."""

    scopes: Sequence[CoverageRow]
    held_back: Sequence[ExplainedPlan]


Case = Callable[[Standing], str | None]


def explain_source(session: Session, name: str, *, caller: Caller) -> Explanation:
    """Read in time, late, failing, held back, disabled, never read; unknown, if not visible."""
    one_snapshot(session)
    query = select_coverage(caller).where(source.c.name == name).limit(MOST)
    rows = tuple(coverage_row(row) for row in session.execute(query).mappings())
    plans = plans_of(session, name, scopes=[row.scope for row in rows if row.scope])
    verdict, summary = decide(Standing(rows, plans))
    return Explanation(
        verdict=verdict, summary=summary, identifiers=(), entries=(), sightings=(), refusals=(),
        held_back=plans, skipped=(), decisions=(), filtered_by=(), coverage=rows,
    )  # fmt: skip


def decide(found: Standing) -> tuple[Verdict, str]:
    """The first case that holds, and what it says. Pure."""
    if not found.scopes:
        return "unknown_source", "No source that you may see has this name."
    for verdict, case in CASES:
        if said := case(found):
            return verdict, said
    return "never_harvested", "It was never harvested."


def _disabled(found: Standing) -> str | None:
    disabled = any(one.state == "disabled" for one in found.scopes)
    return "It is disabled: nothing reads it, and what it said is stale." if disabled else None


def _held_back(found: Standing) -> str | None:
    if not found.held_back:
        return None
    plan = found.held_back[0]
    return (
        f"A harvest of {plan.scope} would retire too much at once and is held back since "
        f"{instant_text(plan.held_at)}: a person releases or drops item {plan.item} of the "
        "quarantine."
    )


def _failing(found: Standing) -> str | None:
    failed = [one for one in found.scopes if one.last_outcome == "failed"]
    if not failed:
        return None
    last = failed[0].last_complete_at
    since = f"was last complete at {instant_text(last)}" if last else "was never complete"
    return f"The last harvest of {failed[0].scope} failed; it {since}."


def _late(found: Standing) -> str | None:
    late = [one for one in found.scopes if one.state == "late"]
    if not late:
        return None
    told = instant_text(late[0].last_complete_at) if late[0].last_complete_at else "never"
    return f"Scope {late[0].scope} is late: it was last read completely at {told}."


def _pushed(found: Standing) -> str | None:
    pushed = all(one.state == "pushed" for one in found.scopes)
    return "Nothing reads it: what it knows is pushed." if pushed else None


def _harvested(found: Standing) -> str | None:
    read = [(one.last_complete_at, one) for one in found.scopes if one.last_complete_at]
    if not read:
        return None
    moment, last = max(read, key=lambda pair: pair[0])
    passed = sum(last.skipped.values())
    return (
        f"It was last read completely at {instant_text(moment)} ({last.scope}): {last.seen} seen, "
        f"{last.refused} refused, {passed} passed over."
    )


CASES: Final[tuple[tuple[Verdict, Case], ...]] = (
    ("disabled", _disabled),
    ("held_back", _held_back),
    ("failing", _failing),
    ("late", _late),
    ("pushed", _pushed),
    ("harvested", _harvested),
)
