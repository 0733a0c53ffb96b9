"""How a sender proves that a delivery is its own: each way is checked on the raw bytes."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

WINDOW: Final = timedelta(minutes=5)  # both ways: clocks differ, and retries keep their first time
SECONDS: Final = re.compile(r"[0-9]{1,11}")
MARK: Final = "whsec_"  # what a signing secret begins with; it is never sent
VERSION: Final = "v1,"
MOST_SIGNATURES: Final = 10
LONGEST_ID: Final = 200

Headers = Mapping[str, str]  # by their names in lower case


class Delivery(NamedTuple):
    """What arrived: headers by lower-case name, repeated ones joined by a comma; the raw body."""

    headers: Headers
    body: bytes


class Proof(Protocol):
    """One way to prove a delivery. Comparing takes as long for a near miss as for any other."""

    @property
    def header(self) -> str:
        """The header that carries the proof, in lower case."""
        ...

    @property
    def signed_id(self) -> str | None:
        """The header whose text is signed too and tells deliveries apart, if there is one."""
        ...

    def holds(self, delivery: Delivery, *, secret: str, now: datetime) -> bool:
        """Was it made with the secret, and lately where that can be told?"""
        ...


class BodySigned(NamedTuple):
    """HMAC-SHA256 of the body alone, in hexadecimal: what is captured can be sent again."""

    header: str
    prefix: str
    signed_id: str | None = None

    def holds(self, delivery: Delivery, *, secret: str, now: datetime) -> bool:
        """One valid signature is enough."""
        del now
        made = hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        given = _several(delivery.headers.get(self.header, ""), ",")
        return _any_equal(given, self.prefix + made)


class MessageSigned(NamedTuple):
    """HMAC-SHA256 of `{id}.{time}.{body}`, as Standard Webhooks has it: `v1,<base64>`, several.

    `marked`: the key is the base64 after `whsec_`; else the secret itself.
    """

    header: str
    signed_id: str
    time: str
    marked: bool = True

    def holds(self, delivery: Delivery, *, secret: str, now: datetime) -> bool:
        """One valid signature is enough; it must have been made within five minutes."""
        named, written = (delivery.headers.get(name, "") for name in (self.signed_id, self.time))
        key = _key(secret) if self.marked else secret.encode()
        message = b".".join([named.encode("latin-1"), written.encode("latin-1"), delivery.body])
        made = base64.b64encode(hmac.new(key or b"", message, hashlib.sha256).digest()).decode()
        given = delivery.headers.get(self.header, "").replace(", v1,", " v1,")
        equal = _any_equal(_several(given, " "), VERSION + made)
        return bool(key) and 0 < len(named) <= LONGEST_ID and _lately(written, now) and equal


class TokenGiven(NamedTuple):
    """The secret itself, in a header: proves who sent, not what."""

    header: str
    signed_id: str | None = None

    def holds(self, delivery: Delivery, *, secret: str, now: datetime) -> bool:
        """A signing secret is never accepted like this: whoever sends it has given it away."""
        del now
        given = delivery.headers.get(self.header, "").encode("latin-1")
        equal = hmac.compare_digest(_digest(given), _digest(secret.encode()))
        return equal and not secret.startswith(MARK)


class PasswordGiven(NamedTuple):
    """The secret as the password of a basic credential, whatever the name beside it."""

    header: str = "authorization"
    signed_id: str | None = None

    def holds(self, delivery: Delivery, *, secret: str, now: datetime) -> bool:
        """Proves who sent, not what; a signing secret is never accepted like this either."""
        del now
        given = _password(delivery.headers.get(self.header, ""))
        equal = hmac.compare_digest(_digest(given), _digest(secret.encode()))
        return equal and not secret.startswith(MARK)


def _password(credential: str) -> bytes:
    way, _, written = credential.partition(" ")
    if way.lower() != "basic":
        return b""
    try:
        return base64.b64decode(written.strip(), validate=True).partition(b":")[2]
    except ValueError:  # no base64, or no ASCII
        return b""


def _key(secret: str) -> bytes | None:
    if not secret.startswith(MARK):
        return None
    try:
        return base64.b64decode(secret.removeprefix(MARK), validate=True)
    except binascii.Error:
        return None


def _lately(written: str, now: datetime) -> bool:
    """Whole seconds since 1970, in plain digits."""
    if not SECONDS.fullmatch(written):
        return False
    return abs(int(written) - now.timestamp()) <= WINDOW.total_seconds()


def _several(given: str, between: str) -> Sequence[str]:
    return [one.strip() for one in given.split(between)][:MOST_SIGNATURES]


def _any_equal(given: Sequence[str], made: str) -> bool:
    """All are compared, so that the time says nothing about which one was right."""
    right = [hmac.compare_digest(one.encode("latin-1"), made.encode()) for one in given]
    return any(right)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()
