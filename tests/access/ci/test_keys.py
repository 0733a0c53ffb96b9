"""OIDC-14: issuers that are slow, down, huge, elsewhere or new; a clock that a test moves."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from outbound.addresses import Allowed
from outbound.client import Limits
from service.access.ci.errors import KeysUnavailable
from service.access.ci.keys import IssuerKeys
from service.db import Database
from tests.access.ci.conftest import bind, exchanged
from tests.support.http import Service, logged, opened
from tests.support.identity_provider import (
    DISCOVERY,
    LOOPBACK,
    IdentityProvider,
    SigningKey,
    github_identity,
)

READ_ONCE: Final = [DISCOVERY, "/keys"]
DAY: Final = 24 * 3_600
WRONG: Final = ("down", "redirect", "huge", "rubbish")


class Clock:
    """Moves when it is told to."""

    def __init__(self) -> None:
        """Some time after the machine started."""
        self.now = 1_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of this test's own."""
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> IssuerKeys:
    """What may be asked of loopback."""
    limits = Limits(connect=1, read=1, total=2, decoded=512 * 1024)
    return IssuerKeys(Allowed(LOOPBACK), limits=limits, clock=clock)


def ids(provider: IdentityProvider, keys: IssuerKeys, kid: str = "key-1") -> int:
    """How many keys of an id are found."""
    return len(keys.find(provider.issuer, kid))


def test_keys_kept(provider: IdentityProvider, keys: IssuerKeys, clock: Clock) -> None:
    """They are read once, and again after an hour."""
    assert [ids(provider, keys) for _ in range(3)] == [1, 1, 1]
    assert provider.asked == READ_ONCE

    clock.now += 3_601

    assert ids(provider, keys) == 1
    assert provider.asked == READ_ONCE * 2


def test_oidc_02_unknown_kid(provider: IdentityProvider, keys: IssuerKeys, clock: Clock) -> None:
    """OIDC-02: an unknown key id is looked for once a minute, however often it comes."""
    ids(provider, keys)
    provider.keys.append(SigningKey("key-2"))

    clock.now += 59
    assert [ids(provider, keys, kid) for kid in ("key-2", "made-up", "key-1")] == [0, 0, 1]
    assert provider.asked == READ_ONCE
    clock.now += 2
    assert [ids(provider, keys, kid) for kid in ("made-up", "key-2", "other")] == [0, 1, 0]
    assert provider.asked == READ_ONCE * 2


def test_oidc_14_key_taken_back(provider: IdentityProvider, keys: IssuerKeys, clock: Clock) -> None:
    """OIDC-14: a key that its issuer publishes no more proves nothing after an hour."""
    ids(provider, keys)
    provider.keys = [SigningKey("key-2")]

    clock.now += 3_601

    assert [ids(provider, keys, kid) for kid in ("key-1", "key-2")] == [0, 1]


@pytest.mark.parametrize("wrong", WRONG)
def test_oidc_14_known_keys_go_on(
    provider: IdentityProvider, keys: IssuerKeys, clock: Clock, wrong: str
) -> None:
    """OIDC-14: while the issuer fails, keys that are known go on for a day, and no longer."""
    ids(provider, keys)
    provider.wrong = wrong

    clock.now += DAY - 1
    assert ids(provider, keys) == 1
    clock.now += 2
    with pytest.raises(KeysUnavailable):
        ids(provider, keys)
    provider.wrong = None
    clock.now += 6
    assert ids(provider, keys) == 1


def test_oidc_14_failing_is_asked_seldom(
    provider: IdentityProvider, keys: IssuerKeys, clock: Clock
) -> None:
    """OIDC-14: a failing issuer is asked every five seconds, once a minute where keys are known."""
    provider.wrong = "down"
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            ids(provider, keys)
    assert provider.asked == [DISCOVERY]
    provider.wrong = None
    clock.now += 5
    assert ids(provider, keys) == 1
    provider.wrong = "down"
    for _ in range(3):
        clock.now += 30
        assert ids(provider, keys, "unknown") == 0
    assert provider.asked == [DISCOVERY, *READ_ONCE, DISCOVERY]


def test_oidc_14_one_asks(provider: IdentityProvider, keys: IssuerKeys) -> None:
    """OIDC-14: of many that come at once one asks, and the others wait for it."""
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: ids(provider, keys), range(20)))

    assert found == [1] * 20
    assert provider.asked == READ_ONCE


def test_oidc_14_slow_issuer_stops_nobody(
    provider: IdentityProvider, keys: IssuerKeys, clock: Clock
) -> None:
    """OIDC-14: while one waits for a slow issuer, those whose key is known go on."""
    ids(provider, keys)
    provider.wrong = "slow"
    clock.now += 3_601
    waiting = threading.Thread(target=ids, args=(provider, keys))
    waiting.start()
    while len(provider.asked) == len(READ_ONCE):
        pass
    assert ids(provider, keys) == 1
    assert waiting.is_alive()
    waiting.join()
    assert ids(provider, keys) == 1  # it was too slow, and what was known stayed


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"issuer": "https://other.example"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "another host"),
        ({"jwks_uri": "https://127.0.0.1/keys"}, "another host"),
        ({"jwks_uri": 7}, "another host"),
        ({"jwks_uri": "/keys"}, "another host"),
    ],
)
def test_discovery_refused(
    provider: IdentityProvider, keys: IssuerKeys, said: Any, why: str
) -> None:
    """Keys are those of the issuer itself, from its own host; the log says what is wrong."""
    provider.discovery |= said

    with logged() as events, pytest.raises(KeysUnavailable):
        ids(provider, keys)

    assert provider.asked == [DISCOVERY]
    assert why in next(e["reason"] for e in events if e["event"] == "issuer_keys_not_read")


def test_addresses_that_nobody_allowed(provider: IdentityProvider) -> None:
    """An issuer on a private address is asked only where an operator allows it."""
    closed = IssuerKeys(Allowed(""))

    with logged() as events, pytest.raises(KeysUnavailable):
        ids(provider, closed)

    assert provider.asked == []
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=" in events[0]["reason"]


def test_oidc_14_exchange_while_down(service: Service, provider: IdentityProvider) -> None:
    """OIDC-14: 503 while nothing is known of the issuer, and it goes on with what is."""
    provider.wrong = "down"
    token = provider.github()
    first = exchanged(service, token)

    assert (first.status_code, first.json()["code"]) == (503, "keys_unavailable")
    assert "Retry-After" in first.headers


def test_oidc_14_exchange_goes_on(service: Service, provider: IdentityProvider) -> None:
    """OIDC-14: an exchange whose key is known needs nobody."""
    exchanged(service, provider.github())
    provider.wrong = "down"

    assert exchanged(service, provider.github()).status_code == 200


def test_slow_issuer_leaves_threads(database: Database, provider: IdentityProvider) -> None:
    """P-15: however many exchanges wait for a slow issuer, others are answered."""
    bind(database, github_identity(provider))
    provider.wrong = "slow"
    with opened(database, outbound_allow=LOOPBACK) as service, ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit(exchanged, service, provider.github()) for _ in range(30)]
        while not provider.asked:
            pass
        assert service.ask("GET", "/readyz").status_code == 200
        assert not all(one.done() for one in waiting)
        provider.wrong = None
        assert {one.result().status_code for one in waiting} == {200}
