"""The manners of asking an HTTP API: paced, patient, bounded; no answer is believed by its status.

Everything raises `SourceUnavailable` (later, perhaps) or `SourceRefused` (stop) and nothing else.
What an answer holds and what a request carries stand in no error.
"""

import random
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx2

from harvesters.answers import Shape, read_json
from harvesters.errors import SourceRefused, SourceUnavailable, shown
from harvesters.manners import USUAL_MANNERS, Manners, Waiting
from outbound.addresses import Allowed, OutboundRefused, next_url, read_url
from outbound.client import (
    LONGEST_WAIT,
    AnswerRefused,
    guarded_client,
    retry_after,
)
from outbound.credentials import Credential

TRIES: Final = 5
LATER: Final = {408, 425, 429, 500, 502, 503, 504}
FIRST_WAIT: Final = 1.0
MOST_PAGES: Final = 10_000
DENIED: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Answer(NamedTuple):
    """What was answered: a status that was expected, its JSON, its headers and its address."""

    status: int
    json: Any
    headers: httpx2.Headers
    url: httpx2.URL
    following: str | None = None  # `Link: rel="next"`, as it was written


class SourceBusy(SourceUnavailable):
    """The source asks to be left alone for longer than a harvest waits."""


class SourceDenied(SourceRefused):
    """The source does not let this credential in. Trying again does not help."""


