"""What deliveries of Jenkins hint at: a build. Pure.

Jenkins itself sends none: a plugin does, or a step of the pipeline. The Notification plugin's form
(https://plugins.jenkins.io/notification/) is read, and any other that holds the build's address or
its job and number under one of the usual names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import ValidationError

from schemas.identifiers import Identifier, Kind, encode_segment
from service.hooks.told import Told, address, member, text

SCHEME: Final = "jenkins"
PHASES: Final = (("build", "phase"), ("phase",), ("event",), ("eventType",), ("event_type",))
WAITING: Final = frozenset({"queued", "wait"})  # it has no number yet
URLS: Final = (
    ("build", "full_url"), ("build", "url"), ("buildUrl",), ("build_url",), ("BUILD_URL",),
    ("run_url",), ("url",),
)  # fmt: skip
JOBS: Final = (
    ("build", "job"), ("jobName",), ("job_name",), ("JOB_NAME",), ("fullName",), ("job",),
    ("name",),
)  # fmt: skip
NUMBERS: Final = (
    ("build", "number"), ("buildNumber",), ("build_number",), ("BUILD_NUMBER",), ("number",),
)  # fmt: skip
PAIRED: Final = frozenset({"job", "view"})  # what comes next is a name
STRAY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
LONGEST_NUMBER: Final = 12


class Place(NamedTuple):
    """A build: the controller, the segments of its job's path, its number where that is told."""

    controller: str
    job: tuple[str, ...]
    number: str | None
    url: str | None


def event_of(_headers: Mapping[str, str], payload: Any) -> str | None:
    """The phase, by whatever member the sender calls it."""
    stated = next((found for path in PHASES if (found := text(payload, *path))), None)
    return f"build.{stated.lower()}" if stated else "build"


def hints_of(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """Which build may have changed; nothing where none is named, or it only waits in the queue.

    `host` is the controller's, with its path, where addresses in the payload name none.
    """
    if event.rpartition(".")[2] in WAITING:
        return ()
    found = _by_address(payload, host) or _by_name(payload, host)
    if found is None:
        return ()
    return (Told("build", event, url=found.url, thing=_build(found)),)


def place_in(url: str) -> Place | None:
    """The build or job that an address names, through whichever view: `…/job/folder/job/main/21/`.

    A controller may have a path of its own before the first `job`.
    """
    parts = urlsplit(url)
    left = [one for one in parts.path.split("/") if one]
    before: list[str] = []
    job: list[str] = []
    while len(left) > 1 and (left[0] in PAIRED or not job):
        word, *left = left
        if word not in PAIRED:
            before.append(word)
            continue
        if word == "job":
            job.append(unquote(left[0]))
        left = left[1:]
    if not job:
        return None
    number = next((one for one in left[:1] if _is_number(one)), None)
    return Place("/".join((parts.netloc, *before)), tuple(job), number, url)


def _by_address(payload: Any, host: str) -> Place | None:
    """The first address that names a build, else a job; relative ones are below the controller."""
    found = [place for place in _addressed(payload, host) if place is not None]
    best = next((one for one in found if one.number is not None), next(iter(found), None))
    if best is None or best.number is not None:
        return best
    return best._replace(number=_number(payload))


def _addressed(payload: Any, host: str) -> Iterator[Place | None]:
    for path in URLS:
        stated = text(payload, *path)
        if stated is not None and "://" in stated:
            url = address(stated)
            yield place_in(url) if url else None
        elif stated is not None and (url := address(f"https://{host}/{stated.lstrip('/')}")):
            found = place_in(url)
            yield found._replace(url=None) if found else None  # whether it is https is not told


def _by_name(payload: Any, host: str) -> Place | None:
    """`folder/main`, as Jenkins calls a job in full."""
    names = (found for path in JOBS if (found := text(payload, *path)))
    job = tuple(one for one in next(names, "").split("/") if one)
    number = _number(payload)
    return Place(host, job, number, None) if host and job and number else None


def _segment(name: str) -> str:
    """Jenkins calls the job of a branch `feature/x` itself `feature%2Fx`: that stays as it is."""
    if name in {".", ".."}:
        return encode_segment(name)
    return STRAY.sub("%25", name).replace("/", "%2F").replace("#", "%23")


def _number(payload: Any) -> str | None:
    stated = (str(member(payload, *path)) for path in NUMBERS)
    return next((one for one in stated if _is_number(one)), None)


def _is_number(written: str) -> bool:
    return written.isascii() and written.isdecimal() and len(written) <= LONGEST_NUMBER


def _build(found: Place) -> Identifier | None:
    """`ci.example.com/folder/main#21`."""
    if found.number is None:
        return None
    path = "/".join((found.controller.lower(), *(_segment(one) for one in found.job)))
    try:
        return Identifier(kind=Kind.BUILD, scheme=SCHEME, value=f"{path}#{found.number}")
    except ValidationError:
        return None
