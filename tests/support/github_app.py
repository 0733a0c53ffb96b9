"""The part of a scripted GitHub that knows a GitHub App: its key, its installation, its tokens."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.github_answers import Said

NUMBER = 957_387


class App:
    """App 29310, installed once."""

    def __init__(self) -> None:
        """With a key of its own."""
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
        self.selection = "all"
        self.suspended = False
        self.installed = True
        self.lasts = timedelta(hours=1)
        self.asked_for: list[Any] = []
        self.given = 0
        self.permissions = {"contents": "write", "members": "read", "metadata": "read"}

    @property
    def signed(self) -> str:
        """What requests with the newest token carry."""
        return f"Bearer ghs_29310_{self.given}" if self.given else "Bearer nobody"

    def answer(
        self, method: str, steps: Sequence[str], headers: Mapping[str, str], *, now: datetime
    ) -> Said | None:
        """What the App is told; None where something else is asked."""
        token = method == "POST" and steps[-1] == "access_tokens"
        if not token and steps[-1] != "installation" and steps[:2] != ["app", "installations"]:
            return None
        if not self._is_signed(headers.get("Authorization", ""), now):
            return Said(401, {"message": "A JSON web token could not be decoded"})
        if not self.installed:
            return Said(404, {"message": "Not Found"})
        if not token:
            return Said(200, self._installation(now))
        self.given += 1
        ends = (now + self.lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = {"token": f"ghs_29310_{self.given}", "expires_at": ends}
        return Said(201, said | {"repository_selection": self.selection})

    def signs(self, headers: Mapping[str, str], now: datetime) -> bool:
        """Is a request signed by the App's key?"""
        return self._is_signed(headers.get("Authorization", ""), now)

    def _installation(self, now: datetime) -> dict[str, Any]:
        return {
            "id": NUMBER,
            "repository_selection": self.selection,
            "permissions": self.permissions,
            "suspended_at": now.isoformat() if self.suspended else None,
        }

    def _is_signed(self, header: str, now: datetime) -> bool:
        """As GitHub checks it: RS256, not from the future, ten minutes at most."""
        head, _, signature = header.removeprefix("Bearer ").rpartition(".")
        try:
            self._key.public_key().verify(
                _decoded(signature), head.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            kind, said = (json.loads(_decoded(part)) for part in head.split("."))
        except (InvalidSignature, ValueError):
            return False
        seconds = now.timestamp()
        return bool(
            kind["alg"] == "RS256"
            and said["iss"] == "29310"
            and said["iat"] <= seconds < said["exp"] <= seconds + 600
        )


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
