"""What is sent: an event as CloudEvents writes it, signed as Standard Webhooks reads it."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from service.outgoing.receivers import BOTH_SIGN, signing_versions
from service.outgoing.signing import Told, body_of, headers_of, secret_of

KEY = "a key for tests that is long enough, and no documented one"
ID = UUID("0193a0f4-0000-7000-8000-000000000000")
AT = datetime(2026, 11, 20, 9, 13, 22, 104_000, UTC)
TOLD = Told(ID, "tier.changed", "retail/churn", "retail", None, {"tier": "HIGH"}, AT)


def test_secret() -> None:
    """Another receiver, version or key has another secret; none begins like another's."""
    asked = [(KEY, "desk", 1), (KEY, "desk", 2), (KEY, "desk1", 1), (KEY + "!", "desk", 1)]
    secrets = [secret_of(key, name, version=version) for key, name, version in asked]

    assert len(set(secrets)) == len(asked)
    assert secret_of(KEY, "desk", version=1) == secrets[0]
    assert all(one.startswith("whsec_") for one in secrets)
    assert all(len(base64.b64decode(one.removeprefix("whsec_"))) == 32 for one in secrets)


def test_body() -> None:
    """The required attributes of CloudEvents 1.0 and ours, in bytes that never differ."""
    body = body_of(TOLD, source="https://catalog.acme.example")
    again = body_of(TOLD._replace(data=dict(TOLD.data)), source="https://catalog.acme.example")

    assert body == again
    assert json.loads(body) == {
        "specversion": "1.0",
        "id": str(ID),
        "source": "https://catalog.acme.example",
        "type": "tier.changed",
        "subject": "retail/churn",
        "time": "2026-11-20T09:13:22.104000Z",
        "datacontenttype": "application/json",
        "data": {"tier": "HIGH", "namespace": "retail", "model_id": None},
    }


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5), st.integers(1, 9))
def test_signature(data: dict[str, Any], version: int) -> None:
    """The reference implementation accepts what is signed now, by this secret alone, unchanged."""
    told = TOLD._replace(data=data)
    body = body_of(told, source="https://catalog.acme.example")
    secret, other = (secret_of(KEY, "desk", version=one) for one in (version, version + 1))
    headers = headers_of(told.id, body, secrets=[secret], now=datetime.now(UTC))

    assert Webhook(secret).verify(body, headers) == json.loads(body)
    for wrong, changed in ((other, body), (secret, body.replace(b"specversion", b"specversioN"))):
        with pytest.raises(WebhookVerificationError):
            Webhook(wrong).verify(changed, headers)


def test_both_sign() -> None:
    """While the secret changes each of the two proves the delivery."""
    body = body_of(TOLD, source="x")
    secrets = [secret_of(KEY, "desk", version=version) for version in (2, 1)]
    headers = headers_of(ID, body, secrets=secrets, now=datetime.now(UTC))

    assert all(Webhook(secret).verify(body, headers) for secret in secrets)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(KEY, "desk", version=3)).verify(body, headers)


def test_versions() -> None:
    """For a day after a rotation the version before signs too; never one before that."""
    moment = timedelta(microseconds=1)

    assert signing_versions(1, None, now=AT) == [1]
    assert signing_versions(3, AT, now=AT) == [3, 2]
    assert signing_versions(3, AT, now=AT + BOTH_SIGN - moment) == [3, 2]
    assert signing_versions(3, AT, now=AT + BOTH_SIGN) == [3]
