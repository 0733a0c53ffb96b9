"""The public keys of issuers: read by discovery, kept for a while, never asked for too often."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx2
import structlog

from outbound.addresses import Allowed
from outbound.client import AnswerRefused, Limits, guarded_client
from service.access.ci.assertion import Key, usable_keys
from service.access.ci.errors import KeysUnavailable
from service.errors import BadRequest
from service.loader import load_json

DISCOVERY: Final = "/.well-known/openid-configuration"
LIMITS: Final = Limits(connect=3, read=5, total=8, decoded=512 * 1024)  # of each of two answers
KEPT: Final = timedelta(hours=24).total_seconds()
FRESH: Final = timedelta(hours=1).total_seconds()  # then they are read again, if that works
AGAIN: Final = 60.0  # seconds between two attempts where keys are there
SOON: Final = 5.0  # and where none are
REMEMBERED: Final = 1_000  # issuers; they are those of declared sources
OK: Final = 200
FAILURES: Final = (httpx2.HTTPError, httpx2.InvalidURL, AnswerRefused, OSError, ValueError)

log = structlog.get_logger()


class Kept(NamedTuple):
    """The keys of one issuer by their ids, and when they were read."""

    keys: Mapping[str, Sequence[Key]]
    read_at: float


class Issuer:
    """What is known of one issuer; one thread at a time asks it."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.lock = Lock()
        self.kept: Kept | None = None
        self.tried_at: float | None = None


class IssuerKeys:
    """The keys of all issuers, shared by the threads of one process.

    A new key id is looked for once a minute: whoever sends made-up ones does not make us ask.
    While an issuer cannot be reached, what is known of it holds for a day.
    """

    def __init__(
        self,
        allowed: Allowed,
        *,
        ca_file: Path | None = None,
        limits: Limits = LIMITS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Addresses as an operator allows them; `ca_file` instead of the system's authorities."""
        self._allowed, self._ca_file = allowed, ca_file
        self._limits, self._clock = limits, clock
        self._issuers: OrderedDict[str, Issuer] = OrderedDict()
        self._lock = Lock()

    def find(self, issuer: str, kid: str) -> Sequence[Key]:
        """The keys of this id; none: the issuer has no such key. Raises `KeysUnavailable`.

        Only issuers that a source declares are asked for: the caller sees to that.
        """
        known = self._known(issuer)
        kept, age = known.kept, self._age(known)
        if kept is not None and age < FRESH and kid in kept.keys:
            return kept.keys[kid]
        # Those whose key is there do not wait for a slow issuer; those without any do.
        usable = kept is not None and age < KEPT
        if known.lock.acquire(blocking=not usable):
            try:
                self._refresh(issuer, known)
            finally:
                known.lock.release()
        kept = known.kept
        if kept is None or self._age(known) >= KEPT:
            raise KeysUnavailable(issuer=issuer)
        return kept.keys.get(kid, ())

    def _known(self, issuer: str) -> Issuer:
        with self._lock:
            found = self._issuers.pop(issuer, None) or Issuer()
            self._issuers[issuer] = found
            if len(self._issuers) > REMEMBERED:
                self._issuers.popitem(last=False)
            return found

    def _age(self, known: Issuer) -> float:
        return self._clock() - known.kept.read_at if known.kept else KEPT

    def _refresh(self, issuer: str, known: Issuer) -> None:
        """Ask the issuer, unless somebody just did; what fails leaves what is known."""
        now, usable = self._clock(), self._age(known) < KEPT
        if known.tried_at is not None and now - known.tried_at < (AGAIN if usable else SOON):
            return
        try:
            keys = self._read(issuer)
        except FAILURES as error:
            log.warning("issuer_keys_not_read", issuer=issuer, reason=str(error), kept=usable)
        else:
            known.kept = Kept(keys, now)
            log.info("issuer_keys_read", issuer=issuer, keys=len(keys))
        finally:
            known.tried_at = self._clock()  # when it ended: a slow one is not asked at once again

    def _read(self, issuer: str) -> Mapping[str, Sequence[Key]]:
        with guarded_client(self._allowed, ca_file=self._ca_file, limits=self._limits) as client:
            said = _get(client, issuer.rstrip("/") + DISCOVERY)
            if not isinstance(said, dict) or said.get("issuer") != issuer:
                raise ValueError("its discovery document is of another issuer")
            address = said.get("jwks_uri")
            if not isinstance(address, str) or _origin(address) != _origin(issuer):
                raise ValueError("its keys lie on another host")
            return usable_keys(_get(client, address))


def _get(client: httpx2.Client, address: str) -> Any:
    answer = client.get(address, headers={"Accept": "application/json"})
    if answer.status_code != OK:
        message = f"{address} answers {answer.status_code}"
        raise ValueError(message)
    try:
        return load_json(answer.content)
    except BadRequest as error:
        message = f"{address}: {error.detail}"
        raise ValueError(message) from None


def _origin(address: str) -> tuple[str, str]:
    url = urlsplit(address)
    return url.scheme, url.netloc
