"""Why something is, or is not, in the catalog, in a word and a sentence. Pure."""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.explain import (
    ExplainedDecision,
    ExplainedEntry,
    ExplainedPlan,
    ExplainedRefusal,
    ExplainedRule,
    ExplainedSighting,
    ExplainedSkip,
    Verdict,
)
from schemas.operations import CoverageRow
from schemas.strict import instant_text


class Evidence(NamedTuple):
    """All that is known about what was asked for, as far as the caller may know it."""

    entries: tuple[ExplainedEntry, ...]
    sightings: tuple[ExplainedSighting, ...]
    refusals: tuple[ExplainedRefusal, ...]
    decisions: tuple[ExplainedDecision, ...]
    held_back: tuple[ExplainedPlan, ...]
    skipped: tuple[ExplainedSkip, ...]
    rules: tuple[ExplainedRule, ...]
    coverage: tuple[CoverageRow, ...]  # the scopes in which its source would show it
    bound: bool  # only one source may speak about it
    source: str | None  # that source, if the caller may know of it


CONTESTED: Final = "contested_claim"
HIDDEN: Final = "not_readable"
Case = Callable[[Evidence], str | None]


def decide(found: Evidence) -> tuple[Verdict, str]:
    """The first case that holds, and what it says."""
    for verdict, case in CASES:
        if said := case(found):
            return verdict, said
    return "unknown", "No source that you may see has mentioned it. /api/v1/coverage lists them."


def _live(found: Evidence) -> list[ExplainedEntry]:
    return [
        one
        for one in found.entries
        if not (one.gone_since or one.merged_into or one.replaced_by or one.stub)
    ]


def _called(one: ExplainedEntry) -> str:
    return f"{one.kind.replace('_', ' ')} {one.name or one.id}"


def _merged(found: Evidence) -> str | None:
    """What was asked for stood alone once."""
    into = {one.id: one for one in found.entries if not one.merged_into}
    gone = next((one for one in found.entries if one.merged_into in into), None)
    if gone is None or gone.merged_into is None:
        return None
    told = f"It was merged into {_called(into[gone.merged_into])}"
    merged = [one for one in found.decisions if one.op == "merge" and one.other == gone.id]
    standing = next((one for one in reversed(merged) if one.lifted_at is None), None)
    if standing is None:
        return f"{told}."
    said = standing.evidence.get("source") if isinstance(standing.evidence, dict) else None
    why = standing.reason or (f"source {said} calls them the same" if said else "by a person")
    return f"{told} at {instant_text(standing.decided_at)}: {why}."


def _held_back(found: Evidence) -> str | None:
    if not found.held_back or not _live(found):
        return None
    plan = found.held_back[0]
    return (
        f"It is in the catalog as {_called(_live(found)[0])}, but a harvest of {plan.scope} of "
        f"source {plan.source} would retire it among too many others to be believed: a person "
        f"releases or drops item {plan.item} of the quarantine."
    )


def _in_catalog(found: Evidence) -> str | None:
    live = _live(found)
    if not live:
        return None
    told = f"It is in the catalog as {_called(live[0])}"
    if len(live) > 1:
        told = f"It stands for {len(live)} entries"
    last = max((one.confirmed_at for one in found.sightings if not one.gone_since), default=None)
    seen = f", last confirmed at {instant_text(last)}" if last else ""
    waiting = [one for one in found.refusals if one.settled_at is None]
    refused = f"; {waiting[0].code}: a later record of it was refused" if waiting else ""
    hidden = (
        f"; {found.skipped[0].code}: the last harvest could not read it" if found.skipped else ""
    )
    return f"{told}{seen}{refused}{hidden}."


def _referred_to(found: Evidence) -> str | None:
    if not any(one.stub and not one.merged_into for one in found.entries):
        return None
    return "Other entries refer to it, but no source has described it."


