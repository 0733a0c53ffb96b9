"""What a payload tells: hints, and nothing of what the thing is like now."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from schemas.hooks import About
from schemas.identifiers import Identifier, Kind, encode_segment

MOST: Final = 100  # hints of one delivery; who changes more is read in full before long
LONGEST_URL: Final = 1_000
LONGEST_WORD: Final = 60


class PayloadUnreadable(Exception):
    """A payload of an event that is known lacks what the event is about."""


class Told(NamedTuple):
    """One hint. Without repository, URL and thing the listing itself may have changed."""

    about: About
    event: str
    repository: Identifier | None = None
    url: str | None = None
    thing: Identifier | None = None  # the build, model or version itself


def member(document: Any, *path: str) -> Any:
    """What stands at a path of members; None where it leads nowhere."""
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document


def text(document: Any, *path: str) -> str | None:
    """The text at a path, if a text stands there."""
    found = member(document, *path)
    return found if isinstance(found, str) and found else None


def address(written: str | None) -> str | None:
    """A web address that can be kept and compared: no credential, query or fragment."""
    if written is None or len(written) > LONGEST_URL or not written.isprintable():
        return None
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{f':{port}' if port else ''}{parts.path}"


def host_of(url: str | None) -> str | None:
    """The host of an address, with its port where that is stated."""
    return urlsplit(url).netloc if url else None


def numbered(scheme: str, number: Any, *, host: str) -> Identifier:
    """A repository by its host's number. Raises `PayloadUnreadable`."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise PayloadUnreadable("does not say which repository, by its number")
    try:
        return Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=f"{host}/{number}")
    except ValidationError:
        raise PayloadUnreadable("names a repository by what is no number of its host") from None


def thing(kind: Kind, scheme: str, *segments: Any, within: str) -> Identifier | None:
    """A build, model or version by its name there; None where it was not told, or is no name."""
    whole = [str(one) if isinstance(one, int) else one for one in segments]
    if not all(isinstance(one, str) and one for one in whole) or True in segments:
        return None
    value = "/".join((within, *(encode_segment(one) for one in whole)))
    try:
        return Identifier(kind=kind, scheme=scheme, value=value)
    except ValidationError:
        return None


def with_action(event: str, action: Any) -> str:
    """`repository.renamed`: the event, and what happened."""
    if isinstance(action, str) and action.isidentifier() and len(action) <= LONGEST_WORD:
        return f"{event}.{action}"
    return event
