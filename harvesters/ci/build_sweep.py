"""Reads the builds of one place: what is new, what was open, and what webhooks hinted at."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from harvesters.base import Told
from harvesters.ci.cursor import MOST_BEHIND, BuildCursor, mark_of
from harvesters.ci.hints import Hinting, number_of
from harvesters.ci.host import BuildHost, BuildTeller
from harvesters.ci.pages import CiPage
from harvesters.ci.wanted import Wanted
from harvesters.errors import RecordUnreadable, SourceRefused, shown
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Repository
from schemas.commits import NamedCommit
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About, Hint
from schemas.identifiers import Identifier, Kind
from schemas.masking_documents import mask_document

VERSION: Final = "builds/1"
OVERLAP: Final = timedelta(minutes=5)  # listings lag behind
MONTH: Final = timedelta(days=30)  # so long a build can be run again
DAY: Final = timedelta(days=1)
MOST_NAMED: Final = 200  # commits that one harvest asks for by name
Key = tuple[str, str]  # numbers of a repository and a build
Reading = Generator[CiPage, None, BuildCursor]
Marks = Generator[CiPage, None, list[str]]


class BuildSweep:
    """One place is one scope. A listing of builds proves presence only: always a delta."""

    coverage: Coverage = Coverage.DELTA
    follows: Sequence[About] = ("build", "release")  # a release starts builds
    read_all = False  # nothing is missed; asked to read everything, it begins without a cursor

    def __init__(
        self,
        host: BuildHost | None,
        teller: BuildTeller,
        *,
        scope: str,
        workflows: Sequence[str] = (),
        seconds: int = 3_600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`seconds`: the source's interval. Without a host pages are observed, and none is read."""
        self.host, self.teller, self.scope, self.clock = host, teller, scope, clock
        self.version = f"{VERSION} {teller.version}"
        self.wanted = Wanted(teller.scheme, teller.host, workflows=workflows)
        self.hinting = Hinting(self.follows, seconds)
        self.settled: Sequence[int] = ()
        self._counts: Counter[str] = Counter()
        self._seen: set[Key] = set()
        self._open: dict[Key, None] = {}
        self._built: set[tuple[str, str | None]] = set()  # numbers of repositories, and commits
        self._at = datetime.now(UTC)
        self._left = MOST_NAMED

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts + Counter(self.host.counts if self.host else {})

    def hint(self, hints: Sequence[Hint]) -> None:
        """Those about builds in this place."""
        self.hinting.take(hints, claims=self._host.claims)

    def follow(self, commits: Sequence[NamedCommit]) -> None:
        """Commits that the catalog names."""
        self.wanted.add(commits)

    def pages(self, cursor: str | None) -> Iterator[CiPage]:
        """Repository by repository; the last page says where the next harvest goes on."""
        self._at = self.clock()
        state = BuildCursor.read(cursor)
        if self.wanted.anything:
            fresh = state.is_fresh(self._at, self.hinting.seconds)
            if self.hinting.alone and fresh:
                state = yield from self._hinted(state)
            else:
                state = yield from self._everything(state)
            yield CiPage(self._at, cursor=state.text())
        self.settled = self.hinting.settled()

    def observe(self, page: CiPage) -> Iterator[Told]:
        """One a build; why a repository's cannot be read is a remark."""
        if page.failure is not None:
            code, message = page.failure
            where = page.path or (page.repository.value if page.repository else "")
            yield RecordUnreadable(code, f"builds of {where}: {message}", "", page.repository)
        for record in page.records:
            yield self.teller.tell(record, page)

    def cursor_after(self, page: CiPage) -> str | None:
        """Stated by the last page alone."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing: no build is missed."""
        del unseen
        return iter(())

    @property
    def _host(self) -> BuildHost:
        if self.host is None:
            raise SourceRefused("a replay asks no server")
        return self.host

    def _everything(self, state: BuildCursor) -> Reading:
        """What is new of every repository of interest; once a day all that may have run again."""
        last = state.reread_at
        again = state.until is None or last is None or self._at - last >= DAY
        floor = self._at - MONTH
        usual = floor if again or state.until is None else max(state.until - OVERLAP, floor)
        behind: dict[str, datetime] = {}
        asked: list[str] = []
        for one in self._of_interest():
            number = number_of(one.identity)
            since = max(min(usual, state.behind.get(number, usual)), floor)
            try:
                yield from self._changed(one, number, since=since)
                asked += yield from self._named(one, number, asked=state.asked)
            except RepositoryUnreadable as error:
                behind[number] = since
                yield self._failed(one, error)
        yield from self._single(state)
        moved = len(behind) <= MOST_BEHIND
        return BuildCursor(
            self._host.now() if moved else state.until,
            self._at,
            self._at if again else last,
            tuple(self._open),
            behind if moved else state.behind,
            tuple(asked),
        )

    def _hinted(self, state: BuildCursor) -> Reading:
        """Only what webhooks named, at the cost of a request or two for each."""
        self._open = dict.fromkeys(state.open)
        for identity, url, path in self.hinting.repositories():
            if not self._is_of_interest(identity, url):
                continue
            number, one = number_of(identity), Repository(identity, url, path)
            since = (state.until or self._at) - OVERLAP
            try:
                yield from self._changed(one, number, since=since)
            except RepositoryUnreadable as error:
                yield self._failed(one, error)
        asked = list(state.asked)
        for identity, url, path in self.hinting.places():
            number, one = number_of(identity), Repository(identity, url, path)
            try:
                marks = yield from self._named(one, number, asked=state.asked)
            except RepositoryUnreadable as error:
                yield self._failed(one, error)
            else:
                asked += [one for one in marks if one not in state.asked]
        yield from self._single(state._replace(open=()))
        return state._replace(open=tuple(self._open), asked=tuple(asked))

    def _of_interest(self) -> Iterator[Repository]:
        for one in self._host.repositories():
            if self._is_of_interest(one.identity, one.url):
                yield one
            else:
                self._counts["repositories_not_named"] += 1

    def _is_of_interest(self, identity: Identifier, url: str) -> bool:
        return bool(self.wanted.interest.workflows) or self.wanted.names(identity, url)

    def _changed(self, one: Repository, number: str, *, since: datetime) -> Iterator[CiPage]:
        for rows in self._host.changed(number, since=since, until=self._at):
            yield from self._page(one, number, rows=rows)

    def _named(self, one: Repository, number: str, *, asked: Sequence[str]) -> Marks:
        """Builds of commits without one: they ran before the catalog knew of the commit."""
        before, marks = set(asked), list[str]()
        for commit in self.wanted.unbuilt(one.identity, one.url):
            mark = mark_of(number, commit)
            if mark not in before and (number, commit) not in self._built:
                if self._left == 0:
                    self._counts["commits_asked_later"] += 1
                    continue
                self._left -= 1
                rows = self._host.of_commit(number, commit)
                yield from self._page(one, number, rows=rows)
            marks.append(mark)
        return marks

    def _single(self, state: BuildCursor) -> Iterator[CiPage]:
        """Builds that were open the last time, or that a webhook named, one by one."""
        named = {
            (number_of(identity), build): Repository(identity, url, path)
            for identity, url, path, build in self.hinting.builds(self.teller)
            if self._is_of_interest(identity, url)
        }
        for number, build in dict.fromkeys((*state.open, *named)):
            if (number, build) in self._seen:
                continue
            one = named.get((number, build)) or self._numbered(number)
            try:
                record = self._host.build(number, build)
            except RepositoryUnreadable as error:
                self._open[number, build] = None
                yield self._failed(one, error)
                continue
            if record is None:
                self._counts["builds_not_there"] += 1
                self._open.pop((number, build), None)
            else:
                yield from self._page(one, number, rows=[record])

    def _numbered(self, number: str) -> Repository:
        value = f"{self.teller.host}/{number}"
        return Repository(
            Identifier(kind=Kind.REPOSITORY, scheme=self.teller.scheme, value=value), "", ""
        )

    def _page(
        self, one: Repository, number: str, *, rows: Iterable[Mapping[str, Any]]
    ) -> Iterator[CiPage]:
        records = []
        for row in rows:
            build = self.teller.look(row)
            if build is None:
                self._counts["unreadable"] += 1
                continue
            key = (number, build.id)
            if key in self._seen:
                continue
            self._seen.add(key)
            self._open.pop(key, None)
            if not self.wanted.interest.wants(build.commit, build.workflows):
                self._counts["builds_not_named"] += 1
                continue
            self._built.add((number, build.commit))
            if build.open:
                self._open[key] = None
            records.append(mask_document(self._host.whole(number, row)))
        if records:
            yield CiPage(self._at, one.identity, one.path, one.url, tuple(records))

    def _failed(self, one: Repository, error: RepositoryUnreadable) -> CiPage:
        self.hinting.fail(one.identity)
        why = (error.code, shown(error.message))
        return CiPage(self._at, one.identity, one.path, one.url, failure=why)
