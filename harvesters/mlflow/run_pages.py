"""Reads training runs page by page: walks ordered by a time, and those that are asked for by id."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from harvesters.errors import SourceRefused
from harvesters.mlflow.client import RUNS_BY_NAME, Registry, quoted
from harvesters.mlflow.rows import Absent, RunRow

NAMEABLE: Final = re.compile(r"[a-zA-Z0-9][\w-]{0,255}", re.ASCII)  # in a filter, and by servers
EXPERIMENTS_AT_ONCE: Final = 5_000
RUNS_ONE_BY_ONE: Final = 50  # a page may take ten minutes


class RunPage(NamedTuple):
    """What the server answered, and our time before it was asked; the last one has the cursor."""

    at: datetime
    runs: Sequence[RunRow] = ()
    absent: Mapping[str, Absent] = {}
    cursor: str | None = None


class RunPages:
    """Training runs of some experiments of one workspace."""

    def __init__(
        self, registry: Registry, experiments: Sequence[str], *, clock: Callable[[], datetime]
    ) -> None:
        """Nothing is asked yet; without experiments, nothing ever is."""
        self.registry, self.clock = registry, clock
        self.groups = list(in_parts(experiments, EXPERIMENTS_AT_ONCE))

    def walk(self, by: str, *, since: int | None = None, where: str = "") -> Iterator[RunPage]:
        """Training runs by `start_time` or `end_time`, in milliseconds, the oldest first."""
        for group in self.groups:
            yield from self._walk(group, by, since=since, where=where)

    def named(self, run_ids: Iterable[str]) -> Iterator[RunPage]:
        """Training runs by id; what a listing lacks is asked for alone.

        Versions may name whatever their author wrote: what no server calls a training run is none.
        """
        nameable = sorted(run_id for run_id in run_ids if NAMEABLE.fullmatch(run_id))
        for chunk in in_parts(nameable, RUNS_BY_NAME):
            at = self.clock()
            found = list(self._listed(chunk))
            yield RunPage(at, found)
            listed = {row.info.run_id for row in found}
            lacked = [run_id for run_id in chunk if run_id not in listed]
            yield from map(self._asked, in_parts(lacked, RUNS_ONE_BY_ONE))

    def _asked(self, run_ids: Sequence[str]) -> RunPage:
        at = self.clock()
        answers = {run_id: self.registry.find_run(run_id) for run_id in run_ids}
        absent = {run_id: why for run_id, why in answers.items() if isinstance(why, Absent)}
        if Absent.MISSING in absent.values():
            self.registry.probe()  # a workspace that vanished answers "not found" too
        found = [row for row in answers.values() if not isinstance(row, Absent)]
        return RunPage(at, found, absent)

    def _walk(
        self, experiments: Sequence[str], by: str, *, since: int | None, where: str
    ) -> Iterator[RunPage]:
        """By the last time seen instead of tokens, which are offsets: a purge would hide rows.

        Only where a whole page began at one time a token leads on.
        """
        order = [f"attributes.{by} ASC", "attributes.run_id ASC"]
        known: set[str] = set()  # of the last time seen
        token, tokens = None, set[str]()
        while True:
            at, bound = self.clock(), f"attributes.{by} >= {since}" if since is not None else ""
            filters = " AND ".join(part for part in (where, bound) if part)
            rows, after = self.registry.runs(experiments, filters, order=order, token=token)
            yield RunPage(at, tuple(row for row in rows if row.info.run_id not in known))
            if not after:
                return
            last = max((_time(row, by) for row in rows), default=since)
            if last is not None and (since is None or last > since):
                since, token, tokens, known = last, None, set(), set()
            elif after in tokens:
                message = "search_runs: a page token came twice, the listing never ends"
                raise SourceRefused(message)
            else:
                token = after
                tokens.add(after)
            known |= {row.info.run_id for row in rows if _time(row, by) == since}

    def _listed(self, run_ids: Sequence[str]) -> Iterator[RunRow]:
        where = f"attributes.run_id IN ({quoted(run_ids)})"
        for group in self.groups:
            rows, _ = self.registry.runs(group, where)
            yield from rows


def in_parts(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """So many at a time."""
    return (names[start : start + size] for start in range(0, len(names), size))


def _time(row: RunRow, by: str) -> int:
    return getattr(row.info, by) or 0
