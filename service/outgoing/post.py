"""One try: posts a signed event to a receiver through the guarded client, and says how it went."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple

import httpx2
import structlog

from outbound.addresses import Allowed, OutboundRefused
from outbound.client import AnswerRefused, Limits, guarded_client, retry_after
from service.outgoing.signing import Told, body_of, headers_of, secret_of

# Only the status is read, of an answer of whatever length.
LIMITS: Final = Limits(connect=5, read=10, total=15, decoded=65_536)

log = structlog.get_logger()


class Posting(NamedTuple):
    """An event on its way to a receiver, and the versions of the secrets that sign it."""

    receiver: str
    url: str
    versions: tuple[int, ...]
    told: Told


class Answer(NamedTuple):
    """What became of a try; `wait` are the seconds after which the receiver wants the next one."""

    status: int | None = None
    error: str | None = None
    wait: float | None = None

    @property
    def arrived(self) -> bool:
        """Did the receiver take it?"""
        return self.error is None


class Sender(NamedTuple):
    """The way out, the key from which all secrets derive, and whose events these are."""

    client: httpx2.Client
    secret_key: str
    source: str


def make_sender(*, secret_key: str, source: str, allow: str) -> Sender:
    """A sender that reaches public addresses by https, and the ranges that an operator allows."""
    return Sender(guarded_client(Allowed(allow), limits=LIMITS), secret_key, source)


def post(posting: Posting, sender: Sender) -> Answer:
    """Post it once. Nothing is raised: what goes wrong is the answer."""
    try:
        return _answered(posting, sender)
    except (OutboundRefused, AnswerRefused) as refused:
        return Answer(error=str(refused))
    except httpx2.TimeoutException:
        return Answer(error=f"no answer within {LIMITS.total:.0f} seconds")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        return Answer(error=f"cannot be reached ({type(error).__name__})")
    except Exception as error:  # whatever it is, the others are sent
        log.exception("event_unsent", receiver=posting.receiver, event_id=str(posting.told.id))
        return Answer(error=f"could not be sent ({type(error).__name__})")


def _answered(posting: Posting, sender: Sender) -> Answer:
    now = datetime.now(UTC)
    body = body_of(posting.told, source=sender.source)
    secrets = [
        secret_of(sender.secret_key, posting.receiver, version=one) for one in posting.versions
    ]
    headers = headers_of(posting.told.id, body, secrets=secrets, now=now)
    headers["Accept-Encoding"] = "identity"
    with sender.client.stream("POST", posting.url, content=body, headers=headers) as answer:
        status = answer.status_code
        if answer.is_success:
            return Answer(status)
        why = ": redirects are not followed" if answer.is_redirect else ""
        wait = retry_after(answer.headers.get("Retry-After"), now=now)
        return Answer(status, f"answered {status} {_phrase(status)}".rstrip() + why, wait)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
