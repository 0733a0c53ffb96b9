"""A worker's harvests: takes what is due, watches over the processes, does the periodic jobs."""

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.metadata import entry_points
from socket import gethostname
from threading import Event
from time import monotonic
from typing import Final, NamedTuple

import structlog

from cli.child import Child, Tell, child_environment
from cli.exits import Exit
from harvesters.registry import BUILT_IN, GROUP
from service.access.tokens import TokenNotFound, create_token, read_token, revoke_token
from service.db import Database
from service.errors import CatalogError, Unavailable
from service.hooks.process import process_deliveries
from service.ingest.hinting import DEBOUNCE
from service.ledger.change import Actor
from service.operation.jobs import run_jobs
from service.operation.turns import HOLD, Turn, end_turn, hold_turns, take_turn

PAUSE_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 10.0  # for what is due; at once when a harvest ends
HOLD_SECONDS: Final = HOLD.total_seconds() / 3
JOBS_SECONDS: Final = 600.0
INBOX_SECONDS: Final = 1.0
LEAVING_SECONDS: Final = 9.0  # a supervisor kills after ten
TOKEN_LASTS: Final = timedelta(days=1)
ACTOR: Final = Actor("software", "worker", authn="database")

log = structlog.get_logger()


class Plan(NamedTuple):
    """What a crew is told: how many harvests at once, how long each may take, which kinds."""

    url: str
    kinds: frozenset[str]
    side_by_side: int = 2
    time_limit: float = 14_400
    training_run_days: int | None = None


