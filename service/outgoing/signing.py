"""What is sent to a receiver: an event as CloudEvents writes it, signed as Standard Webhooks asks.

Secrets derive from the service's key: nothing is stored, and a copy of the database signs nothing.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.strict import instant_text

PURPOSE: Final = "model-catalog outgoing webhook"
PREFIX: Final = "whsec_"
MEDIA: Final = "application/cloudevents+json"
BYTES: Final = 32


class Told(NamedTuple):
    """An event as it is sent."""

    id: UUID
    type: str
    subject: str
    namespace: str | None
    model_id: UUID | None
    data: Mapping[str, Any]
    at: datetime


def secret_of(secret_key: str, receiver: str, *, version: int) -> str:
    """The secret of one receiver, as Standard Webhooks writes one: `whsec_` and base64."""
    info = f"{PURPOSE}\n{receiver}\n{version}".encode()  # no name holds a line end
    derived = HKDF(SHA256(), BYTES, salt=None, info=info).derive(secret_key.encode())
    return PREFIX + base64.b64encode(derived).decode()


def body_of(told: Told, *, source: str) -> bytes:
    """The event in structured mode; the same event has the same bytes at each try."""
    model = None if told.model_id is None else str(told.model_id)
    document = {
        "specversion": "1.0",
        "id": str(told.id),
        "source": source,
        "type": told.type,
        "subject": told.subject,
        "time": instant_text(told.at),
        "datacontenttype": "application/json",
        "data": {**told.data, "namespace": told.namespace, "model_id": model},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def headers_of(
    event_id: UUID, body: bytes, *, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The headers of one try at a moment, with a signature by each secret, the current one first.

    `webhook-id` stays the same at each try: by it a receiver knows what it has taken already.
    """
    stamp = str(int(now.timestamp()))
    signed = f"{event_id}.{stamp}.".encode() + body
    return {
        "Content-Type": MEDIA,
        "webhook-id": str(event_id),
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
