"""Why something is, or is not, in the catalog, in a word and a sentence. Pure."""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.operations import (
    CoverageRow,
    ExplainedEntry,
    ExplainedRefusal,
    ExplainedRule,
    ExplainedSighting,
    Verdict,
)
from schemas.strict import instant_text


class Evidence(NamedTuple):
    """All that is known about what was asked for, as far as the caller may know it."""

    entries: tuple[ExplainedEntry, ...]
    sightings: tuple[ExplainedSighting, ...]
    refusals: tuple[ExplainedRefusal, ...]
    rules: tuple[ExplainedRule, ...]
    coverage: tuple[CoverageRow, ...]  # the scopes in which its source would show it
    bound: bool  # only one source may speak about it
    source: str | None  # that source, if the caller may know of it


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


def _in_catalog(found: Evidence) -> str | None:
    live = _live(found)
    if not live:
        return None
    named = live[0].name or str(live[0].id)
    told = f"It is in the catalog as {live[0].kind.replace('_', ' ')} {named}"
    if len(live) > 1:
        told = f"It stands for {len(live)} entries"
    last = max((one.confirmed_at for one in found.sightings if not one.gone_since), default=None)
    seen = f", last confirmed at {instant_text(last)}" if last else ""
    waiting = [one for one in found.refusals if one.settled_at is None]
    refused = f"; {waiting[0].code}: a later record of it was refused" if waiting else ""
    return f"{told}{seen}{refused}."


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
    ("in_catalog", _in_catalog),
    ("quarantined", _quarantined),
    ("referred_to", _referred_to),
    ("gone", _gone),
    ("replaced", _replaced),
    ("excluded", _excluded),
    ("unknown_source", _unknown_source),
    ("disabled", _disabled),
    ("never_seen", _never_seen),
    ("failing", _failing),
    ("never_harvested", _never_harvested),
)
