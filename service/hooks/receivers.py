"""Who may send webhooks, and how theirs are proved, told apart and read: one row a kind of source.

A further sender is a further row: MLflow signs `{id}.{time}.{body}` with the secret as it stands
(`MessageSigned(…, marked=False)`), others give a token in a header (`TokenGiven`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

from schemas.sources import SourceKind
from service.hooks import github, gitlab
from service.hooks.proofs import BodySigned, Headers, MessageSigned, Proof, TokenGiven
from service.hooks.told import Told


class Reader(Protocol):
    """What a payload hints at. Raises `PayloadUnreadable`."""

    def __call__(self, event: str, payload: Any, *, host: str) -> Sequence[Told]:
        """Pure."""
        ...


class Receiver(NamedTuple):
    """How the deliveries of one kind of source are taken."""

    proofs: tuple[Proof, ...]
    ids: tuple[str, ...]  # headers that tell deliveries apart, the best first
    event: Callable[[Headers, Any], str | None]
    hints: Reader
    host: str  # where no setting says so
    ping: str | None = None  # the event that only asks whether anybody is there
    forms: bool = False  # the JSON may come as member `payload` of a form


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
        host="github.com",
        ping="ping",
        forms=True,
    ),
    SourceKind.GITLAB: Receiver(
        proofs=(
            MessageSigned("webhook-signature", "webhook-id", "webhook-timestamp"),
            TokenGiven("x-gitlab-token"),
        ),
        # Deliveries that follow from each other share the event's id; a retry keeps the key.
        ids=("idempotency-key", "x-gitlab-event-uuid"),
        event=_gitlab_event,
        hints=gitlab.hints_of,
        host="gitlab.com",
    ),
}
OWN_API: Final = re.compile(r"api\.(?:github\.com|.+\.ghe\.com)")  # beside the pages' own host
PROOFS: Final = tuple(
    dict.fromkeys(proof for receiver in RECEIVERS.values() for proof in receiver.proofs)
)


def host_of_source(kind: str, settings: Mapping[str, Any]) -> str:
    """The host that a source's repositories are on."""
    for name in ("url", "base_url", "uri"):
        if isinstance(stated := settings.get(name), str):
            parts = urlsplit(stated if "://" in stated else f"https://{stated}")
            if host := parts.netloc.rpartition("@")[2].lower():
                return host.removeprefix("api.") if OWN_API.fullmatch(host) else host
    return RECEIVERS[kind].host