@dataclass(frozen=True)
class TokenHeader(Credential):
    """A token that travels in a header of its own, as GitLab's `PRIVATE-TOKEN`; bound as others."""

    header: str = "PRIVATE-TOKEN"

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign the request, on the host it belongs to."""
        for signed in super().auth_flow(request):
            del signed.headers["Authorization"]
            signed.headers[self.header] = self.secret
            yield signed


class PoliteClient:
    """Asks one API, one request at a time. `requests` counts them by kind, with every try."""

    def __init__(
        self,
        base_url: str,
        *,
        allow: str,
        auth: httpx2.Auth | None = None,
        ca_file: str | None = None,
        manners: Manners = USUAL_MANNERS,
    ) -> None:
        """`allow` is the operator's list of ranges; `auth` a credential bound to its host."""
        self.manners, self.clock = manners, manners.clock
        self.requests: Counter[str] = Counter()
        self.waited = 0.0  # seconds, because the source asked for it or failed
        self._bucket, self._filled = manners.a_second, self.clock.monotonic()
        try:
            self.base = read_url(base_url.rstrip("/"))
            self._client = guarded_client(
                Allowed(allow),
                ca_file=Path(ca_file) if ca_file else None,
                limits=manners.limits,
            )
        except (OutboundRefused, ValueError) as error:
            raise SourceRefused(str(error)) from None
        except OSError as error:
            message = f"ca_file cannot be read: {error.strerror}"
            raise SourceRefused(message) from None
        if auth is not None:
            self._client.auth = auth
        self._client.headers.update({"Accept": "application/json", **manners.headers})

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def url(self, path: str, params: Mapping[str, Any] | None = None) -> httpx2.URL:
        """An address of the API; `path` begins with / and is encoded already (`joined`)."""
        url = httpx2.URL(f"{str(self.base).rstrip('/')}{path}")
        return url.copy_merge_params(params) if params else url

    def get_json(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        kind: str,
        shape: Shape = dict,
        also: Collection[int] = (),
    ) -> Answer:
        """One answer of a shape that is not empty for no reason.

        Statuses in `also` are answers, with `json` None, instead of errors.
        """
        return self._get(self.url(path, params), kind=kind, shape=shape, also=also)

    def get_raw(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        kind: str,
        also: Collection[int] = (),
    ) -> httpx2.Response:
        """A file's bytes, in `content`; whether it is one, only the caller can know."""
        request = self._client.build_request("GET", self.url(path, params))
        return self._ask(request, kind=kind, also=also)

    def post_json(self, path: str, body: Any, *, kind: str, also: Collection[int] = ()) -> Answer:
        """The same for the few things that are asked for by POST; `body` is sent as JSON."""
        request = self._client.build_request("POST", self.url(path), json=body)
        return self._answer(self._ask(request, kind=kind, also=also), shape=dict)

    def post(self, path: str, *, kind: str, also: Collection[int] = ()) -> int:
        """Have something done by POST, without a body; the status, whatever is answered with it."""
        request = self._client.build_request("POST", self.url(path))
        return self._ask(request, kind=kind, also=also).status_code

    def pages(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        kind: str,
        also: Collection[int] = (),
        most: int = MOST_PAGES,
    ) -> Iterator[Answer]:
        """A listing to its end: `Link: rel="next"` on this origin, `X-Next-Page`, or a full page.

        Proxies strip `Link`: a full page without it is followed by the one with the next number.
        """
        url = self.url(path, params)
        seen: set[str] = set()
        while True:
            if str(url) in seen or len(seen) >= most:
                message = f"{kind}: the listing never ends ({len(seen)} pages)"
                raise SourceRefused(message)
            seen.add(str(url))
            answer = self._get(url, kind=kind, shape=list, also=also)
            yield answer
            following = self._following(answer)
            if following is None:
                return
            url = following

    def _get(self, url: httpx2.URL, *, kind: str, shape: Shape, also: Collection[int]) -> Answer:
        request = self._client.build_request("GET", url)
        return self._answer(self._ask(request, kind=kind, also=also), shape=shape)

    def _answer(self, response: httpx2.Response, *, shape: Shape) -> Answer:
        """Only success has contents that mean anything."""
        found = None
        if response.is_success:
            try:
                found = read_json(response, shape)
            except ValueError as error:
                message = f"{_shown(response.request.url)} answers {response.status_code}, {error}"
                raise SourceRefused(message) from None
        link = response.links.get("next", {}).get("url")
        return Answer(response.status_code, found, response.headers, response.request.url, link)

    def _following(self, answer: Answer) -> httpx2.URL | None:
        try:
            if answer.following is not None:
                return next_url(answer.url, answer.following)
        except OutboundRefused as error:
            raise SourceRefused(str(error)) from None
        number = answer.headers.get("X-Next-Page")
        if number is None and answer.headers.get("Link") is None:
            a_page = answer.url.params.get("per_page", "")
            if a_page.isdigit() and len(answer.json or ()) >= int(a_page):
                page = answer.url.params.get("page", "1")
                number = str(int(page) + 1) if page.isdigit() else None
        if not number or not number.isascii() or not number.isdigit():
            return None
        return answer.url.copy_set_param("page", number)

    def _ask(self, request: httpx2.Request, *, kind: str, also: Collection[int]) -> httpx2.Response:
        """Try until there is an answer that says something, or patience ends."""
        waited, why, waiting = 0.0, "", None
        for tries in range(1, TRIES + 1):
            self._pace()
            self.requests[kind] += 1
            asked = _shown(request.url)
            response, why = self._try(request, asked=asked)
            waiting = self._must_wait(response) if response is not None else None
            if response is not None and waiting is None:
                if response.is_success or response.status_code in also:
                    return response
                if response.status_code not in LATER:
                    raise _refusal(response.status_code, asked)
                why = f"{asked} answers {response.status_code}"
            pause = FIRST_WAIT * 2 ** (tries - 1) * random.uniform(0.75, 1.25)  # noqa: S311
            if waiting is not None:
                grown = waiting.seconds * (2 ** (tries - 1) if waiting.guessed else 1)
                why, pause = f"{asked}: {waiting.why}", max(pause, grown)
            if tries == TRIES:
                break
            if waited + pause > self.manners.patience:
                message = f"{why}; it can be asked again after {self._when(pause)}"
                raise _later(waiting, message)
            self.clock.sleep(pause)
            waited += pause
            self.waited += pause
        raise _later(waiting, f"{why}; tried {TRIES} times")

    def _try(self, request: httpx2.Request, *, asked: str) -> tuple[httpx2.Response | None, str]:
        try:
            return self._client.send(request), ""
        except (OutboundRefused, AnswerRefused) as error:
            raise SourceRefused(shown(f"{asked}: {error}")) from None
        except httpx2.RequestError as error:  # also what breaks off, and gzip that is none
            return None, f"{asked} does not answer: {type(error).__name__}"

    def _must_wait(self, response: httpx2.Response) -> Waiting | None:
        """Does the source ask to be left alone?"""
        now = self.clock.now()
        if self.manners.limiter is not None:
            found = self.manners.limiter(response, now)
            if found is not None:
                return found
        if response.status_code not in {429, 503}:
            return None
        seconds = retry_after(response.headers.get("Retry-After"), now=now)
        if seconds is None:
            return None
        return Waiting(seconds, f"it answers {response.status_code} and asks to wait")

    def _when(self, seconds: float) -> str:
        until = (self.clock.now() + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%SZ")
        return f"{until} or later" if seconds == LONGEST_WAIT else until

    def _pace(self) -> None:
        """A bucket of requests that fills with time."""
        rate, now = self.manners.a_second, self.clock.monotonic()
        self._bucket = min(rate, self._bucket + (now - self._filled) * rate)
        self._filled = now
        if self._bucket < 1:
            self.clock.sleep((1 - self._bucket) / rate)
            self._bucket, self._filled = 1.0, self.clock.monotonic()
        self._bucket -= 1


def joined(*segments: str) -> str:
    """A path of names; none of them steps out of its place. Raises `SourceRefused`."""
    for one in segments:
        if one in {"", ".", ".."} or not one.isprintable():
            message = f"{one[:100]!r} cannot be part of an address"
            raise SourceRefused(message)
    return "/" + "/".join(quote(one, safe="") for one in segments)


def _later(waiting: Waiting | None, message: str) -> SourceUnavailable:
    return (SourceUnavailable if waiting is None else SourceBusy)(shown(message))


def _refusal(status: int, asked: str) -> SourceRefused:
    if status in DENIED:
        return SourceDenied(f"{asked} answers {status}: the credential is not let in")
    if 300 <= status < 400:  # noqa: PLR2004
        return SourceRefused(f"{asked} answers {status}: it leads elsewhere and is not followed")
    return SourceRefused(f"{asked} answers {status}")


def _shown(url: httpx2.URL) -> str:
    """Without its query."""
    return shown(f"{url.host}{url.raw_path.decode('ascii').partition('?')[0]}")
