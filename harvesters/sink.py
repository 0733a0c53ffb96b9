"""Where a harvest goes: the service over HTTP."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

import httpx2
import stamina

from harvesters.errors import shown
from schemas.harvest import (
    CloseHarvest,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    OpenHarvest,
    SubjectPage,
)
from schemas.observation import Observation, Receipt, Sighting, Wanted

TRIES: Final = 6
TRY_AGAIN: Final = {408, 429, 502, 503, 504}


class CatalogUnavailable(Exception):  # noqa: N818  # reads as a sentence
    """The catalog does not answer; nothing is lost, harvest again later."""


class CatalogRefused(Exception):  # noqa: N818  # reads as a sentence
    """The catalog refuses the harvest."""

    def __init__(self, message: str, *, status: int, code: str) -> None:
        """Keep what a caller decides by."""
        super().__init__(message)
        self.status, self.code = status, code


class AlreadyRunning(CatalogRefused):
    """Another harvest of the scope holds the lease."""


class Sink(Protocol):
    """What the runner needs of the service."""

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened: ...
    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted: ...
    def send(self, harvest: UUID, batch: bytes) -> Receipt: ...
    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]: ...
    def heartbeat(self, harvest: UUID) -> None: ...
    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport: ...


class HttpSink:
    """The service over HTTP. Every request may be repeated, so transport errors are retried."""

    def __init__(self, url: str, token: str, *, source: str, timeout: float = 60) -> None:
        """Speak for one source; the token carries it."""
        self.source = source
        self.http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=timeout,
            trust_env=False,
        )

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin; the same id may be opened again."""
        path = f"/api/v1/sources/{self.source}/harvests?dry_run={str(dry_run).lower()}"
        return HarvestOpened.model_validate_json(self._post(path, asked.model_dump_json().encode()))

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """Say what was seen; answers the indices that are wanted."""
        rows = [
            {"subject": s.subject.model_dump(mode="json"), "digest": s.digest} for s in sightings
        ]
        body = json.dumps({"sightings": rows}).encode()
        return Wanted.model_validate_json(self._post(f"/api/v1/harvests/{harvest}/sightings", body))

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Send a batch of observations as its JSON."""
        path = f"/api/v1/harvests/{harvest}/observations"
        return Receipt.model_validate_json(self._post(path, batch))

    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Pages of the scope's live subjects that were not seen."""
        token: str | None = "0"
        while token is not None:
            path = f"/api/v1/harvests/{harvest}/unseen?page_token={token}"
            page = SubjectPage.model_validate_json(self._retried("GET", path, None))
            if page.subjects:
                yield page.subjects
            token = page.next_page_token

    def heartbeat(self, harvest: UUID) -> None:
        """Keep the lease."""
        self._post(f"/api/v1/harvests/{harvest}:heartbeat", b"{}")

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End it; the answer may be asked for again."""
        body = asked.model_dump_json(exclude_unset=True).encode()
        answer = self._post(f"/api/v1/harvests/{harvest}:close", body)
        return HarvestReport.model_validate_json(answer)

    def _post(self, path: str, body: bytes) -> bytes:
        return self._retried("POST", path, body)

    def _retried(self, method: str, path: str, body: bytes | None) -> bytes:
        for trial in stamina.retry_context(
            on=CatalogUnavailable, attempts=TRIES, timeout=120, wait_initial=0.2, wait_max=10
        ):
            with trial:
                return self._once(method, path, body)
        raise CatalogUnavailable("the catalog does not answer")

    def _once(self, method: str, path: str, body: bytes | None) -> bytes:
        try:
            answer = self.http.request(method, path, content=body)
        except httpx2.TransportError as error:
            message = f"the catalog does not answer: {type(error).__name__}"
            raise CatalogUnavailable(message) from None
        if answer.status_code in TRY_AGAIN:
            message = f"the catalog answers {answer.status_code}"
            raise CatalogUnavailable(message)
        if answer.is_error:
            raise _refusal(answer)
        return answer.content


def _refusal(answer: httpx2.Response) -> CatalogRefused:
    try:
        problem: dict[str, Any] = answer.json()
    except ValueError:  # not the catalog's own form; its status says enough
        problem = {}
    errors = "; ".join(f"{e.get('pointer')} {e.get('message')}" for e in problem.get("errors", ()))
    text = f"{problem.get('title', answer.status_code)} {problem.get('detail', '')} {errors}".strip()
    kind = AlreadyRunning if problem.get("code") == "harvest_running" else CatalogRefused
    return kind(shown(text), status=answer.status_code, code=str(problem.get("code", "")))


def as_json(observation: Observation) -> bytes:
    """An observation as it travels."""
    return observation.model_dump_json(exclude_unset=True).encode()
