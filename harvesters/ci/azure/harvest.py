"""Reads what one project of Azure DevOps built and deployed: what is new, or what was hinted at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from harvesters.base import Told
from harvesters.ci.azure.api import AzureApi
from harvesters.ci.azure.cursor import SLACK, Cursor, marked, read_cursor, short, write_cursor
from harvesters.ci.azure.deployments import read_deployed
from harvesters.ci.azure.names import Site, linked
from harvesters.ci.azure.observe import Place, ProjectPage, observe_page
from harvesters.ci.azure.reading import Reading, Unbuilt
from harvesters.ci.azure.settings import AzureSettings
from harvesters.errors import SourceRefused
from schemas.commits import NamedCommit
from schemas.digest import canonical_json, sha256
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceSettings

VERSION: Final = "azure/1"
SCOPE: Final = "builds/"
ABOUT: Final = frozenset({"build", "deployment"})
MOST_BACK: Final = 10  # pages of builds, for commits of which no build is known
ENOUGH: Final = 23  # letters of a digest, its name included


class AzureBuilds:
    """One project is one scope, which shows what is there and never that something is gone."""

    coverage = Coverage.DELTA
    version = VERSION
    read_all = False  # `--full` begins anew, and asks for nothing by name

    def __init__(
        self,
        api: AzureApi | None,
        site: Site,
        *,
        project: str,
        name: str | None = None,
        source: SourceSettings,
        told: AzureSettings,
    ) -> None:
        """`project` by its id, in small letters. Without an `api`, pages are observed alone."""
        self.site, self.project, self.source, self.settings = site, project, source, told
        self.name = (name or "").lower()
        self.scope = f"{SCOPE}{project}"
        self.settled: Sequence[int] = ()
        self.interest, self.unbuilt = told.interest(), Unbuilt()
        self._api = api
        self._counts: Counter[str] = Counter()
        self._hints: list[Hint] = []
        self._elsewhere = False  # are there hints, and all about other projects?
        self._named = False  # does the catalog name any commit?
        self._deployed: set[str] = set()  # ends of identifiers that it holds

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts

    @property
    def api(self) -> AzureApi:
        """Raises `SourceRefused` in a replay."""
        if self._api is None:
            raise SourceRefused("a replay asks no server")
        return self._api

    def hint(self, hints: Sequence[Hint]) -> None:
        """Those about builds and deployments here; one that names no build may be."""
        about = [one for one in hints if one.about in ABOUT]
        self._hints = [one for one in about if not _names_build(one) or self._number(one)]
        self._elsewhere = bool(hints) and not self._hints

    def follow(self, commits: Sequence[NamedCommit]) -> None:
        """Commits whose builds are of interest."""
        self.interest.add(commits)
        self.unbuilt.add(commits)
        self._named = self._named or bool(commits)

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """Deployments that are held: what stands there now is told, of whatever commit."""
        prefix = f"{self.source.name}/{self.project}/"
        for one in known:
            if one.subject.kind is Kind.DEPLOYMENT and one.subject.value.startswith(prefix):
                self._deployed.add(one.subject.value.removeprefix(prefix))

    def pages(self, cursor: str | None) -> Iterator[ProjectPage]:
        """What was hinted at, if all was read within the source's interval; else what is new."""
        before = read_cursor(cursor, told=self._fingerprint())
        numbers = [self._number(one) for one in self._hints]
        interval = timedelta(seconds=self.source.expected_interval)
        now = self.api.now()
        fresh = before is not None and now - before.until < interval
        builds_only = all(one.about == "build" for one in self._hints)
        if fresh and (self._elsewhere or (numbers and None not in numbers and builds_only)):
            yield from self._hinted([one for one in numbers if one is not None])
        elif self.interest.workflows or self._named:
            yield from self._swept(before)
        self.settled = tuple(one.id for one in self._hints)

    def observe(self, page: ProjectPage) -> Iterator[Told]:
        """What a page says."""
        place = Place(self.site, self.project, self.source.name, self.settings.environments)
        yield from observe_page(page, place)

    def cursor_after(self, page: ProjectPage) -> str | None:
        """The last page of all has one."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing is asked for by name: what Azure deleted happened all the same."""
        del unseen
        return iter(())

    def _number(self, hint: Hint) -> int | None:
        """The build here that a hint names."""
        if hint.thing is not None and hint.thing.kind is Kind.BUILD:
            return self.site.number_of(hint.thing, self.project)
        project, number = linked(hint.url or "") or (None, None)
        return number if project in {self.project, self.name} else None

    def _hinted(self, numbers: Sequence[int]) -> Iterator[ProjectPage]:
        at, reading = self.api.now(), Reading(self.site, self.interest)
        for rows in self.api.numbered(self.project, list(dict.fromkeys(numbers))):
            yield ProjectPage(at, reading.chosen(rows))
        if reading.wanted and self.settings.deployments == "named":
            yield from self._deployments(reading)

    def _swept(self, before: Cursor | None) -> Iterator[ProjectPage]:
        began, reading = self.api.now(), Reading(self.site, self.interest)
        since = before.until - SLACK if before else began - timedelta(days=self.settings.days)
        for rows in self.api.running(self.project):  # first: what ends meanwhile is read below
            yield ProjectPage(self.api.now(), reading.chosen(rows))
        for rows in self.api.finished(self.project, since=since):
            yield ProjectPage(self.api.now(), reading.chosen(rows))
        yield from self._still_open(before, reading)
        places = set(before.repositories) if before else set()
        places |= {marked(one) for one in reading.repositories}
        yield from self._further_back(before, reading, since=since, places=places)
        wanted = bool(reading.wanted or self._deployed or (before and before.wanted))
        if wanted and self.settings.deployments == "named":
            yield from self._deployments(reading)
        self._count(reading)
        cursor = write_cursor(
            self._fingerprint(),
            self.api.server_time or began,
            open_builds=reading.open,
            sought={short(one) for one in self.unbuilt.commits},
            repositories=places,
            wanted=wanted,
        )
        yield ProjectPage(began, cursor=cursor)

    def _still_open(self, before: Cursor | None, reading: Reading) -> Iterator[ProjectPage]:
        """Those that were open the last time, and are neither running nor among what ended."""
        numbers = sorted(set(before.open if before else ()) - reading.read)
        for rows in self.api.numbered(self.project, numbers):
            yield ProjectPage(self.api.now(), reading.chosen(rows))
        self._counts["vanished"] += len(set(numbers) - reading.read)

    def _further_back(
        self, before: Cursor | None, reading: Reading, *, since: datetime, places: set[str]
    ) -> Iterator[ProjectPage]:
        """Builds of commits that were named later than they were built; looked for once."""

        def is_here(repository: Identifier) -> bool:
            here = self.site.holds(repository, projects=(self.project, self.name))
            return here or marked(repository) in places

        done = set(before.sought) if before else set()
        sought = {one for one in self.unbuilt.near(is_here) if short(one) not in done}
        if not sought - reading.commits:
            return
        for count, rows in enumerate(self.api.before(self.project, until=since), start=1):
            yield ProjectPage(self.api.now(), reading.chosen(rows))
            if count >= MOST_BACK or not sought - reading.commits:
                return

    def _deployments(self, reading: Reading) -> Iterator[ProjectPage]:
        """Of a project that builds something of interest."""
        at = self.api.now()
        found = tuple(
            read_deployed(
                self.api, self.project, reading=reading, known=self._deployed, counts=self._counts
            )
        )
        if found:
            yield ProjectPage(at, deployed=found)

    def _count(self, reading: Reading) -> None:
        self._counts["not_of_interest"] += reading.passed_over
        if reading.odd:
            self._counts["build_unreadable"] += reading.odd

    def _fingerprint(self) -> str:
        """Another one where other builds would be read: what was passed over is looked at again."""
        told: list[Any] = [self.settings.url, self.settings.workflows, self.settings.days]
        return sha256(canonical_json(told))[:ENOUGH]


def _names_build(hint: Hint) -> bool:
    thing = hint.thing is not None and hint.thing.kind is Kind.BUILD
    return thing or (hint.url is not None and linked(hint.url) is not None)
