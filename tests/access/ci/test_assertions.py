"""Forged, foreign, stale and misshapen identity tokens are refused, over HTTP and alike."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

from tests.access.ci.conftest import bind, exchanged
from tests.support.http import Service
from tests.support.identity_provider import (
    AUDIENCE,
    GITHUB,
    IdentityProvider,
    SigningKey,
    encoded,
    forged_with_public_key,
    github_identity,
    provided,
    signed,
)

ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
HOUR: Final = 3_600
Forge = Callable[[IdentityProvider], str]


def now() -> int:
    """In seconds."""
    return int(time.time())


def unsigned(provider: IdentityProvider, alg: str) -> str:
    """With an empty signature."""
    claims = provider.complete(GITHUB)
    return signed({"alg": alg, "kid": provider.keys[0].kid}, claims, key=None)


def by_stranger(provider: IdentityProvider, **header: Any) -> str:
    """Signed by a key of somebody else, under the provider's key id."""
    key = SigningKey(provider.keys[0].kid)
    return signed({"alg": "RS256", "kid": key.kid, **header}, provider.complete(GITHUB), key=key)


def with_own_key(provider: IdentityProvider) -> str:
    """It brings the key along that it is to be checked with."""
    key = SigningKey("key-1")
    header = {"alg": "RS256", "kid": "key-1", "jwk": key.jwk()}
    return signed(header, provider.complete(GITHUB), key=key)


def changed(provider: IdentityProvider) -> str:
    """Other claims under a good signature."""
    head, _, signature = provider.github().split(".")
    body = encoded(json.dumps(provider.complete(GITHUB | {"repository_id": "1"})).encode())
    return f"{head}.{body}.{signature}"


def twice(provider: IdentityProvider) -> str:
    """Two values of one claim: readers differ in which they take."""
    body = json.dumps(provider.complete(GITHUB))[:-1] + ', "repository_id": "486325809"}'
    key = provider.keys[0]
    return signed({"alg": "RS256", "kid": key.kid}, body.encode(), key=key)


