"""Turns events of OpenLineage (specification 2-0-2) into what they say of runs and data. Pure.

A run event speaks of a training run and of the datasets that it read and wrote; a job event and a
dataset event of datasets alone, for jobs themselves are nothing that the catalog holds.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.digest import canonical_json
from schemas.identifiers import Identifier, Kind
from schemas.values import MOST_ITEMS
from service.lineage.facets import (
    COLUMNS,
    Facets,
    code_facts,
    dataset_facts,
    dataset_identifier,
    link_version,
    mlflow_run,
    symlinks,
)
from service.lineage.heard import Heard
from service.lineage.stating import (
    EventRefused,
    When,
    identify,
    is_text,
    members,
    read_time,
    refuse_placeholder,
    state,
)

RUN_ID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
STATES: Final[Mapping[str, str]] = {  # in the words of MLflow's training runs
    "START": "RUNNING", "RUNNING": "RUNNING", "COMPLETE": "FINISHED", "FAIL": "FAILED",
    "ABORT": "KILLED",
}  # fmt: skip
RUN_TAG: Final = "mlflow.run_id="


class Told(NamedTuple):
    """What one event says, and how often it spoke of the lineage of columns."""

    heard: tuple[Heard, ...]
    columns: int = 0


class _Event(NamedTuple):
    """One event that is read, and for whom."""

    members: Mapping[str, Any]
    source: str
    when: When


def read_event(event: Any, *, source: str, zone: str | None, now: datetime) -> Told:
    """What one event says. Raises `EventRefused`, which says where and why."""
    if not isinstance(event, Mapping):
        raise EventRefused("", "must be an object")
    about = next((name for name in ("run", "job", "dataset") if event.get(name) is not None), None)
    if about is None:
        raise EventRefused("", "speaks of no run, job or dataset")
    if about == "run":
        _check_run(event)
    if about != "dataset":
        _check_named(event, "job")
    when = read_time(event.get("eventTime"), pointer="/eventTime", zone=zone, now=now)
    read = _Event(event, source, when)
    if about == "dataset":
        _check_named(event, "dataset")
        alone, _, lost = _datasets(read, {"dataset": [event["dataset"]]})
        if not alone.heard:
            raise EventRefused("/dataset", lost[0].removeprefix("dataset: "))
        return alone
    data, links, warnings = _data(read)
    return _run(read, data, links=links, warnings=warnings) if about == "run" else data


def _check_run(event: Mapping[str, Any]) -> None:
    run = event["run"]
    if not isinstance(run, Mapping):
        raise EventRefused("/run", "must be an object")
    _uuid(run.get("runId"), pointer="/run/runId")


def _check_named(event: Mapping[str, Any], name: str) -> None:
    told = event.get(name)
    if not isinstance(told, Mapping):
        raise EventRefused(f"/{name}", "must be an object with namespace and name")
    for member in ("namespace", "name"):
        refuse_placeholder(told.get(member), f"/{name}/{member}")
        if not is_text(told.get(member)):
            raise EventRefused(f"/{name}/{member}", "must be a text that is not empty")


def _uuid(value: Any, *, pointer: str) -> UUID:
    if not isinstance(value, str) or not RUN_ID.fullmatch(value):
        refuse_placeholder(value, pointer)
        raise EventRefused(pointer, "must be a UUID", fix="The client makes one for each run.")
    return UUID(value)


def _data(event: _Event) -> tuple[Told, dict[str, list[Any]], list[str]]:
    """The datasets of an event, and the links to those read and those written."""
    sides = {side: event.members.get(side) for side in ("inputs", "outputs")}
    warnings = [f"{side}: is no list" for side in sides if not _is_listed(sides[side])]
    lists = {side: told if isinstance(told, list) else [] for side, told in sides.items()}
    told, links, more = _datasets(event, lists)
    return told, links, [*warnings, *more]


def _is_listed(told: Any) -> bool:
    return told is None or isinstance(told, list)


def _datasets(
    event: _Event, lists: Mapping[str, Sequence[Any]]
) -> tuple[Told, dict[str, list[Any]], list[str]]:
    """Each dataset of some lists; what cannot be named is left out and told."""
    heard: list[Heard] = []
    links: dict[str, list[Any]] = {}
    warnings: list[str] = []
    columns = 0
    for side, listed in lists.items():
        found: dict[Identifier, Any] = {}
        for index, told in enumerate(listed):
            where = f"{side}/{index}" if side != "dataset" else side
            facets = Facets(members(told).get("facets"), "")
            columns += COLUMNS in facets.told
            try:
                subject = _dataset(told)
            except ValueError as error:
                warnings.append(f"{where}: {error}")
                continue
            version = link_version(facets)
            heard.append(_heard(event, subject, told=told, facets=facets))
            link = {"dataset": subject.model_dump(mode="json")}
            found[subject] = link | ({"version": version} if version else {})
        kept = sorted(found.values(), key=canonical_json)
        if len(kept) > MOST_ITEMS:
            warnings.append(f"{side}: {len(kept) - MOST_ITEMS} left out, {MOST_ITEMS} are the most")
        links[side] = kept[:MOST_ITEMS]
    linked = {canonical_json(one["dataset"]) for some in links.values() for one in some}
    shown = (one for one in heard if canonical_json(one.subject.model_dump(mode="json")) in linked)
    return Told(tuple(shown), columns), links, warnings


def _dataset(told: Any) -> Identifier:
    named = members(told)
    if not is_text(named.get("namespace")) or not is_text(named.get("name")):
        raise ValueError("has no namespace and name")
    return dataset_identifier(named["namespace"], named["name"])


def _heard(event: _Event, subject: Identifier, *, told: Any, facets: Facets) -> Heard:
    facts = {"name": told["name"]} | dataset_facts(facets)
    if subject.scheme == "uri":
        facts["uri"] = subject.value
    others = tuple(symlinks(facets))
    return state(subject, facts, at=event.when.at, same_as=others, warnings=facets.warnings)


def _run(event: _Event, data: Told, *, links: Mapping[str, Any], warnings: Sequence[str]) -> Told:
    """The run itself, before its data."""
    run, job = event.members["run"], event.members["job"]
    run_id = _uuid(run.get("runId"), pointer="/run/runId")
    of_run, of_job = Facets(run.get("facets"), "run: "), Facets(job.get("facets"), "job: ")
    facts: dict[str, Any] = {"name": job["name"], "job": f"{job['namespace']}/{job['name']}"}
    facts |= _state(event) | code_facts(of_job) | _parent(event, run_id, facets=of_run)
    if mlflow := mlflow_run(of_run):
        facts["tags"] = [f"{RUN_TAG}{mlflow}"]
    for fact, side in (("datasets", "inputs"), ("outputs", "outputs")):
        if links[side]:
            facts[fact] = links[side]
    told = [*warnings, *of_run.warnings, *of_job.warnings]
    subject = identify(Kind.TRAINING_RUN, "openlineage", value=f"{event.source}/{run_id}")
    heard = state(subject, facts, at=event.when.at, warnings=told)
    return Told((heard, *data.heard), data.columns)


def _state(event: _Event) -> dict[str, Any]:
    kind = event.members.get("eventType")
    status = STATES.get(kind) if isinstance(kind, str) else None
    if status is None:  # OTHER adds, and says nothing of where the run stands
        return {}
    if status == "RUNNING":
        began = {"started_at": event.when.text} if kind == "START" else {}
        return {"status": status} | began
    return {"status": status, "ended_at": event.when.text}


def _parent(event: _Event, run_id: UUID, *, facets: Facets) -> dict[str, Any]:
    facet = facets.get("parent")
    if facet is None:
        return {}
    try:
        parent = _uuid(members(facet.get("run")).get("runId"), pointer="parent")
    except EventRefused as refused:
        facets.warn("parent", refused.problem.message)
        return {}
    if parent == run_id:
        facets.warn("parent", "is the run itself")
        return {}
    return {"parent": identify(Kind.TRAINING_RUN, "openlineage", value=f"{event.source}/{parent}")}
