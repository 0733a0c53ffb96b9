"""Adds up what events say of one thing, in any order and however often. Pure.

A source speaks of a thing in one observation, and events tell it in parts. So what was heard before
is the ground on which the next event is laid: sets grow together, of times the first one counts,
and of everything else the newest event's word, field by field. Nothing of it depends on the order
of arrival, but for clocks that run ahead of ours.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from schemas.digest import as_set, canonical_json
from schemas.identifiers import Identifier, Kind
from schemas.values import MOST_ITEMS

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
MOST_NAMES: Final = 20  # other identifiers of one thing
MOST_WARNINGS: Final = 20
ENDED: Final = "ended_at"
LONGEST_TICKS: Final = 18  # digits


class Add(StrEnum):
    """How the facts of several events become one; every other word names a group of facts.

    Facts of a group come and go together: who states one of them states the whole group.
    """

    UNION = "union"
    LINKS = "links"  # a union in which a version displaces the same link without one
    FIRST = "first"  # the earliest time
    KEPT = "kept"  # as it was heard first


CODE: Final = dict.fromkeys(("repository", "source_commit", "source_branch"), "code")
PLACE: Final = ("platform", "name", "environment", "environment_class", "endpoint")
SERVED: Final = ("image", "digest", "artifact_uri", "claimed_model", "claimed_version")
RULES: Final[Mapping[Kind, Mapping[str, str]]] = {
    Kind.TRAINING_RUN: {
        "name": "job", "job": "job", "status": "state", ENDED: "state", "started_at": Add.FIRST,
        "parent": "parent", **CODE, "datasets": Add.LINKS, "outputs": Add.LINKS,
        "tags": Add.UNION, "warnings": Add.UNION,
    },
    Kind.DATASET: {
        "name": "name", "uri": "name", "schema": "schema", "description": "about",
        "owners": "owners", "warnings": Add.UNION,
    },
    Kind.BUILD: {
        "repository": "code", "commit": "code", "status": "state", "finished_at": "state",
        "workflow": "state", "url": "state", "artifacts": Add.UNION, "model_uris": Add.UNION,
        "warnings": Add.UNION,
    },
    Kind.DEPLOYMENT: {
        **dict.fromkeys(PLACE, "place"), **dict.fromkeys(SERVED, "served"), "status": "state",
        ENDED: "state", "created_at": Add.KEPT, "warnings": Add.UNION,
    },
}  # fmt: skip


class Heard(NamedTuple):
    """What one event says of one thing, as canonical JSON; `at` is the event's own time."""

    subject: Identifier
    at: datetime
    facts: Mapping[str, Any]
    same_as: tuple[Identifier, ...] = ()


class Known(NamedTuple):
    """What is known of a thing so far: since when each group holds, in `at` the newest event."""

    facts: Mapping[str, Any]
    times: Mapping[str, datetime]
    same_as: tuple[Identifier, ...] = ()
    at: datetime = EPOCH


NOTHING: Final = Known({}, {})


def add(known: Known, heard: Heard) -> Known:
    """What is known once an event is heard, too."""
    rules = RULES[heard.subject.kind]
    facts, times = dict(known.facts), dict(known.times)
    groups: dict[str, dict[str, Any]] = {}
    for name, value in heard.facts.items():
        rule = rules[name]
        if rule in set(Add):
            facts[name] = _added(Add(rule), name, value=value, facts=facts)
        else:
            groups.setdefault(rule, {})[name] = value
    for group, said in groups.items():
        names = [name for name, rule in rules.items() if rule == group]
        before = {name: facts[name] for name in names if name in facts}
        since = times.get(group, known.at if before else None)
        if since is None or _weight(said, heard.at) > _weight(before, since):
            facts = {name: value for name, value in facts.items() if name not in names} | said
            times[group] = heard.at
    same = {str(one): one for one in (*known.same_as, *heard.same_as)}
    chosen = tuple(same[name] for name in sorted(same))[:MOST_NAMES]
    return Known(facts, times, chosen, max(known.at, heard.at))


def _weight(said: Mapping[str, Any], at: datetime) -> tuple[bool, datetime, str]:
    """An end outweighs what is merely later: a START that comes late starts nothing anew."""
    run_ended = ENDED in said and said.get("status") in {"FINISHED", "FAILED", "KILLED"}
    return run_ended, at, canonical_json(said)  # ties fall alike in any order


def _added(rule: Add, name: str, *, value: Any, facts: Mapping[str, Any]) -> Any:
    before = facts.get(name)
    if rule is Add.FIRST:
        return min(one for one in (before, value) if one is not None)
    if rule is Add.KEPT:
        return value if before is None else before
    joined = as_set((*(before or ()), *(value or ())))
    if rule is Add.LINKS:
        return _links(joined)
    return joined[: MOST_WARNINGS if name == "warnings" else MOST_ITEMS]


def _links(links: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Each dataset once a version; where one is known, not without."""
    found = list(links)
    told = {canonical_json(one["dataset"]) for one in found if "version" in one}
    kept = [one for one in found if "version" in one or canonical_json(one["dataset"]) not in told]
    return kept[:MOST_ITEMS]


def write_times(times: Mapping[str, datetime]) -> str:
    """Since when each group holds, as the marker of a sighting holds it."""
    return " ".join(f"{group}={(at - EPOCH) // TICK}" for group, at in sorted(times.items()))


def read_times(marker: str | None) -> dict[str, datetime]:
    """What `write_times` wrote; a marker that somebody else left says nothing."""
    parts = (part.partition("=") for part in (marker or "").split())
    return {
        group: EPOCH + int(ticks) * TICK
        for group, _, ticks in parts
        if group and ticks.isascii() and ticks.isdigit() and len(ticks) < LONGEST_TICKS
    }
