"""Who the demo's CI jobs say they are: tokens as a git host's CI signs them, and its keys."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

REPOSITORY_ID: Final = "486325809"
OWNER_ID: Final = "9919"
WORKFLOW: Final = ".github/workflows/train.yml"
LIFE: Final = 300  # seconds
KEY: Final = "demo-1"
DISCOVERY: Final = "/.well-known/openid-configuration"


class Issuer:
    """Signs what a job says of itself; made anew with every demo."""

    def __init__(self, url: str) -> None:
        """A key of its own."""
        self.url = url
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def published(self, path: str) -> Mapping[str, Any] | None:
        """What everybody may read."""
        numbers = self._key.public_key().public_numbers()
        n, e = (
            _encoded(one.to_bytes((one.bit_length() + 7) // 8, "big"))
            for one in (numbers.n, numbers.e)
        )
        key = {"kid": KEY, "use": "sig", "alg": "RS256", "kty": "RSA", "n": n, "e": e}
        said: dict[str, Mapping[str, Any]] = {
            DISCOVERY: {
                "issuer": self.url, "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
            },
            "/keys": {"keys": [key]},
        }  # fmt: skip
        return said.get(path)

    def token(self, job: Mapping[str, str], *, audience: str) -> str:
        """For one job; `job` holds its repository, commit, number and environment."""
        now = int(time.time())
        name = job["repository"]
        claims = {
            "iss": self.url, "aud": audience, "jti": str(uuid4()), "iat": now, "nbf": now - 5,
            "exp": now + LIFE, "sub": f"repo:{name}:ref:refs/heads/main",
            "repository": name, "repository_id": REPOSITORY_ID,
            "repository_owner": name.partition("/")[0], "repository_owner_id": OWNER_ID,
            "run_id": job["run_id"], "run_attempt": "1", "sha": job["sha"],
            "ref": "refs/heads/main", "ref_type": "branch", "event_name": "push",
            "actor": "ada", "environment": job["environment"],
            "job_workflow_ref": f"{name}/{WORKFLOW}@refs/heads/main",
        }  # fmt: skip
        header = {"typ": "JWT", "alg": "RS256", "kid": KEY}
        body = ".".join(_encoded(json.dumps(one).encode()) for one in (header, claims))
        signature = self._key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{body}.{_encoded(signature)}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
