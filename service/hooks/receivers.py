"""Who may send webhooks, how theirs are proved, told apart, read: one row a kind of source."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from schemas.sources import SourceKind
from service.hooks import azure, github, gitlab, jenkins, mlflow
from service.hooks.proofs import (
    BodySigned,
    Headers,
    MessageSigned,
    PasswordGiven,
    Proof,
    TokenGiven,
)
from service.hooks.told import Told

OWN_API: Final = re.compile(r"api\.(?:github\.com|.+\.ghe\.com)")  # beside the pages' own host
ADDRESSES: Final = ("url", "base_url", "uri")  # the settings that say where a source is
STANDARD: Final = MessageSigned("webhook-signature", "webhook-id", "webhook-timestamp")
GIVEN: Final = (TokenGiven("x-webhook-token"), PasswordGiven())  # by those who cannot sign


class Reader(Protocol):
    """What a payload hints at. Raises `PayloadUnreadable`."""

    def __call__(self, event: str, payload: Any, *, host: str) -> Sequence[Told]:
        """Pure. `host`: what the identifiers of things there begin with."""
        ...


def no_id(_payload: Any) -> str | None:
    """Bodies of this kind hold nothing that tells a repeated delivery from a new one."""
    return None


class Receiver(NamedTuple):
    """How the deliveries of one kind of source are taken."""

    proofs: tuple[Proof, ...]
    ids: tuple[str, ...]  # headers that tell deliveries apart, the best first
    event: Callable[[Headers, Any], str | None]
    hints: Reader
    place: Callable[[str, Mapping[str, Any]], str]  # the readers' `host`, of name and settings
    own_id: Callable[[Any], str | None] = no_id  # what tells deliveries apart in the body
    ping: str | None = None  # the event that only asks whether anybody is there
    forms: bool = False  # the JSON may come as member `payload` of a form


def host_of_source(_name: str, settings: Mapping[str, Any], *, usual: str) -> str:
    """The host that a source reads, as its setting says; else the one that all use."""
    parts = _stated(settings)
    host = parts.netloc.rpartition("@")[2].lower() if parts else ""
    return (host.removeprefix("api.") if OWN_API.fullmatch(host) else host) or usual


def controller_of_source(name: str, settings: Mapping[str, Any]) -> str:
    """Its host, and the path that it may have there."""
    parts = _stated(settings)
    path = parts.path.strip("/") if parts else ""
    return "/".join(one for one in (host_of_source(name, settings, usual=name), path) if one)


def name_of_source(name: str, _settings: Mapping[str, Any]) -> str:
    """A tracking server is called as its source is."""
    return name


def _stated(settings: Mapping[str, Any]) -> Any:
    texts = (settings.get(name) for name in ADDRESSES)
    stated = next((one for one in texts if isinstance(one, str) and one), None)
    if stated is None:
        return None
    try:
        return urlsplit(stated if "://" in stated else f"https://{stated}")
    except ValueError:
        return None


def _github_event(headers: Headers, _payload: Any) -> str | None:
    return headers.get("x-github-event")


def _gitlab_event(headers: Headers, payload: Any) -> str | None:
    """The body's own word is signed; a header's is not."""
    return gitlab.event_of(payload) or headers.get("x-gitlab-event")


RECEIVERS: Final[Mapping[str, Receiver]] = {
    SourceKind.GITHUB: Receiver(
        proofs=(BodySigned("x-hub-signature-256", "sha256="),),
        ids=("x-github-delivery",),
        event=_github_event,
        hints=github.hints_of,
        place=partial(host_of_source, usual="github.com"),
        ping="ping",
        forms=True,
    ),
    SourceKind.GITLAB: Receiver(
        proofs=(STANDARD, TokenGiven("x-gitlab-token")),
        # Deliveries that follow from each other share the event's id; a retry keeps the key.
        ids=("idempotency-key", "x-gitlab-event-uuid"),
        event=_gitlab_event,
        hints=gitlab.hints_of,
        place=partial(host_of_source, usual="gitlab.com"),
    ),
    SourceKind.MLFLOW: Receiver(
        proofs=(
            MessageSigned(
                "x-mlflow-signature", "x-mlflow-delivery-id", "x-mlflow-timestamp", marked=False
            ),
        ),
        ids=(),
        event=mlflow.event_of,
        hints=mlflow.hints_of,
        place=name_of_source,
    ),
    SourceKind.JENKINS: Receiver(
        proofs=(STANDARD, *GIVEN),
        ids=("idempotency-key",),
        event=jenkins.event_of,
        hints=jenkins.hints_of,
        place=controller_of_source,
        forms=True,
    ),
    SourceKind.AZURE: Receiver(
        proofs=GIVEN,
        ids=(),
        event=azure.event_of,
        hints=azure.hints_of,
        place=partial(host_of_source, usual=azure.SERVICES),
        own_id=azure.id_of,
    ),
}
PROOFS: Final = tuple(
    dict.fromkeys(proof for receiver in RECEIVERS.values() for proof in receiver.proofs)
)
