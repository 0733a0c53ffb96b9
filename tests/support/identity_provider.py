"""An identity provider on loopback: discovery, keys, and tokens as CI systems sign them.

Tokens are put together by hand, with `cryptography` alone: what the service reads is then not
written by the library that reads it, and every mistake can be made on purpose.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

AUDIENCE: Final = "http://127.0.0.1:8010"  # the service's BASE_URL, unless a test sets another
LOOPBACK: Final = "127.0.0.0/8"  # what MODEL_CATALOG_OUTBOUND_ALLOW must hold
DISCOVERY: Final = "/.well-known/openid-configuration"
COMMIT: Final = "6f1ed002ab5595859014ebf0951522d9f2e5a1b4"
SIZE: Final = 32  # bytes of each half of an ES256 signature
LIFE: Final = 300

GITHUB: Final[dict[str, Any]] = {  # every claim is text, as GitHub writes them
    "repository": "acme/churn", "repository_id": "486325809", "repository_owner": "acme",
    "repository_owner_id": "9919", "repository_visibility": "private", "run_id": "9001",
    "run_number": "12", "run_attempt": "1", "sha": COMMIT, "ref": "refs/heads/main",
    "ref_type": "branch", "ref_protected": "true", "head_ref": "", "base_ref": "",
    "actor": "ada", "actor_id": "12", "event_name": "push", "workflow": "train",
    "workflow_ref": "acme/churn/.github/workflows/train.yml@refs/heads/main",
    "workflow_sha": COMMIT, "job_workflow_sha": COMMIT, "runner_environment": "github-hosted",
    "job_workflow_ref": "acme/churn/.github/workflows/train.yml@refs/heads/main",
    "sub": "repo:acme/churn:ref:refs/heads/main",
}  # fmt: skip
GITLAB: Final[dict[str, Any]] = {
    "namespace_id": "72", "namespace_path": "acme", "project_id": "20",
    "project_path": "acme/churn", "user_id": "1", "user_login": "ada",
    "user_email": "ada@acme.example",
    "pipeline_id": "574", "pipeline_source": "push", "job_id": "302", "ref": "main",
    "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
    "runner_id": 1, "runner_environment": "self-hosted", "sha": COMMIT,
    "ci_config_sha": COMMIT, "project_visibility": "private",
    "ci_config_ref_uri": "gitlab.acme.example/acme/churn//.gitlab-ci.yml@refs/heads/main",
    "sub": "project_path:acme/churn:ref_type:branch:ref:main",
}  # fmt: skip


class SigningKey:
    """A key of the provider, with the name under which it is published."""

    def __init__(self, kid: str, alg: str = "RS256") -> None:
        """Make one: RSA for RS256, P-256 for ES256."""
        self.kid, self.alg = kid, alg
        self.rsa = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.ec = ec.generate_private_key(ec.SECP256R1()) if alg == "ES256" else None

    @property
    def pem(self) -> bytes:
        """The public half, as a forger takes it for an HMAC secret."""
        public = self.ec.public_key() if self.ec else self.rsa.public_key()
        return public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, data: bytes) -> bytes:
        """The signature as JOSE writes it."""
        if self.ec is None:
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(SIZE, "big") + s.to_bytes(SIZE, "big")

    def jwk(self) -> dict[str, str]:
        """The public half, as it is published."""
        said = {"kid": self.kid, "use": "sig", "alg": self.alg}
        if self.ec is not None:
            point = self.ec.public_key().public_numbers()
            x, y = (encoded(one.to_bytes(SIZE, "big")) for one in (point.x, point.y))
            return said | {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        numbers = self.rsa.public_key().public_numbers()
        n, e = (
            encoded(one.to_bytes((one.bit_length() + 7) // 8, "big"))
            for one in (numbers.n, numbers.e)
        )
        return said | {"kty": "RSA", "n": n, "e": e}


class IdentityProvider:
    """What a running provider is told to say, and what it was asked.

    `wrong` makes it answer wrongly: `down` (500), `redirect`, `huge`, `slow`, `rubbish`.
    """

    def __init__(self, port: int, *, path: str = "", audience: str = AUDIENCE) -> None:
        """With one RS256 key; `path` as GitHub Enterprise Server has one."""
        self.port, self.audience = port, audience
        self.issuer = f"http://127.0.0.1:{port}{path}"
        self.keys = [SigningKey("key-1")]
        self.more_keys: list[Any] = []  # published beside them, as they are
        self.discovery: dict[str, Any] = {
            "issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip
        self.claims: dict[str, Any] = {}  # of the job that asks for a token
        self.wrong: str | None = None
        self.asked: list[str] = []
        self.elsewhere = "http://169.254.169.254/latest/meta-data"

    @property
    def host(self) -> str:
        """What identifiers of this provider's builds begin with."""
        return f"127.0.0.1:{self.port}"

    def github(self, **claims: Any) -> str:
        """A token as GitHub Actions gives a job; a claim of None is left out."""
        return self.token(GITHUB | claims)

    def gitlab(self, **claims: Any) -> str:
        """A token as GitLab gives a job."""
        return self.token(GITLAB | claims)

    def jenkins(self, **claims: Any) -> str:
        """A token as the OIDC provider plugin of Jenkins gives a build."""
        said = {"sub": "https://jenkins.acme.example/job/churn/job/main/", "build_number": 21}
        return self.token(said | claims)

    def token(self, claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None) -> str:
        """Any claims with what every token has, signed by the newest key."""
        key = self.keys[-1]
        said = {"typ": "JWT", "alg": key.alg, "kid": key.kid, "x5t": "-thumbprint-"}
        written = {name: value for name, value in {**said, **(header or {})}.items() if value}
        return signed(written, self.complete(claims), key=key)

    def complete(self, claims: Mapping[str, Any]) -> dict[str, Any]:
        """Claims with what every token has; those of None are left out."""
        now = int(time.time())
        given = {
            "iss": self.issuer, "aud": self.audience, "jti": str(uuid4()), "iat": now,
            "nbf": now - 5, "exp": now + LIFE, **claims,
        }  # fmt: skip
        return {name: value for name, value in given.items() if value is not None}

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of one answer."""
        self.asked.append(path)
        if self.wrong == "slow":
            time.sleep(3)
        elif self.wrong is not None:
            return {
                "down": (500, b"{}", {}),
                "redirect": (302, b"", {"Location": self.elsewhere}),
                "huge": (200, b'{"keys": [' + b" " * 5 * 2**20 + b"]}", {}),
                "rubbish": (200, b"<html>", {}),
            }[self.wrong]
        base = urlsplit(self.issuer).path
        if path == base + DISCOVERY:
            return 200, json.dumps(self.discovery).encode(), {}
        if path == base + "/keys":
            published = [*(key.jwk() for key in self.keys), *self.more_keys]
            return 200, json.dumps({"keys": published}).encode(), {}
        return 404, b"{}", {}

    def give(self, query: str) -> tuple[int, bytes, dict[str, str]]:
        """What a runner's `ACTIONS_ID_TOKEN_REQUEST_URL` answers: a token for an audience."""
        audience = parse_qs(query).get("audience", [self.audience])[0]
        return 200, json.dumps({"value": self.github(**self.claims, aud=audience)}).encode(), {}


