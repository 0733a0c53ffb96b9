"""What builds and deployments of Azure Pipelines say, as observations: pure, one page at a time."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from harvesters.ci.azure.names import Site, address_of
from harvesters.ci.azure.payloads import Build, Record, Repository, read
from harvesters.ci.builds import commit_of, stated, status_of
from harvesters.dropped import Dropped
from harvesters.environments import Environments, class_of
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.stating import state
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation

Told = Observation | RecordUnreadable
# Words of Azure, in small letters. Partly succeeded: what failed was allowed to.
RESULTS: Final[Mapping[str, str]] = {
    "succeeded": "succeeded", "partiallysucceeded": "succeeded", "failed": "failed",
    "canceled": "canceled",
}  # fmt: skip
STATUSES: Final[Mapping[str, str]] = {
    "notstarted": "queued", "postponed": "queued", "inprogress": "running",
    "cancelling": "running",
}  # fmt: skip
DEPLOYED: Final[Mapping[str, str]] = {
    "succeeded": "ready", "succeededwithissues": "ready", "failed": "failed",
    "canceled": "stopped", "skipped": "stopped", "abandoned": "stopped",
}  # fmt: skip
NONE: Final = frozenset({None, "none"})
HEADS: Final = "refs/heads/"
PLATFORM: Final = "azure-pipelines"


class Deployed(NamedTuple):
    """The deployment that stands for a pipeline in an environment, and the build that made it."""

    environment: int
    name: str
    record: Mapping[str, Any]
    build: Mapping[str, Any] | None = None


class ProjectPage(NamedTuple):
    """What was read of a project; the last page has a cursor."""

    at: datetime  # our time before the request
    builds: tuple[Mapping[str, Any], ...] = ()
    deployed: tuple[Deployed, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()  # codes and messages
    cursor: str | None = None


class Place(NamedTuple):
    """The project that pages are of, and what is told about it."""

    site: Site
    project: str  # its id
    source: str  # the name of the source
    environments: Environments


def observe_page(page: ProjectPage, place: Place) -> Iterator[Told]:
    """All that a page says; each repository once."""
    for code, message in page.unread:
        yield RecordUnreadable(code, message)
    repositories: dict[Identifier, Told] = {}
    for raw in page.builds:
        build = read(Build, raw)
        if build is None:
            yield RecordUnreadable("unusable", "a build has no number")
            continue
        found = observe_repository(build.repository, place.site, at=page.at)
        if found is not None and found.subject is not None:
            repositories[found.subject] = found
        yield observe_build(build, place, raw=raw, at=page.at)
    yield from repositories.values()
    for one in page.deployed:
        yield observe_deployed(one, place, at=page.at)


def observe_build(build: Build, place: Place, *, raw: Mapping[str, Any], at: datetime) -> Told:
    """One build; what of it cannot be used is left out and told."""
    link = place.site.link(place.project, build.id)
    status, odd = _status(build)
    said = {
        **_code(build, place.site),
        "workflow": stated(build.definition.name),
        "event": stated(build.reason),
        "actor": stated(build.requester.account),
        "status": status,
        "started_at": stated(read_moment(build.began)),
        "finished_at": stated(read_moment(build.ended)),
        "url": link,
    }
    subject = place.site.build(place.project, build.id)
    return state(subject, said, at=at, raw=dict(raw), url=link, dropped=odd)


def observe_repository(repository: Repository, site: Site, *, at: datetime) -> Told | None:
    """A repository of Azure's own, whose builds know its id and its address."""
    subject, address = site.numbered(repository), address_of(repository)
    if subject is None or address is None:
        return None
    said = {"url": address.value, "name": stated(repository.name)}
    return state(subject, said, at=at, same_as=(address,), url=address.value)


def observe_deployed(one: Deployed, place: Place, *, at: datetime) -> Told:
    """What a pipeline deployed into an environment: one thing, whatever the build."""
    record, build = read(Record, one.record), read(Build, one.build)
    if record is None or record.definition.id is None:
        return RecordUnreadable("unusable", f"a deployment into {one.name[:100]!r} has no pipeline")
    value = f"{place.source}/{place.project}/{one.environment}/{record.definition.id}"
    status, odd = ("pending", []) if record.result is None else status_of(record.result, DEPLOYED)
    code = _code(build, place.site) if build is not None else {}
    code.pop("ref", None)
    owner = record.owner.id
    said = {
        **code,
        "platform": PLATFORM,
        "name": stated(record.definition.name),
        "environment": one.name,
        "environment_class": stated(class_of(one.name, place.environments)),
        "build": ... if owner is None else place.site.build(place.project, owner),
        "status": status,
        "deployed_by": stated(build.requester.account) if build is not None else ...,
    }
    url = f"{place.site.url}/{place.project}/_environments/{one.environment}"
    subject = Identifier(kind=Kind.DEPLOYMENT, scheme="ci", value=value)
    raw = {"record": one.record, "build": one.build}
    return state(subject, said, at=at, raw=raw, url=url, dropped=odd)


def is_open(build: Build) -> bool:
    """May it still change?"""
    return (build.result or "").lower() in {"", "none"} and build.ended is None


def names_of(build: Build) -> tuple[str | None, ...]:
    """What a pipeline is called, alone and in its folder: `retail/churn`."""
    definition = build.definition
    folder = (definition.path or "").replace("\\", "/").strip("/")
    inside = f"{folder}/{definition.name}" if folder and definition.name else None
    return definition.name, inside


def _status(build: Build) -> tuple[Any, list[Dropped]]:
    if (build.result or "").lower() in RESULTS or build.status in {None, "completed"}:
        result = None if (build.result or "none").lower() in NONE else build.result
        return status_of(result, RESULTS)
    return status_of(build.status, STATUSES)


def _code(build: Build, site: Site) -> dict[str, Any]:
    """Repository, commit and branch; a changeset of TFVC is no commit."""
    repository = site.numbered(build.repository) or address_of(build.repository)
    branch = (build.branch or "").removeprefix(HEADS)
    return {
        "repository": stated(repository),
        "commit": commit_of(build.commit),
        "ref": branch or ...,
    }