def _gone(found: Evidence) -> str | None:
    gone = [one.gone_since for one in found.entries if one.gone_since and not one.replaced_by]
    return f"It is gone since {instant_text(max(gone))}; its history is kept." if gone else None


def _replaced(found: Evidence) -> str | None:
    after = next((one.replaced_by for one in found.entries if one.replaced_by), None)
    return f"Another thing of the same name took its place: {after}." if after else None


def _quarantined(found: Evidence) -> str | None:
    ended = [one.gone_since for one in found.entries if one.gone_since]
    waiting = [
        one
        for one in found.refusals
        if one.settled_at is None and all(one.last_at > since for since in ended)
    ]
    if not waiting:
        return None
    last = max(waiting, key=lambda one: one.last_at)
    return (
        f"Source {last.source} sent it, last at {instant_text(last.last_at)}, and it was refused "
        f"({last.code}, {last.pointer or '/'}): {last.message}"
    )


def _contested(found: Evidence) -> str | None:
    claim = next((one for one in found.refusals if _is_claim(one)), None)
    if claim is None or _live(found):
        return None
    return (
        f"Source {claim.source} claims a name that another one holds; nothing is changed until a "
        "person decides: /api/v1/contested-claims lists it."
    )


def _is_claim(refused: ExplainedRefusal) -> bool:
    return refused.code == CONTESTED and refused.settled_at is None


def _not_visible(found: Evidence) -> str | None:
    hidden = next((one for one in found.skipped if one.code == HIDDEN), None)
    if hidden is None:
        return None
    return (
        f"Source {hidden.source} has it and does not show it to the token that reads it "
        f"({hidden.scope}, at {instant_text(hidden.closed_at)}): {hidden.message}"
    )


def _unreadable(found: Evidence) -> str | None:
    skipped = next(iter(found.skipped), None)
    if skipped is None:
        return None
    return (
        f"The last harvest of {skipped.scope} of source {skipped.source} could not read it "
        f"({skipped.code}): {skipped.message}"
    )


def _excluded(found: Evidence) -> str | None:
    rule = next(iter(found.rules), None)
    return f"Source {rule.source} leaves it out: {rule.setting} {rule.rule}." if rule else None


def _unknown_source(found: Evidence) -> str | None:
    if not found.bound or found.source is not None:
        return None
    return "No source that you may see has the name that it begins with."


def _disabled(found: Evidence) -> str | None:
    if not any(one.state == "disabled" for one in found.coverage):
        return None
    return f"Source {found.source} is disabled: nothing reads it."


def _never_seen(found: Evidence) -> str | None:
    """Only who has seen everything can say that it was not there."""
    read = [(one.last_full_at, one) for one in found.coverage if one.last_full_at]
    if not read:
        return None
    moment, last = max(read, key=lambda pair: pair[0])
    failed = "; the harvest after that failed" if last.last_outcome == "failed" else ""
    return (
        f"Source {last.source} was last read completely at {instant_text(moment)} "
        f"({last.scope}), and it was not there{failed}."
    )


def _failing(found: Evidence) -> str | None:
    failed = next((one for one in found.coverage if one.last_outcome == "failed"), None)
    if failed is None:
        return None
    return (
        f"No harvest of {failed.scope} of source {failed.source} was complete yet; the last failed."
    )


def _never_harvested(found: Evidence) -> str | None:
    return f"Source {found.source} was never harvested there." if found.source else None


CASES: Final[tuple[tuple[Verdict, Case], ...]] = (
    ("merged", _merged),
    ("held_back", _held_back),
    ("in_catalog", _in_catalog),
    ("contested", _contested),
    ("quarantined", _quarantined),
    ("referred_to", _referred_to),
    ("gone", _gone),
    ("replaced", _replaced),
    ("excluded", _excluded),
    ("unknown_source", _unknown_source),
    ("disabled", _disabled),
    ("not_visible", _not_visible),
    ("unreadable", _unreadable),
    ("never_seen", _never_seen),
    ("failing", _failing),
    ("never_harvested", _never_harvested),
)