@contextmanager
def provided(*, path: str = "", audience: str = AUDIENCE) -> Iterator[IdentityProvider]:
    """A running provider.

    `GET /token?audience=…` gives a GitHub-like token, as a runner's request address does.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            token = address.path == "/token"
            said = provider.give(address.query) if token else provider.answer(address.path)
            status, body, headers = said
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_said: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = IdentityProvider(server.server_address[1], path=path, audience=audience)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def github_identity(provider: IdentityProvider, **more: Any) -> dict[str, Any]:
    """What a source's `settings.identities` holds for the repository of `provider.github()`."""
    return {
        "provider": "github", "issuer": provider.issuer, "repository_id": "486325809",
        "repository_owner_id": "9919", **more,
    }  # fmt: skip


def gitlab_identity(provider: IdentityProvider, **more: Any) -> dict[str, Any]:
    """The same for the project of `provider.gitlab()`."""
    return {
        "provider": "gitlab", "issuer": provider.issuer, "project_id": "20", "namespace_id": "72",
        **more,
    }  # fmt: skip


def signed(
    header: Mapping[str, Any], claims: Mapping[str, Any] | bytes, *, key: SigningKey | None
) -> str:
    """A compact token; without a key its signature is empty."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    body = f"{encoded(json.dumps(header).encode())}.{encoded(payload)}"
    return f"{body}.{encoded(key.sign(body.encode())) if key else ''}"


def forged_with_public_key(claims: Mapping[str, Any], *, key: SigningKey) -> str:
    """HS256 with the public key as its secret."""
    header = {"typ": "JWT", "alg": "HS256", "kid": key.kid}
    body = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{body}.{encoded(hmac.new(key.pem, body.encode(), hashlib.sha256).digest())}"


def encoded(raw: bytes) -> str:
    """Base64 as JOSE writes it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
