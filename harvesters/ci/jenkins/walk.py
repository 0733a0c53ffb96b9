"""Walks the folders of a Jenkins to all jobs that are read: bounded, loops end by their depth."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from harvesters.ci.jenkins.api import A_FOLDER, A_PAGE, JenkinsApi, Unreadable
from harvesters.ci.jenkins.names import Path, full_name, plain
from harvesters.ci.jenkins.payloads import Item, LastBuild, read
from harvesters.ci.jenkins.settings import JenkinsSettings
from schemas.canonical import CONTROL

MOST_JOBS: Final = 10_000
MOST_FOLDERS: Final = 3_000  # that are asked for
DEEPEST: Final = 12  # folders
MOST_TRIES: Final = 3  # of a folder whose jobs change while it is listed
MOVING: Final = "its jobs changed again and again while they were listed"


class Job(NamedTuple):
    """A job that is read, and what its folder says of its newest build."""

    path: Path
    last: LastBuild | None
    never_built: bool = False


class Unwalked(NamedTuple):
    """A folder, or something in it, that could not be looked at."""

    path: Path
    code: str
    message: str
    again: bool = False  # the next harvest has to look at all that is in it


class Walk:
    """One walk. `seen` counts what was listed, whether it is read or not."""

    def __init__(self, api: JenkinsApi, settings: JenkinsSettings) -> None:
        """Nothing is asked before the first job."""
        self.api, self.settings = api, settings
        self.counts: Counter[str] = Counter()
        self.seen = 0
        self._jobs = 0
        self._waiting: deque[Path] = deque([()])
        self._full = False

    def found(self) -> Iterator[Job | Unwalked]:
        """All jobs, folder by folder."""
        folders = 0
        while self._waiting and not self._full:
            folder = self._waiting.popleft()
            folders += 1
            if folders > MOST_FOLDERS:
                message = f"there are more than {MOST_FOLDERS:,} folders: name fewer in `jobs`"
                yield Unwalked((), "too_many_folders", message)
                return
            try:
                rows = self._listed(folder)
            except Unreadable as error:
                if error.code == "not_found":  # deleted or renamed meanwhile
                    self.counts["vanished"] += 1
                else:
                    yield Unwalked(folder, error.code, error.message, again=True)
                continue
            yield from self._taken(folder, rows, shown=True)

    def _listed(self, folder: Path) -> Sequence[Any]:
        """Ranges overlap by one: what was created or deleted meanwhile moves all that follow."""
        for _ in range(MOST_TRIES):
            rows: list[Any] = []
            while True:
                start, end = max(len(rows) - 1, 0), len(rows) + A_PAGE
                page = self.api.items(folder, start=start, end=end)
                if rows and (not page or _name(page[0]) != _name(rows[-1])):
                    break
                rows += page[1:] if rows else page
                if len(page) < end - start or len(rows) > MOST_JOBS:
                    return rows
        raise Unreadable("unavailable", f"{full_name(folder) or 'Jenkins'}: {MOVING}")

    def _taken(self, folder: Path, rows: Sequence[Any], *, shown: bool) -> Iterator[Job | Unwalked]:
        """`shown`: are the jobs of folders in it complete, or only whether there are any?"""
        for row in rows:
            if self._full:
                return
            item = read(Item, row)
            if item is None or CONTROL.search(item.name):
                yield Unwalked(folder, "invalid", f"{full_name(folder)} holds a job without a name")
                continue
            self.seen += 1
            path = (*folder, item.name)
            if item.jobs is None:
                yield from self._job(Job(path, item.last, item.never_built))
            elif item.jobs:
                yield from self._folder(path, item.jobs, shown=shown)

    def _job(self, job: Job) -> Iterator[Job | Unwalked]:
        if not keeps(self.settings, job.path):
            self.counts["excluded"] += 1
            return
        self._jobs += 1
        if self._jobs > MOST_JOBS:
            self._full = True
            message = f"there are more than {MOST_JOBS:,} jobs: name fewer in `jobs`"
            yield Unwalked((), "too_many_jobs", message)
            return
        yield job

    def _folder(self, path: Path, jobs: Sequence[Any], *, shown: bool) -> Iterator[Job | Unwalked]:
        if not self.settings.enters(full_name(path)) and not self.settings.enters(plain(path)):
            self.counts["excluded"] += 1
        elif len(path) >= DEEPEST:
            where = full_name(path)[:200]
            message = f"{where} lies {DEEPEST} folders deep: what is below is not read"
            yield Unwalked(path, "too_deep", message)
        elif shown and len(jobs) < A_FOLDER:
            yield from self._taken(path, jobs, shown=False)
        else:
            self._waiting.append(path)


def keeps(settings: JenkinsSettings, path: Path) -> bool:
    """Is a job read? A branch is known by both spellings of its name."""
    return settings.keeps(full_name(path)) and settings.keeps(plain(path))


def _name(row: Any) -> Any:
    return row.get("name") if isinstance(row, dict) else None
