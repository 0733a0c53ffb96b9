"""Where a harvest goes: the service over HTTP, or a file."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO, Final, Protocol, TypeVar
from uuid import UUID

import httpx2
import stamina
from pydantic import BaseModel, ValidationError

from harvesters.errors import shown
from schemas.commits import NamedCommit, NamedCommits
from schemas.harvest import (
    CloseHarvest,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
    SubjectPage,
)
from schemas.hooks import Hint, Hints
from schemas.observation import Observation, Receipt, Sighting, Wanted
from schemas.problem import Problem
from schemas.sources import SourceState

TRIES: Final = 6
TRY_AGAIN: Final = {408, 429, 502, 503, 504}
LEASE_END: Final = re.compile(r"until (\d\S+Z)")
Answer = TypeVar("Answer", bound=BaseModel)


class CatalogUnavailable(Exception):  # reads as a sentence
    """The catalog does not answer; nothing is lost, harvest again later."""


class CatalogRefused(Exception):  # reads as a sentence
    """The catalog refuses the harvest."""

    def __init__(self, message: str, *, status: int, code: str) -> None:
        """Keep what a caller decides by."""
        super().__init__(message)
        self.status, self.code = status, code


class AlreadyRunning(CatalogRefused):
    """Another harvest of the scope holds the lease; the message says until when."""


class Sink(Protocol):
    """What the runner needs of the service."""

    def full_cursor(self, scope: str) -> str | None:
        """Where the last complete full harvest of a scope ended."""

    def hints(self) -> Sequence[Hint]:
        """What webhooks said may have changed, and no harvest has looked at yet."""

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """Pages of the commits that the catalog knows by name, in the source's namespaces."""

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin; the same id may be opened again."""

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """Say what was seen; answers the indices that are wanted."""

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Send a batch of observations as its JSON."""

    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Pages of the scope's live subjects that were not seen."""

    def known(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Pages of all live subjects that full harvests of the scope have seen."""

    def heartbeat(self, harvest: UUID) -> None:
        """Keep the lease."""

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End it; the answer may be asked for again."""


class HttpSink:
    """The service over HTTP. Every request may be repeated, so transport errors are retried."""

    def __init__(self, url: str, token: str, *, source: str, timeout: float = 60) -> None:
        """Speak for one source; the token carries it."""
        self.source = source
        self._hints: Sequence[Hint] | None = None
        self.http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=timeout,
            trust_env=False,
            verify=url.startswith("https:"),  # certificates take 20 ms to load
        )

    def full_cursor(self, scope: str) -> str | None:
        """Where the last complete full harvest of a scope ended."""
        path = f"/api/v1/sources/{self.source}"
        source = _read(SourceState, self._retried("GET", path, body=None))
        return next((one.full_cursor for one in source.scopes if one.scope == scope), None)

    def hints(self) -> Sequence[Hint]:
        """What webhooks said may have changed, and no harvest has looked at yet."""
        if self._hints is None:  # the same for all scopes: none of them settles what others need
            path = f"/api/v1/sources/{self.source}/hints"
            self._hints = _read(Hints, self._retried("GET", path, body=None)).hints
        return self._hints

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """Pages of the commits that the catalog knows by name, in the source's namespaces."""
        after: str | None = "0"
        while after is not None:
            path = f"/api/v1/sources/{self.source}/commits?page_token={after}"
            page = _read(NamedCommits, self._retried("GET", path, body=None))
            if page.commits:
                yield page.commits
            after = page.next_page_token

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin; the same id may be opened again."""
        path = f"/api/v1/sources/{self.source}/harvests?dry_run={str(dry_run).lower()}"
        return _read(HarvestOpened, self._post(path, asked.model_dump_json().encode()))

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """Say what was seen; answers the indices that are wanted."""
        rows = [
            {"subject": s.subject.model_dump(mode="json"), "digest": s.digest} for s in sightings
        ]
        body = json.dumps({"sightings": rows}).encode()
        return _read(Wanted, self._post(f"/api/v1/harvests/{harvest}/sightings", body))

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Send a batch of observations as its JSON."""
        path = f"/api/v1/harvests/{harvest}/observations"
        return _read(Receipt, self._post(path, batch))

    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Pages of the scope's live subjects that were not seen."""
        return self._subjects(harvest, "unseen")

    def known(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Pages of all live subjects that full harvests of the scope have seen."""
        return self._subjects(harvest, "known")

    def _subjects(self, harvest: UUID, which: str) -> Iterator[Sequence[KnownSubject]]:
        after: str | None = "0"
        while after is not None:
            path = f"/api/v1/harvests/{harvest}/{which}?page_token={after}"
            page = _read(SubjectPage, self._retried("GET", path, body=None))
            if page.subjects:
                yield page.subjects
            after = page.next_page_token

    def heartbeat(self, harvest: UUID) -> None:
        """Keep the lease."""
        self._post(f"/api/v1/harvests/{harvest}:heartbeat", b"{}")

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """End it; the answer may be asked for again."""
        body = asked.model_dump_json(exclude_unset=True).encode()
        return _read(HarvestReport, self._post(f"/api/v1/harvests/{harvest}:close", body))

    def _post(self, path: str, body: bytes) -> bytes:
        return self._retried("POST", path, body=body)

    def _retried(self, method: str, path: str, *, body: bytes | None) -> bytes:
        for trial in stamina.retry_context(
            on=CatalogUnavailable, attempts=TRIES, timeout=120, wait_initial=0.2, wait_max=10
        ):
            with trial:
                return self._once(method, path, body=body)
        raise CatalogUnavailable("the catalog does not answer")

    def _once(self, method: str, path: str, *, body: bytes | None) -> bytes:
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


class FileSink:
    """Writes every observation to an open file, one a line, instead of sending it."""

    def __init__(self, file: IO[bytes], *, source: str) -> None:
        """Nothing is known of what was there before: all is wanted."""
        self.file, self.source, self.seen = file, source, 0
        self.asked: OpenHarvest | None = None

    def full_cursor(self, scope: str) -> None:
        """There was none."""
        del scope

    def hints(self) -> Sequence[Hint]:
        """A file has none."""
        return ()

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """Nobody has named any."""
        return iter(())

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin."""
        self.asked, self.begun, self.seen = asked, datetime.now(UTC), 0
        return HarvestOpened(
            harvest=asked.harvest, cursor=None, limits=Limits(), dry_run=dry_run,
            lease_until=self.begun + timedelta(days=1),
        )  # fmt: skip

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """All of them."""
        del harvest
        return Wanted(wanted=tuple(range(len(sightings))))

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Write them."""
        del harvest
        observations = json.loads(batch)["observations"]
        for one in observations:
            self.file.write(json.dumps(one, ensure_ascii=False).encode() + b"\n")
        self.seen += len(observations)
        return Receipt(recorded=len(observations), unchanged=0)

    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """One empty page: whoever was asked by name then is asked again."""
        del harvest
        yield ()

    def known(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """Nothing is known."""
        del harvest
        return iter(())

    def heartbeat(self, harvest: UUID) -> None:
        """A file waits."""

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """How many were written."""
        assert self.asked is not None  # noqa: S101  # the runner opens before it closes
        now = datetime.now(UTC)
        return HarvestReport(
            harvest=harvest, source=self.source, scope=self.asked.scope,
            coverage=self.asked.coverage, outcome=asked.outcome, error=asked.error, dry_run=True,
            opened_at=self.begun, closed_at=now, seconds=(now - self.begun).total_seconds(),
            seen=self.seen, skipped=asked.skipped, counts=asked.counts,
        )  # fmt: skip


def _read(model: type[Answer], body: bytes) -> Answer:
    try:
        return model.model_validate_json(body)
    except ValidationError:
        message = "the answer is not the catalog's own form: is MODEL_CATALOG_URL right?"
        raise CatalogRefused(message, status=200, code="") from None


def _refusal(answer: httpx2.Response) -> CatalogRefused:
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:  # of a proxy, perhaps; its status says enough
        message = f"the catalog answers {answer.status_code}, not in its own form"
        return CatalogRefused(message, status=answer.status_code, code="")
    if problem.code == "harvest_running":
        end = LEASE_END.search(problem.detail)
        message = f"already running until {end[1] if end else 'its lease ends'}"
        return AlreadyRunning(message, status=problem.status, code=problem.code)
    errors = "; ".join(f"{error.pointer} {error.message}" for error in problem.errors)
    message = shown(f"{problem.title} {problem.detail} {errors}")
    return CatalogRefused(message, status=answer.status_code, code=problem.code)


def as_json(observation: Observation) -> bytes:
    """An observation as it travels."""
    return observation.model_dump_json(exclude_unset=True).encode()
