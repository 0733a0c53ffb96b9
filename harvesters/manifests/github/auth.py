"""Signs requests as an installation of a GitHub App: a signed claim buys a token for an hour."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from harvesters.errors import SourceRefused
from harvesters.http import PoliteClient, SourceDenied, joined
from outbound.credentials import Credential

BACKDATED: Final = timedelta(seconds=60)  # clocks differ
LASTS: Final = timedelta(minutes=9)  # GitHub takes ten at most
BEFORE_THE_END: Final = timedelta(minutes=5)
NEEDED: Final = ("actions", "contents", "deployments", "members", "metadata")
ANSWERED_ABOUT: Final = {403, 404, 422}


class AppClaim(httpx2.Auth):
    """Signs as the App itself, which may ask about its installations and for their tokens."""

    def __init__(
        self, app_id: int | str, key: str, *, host: str, now: Callable[[], datetime]
    ) -> None:
        """`key` is the App's private key as PEM. Raises `SourceRefused`."""
        self.app_id, self.host, self.now = str(app_id), host, now
        try:
            read = load_pem_private_key(key.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            read = None
        if not isinstance(read, RSAPrivateKey):
            message = "the credential is no RSA private key; with app_id it must be the App's key"
            raise SourceRefused(message)
        self._key = read

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign the request, on the host it belongs to."""
        yield from Credential(self.host, self.claim()).auth_flow(request)

    def claim(self) -> str:
        """A JSON Web Token of some minutes."""
        now = self.now()
        said = {
            "iat": int((now - BACKDATED).timestamp()),
            "exp": int((now + LASTS).timestamp()),
            "iss": self.app_id,
        }
        written = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(said)}"
        signature = self._key.sign(written.encode(), PKCS1v15(), SHA256())
        return f"{written}.{_base64(signature)}"


class Installation(httpx2.Auth):
    """Signs as one installation; its token may read, and is renewed before it ends."""

    def __init__(self, app: PoliteClient, where: str, *, host: str) -> None:
        """`app` asks as the App; `where` answers the installation (`/orgs/acme/installation`)."""
        self.app, self.where, self.host = app, where, host
        self._token: Credential | None = None
        self._ends: datetime | None = None
        self._selected: bool | None = None

    @property
    def selected(self) -> bool:
        """May it read some repositories only? Then a 404 may be a lost right."""
        if self._selected is None:
            self._renew()
        return bool(self._selected)

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign the request, on the host it belongs to."""
        now = self.app.clock.now()
        if self._token is None or self._ends is None or now >= self._ends - BEFORE_THE_END:
            self._renew()
        if self._token is not None:
            yield from self._token.auth_flow(request)

    def _renew(self) -> None:
        """Ask for a token that may read what the installation may, and nothing else."""
        found = self.app.get_json(self.where, kind="auth", also=ANSWERED_ABOUT)
        number = (found.json or {}).get("id")
        if not isinstance(number, int):
            message = f"the GitHub App is not installed where {self.where} asks: install it there"
            raise SourceDenied(message)
        if found.json.get("suspended_at"):
            message = f"the installation {number} of the GitHub App is suspended"
            raise SourceDenied(message)
        self._selected = found.json.get("repository_selection") == "selected"
        granted = found.json.get("permissions")
        granted = granted if isinstance(granted, dict) else {}
        wanted = {name: "read" for name in NEEDED if name in granted}
        path = joined("app", "installations", str(number), "access_tokens")
        body = {"permissions": wanted} if wanted else {}
        made = self.app.post_json(path, body, kind="auth", also=ANSWERED_ABOUT)
        self._take(made.json)

    def _take(self, made: Mapping[str, Any] | None) -> None:
        token, until = (made or {}).get("token"), (made or {}).get("expires_at")
        try:
            ends = datetime.fromisoformat(str(until))
        except ValueError:
            ends = None
        printable = isinstance(token, str) and token.isascii() and token.isprintable()
        if not token or not printable or ends is None or ends.tzinfo is None:
            raise SourceDenied("GitHub gave the App no token for its installation")
        self._token, self._ends = Credential(self.host, str(token)), ends


def _encoded(said: Mapping[str, object]) -> str:
    return _base64(json.dumps(said, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
