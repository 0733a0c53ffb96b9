"""Sends as each of the five kinds of senders does, and sees what is answered."""

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
MLFLOW: Final = "mlflow-acme"
JENKINS: Final = "jenkins-acme"
AZURE: Final = "azure-acme"
RAW: Final = "a-secret-of-mlflow-that-is-long"
PASSWORD: Final = "a-password-of-others-that-is-long"  # noqa: S105  # of tests
PROJECT: Final = "be9b3917-87e6-42a4-a549-2bc06a7a878f"
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

MODEL_CREATED: Final[Mapping[str, Any]] = {
    "entity": "model_version",
    "action": "created",
    "timestamp": "2026-11-20T12:00:00.123456+00:00",
    "data": {
        "name": "churn", "version": "7", "source": "models:/m-1", "run_id": None, "tags": {},
        "description": None,
    },
}  # fmt: skip
BUILT: Final[Mapping[str, Any]] = {  # as the Notification plugin writes it
    "name": "main",
    "display_name": "main",
    "url": "job/shop/job/main/",
    "build": {
        "full_url": "https://ci.example.com/job/shop/job/main/21/", "number": 21, "queue_id": 4,
        "timestamp": 1795441200000, "duration": 300, "phase": "FINALIZED", "status": "SUCCESS",
        "url": "job/shop/job/main/21/", "log": "", "notes": "", "artifacts": {},
        "scm": {"url": "https://github.com/acme/churn.git", "commit": "9f" * 20},
        "parameters": {"STAGE": "prod"},
    },
}  # fmt: skip
COMPLETED: Final[Mapping[str, Any]] = {
    "subscriptionId": "4f6e6328-0251-4814-a009-c01dfa368e3f",
    "notificationId": 1,
    "id": "33433986-7f56-4969-bfd4-3e59774c75ad",
    "eventType": "build.complete",
    "publisherId": "tfs",
    "resource": {
        "id": 12, "buildNumber": "20261120.1", "status": "completed", "result": "succeeded",
        "url": f"https://dev.azure.com/acme/{PROJECT}/_apis/build/Builds/12",
    },
    "resourceVersion": "1.0",
    "resourceContainers": {
        "project": {"id": PROJECT, "baseUrl": "https://dev.azure.com/acme/"},
    },
    "createdDate": "2026-11-20T12:00:00.123Z",
}  # fmt: skip


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


def mlflow_headers(
    body: bytes, *, secret: str = RAW, delivery: str | None = None, at: float | None = None
) -> dict[str, str]:
    """What MLflow sends with a body: its key is the secret as it stands."""
    named, moment = delivery or str(uuid4()), str(int(time.time() if at is None else at))
    message = b".".join([named.encode(), moment.encode(), body])
    made = base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
    return JSON | {
        "X-MLflow-Delivery-Id": named, "X-MLflow-Timestamp": moment,
        "X-MLflow-Signature": f"v1,{made}",
    }  # fmt: skip


def basic_headers(*, password: str = PASSWORD, user: str = "hooks") -> dict[str, str]:
    """What those send who know a basic credential alone."""
    made = base64.b64encode(f"{user}:{password}".encode()).decode()
    return JSON | {"Authorization": f"Basic {made}"}


def given_headers(*, token: str = PASSWORD) -> dict[str, str]:
    """What those send who can add a header."""
    return JSON | {"X-Webhook-Token": token}


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