class Crew:
    """Harvests that run as processes of their own; one that fails does not stop the others."""

    def __init__(
        self, database: Database, plan: Plan, *, tell: Tell, onto: int | None = None
    ) -> None:
        """Nobody works yet. What a harvest says is told; `onto` is where its reports go."""
        self.database, self.plan, self.tell, self.onto = database, plan, tell, onto
        self.name = f"{gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.running: dict[Turn, Child] = {}
        self.codes: dict[str, int] = {}  # of the last harvest of each source
        self._tokens: dict[str, tuple[str, float]] = {}
        self._last = dict.fromkeys(("look", "hold", "jobs", "inbox"), -float("inf"))
        self._hinted = float("inf")  # when hints that were found make sources due

    def work(self, stopping: Event) -> None:
        """Harvest what is due whenever it is, until stopped."""
        try:
            while not stopping.is_set():
                with _enduring():
                    self._reap()
                    self._every("hold", HOLD_SECONDS, work=self._hold)
                    self._every("inbox", INBOX_SECONDS, work=self._read_inbox)
                    self._every("look", LOOK_SECONDS, work=self._start_due)
                    self._every("jobs", JOBS_SECONDS, work=self._do_jobs)
                stopping.wait(PAUSE_SECONDS)
        finally:
            self._stop()

    def work_off(self, stopping: Event) -> Mapping[str, int]:
        """Harvest everything that is due now, each source once; answers their exit codes."""
        once: set[int] = set()
        try:
            self._read_inbox()
            self._start_due(once)
            while self.running and not stopping.is_set():
                self._every("hold", HOLD_SECONDS, work=self._hold)
                once |= {turn.source_id for turn in self.running}
                if self._reap():
                    self._start_due(once)
                stopping.wait(PAUSE_SECONDS)
        finally:
            self._stop()
        return self.codes

    def _every(self, name: str, seconds: float, *, work: Callable[[], None]) -> None:
        if monotonic() - self._last[name] >= seconds:
            self._last[name] = monotonic()
            work()

    def _start_due(self, but: Iterable[int] = ()) -> None:
        """Take turns until every hand is busy."""
        busy = {*but, *(turn.source_id for turn in self.running)}
        while len(self.running) < self.plan.side_by_side:
            turn = self.database.transact(
                lambda session: take_turn(session, self.name, kinds=self.plan.kinds, but=busy)
            )
            if turn is None:
                return
            busy.add(turn.source_id)
            environment = child_environment(
                os.environ, url=self.plan.url, token=self._token(turn), credential=turn.credential
            )
            self.running[turn] = Child(turn.source, environment, tell=self.tell, onto=self.onto)
            log.info("harvest_begun", source=turn.source)

    def _reap(self) -> bool:
        """Give back the turns of what has ended, or taken too long; answers whether any has."""
        ended = False
        for turn, child in list(self.running.items()):
            code = child.code
            if code is None and child.seconds > self.plan.time_limit:
                log.error("harvest_too_long", source=turn.source, seconds=self.plan.time_limit)
                code = _cut_short(child)
            if code is not None:
                self._end(turn, code)
                log.info("harvest_ended", source=turn.source, code=code, seconds=child.seconds)
                self.codes[turn.source] = code
                self._last["look"] = -float("inf")
                ended = True
        return ended

    def _end(self, turn: Turn, code: int | None) -> None:
        if code == Exit.NOT_ALLOWED:  # somebody has revoked it
            self._tokens.pop(turn.source, None)
        self.database.transact(
            lambda session: end_turn(session, self.name, source_id=turn.source_id, exit_code=code)
        )
        self.running.pop(turn)

    def _hold(self) -> None:
        held = [turn.source_id for turn in self.running]
        if held:
            self.database.transact(lambda s: hold_turns(s, self.name, sources=held))

    def _read_inbox(self) -> None:
        """What webhooks delivered; a source that it makes due is looked for when it is."""
        done = process_deliveries(self.database)
        if done.deliveries:
            log.info("deliveries_read", deliveries=done.deliveries, hints=done.hints)
        now = monotonic()
        if done.hints:
            self._hinted = min(self._hinted, now + DEBOUNCE.total_seconds())
        if now >= self._hinted:
            self._hinted, self._last["look"] = float("inf"), -float("inf")

    def _do_jobs(self) -> None:
        done = run_jobs(self.database, training_run_days=self.plan.training_run_days)
        log.info("jobs_done", **done)

    def _token(self, turn: Turn) -> str:
        """A token that speaks for the source, made once a day and kept in memory alone."""
        text, ends = self._tokens.get(turn.source, ("", 0.0))
        if ends < monotonic() + self.plan.time_limit:
            lasts = TOKEN_LASTS + timedelta(seconds=self.plan.time_limit)
            text, _ = self.database.transact(
                lambda session: create_token(
                    session, kind="r", role="source", actor=ACTOR, source_name=turn.source,
                    lasts=lasts,
                )
            )  # fmt: skip
            self._tokens[turn.source] = text, monotonic() + lasts.total_seconds()
        return text

    def _stop(self) -> None:
        """Ask all to end, and end those that do not; then nobody holds our turns or tokens."""
        until = monotonic() + LEAVING_SECONDS
        for child in self.running.values():
            child.ask_to_end()
        for child in self.running.values():
            child.wait(until - monotonic())
            child.end()
        with suppress(CatalogError):  # away, too: turns and tokens end by themselves
            for turn in list(self.running):
                self._end(turn, None)
            for text, _ in self._tokens.values():
                self._revoke(text)

    def _revoke(self, text: str) -> None:
        presented = read_token(text)
        if presented is None:
            return
        with suppress(TokenNotFound):
            self.database.transact(
                lambda s: revoke_token(s, presented.public_id, actor=ACTOR, request=None)
            )


def _cut_short(child: Child) -> int:
    """End it in order if it can: killed, it would leave git at work and a key in a folder."""
    child.ask_to_end()
    child.wait(LEAVING_SECONDS)
    child.end()
    return Exit.UNAVAILABLE


def installed_kinds() -> frozenset[str]:
    """The kinds of sources that a harvester is installed for; others are pushed."""
    return frozenset({*BUILT_IN, *(entry.name for entry in entry_points(group=GROUP))})


@contextmanager
def _enduring() -> Iterator[None]:
    """While the database is away harvests go on; what was to be done is done later."""
    try:
        yield
    except Unavailable as away:
        log.warning("database_away", code=away.code())
