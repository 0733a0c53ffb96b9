"""Sends as GitHub and GitLab do, and sees what is answered."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

import httpx2

from tests.support.http import Service

PREFIX: Final = "MODEL_CATALOG_HOOK_SECRET_"
GITHUB: Final = "github-acme"
GITLAB: Final = "gitlab-acme"
SECRET: Final = "a-secret-of-github-that-is-long"  # noqa: S105  # of tests
TOKEN: Final = "a-token-of-gitlab-that-is-long"  # noqa: S105  # of tests
SIGNING: Final = f"whsec_{base64.b64encode(b'0123456789abcdef0123456789abcdef').decode()}"
JSON: Final = {"Content-Type": "application/json"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
PUSH: Final[Mapping[str, Any]] = {
    "ref": "refs/heads/main",
    "after": "9f" * 20,
    "repository": {"id": 486325809, "html_url": "https://github.com/acme/churn"},
}
GITLAB_PUSH: Final[Mapping[str, Any]] = {
    "object_kind": "push",
    "ref": "refs/heads/main",
    "project_id": 15,
    "project": {"id": 15, "web_url": "https://gitlab.com/acme/churn"},
}


def written(payload: Any) -> bytes:
    """A payload as it travels."""
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def github_headers(
    body: bytes, event: str = "push", *, secret: str = SECRET, delivery: str | None = None
) -> dict[str, str]:
    """What GitHub sends with a body."""
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return JSON | {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid4()),
        "X-Hub-Signature-256": f"sha256={made}",
    }


def signed_headers(
    body: bytes, *, secret: str = SIGNING, delivery: str | None = None, at: float | None = None
) -> dict[str, str]:
    """What GitLab sends with a body when it has a signing token."""
    named, moment = delivery or str(uuid4()), str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    message = b".".join([named.encode(), moment.encode(), body])
    made = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
    return JSON | {
        "webhook-id": named, "webhook-timestamp": moment, "webhook-signature": f"v1,{made}",
    }  # fmt: skip


def token_headers(*, token: str = TOKEN, delivery: str | None = None) -> dict[str, str]:
    """What GitLab sends when it has a secret token."""
    return JSON | {
        "X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": token,
        "X-Gitlab-Event-UUID": delivery or str(uuid4()),
    }  # fmt: skip


def send(
    service: Service, payload: Any, headers: Mapping[str, str] | None = None, to: str = GITHUB
) -> httpx2.Response:
    """Deliver it; by default as a push of GitHub's."""
    body = written(payload)
    given = github_headers(body) if headers is None else headers
    raw = [(name.encode(), text.encode("latin-1")) for name, text in given.items()]
    return service.http.post(f"/hooks/{to}", content=body, headers=raw)


def said(answer: httpx2.Response) -> tuple[int, str]:
    """The status, and the state or code."""
    body = answer.json()
    return answer.status_code, body.get("state") or body["code"]
