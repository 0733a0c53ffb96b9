"""What builds of Jenkins say, as observations: pure, one page at a time."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any, Final, NamedTuple

from harvesters.ci.builds import status_of
from harvesters.ci.jenkins.checkouts import Checkout, checkouts_of
from harvesters.ci.jenkins.names import Path, Place, Site, full_name
from harvesters.ci.jenkins.payloads import Build, Cause, read
from harvesters.dropped import Dropped
from harvesters.errors import RecordUnreadable
from harvesters.moments import of_milliseconds
from harvesters.stating import state
from schemas.observation import Observation

STATUS: Final = {
    "success": "succeeded",
    "unstable": "failed",  # its tests did
    "failure": "failed",
    "aborted": "canceled",
    "not_built": "skipped",
}
CAUSED: Final = "CauseAction"
Maybe = datetime | EllipsisType | None


class Row(NamedTuple):
    """A build as it was answered, and which of its checkouts is its job's own."""

    raw: Mapping[str, Any]
    own: int | None = None


class JobPage(NamedTuple):
    """Builds of one job that are wanted, and what could not be read; the last one has a cursor."""

    at: datetime  # our time before the request
    path: Path = ()
    builds: tuple[Row, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()  # codes and messages
    cursor: str | None = None


def observe_page(page: JobPage, site: Site) -> Iterator[Observation | RecordUnreadable]:
    """All that a page says."""
    for code, message in page.unread:
        yield RecordUnreadable(code, message)
    for row in page.builds:
        yield observe_build(row, site, path=tuple(page.path), at=page.at)


def observe_build(
    row: Row, site: Site, *, path: Path, at: datetime
) -> Observation | RecordUnreadable:
    """One build; what of it cannot be used is left out and told."""
    build = read(Build, row.raw)
    subject = site.build(path, build.number) if build else None
    if build is None or subject is None:
        message = f"a build of {full_name(path)} has no number, or no name that can be kept"
        return RecordUnreadable("unusable", message)
    stated = _facts(build, path) | _checked_out(build, row.own)
    link = site.link(Place(path, build.number), said=build.url)
    stated["url"] = link
    return state(
        subject, stated, at=at, raw=row.raw, url=link, dropped=_remarks(build, own=row.own)
    )


def is_open(build: Build) -> bool:
    """May it still change?"""
    return build.building is True or (build.building is None and build.result is None)


def _facts(build: Build, path: Path) -> dict[str, Any]:
    cause = _cause(build)
    status, _ = _status(build)
    artifacts = [{"name": one.path} for one in build.artifacts if one.path]
    return {
        "workflow": full_name(path),
        "event": (cause.said or ...) if cause else ...,
        "actor": (cause.user or ...) if cause else ...,
        "status": status,
        "started_at": of_milliseconds(build.timestamp) or ...,
        "finished_at": _finished(build),
        "artifacts": artifacts or ...,
    }


def _status(build: Build) -> tuple[Any, list[Dropped]]:
    """A result may stand there before the end."""
    if build.building is True:
        return "running", []
    return status_of(build.result, STATUS)


def _finished(build: Build) -> Maybe:
    began = of_milliseconds(build.timestamp)
    if is_open(build) or began is None or build.duration is None:
        return ...
    try:
        return began + timedelta(milliseconds=build.duration)
    except OverflowError:
        return ...


def _cause(build: Build) -> Cause | None:
    """The first one of the build itself: also interruptions have causes."""
    for action in build.actions:
        if action.causes and (action.cls is None or action.cls.endswith(CAUSED)):
            return next((one for one in action.causes if one.user), action.causes[0])
    return None


def _checked_out(build: Build, own: int | None) -> dict[str, Any]:
    found = checkouts_of(build)
    if own is None or not 0 <= own < len(found):
        return {}
    one: Checkout = found[own]
    return {
        "repository": one.repositories[0] if one.repositories else ...,
        "commit": one.commit or ...,
        "ref": one.branch or ...,
    }


def _remarks(build: Build, *, own: int | None) -> tuple[Dropped, ...]:
    found, dropped = checkouts_of(build), _status(build)[1]
    if any(one.userinfo for one in build.actions):
        about = "remoteUrls: a credential stood in an address; change it, builds show it to readers"
        dropped.append(Dropped("userinfo_dropped", about))
    if own is None and found:
        about = f"it checked out {len(found)} repositories, and none is known to be its job's own"
        dropped.append(Dropped("repository_uncertain", about))
    return tuple(dropped)
