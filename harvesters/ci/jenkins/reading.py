"""Reads the builds of one job, the newest first, as far back as there is something to find."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from harvesters.ci.interest import Interest
from harvesters.ci.jenkins.api import A_RANGE, JenkinsApi, Unreadable
from harvesters.ci.jenkins.checkouts import (
    checkouts_of,
    own_checkout,
    repositories_of,
    usual_of,
)
from harvesters.ci.jenkins.names import Path, full_name, plain
from harvesters.ci.jenkins.observe import Row
from harvesters.ci.jenkins.payloads import Build, kept, read
from harvesters.moments import of_milliseconds
from schemas.identifiers import Identifier

MOST_NEW: Final = 5_000  # builds of a job since the last harvest
MOST_BACK: Final = 200  # builds of a job, for commits of which no build is known
MOST_TRIES: Final = 3


class Sought(NamedTuple):
    """Commits of which no build is known, and the repositories that they are in."""

    commits: frozenset[str] = frozenset()
    repositories: frozenset[Identifier] = frozenset()  # none: whichever


class Range(NamedTuple):
    """Some builds of a job: all of them, and those that are wanted."""

    builds: Sequence[Build]
    wanted: tuple[Row, ...]
    odd: int = 0  # how many could not be read


class JobReader:
    """Reads jobs, one after the other."""

    def __init__(self, api: JenkinsApi, interest: Interest, *, newest: int) -> None:
        """`newest`: how many are looked at for the first time."""
        self.api, self.interest, self.newest = api, interest, newest

    def ranges(self, job: Path, *, since: datetime | None, sought: Sought) -> Iterator[Range]:
        """Until all since then were read; further back while what is sought may be there.

        Ranges overlap by one: a build that is deleted meanwhile moves all that follow.
        """
        left, lowest, start, tries = set(sought.commits), None, 0, 0
        while True:
            end = start + self._step(start, since=since, sought=sought)
            rows = self.api.builds(job, start=max(start - 1, 0), end=end)
            numbers = [row["number"] for row in rows if _is_numbered(row)]
            if lowest is not None and numbers and max(numbers) < lowest:
                tries += 1
                if tries > MOST_TRIES:
                    message = f"{full_name(job)}: its builds changed again and again"
                    raise Unreadable("unavailable", message)
                lowest, start = None, 0
                continue
            new = [row for row in rows if not _is_numbered(row) or _is_below(row, lowest)]
            found = self.chosen(job, new)
            yield found
            lowest = min([*numbers, *([] if lowest is None else [lowest])], default=None)
            left -= {one.commit for build in found.builds for one in checkouts_of(build)}
            if len(rows) < end - max(start - 1, 0):
                return
            looking = bool(left) and end < MOST_BACK and _is_near(found.builds, sought)
            if not looking and self._is_enough(found.builds, since=since, read=end):
                return
            start = end

    def _step(self, start: int, *, since: datetime | None, sought: Sought) -> int:
        """No more of what is looked at for the first time than was asked for."""
        first = since is None and not sought.commits
        return max(min(A_RANGE, self.newest - start), 1) if first else A_RANGE

    def chosen(self, job: Path, rows: Sequence[Any]) -> Range:
        """Of what was answered, the builds, and those of interest."""
        raws = [kept(row) for row in rows if isinstance(row, dict)]
        pairs = [(raw, read(Build, raw)) for raw in raws]
        builds = [build for _, build in pairs if build is not None]
        usual = usual_of(builds)
        names = (full_name(job), plain(job))
        wanted = []
        for raw, build in pairs:
            if build is None:
                continue
            found = checkouts_of(build)
            own = own_checkout(found, job, interest=self.interest, usual=usual)
            commit = None if own is None else found[own].commit
            if self.interest.wants(commit, names):
                wanted.append(Row(raw, own))
        return Range(builds, tuple(wanted), len(rows) - len(builds))

    def _is_enough(self, builds: Sequence[Build], *, since: datetime | None, read: int) -> bool:
        if since is None:
            return read >= self.newest
        times = [of_milliseconds(one.timestamp) for one in builds]
        old = any(at is not None and at < since for at in times)
        return old or read >= MOST_NEW


def _is_near(builds: Sequence[Build], sought: Sought) -> bool:
    """Do these builds tell that the job builds what is sought?"""
    if not sought.repositories:
        return True
    found = (repositories_of(build.actions) for build in builds)
    return any(not sought.repositories.isdisjoint(one) for one in found)


def _is_numbered(row: Any) -> bool:
    number = row.get("number") if isinstance(row, dict) else None
    return isinstance(number, int) and not isinstance(number, bool)


def _is_below(row: Any, lowest: int | None) -> bool:
    return lowest is None or row["number"] < lowest
