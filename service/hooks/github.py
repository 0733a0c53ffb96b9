"""What GitHub's deliveries hint at. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from schemas.hooks import About
from schemas.identifiers import Kind
from service.hooks.told import (
    MOST,
    PayloadUnreadable,
    Told,
    address,
    host_of,
    member,
    numbered,
    text,
    thing,
    with_action,
)

SCHEME: Final = "github"
INSTALLATIONS: Final = {"installation", "installation_repositories"}
ABOUT: Final[Mapping[str, About]] = {
    "push": "repository",
    "repository": "repository",
    **dict.fromkeys(sorted(INSTALLATIONS), "repository"),
    "workflow_run": "build",
    "deployment": "deployment",
    "deployment_status": "deployment",
    "release": "release",
}
LISTED: Final = ("repositories", "repositories_added", "repositories_removed")


def hints_of(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """What may have changed; nothing for events of other kinds. Raises `PayloadUnreadable`.

    `host` is the source's: payloads name theirs by web addresses, and some have none.
    """
    about = ABOUT.get(event)
    if about is None:
        return ()
    named = with_action(event, member(payload, "action"))
    if event in INSTALLATIONS:
        return _installed(named, payload, host=host)
    url = address(text(payload, "repository", "html_url"))
    number = member(payload, "repository", "id")
    known = numbered(SCHEME, number, host=host_of(url) or host)
    run = member(payload, event, "id") if about == "build" else None
    return (Told(about, named, known, url, thing(Kind.BUILD, SCHEME, run, within=known.value)),)


def _installed(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """An App may read other repositories than before: those that are named, else whichever."""
    if not isinstance(member(payload, "installation"), Mapping):
        raise PayloadUnreadable("does not say which installation")
    there = host_of(address(text(payload, "installation", "html_url"))) or host
    listed = (member(payload, name) for name in LISTED)
    found = chain.from_iterable(one for one in listed if isinstance(one, list))
    told = tuple(islice(_each(event, found, host=there), MOST))
    return told or (Told("repository", event),)


def _each(event: str, listed: Iterator[Any], *, host: str) -> Iterator[Told]:
    for one in listed:
        path = text(one, "full_name")
        url = address(f"https://{host}/{path}") if path else None
        yield Told("repository", event, numbered(SCHEME, member(one, "id"), host=host), url)
