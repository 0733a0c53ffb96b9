"""What GitLab's deliveries hint at, those of projects, groups and the whole instance. Pure.

https://docs.gitlab.com/user/project/integrations/webhook_events/ and
https://docs.gitlab.com/administration/system_hooks/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.hooks import About
from schemas.identifiers import Kind
from service.hooks.told import Told, address, host_of, member, numbered, text, thing

SCHEME: Final = "gitlab"
ABOUT: Final[Mapping[str, About]] = {
    "push": "repository",
    "tag_push": "repository",
    "repository_update": "repository",
    "project_create": "repository",
    "project_destroy": "repository",
    "project_rename": "repository",
    "project_transfer": "repository",
    "project_update": "repository",
    "group_rename": "repository",
    "build": "build",
    "pipeline": "build",
    "deployment": "deployment",
    "release": "release",
}
PIPELINES: Final[Mapping[str, tuple[str, ...]]] = {  # where an event says which
    "build": ("pipeline_id",),
    "pipeline": ("object_attributes", "id"),
}
WITHOUT_PROJECT: Final = {"group_rename"}  # every project below has another address


def event_of(payload: Any) -> str | None:
    """What happened: hooks of projects and groups say so in another member than system hooks."""
    return text(payload, "object_kind") or text(payload, "event_name")


def hints_of(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """What may have changed; nothing for events of other kinds. Raises `PayloadUnreadable`.

    `host` is the source's: payloads name theirs by web addresses, and some have none.
    """
    about = ABOUT.get(event)
    if about is None:
        return ()
    if event in WITHOUT_PROJECT:
        return (Told(about, event),)
    url = _address(payload, host)
    number = member(payload, "project_id")
    number = member(payload, "project", "id") if number is None else number
    known = numbered(SCHEME, number, host=host_of(url) or host)
    pipeline = member(payload, *PIPELINES[event]) if event in PIPELINES else None
    build = thing(Kind.BUILD, SCHEME, pipeline, within=known.value)
    return (Told(about, event, known, url, build),)


def _address(payload: Any, host: str) -> str | None:
    """The project's page; hooks of the whole instance tell its path alone."""
    stated = (
        text(payload, "project", "web_url"),
        text(payload, "repository", "homepage"),
        text(payload, "project", "homepage"),
    )
    found = next((url for one in stated if (url := address(one))), None)
    path = text(payload, "path_with_namespace")
    return found or (address(f"https://{host}/{path}") if path else None)