FORGED: Final[dict[str, Forge]] = {
    "no algorithm": lambda provider: unsigned(provider, "none"),
    "no algorithm, in other letters": lambda provider: unsigned(provider, "nOnE"),
    "empty signature": lambda provider: unsigned(provider, "RS256"),
    "public key as HMAC secret": lambda provider: forged_with_public_key(
        provider.complete(GITHUB), key=provider.keys[0]
    ),
    "unknown key": by_stranger,
    "own key": with_own_key,
    "own address of keys": lambda provider: by_stranger(
        provider, jku=f"{provider.issuer}/keys"
    ),
    "own certificate": lambda provider: by_stranger(provider, x5u=provider.issuer),
    "good, with an address of keys": lambda provider: provider.token(
        GITHUB, header={"jku": f"{provider.issuer}/keys"}
    ),
    "key id that is a path": lambda provider: by_stranger(provider, kid="../../etc/passwd"),
    "key id that is SQL": lambda provider: by_stranger(provider, kid="' OR 1=1 --"),
    "key id that is a number": lambda provider: provider.token(GITHUB, header={"kid": 1}),
    "no key id": lambda provider: provider.token(GITHUB, header={"kid": None}),
    "critical extension": lambda provider: provider.token(GITHUB, header={"crit": ["exp"]}),
    "RS384": lambda provider: provider.token(GITHUB, header={"alg": "RS384"}),
    "ES256 by an RSA key": lambda provider: provider.token(GITHUB, header={"alg": "ES256"}),
    "access token": lambda provider: provider.token(GITHUB, header={"typ": "at+jwt"}),
    "logout token": lambda provider: provider.token(GITHUB, header={"typ": "logout+jwt"}),
    "changed claims": changed,
    "claim twice": twice,
    "issuer with a slash": lambda provider: provider.github(iss=f"{provider.issuer}/"),
    "issuer in capitals": lambda provider: provider.github(iss=provider.issuer.upper()),
    "issuer elsewhere": lambda provider: provider.github(iss="https://token.actions.evil.example"),
    "issuers": lambda provider: provider.github(iss=[provider.issuer]),
    "no issuer": lambda provider: provider.github(iss=None),
    "not JSON": lambda provider: signed(
        {"alg": "RS256", "kid": "key-1"}, b"\xff\xfe", key=provider.keys[0]
    ),
    "a list": lambda provider: signed(
        {"alg": "RS256", "kid": "key-1"}, b"[1]", key=provider.keys[0]
    ),
    "encrypted form": lambda provider: f"{provider.github()}.x.y",
    "two parts": lambda provider: provider.github().rpartition(".")[0],
    "padded": lambda provider: provider.github() + "=",
    "not ASCII": lambda provider: provider.github() + "é",
    "deep": lambda provider: signed(
        {"alg": "RS256", "kid": "key-1"}, b'{"a":' * 200 + b"1" + b"}" * 200, key=provider.keys[0]
    ),
}  # fmt: skip
MISUSED: Final[dict[str, tuple[dict[str, Any], str]]] = {  # good signatures of the bound job
    "other audience": ({"aud": "https://other.example"}, "another audience"),
    "audience with a slash": ({"aud": f"{AUDIENCE}/"}, "another audience"),
    "audience as a list": ({"aud": [AUDIENCE]}, "aud is not one text"),
    "several audiences": ({"aud": [AUDIENCE, "https://other.example"]}, "aud is not one text"),
    "no audience": ({"aud": None}, "no aud"),
    "no end": ({"exp": None}, "no exp"),
    "no beginning": ({"iat": None}, "no iat"),
    "no subject": ({"sub": None}, "no sub"),
    "no jti": ({"jti": None}, "no jti"),
    "jti as a number": ({"jti": 7}, "jti is not one text"),
    "end as text": ({"exp": "4102444800"}, "exp is no time"),
    "end as a flag": ({"exp": True}, "exp is no time"),
    "beginning as null in a list": ({"iat": [1]}, "iat is no time"),
    "beyond all years": ({"exp": 10**15}, "exp is no time"),
}
TIMES: Final[dict[str, tuple[dict[str, int], str]]] = {  # seconds from now
    "expired": ({"iat": -400, "nbf": -400, "exp": -31 - 1}, "expired"),
    "begins later": ({"nbf": 60}, "in the future"),
    "made later": ({"iat": 60, "exp": 360}, "in the future"),
    "for ten years": ({"exp": 10 * 365 * 86_400}, "more than an hour"),
    "a second over an hour": ({"iat": 0, "exp": HOUR + 1}, "more than an hour"),
    "ends before it begins": ({"iat": 0, "nbf": 0, "exp": -32}, "expired"),
}
FINE: Final[dict[str, dict[str, int]]] = {
    "an hour": {"iat": 0, "exp": HOUR},
    "just over, within the leeway": {"iat": -300, "nbf": -300, "exp": -20},
    "a clock that is ahead": {"iat": 20, "nbf": 20, "exp": 320},
}


def test_oidc_01_forged(service: Service, provider: IdentityProvider) -> None:
    """OIDC-01, OIDC-02, OIDC-04, OIDC-10: all are one 401, which does not tell them apart."""
    answers = {name: exchanged(service, forge(provider)) for name, forge in FORGED.items()}
    said = {
        json.dumps({k: v for k, v in answer.json().items() if k != "trace_id"}, sort_keys=True)
        for answer in answers.values()
    }

    assert {n: a.status_code for n, a in answers.items() if a.status_code != 401} == {}
    assert len(said) == 1
    assert exchanged(service, provider.github()).status_code == 200  # nothing of it did harm


def test_oidc_04_issuer_before_network(service: Service, provider: IdentityProvider) -> None:
    """OIDC-04: nobody is asked for keys of an issuer that the source does not declare."""
    for issuer in (f"{provider.issuer}/", "http://169.254.169.254", provider.issuer + "/x"):
        assert exchanged(service, provider.github(iss=issuer)).status_code == 401

    assert provider.asked == []


def test_oidc_02_header_address_not_asked(service: Service, provider: IdentityProvider) -> None:
    """OIDC-02: an address in the header is never followed."""
    exchanged(service, by_stranger(provider, jku=f"{provider.issuer}/evil", x5u=provider.issuer))

    assert "/evil" not in provider.asked


