"""Reads what a Jenkins built: of all jobs what is new, or only what webhooks hinted at."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from harvesters.base import Told
from harvesters.ci.jenkins.api import JenkinsApi, Unreadable
from harvesters.ci.jenkins.checkouts import repositories_of
from harvesters.ci.jenkins.cursor import Cursor, Progress, read_cursor, short
from harvesters.ci.jenkins.names import Path, Place, Site, linked
from harvesters.ci.jenkins.observe import JobPage, is_open, observe_page
from harvesters.ci.jenkins.payloads import Build
from harvesters.ci.jenkins.reading import JobReader, Range, Sought
from harvesters.ci.jenkins.settings import JenkinsSettings
from harvesters.ci.jenkins.walk import Job, Unwalked, Walk, keeps
from harvesters.errors import SourceRefused, shown
from harvesters.moments import of_milliseconds
from schemas.commits import NamedCommit
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import decode_segment
from schemas.sources import SourceSettings

VERSION: Final = "jenkins/1"
SCOPE: Final = "builds"
MOST_BACK: Final = 300  # jobs whose older builds are looked at, in one harvest


class JenkinsBuilds:
    """All jobs are one scope, which shows what is there and never that something is gone.

    Builds are deleted by the job's own rules; what they made stays.
    """

    scope = SCOPE
    coverage = Coverage.DELTA
    version = VERSION
    read_all = False  # `--full` begins anew, and asks for nothing by name

    def __init__(
        self, api: JenkinsApi | None, site: Site, *, source: SourceSettings, told: JenkinsSettings
    ) -> None:
        """Nothing is asked before the first page; without an `api`, pages are observed alone."""
        self.site, self.source, self.settings = site, source, told
        self.settled: Sequence[int] = ()
        self.interest = told.interest()
        self._api = api
        self._counts: Counter[str] = Counter()
        self._hints: list[Hint] = []
        self._knows = False  # does the catalog hold builds of this scope?
        self._named = False  # does it name any commit?
        self._unbuilt: set[str] = set()
        self._placeless: set[str] = set()  # of these, those in no repository that is known
        self._back = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts

    @property
    def api(self) -> JenkinsApi:
        """Raises `SourceRefused` in a replay."""
        if self._api is None:
            raise SourceRefused("a replay asks no server")
        return self._api

    def hint(self, hints: Sequence[Hint]) -> None:
        """Those about builds."""
        self._hints = [one for one in hints if one.about == "build"]

    def follow(self, commits: Sequence[NamedCommit]) -> None:
        """Commits whose builds are of interest."""
        self.interest.add(commits)
        self._named = self._named or bool(commits)
        unbuilt = [one for one in commits if not one.built]
        self._unbuilt |= {one.commit for one in unbuilt}
        self._placeless |= {one.commit for one in unbuilt if not one.repositories}

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """A Jenkins that shows no job cannot be the one whose builds are known."""
        self._knows = self._knows or bool(known)

    def pages(self, cursor: str | None) -> Iterator[JobPage]:
        """What was hinted at, if all was read within the source's interval; else what is new."""
        before = read_cursor(cursor, told=self.settings.fingerprint())
        places = [self._place(one) for one in self._hints]
        interval = timedelta(seconds=self.source.expected_interval)
        now = self.api.now()
        fresh = before is not None and now - before.until < interval
        if places and None not in places and fresh:
            yield from self._hinted([one for one in places if one is not None])
            return
        if self.interest.workflows or self._named:
            yield from self._swept(before)
        self.settled = tuple(one.id for one in self._hints)

    def observe(self, page: JobPage) -> Iterator[Told]:
        """What a page says."""
        yield from observe_page(page, self.site)

    def cursor_after(self, page: JobPage) -> str | None:
        """The last page of all jobs has one."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing is asked for by name: what Jenkins deleted happened all the same."""
        del unseen
        return iter(())

    def _place(self, hint: Hint) -> Place | None:
        """Which build a hint names."""
        place = self.site.place_of(hint.thing) if hint.thing is not None else None
        return place or (linked(hint.url) if hint.url is not None else None)

    def _hinted(self, places: Sequence[Place]) -> Iterator[JobPage]:
        settled = []
        asked: dict[Place, JobPage | None] = {}
        for hint, place in zip(self._hints, places, strict=True):
            if place not in asked:
                asked[place] = self._single(place)
                if (page := asked[place]) is not None:
                    yield page
            page = asked[place]
            if page is None or not page.unread:
                settled.append(hint.id)
        self.settled = tuple(settled)

    def _single(self, place: Place) -> JobPage | None:
        """One build, if its job is read and it is there."""
        at, path = self.api.now(), place.path
        try:
            found = None
            for path in dict.fromkeys((place.path, tuple(map(decode_segment, place.path)))):
                if keeps(self.settings, path):
                    found = self.api.build(path, place.number)
                if found is not None:
                    break
        except Unreadable as error:
            return JobPage(at, place.path, unread=((error.code, shown(error.message)),))
        if found is None:
            return None
        return JobPage(at, path, self._reader().chosen(path, [found]).wanted)

    def _reader(self) -> JobReader:
        return JobReader(self.api, self.interest, newest=self.settings.builds)

    def _swept(self, before: Cursor | None) -> Iterator[JobPage]:
        began = self.api.now()
        progress = Progress(before, told=self.settings.fingerprint())
        progress.sought = {short(one) for one in self._unbuilt}
        walk = Walk(self.api, self.settings)
        for found in walk.found():
            if isinstance(found, Unwalked):
                if found.again:
                    progress.fail(found.path)
                yield JobPage(began, found.path, unread=((found.code, shown(found.message)),))
            else:
                yield from self._job(found, progress)
        if walk.seen == 0 and self._knows:
            raise SourceRefused(
                "Jenkins shows no job at all, but builds of it are known: may the credential see "
                "them? To who is not signed in, Jenkins shows an empty list"
            )
        yield from self._still_open(progress)
        cursor, left = progress.written(self.api.server_time or began)
        self._counts += walk.counts
        if left:
            self._counts["not_remembered"] += left
        yield JobPage(began, cursor=cursor)

    def _job(self, job: Job, progress: Progress) -> Iterator[JobPage]:
        since = None if progress.before is None else progress.before.since(job.path)
        sought = self._sought(job, progress.before)
        newest = of_milliseconds(job.last.timestamp) if job.last else None
        old = since is not None and newest is not None and newest < since
        if job.never_built or (old and not sought.commits):
            return
        at = self.api.now()
        try:
            for found in self._reader().ranges(job.path, since=since, sought=sought):
                self._note(job.path, found, progress=progress)
                if found.wanted:
                    yield JobPage(at, job.path, found.wanted)
        except Unreadable as error:
            if error.code == "not_found":
                self._counts["vanished"] += 1
                return
            progress.fail(job.path)
            progress.sought -= {short(one) for one in sought.commits}  # they may be here
            yield JobPage(at, job.path, unread=((error.code, shown(error.message)),))

    def _sought(self, job: Job, before: Cursor | None) -> Sought:
        """What has no build yet and was not looked for: where its repository is built, or may be.

        Once: the cursor remembers what was looked for.
        """
        done = set(before.sought) if before is not None else set()
        actions = job.last.actions if job.last else ()
        places = repositories_of(actions)
        new = {one for one in self.interest.unbuilt(places) if short(one) not in done}
        new |= {one for one in self._placeless if short(one) not in done}
        if not places and not (job.last and job.last.result == "SUCCESS"):
            new |= {one for one in self._unbuilt if short(one) not in done}  # it broke off before
        if not new:
            return Sought()
        self._back += 1
        if self._back > MOST_BACK:
            self._counts["not_looked_further_back"] += 1
            return Sought()
        every = frozenset() if self._placeless & new else frozenset(self.interest.repositories())
        return Sought(frozenset(new), every)

    def _note(self, path: Path, found: Range, *, progress: Progress) -> None:
        """Who is open is looked at again, wanted or not: its commit may not be known yet."""
        if found.odd:
            self._counts["build_unreadable"] += found.odd
        self._counts["not_of_interest"] += len(found.builds) - len(found.wanted)
        for build in found.builds:
            self._note_open(Place(path, build.number), build, progress=progress)

    def _note_open(self, place: Place, build: Build, *, progress: Progress) -> None:
        began = of_milliseconds(build.timestamp)
        if is_open(build) and began is not None:
            progress.open[place] = min(began, self.api.now())
        progress.told_of.add(place)

    def _still_open(self, progress: Progress) -> Iterator[JobPage]:
        """Those that were open the last time, and were not among what is new."""
        for one in progress.before.open if progress.before else ():
            place = one.place
            if place in progress.told_of or not keeps(self.settings, place.path):
                continue
            at = self.api.now()
            try:
                found = self.api.build(place.path, place.number)
            except Unreadable as error:
                progress.open[place] = one.began
                yield JobPage(at, place.path, unread=((error.code, shown(error.message)),))
                continue
            if found is None:  # deleted, or its job was renamed
                self._counts["vanished"] += 1
                continue
            chosen = self._reader().chosen(place.path, [found])
            self._note(place.path, chosen, progress=progress)
            if chosen.wanted:
                yield JobPage(at, place.path, chosen.wanted)
