"""Reads an identity token, and proves its signature. Pure: keys and the time are arguments.

What joserfc leaves open is closed here: it takes tokens without `exp`, `aud` or `kid`, audiences
that list others, ends in ten years.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from joserfc import jwk, jws
from joserfc.errors import JoseError

from schemas.digest import sha256
from schemas.identities import LONGEST_TOKEN
from service.access.ci.errors import IdentityNotProved
from service.errors import BadRequest
from service.loader import load_json

ALGORITHMS: Final[Mapping[str, str]] = {"RS256": "RSA", "ES256": "EC"}  # and their kinds of keys
LEEWAY: Final = timedelta(seconds=30)
LONGEST: Final = timedelta(hours=1)
KEPT_LONGER: Final = LEEWAY + timedelta(seconds=60)  # than a token is good for
COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
# A key, or where to get one, may not come with what it is to prove.
REFUSED_HEADERS: Final = frozenset({"jwk", "jku", "x5u", "x5c", "crit", "b64"})
SHORTEST_RSA: Final = 2_048
LATEST: Final = 100_000_000_000  # a time, in seconds: the year 5138
REQUIRED: Final = ("iss", "aud", "exp", "iat", "sub")
Key = jwk.RSAKey | jwk.ECKey


class Assertion(NamedTuple):
    """An identity token as it was sent: read, and not believed yet."""

    text: str
    algorithm: str
    kid: str
    claims: Mapping[str, Any]

    @property
    def issuer(self) -> str:
        """Who it says has signed it."""
        return str(self.claims["iss"])

    @property
    def digest(self) -> str:
        """What is remembered once it was used: its `jti`, or what was signed.

        Not the signature: there are two that fit one ES256 token.
        """
        named = self.claims.get("jti")
        return sha256(named if isinstance(named, str) and named else self.text.rpartition(".")[0])

    @property
    def forget_at(self) -> datetime:
        """When it cannot be used again anyhow."""
        return _moment(self.claims["exp"]) + KEPT_LONGER


def read_assertion(text: str) -> Assertion:
    """The parts of a token of the right form. Raises `IdentityNotProved`."""
    if len(text) > LONGEST_TOKEN or not COMPACT.fullmatch(text):
        raise IdentityNotProved(why="form")
    head, body, _ = text.split(".")
    header, claims = _document(head), _document(body)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise IdentityNotProved(why="algorithm")
    if not isinstance(kid, str) or not kid:
        raise IdentityNotProved(why="kid")
    if found := REFUSED_HEADERS & header.keys():
        raise IdentityNotProved(why="header", members=sorted(found))
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.upper() != "JWT":  # of access or logout: other types
        raise IdentityNotProved(why="typ")
    if not isinstance(claims.get("iss"), str):
        raise IdentityNotProved(why="iss")
    return Assertion(text, algorithm, kid, claims)


def usable_keys(document: Any) -> Mapping[str, Sequence[Key]]:
    """The public keys of a JWKS that can prove tokens, by `kid`; others are passed over.

    Raises `ValueError`: this is no set of keys.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("is no set of keys")  # noqa: TRY004  # of a foreign document
    found: dict[str, list[Key]] = {}
    for one in listed:
        key = _usable(one)
        if key is not None:
            found.setdefault(one["kid"], []).append(key)
    return found


def check_signature(given: Assertion, keys: Sequence[Key]) -> None:
    """One of the keys has signed it. Raises `IdentityNotProved`."""
    registry = jws.JWSRegistry(algorithms=[given.algorithm], strict_check_header=False)
    for key in keys:
        if key.key_type != ALGORITHMS[given.algorithm] or key.alg not in {None, given.algorithm}:
            continue
        try:
            jws.deserialize_compact(given.text, key, registry=registry)
        except (JoseError, ValueError):  # a signature of another length is a ValueError
            continue
        return
    raise IdentityNotProved(why="signature", issuer=given.issuer)


def check_claims(given: Assertion, *, audience: str, now: datetime, named: bool) -> None:
    """It is meant for this service, now. Raises `IdentityNotProved`, which says what is wrong.

    `named`: its issuer gives every token a `jti`.
    """
    claims = given.claims
    required = (*REQUIRED, "jti") if named else REQUIRED
    if missing := [name for name in required if claims.get(name) in (None, "")]:
        raise IdentityNotProved(detail=f"It has no {missing[0]}.", why="missing", claim=missing[0])
    texts = [name for name in ("aud", "sub", "jti") if not isinstance(claims.get(name, ""), str)]
    if texts:
        detail = f"Its {texts[0]} is not one text."
        raise IdentityNotProved(detail=detail, why="type", claim=texts[0])
    if claims["aud"] != audience:
        detail = f"It is meant for another audience; ask for one that is meant for {audience}."
        raise IdentityNotProved(detail=detail, why="aud")
    _check_times(claims, now=now)


def _check_times(claims: Mapping[str, Any], *, now: datetime) -> None:
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < LATEST:
            raise IdentityNotProved(detail=f"Its {name} is no time.", why="type", claim=name)
    ends, made = _moment(times["exp"]), _moment(times["iat"])
    wrong = None
    if ends + LEEWAY < now:
        wrong = "exp", "It has expired; ask for a new one."
    elif made > now + LEEWAY or ("nbf" in times and _moment(times["nbf"]) > now + LEEWAY):
        wrong = "iat", "It begins in the future; a clock is wrong."
    elif ends - made > LONGEST:
        wrong = "exp", "It lasts for more than an hour; let the job's timeout be an hour at most."
    if wrong is not None:
        raise IdentityNotProved(detail=wrong[1], why="time", claim=wrong[0])


def _moment(value: float) -> datetime:
    return datetime.fromtimestamp(value, tz=UTC)


def _document(part: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        document = load_json(raw)
    except (binascii.Error, BadRequest):
        raise IdentityNotProved(why="form") from None
    if not isinstance(document, dict):
        raise IdentityNotProved(why="form")
    return document


def _usable(given: Any) -> Key | None:
    if not isinstance(given, dict) or not isinstance(given.get("kid"), str) or "d" in given:
        return None
    if given.get("use", "sig") != "sig":
        return None
    try:
        if given.get("kty") == "RSA":
            rsa = jwk.RSAKey.import_key(given)
            return rsa if rsa.public_key.key_size >= SHORTEST_RSA else None
        if given.get("kty") == "EC":
            curve = jwk.ECKey.import_key(given)
            return curve if curve.curve_name == "P-256" else None
    except (JoseError, ValueError, TypeError):
        return None
    return None
