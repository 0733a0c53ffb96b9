"""Who a build is: the CI's own identity token, exchanged for one of the catalog; else a token."""

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import httpx2

from cli.client import TOKEN, Client, service_token, service_url
from cli.exits import Exit, Stop
from cli.output import say
from cli.pushing.asked import Asked

EXCHANGE: Final = "/api/v1/tokens:exchange"
REQUEST_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
REQUEST_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # a variable's name
SOURCE: Final = "MODEL_CATALOG_SOURCE"
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}
SECONDS: Final = 20.0
LARGEST: Final = 64 * 1024
PAUSES: Final = (1.0, 3.0)  # seconds between tries, where nobody answers
T = TypeVar("T")
WORD: Final = re.compile(r"[\x21-\x7e]{1,16384}")


class Way(NamedTuple):
    """The way in, and the source in whose name it leads; `proved`: what an exchange answered."""

    client: Client
    source: str
    proved: Mapping[str, Any] | None = None


def enter(asked: Asked, source: str | None) -> Way:
    """Exchange the CI's identity, or take the token that is there. Raises `Stop`."""
    source = source or os.environ.get(SOURCE) or None
    if asked.no_identity or not asked.ci:
        return _by_token(source)
    try:
        found = _exchanged(asked, source)
    except Stop as refused:
        if refused.code is Exit.WRONG_USE or not _has_token():
            raise
        say(f"The build's own identity was not taken, so its token is used. {refused}")
        found = None
    return found or _by_token(source)


def _exchanged(asked: Asked, source: str | None) -> Way | None:
    """By the CI's identity; None where it gives none."""
    identity = _identity(asked)
    if identity is None:
        return None
    if source is None:
        message = f"Name the source that the build speaks for: `push SOURCE`, or in {SOURCE}."
        raise Stop(message, Exit.WRONG_USE)
    body = {"source": source, "identity_token": identity}
    got = repeat(lambda: Client(service_url(), None).post(EXCHANGE, body))
    return Way(Client(service_url(), str(got["token"])), source, got)


def repeat(ask: Callable[[], T]) -> T:
    """Ask again where nobody answers: what is pushed twice is taken once."""
    began = time.monotonic()
    for pause in PAUSES:
        try:
            return ask()
        except Stop as refused:
            if refused.code is not Exit.UNAVAILABLE or time.monotonic() - began > SECONDS:
                raise
        time.sleep(pause)
    return ask()


def _by_token(source: str | None) -> Way:
    client = Client(service_url(), service_token())
    if source is None:
        source = repeat(lambda: client.get("/api/v1/me"))["source"]
    if source is None:
        message = "The token speaks for no source: take one of `token create --source SOURCE`."
        raise Stop(message, Exit.NOT_ALLOWED)
    return Way(client, source)


def _has_token() -> bool:
    return bool(os.environ.get(TOKEN) or os.environ.get(f"{TOKEN}_FILE"))


def _identity(asked: Asked) -> str | None:
    """What the CI gives the build to prove itself by; None where it gives nothing."""
    given = os.environ.get(asked.id_token_variable, "").strip()
    if given:
        if not WORD.fullmatch(given):
            message = f"{asked.id_token_variable} holds something else than an identity token."
            raise Stop(message, Exit.WRONG_USE)
        return given
    url, token = os.environ.get(REQUEST_URL), os.environ.get(REQUEST_TOKEN)
    if not url or not token:
        return None
    return repeat(lambda: _of_github(url, token, audience=asked.audience or service_url()))


def _of_github(url: str, token: str, *, audience: str) -> str:
    """Ask the runner's own address; it goes nowhere but there, encrypted."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise Stop(f"{REQUEST_URL} is no https address.", Exit.WRONG_USE)
    asking = f"{url}{'&' if parts.query else '?'}audience={quote(audience, safe='')}"
    headers = {"Authorization": f"bearer {token}", "Accept": "application/json"}
    try:
        secure = parts.scheme == "https"
        with httpx2.Client(trust_env=False, timeout=SECONDS, verify=secure) as http:
            answer = http.get(asking, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        raise _no_identity(type(error).__name__) from None
    if not answer.is_success or len(answer.content) > LARGEST:
        raise _no_identity(f"it answered {answer.status_code}")
    try:
        value = answer.json()["value"]
    except (ValueError, KeyError, TypeError):
        raise _no_identity("it answered something else") from None
    if not isinstance(value, str) or not WORD.fullmatch(value):
        raise _no_identity("it answered something else")
    return value


def _no_identity(why: str) -> Stop:
    return Stop(
        f"GitHub gave the job no identity token ({why}): does it have `permissions: id-token: "
        "write`? --no-identity takes the token instead.",
        Exit.UNAVAILABLE,
    )
