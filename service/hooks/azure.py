"""What service hooks of Azure DevOps hint at: builds, deployments, repositories. Pure.

https://learn.microsoft.com/azure/devops/service-hooks/events
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.hooks import About
from schemas.identifiers import Kind
from service.hooks.told import PayloadUnreadable, Told, address, host_of, member, text, thing

SCHEME: Final = "azure"
SERVICES: Final = "dev.azure.com"
BUILDS: Final[Mapping[str, tuple[str, ...]]] = {  # where an event says which
    "build.complete": ("resource", "id"),
    "ms.vss-pipelines.run-state-changed-event": ("resource", "run", "id"),
    "ms.vss-pipelines.stage-state-changed-event": ("resource", "run", "id"),
    "ms.vss-pipelines.job-state-changed-event": ("resource", "run", "id"),
}
ABOUT: Final[Mapping[str, About]] = {
    **dict.fromkeys(BUILDS, "build"),
    "ms.vss-release.deployment-started-event": "deployment",
    "ms.vss-release.deployment-completed-event": "deployment",
    "ms.vss-release.release-created-event": "release",
    "ms.vss-release.release-abandoned-event": "release",
    "git.push": "repository",
}
PROJECTS: Final = (
    ("resource", "project", "id"), ("resourceContainers", "project", "id"),
    ("resource", "repository", "project", "id"),
)  # fmt: skip
BASES: Final = (  # the first one that names a host
    ("resource", "url"), ("resource", "run", "url"), ("resource", "repository", "remoteUrl"),
    ("resourceContainers", "project", "baseUrl"), ("resourceContainers", "account", "baseUrl"),
    ("resourceContainers", "collection", "baseUrl"),
)  # fmt: skip
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOBODYS: Final = "00000000-0000-0000-0000-000000000000"


def event_of(_headers: Mapping[str, str], payload: Any) -> str | None:
    """The body's own word: no header says it."""
    return text(payload, "eventType")


def id_of(payload: Any) -> str | None:
    """What tells deliveries apart, also repeated ones; examples of the documentation have none."""
    found = text(payload, "id")
    return None if found == NOBODYS else found


def hints_of(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """What may have changed; nothing for events of other kinds. Raises `PayloadUnreadable`.

    `host` is the source's, where no address in the payload names one.
    """
    about = ABOUT.get(event)
    if about is None:
        return ()
    there = _host(payload) or host
    if about == "repository":
        return (_pushed(event, payload, host=there),)
    project = next((found for path in PROJECTS if (found := _uuid(payload, *path))), None)
    if project is None:
        raise PayloadUnreadable("does not say which project")
    number = member(payload, *BUILDS[event]) if event in BUILDS else None
    build = thing(Kind.BUILD, SCHEME, project, number, within=there)
    return (Told(about, event, url=address(text(payload, "resource", "url")), thing=build),)


def _pushed(event: str, payload: Any, *, host: str) -> Told:
    number = _uuid(payload, "resource", "repository", "id")
    known = thing(Kind.REPOSITORY, SCHEME, number, within=host)
    if known is None:
        raise PayloadUnreadable("does not say which repository")
    url = address(text(payload, "resource", "repository", "remoteUrl"))
    return Told("repository", event, known, url)


def _host(payload: Any) -> str | None:
    """Of an organisation's older address, too, the one that all have now."""
    stated = (host_of(address(text(payload, *path))) for path in BASES)
    found = next((one.lower() for one in stated if one), None)
    return SERVICES if found and found.endswith(".visualstudio.com") else found


def _uuid(payload: Any, *path: str) -> str | None:
    found = (text(payload, *path) or "").lower()
    return found if UUID.fullmatch(found) and found != NOBODYS else None