@pytest.mark.parametrize(("claims", "said"), MISUSED.values(), ids=MISUSED)
def test_oidc_05_misused(
    service: Service, provider: IdentityProvider, claims: Any, said: str
) -> None:
    """OIDC-05, OIDC-06: the job learns which claim is wrong."""
    answer = exchanged(service, provider.github(**claims))

    assert (answer.status_code, answer.json()["code"]) == (401, "identity_not_proved")
    assert said in answer.json()["detail"]


def test_oidc_05_stranger_learns_nothing(service: Service, provider: IdentityProvider) -> None:
    """OIDC-05: a genuine token of another repository is told nothing, whatever else is wrong."""
    plain = exchanged(service, provider.github(repository_id="7")).json()["detail"]
    other = exchanged(service, provider.github(repository_id="7", aud="x")).json()["detail"]

    assert plain == other


def test_oidc_06_times(service: Service, provider: IdentityProvider) -> None:
    """OIDC-06: expired, early, or good for too long."""
    for name, (times, said) in TIMES.items():
        claims = {claim: now() + seconds for claim, seconds in times.items()}
        answer = exchanged(service, provider.github(**claims))
        assert (name, answer.status_code) == (name, 401)
        assert said in answer.json()["detail"], name


def test_oidc_06_leeway(service: Service, provider: IdentityProvider) -> None:
    """OIDC-06: 30 seconds either way, and an hour to the second, are taken."""
    for name, times in FINE.items():
        claims = {claim: now() + seconds for claim, seconds in times.items()}
        assert (name, exchanged(service, provider.github(**claims)).status_code) == (name, 200)


def test_oidc_01_es256(service: Service, provider: IdentityProvider) -> None:
    """OIDC-01: ES256 is taken; the second signature that fits is the same token, used up."""
    provider.keys.append(SigningKey("key-ec", "ES256"))
    claims = {**GITHUB, "jti": "by-ec"}
    token = provider.token(claims)
    body, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    utils.encode_dss_signature(r, ORDER - s)
    other = f"{body}.{encoded(r.to_bytes(32, 'big') + (ORDER - s).to_bytes(32, 'big'))}"

    assert exchanged(service, token).status_code == 200
    answer = exchanged(service, other)
    assert answer.status_code == 401
    assert "exchanged before" in answer.json()["detail"]


def test_es256_without_jti_used_once(service: Service, provider: IdentityProvider) -> None:
    """Without a `jti` what was signed is used up, not the signature: an ES256 one has a twin."""
    provider.keys.append(SigningKey("key-ec", "ES256"))
    bind(service.database, {"provider": "oidc", "issuer": provider.issuer, "subject": "job"})
    token = provider.token({"sub": "job", "jti": None})
    body, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    s = ORDER - int.from_bytes(raw[32:], "big")
    twin = f"{body}.{encoded(raw[:32] + s.to_bytes(32, 'big'))}"

    assert [exchanged(service, one).status_code for one in (token, twin)] == [200, 401]


def test_weak_and_private_keys_passed_over(service: Service, provider: IdentityProvider) -> None:
    """Keys of another use, of another kind or too short prove nothing; the others still do."""
    good = provider.keys[0].jwk()
    odd = [
        good | {"kid": "enc", "use": "enc"}, {"kid": "oct", "kty": "oct", "k": "c2VjcmV0"},
        {"kid": "broken", "kty": "RSA", "n": "!", "e": "AQAB"}, "x", {"kty": "RSA"},
        {"kid": "okp", "kty": "OKP", "crv": "Ed25519", "x": encoded(b"x" * 32)},
    ]  # fmt: skip
    provider.more_keys = odd

    assert exchanged(service, provider.github()).status_code == 200
    assert exchanged(service, provider.token(GITHUB, header={"kid": "enc"})).status_code == 401


def test_another_bound_issuer(service: Service, provider: IdentityProvider) -> None:
    """OIDC-04: keys of one trusted issuer prove nothing of another."""
    with provided() as other:
        bind(service.database, github_identity(provider), github_identity(other))
        answers = [
            exchanged(service, provider.github(iss=other.issuer)).status_code,
            exchanged(service, other.github(iss=provider.issuer)).status_code,
            exchanged(service, other.github()).status_code,
        ]

    assert answers == [401, 401, 200]
