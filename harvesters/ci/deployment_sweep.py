"""Reads the deployments of one place: once a day all environments, else those that changed."""

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from harvesters.base import Told
from harvesters.ci.hints import Hinting, number_of
from harvesters.ci.host import DeploymentHost, DeploymentTeller
from harvesters.ci.pages import CiPage
from harvesters.ci.wanted import Wanted
from harvesters.errors import RecordUnreadable, SourceRefused, shown
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Repository
from harvesters.moments import read_moment
from schemas.commits import NamedCommit
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About, Hint
from schemas.identifiers import Identifier, Kind, decode_segment
from schemas.masking_documents import mask_document
from schemas.observation import Observation

VERSION: Final = "deployments/1"
FORMAT: Final = 1
OVERLAP: Final = timedelta(minutes=5)
A_DAY: Final = timedelta(days=1)
MOST_MEMOS: Final = 600
MOST_BEHIND: Final = 200
MOST_MISSING: Final = 400
ABSENCES: Final = 3  # of a repository, a day apart each: then what it deployed is gone


class Known(NamedTuple):
    """Where a harvest goes on. `memos`: what a host said last, by the number of a repository.

    `read_at`, `all_at`: when what changed was read, and when everything.
    """

    until: datetime | None = None
    read_at: datetime | None = None
    all_at: datetime | None = None
    memos: Mapping[str, str] = {}
    behind: Mapping[str, datetime] = {}  # since when a repository was not read
    missing: Mapping[str, int] = {}  # how often one was not listed, when everything was read

    @classmethod
    def read(cls, text: str | None) -> "Known":
        """What was written; nothing of what cannot be read."""
        said = _object(text)
        behind, missing = _members(said, "behind"), _members(said, "missing")
        return cls(
            read_moment(said.get("until")),
            read_moment(said.get("read_at")),
            read_moment(said.get("all_at")),
            {number: str(memo) for number, memo in _members(said, "memos").items()},
            {key: at for key, value in behind.items() if (at := read_moment(value)) is not None},
            {key: count for key, count in missing.items() if isinstance(count, int)},
        )

    def text(self) -> str:
        """As it travels."""
        said = {
            "format": FORMAT,
            "until": _written(self.until),
            "read_at": _written(self.read_at),
            "all_at": _written(self.all_at),
            "memos": dict(list(self.memos.items())[-MOST_MEMOS:]),
            "behind": {number: _written(at) for number, at in self.behind.items()},
            "missing": dict(list(self.missing.items())[:MOST_MISSING]),
        }
        return json.dumps(said, separators=(",", ":"))


Reading = Generator[CiPage, None, Known]


class DeploymentSweep:
    """One place is one scope; what is deployed in an environment is one thing.

    Once a day everything is read, and what was not seen is asked for by name: nothing is concluded
    from a listing alone, so that the last deployment of a place may go.
    """

    coverage: Coverage = Coverage.DELTA
    follows: Sequence[About] = ("deployment",)

    def __init__(
        self,
        host: DeploymentHost | None,
        teller: DeploymentTeller,
        *,
        scope: str,
        seconds: int = 3_600,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`seconds`: the source's interval. Without a host pages are observed, and none is read."""
        self.host, self.teller, self.scope, self.clock = host, teller, scope, clock
        self.version = f"{VERSION} {teller.version}"
        self.wanted = Wanted(teller.scheme, teller.host)
        self.hinting = Hinting(self.follows, seconds)
        self.settled: Sequence[int] = ()
        self.read_all = self.proves_empty = False  # known after the pages
        self._counts: Counter[str] = Counter()
        self._missing: Mapping[str, int] = {}
        self._at = datetime.now(UTC)
        self._read: dict[str, Repository] = {}  # by number
        self._failed: dict[str, RepositoryUnreadable] = {}
        self._elsewhere: set[str] = set()  # numbers of repositories that are not here any more
        self._known: set[str] = set()  # and of those that something was deployed of

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts + Counter(self.host.counts if self.host else {})

    def hint(self, hints: Sequence[Hint]) -> None:
        """Those about deployments in this place."""
        self.hinting.take(hints, claims=self._host.claims)

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """Of which repositories something is deployed."""
        named = (self._name_of(one.subject)[0] for one in known)
        self._known |= {number for number in named if number is not None}

    def follow(self, commits: Sequence[NamedCommit]) -> None:
        """Commits that the catalog names: their repositories are of interest."""
        self.wanted.add(commits)

    def pages(self, cursor: str | None) -> Iterator[CiPage]:
        """Repository by repository; the last page says where the next harvest goes on."""
        self._at = self.clock()
        known = Known.read(cursor)
        if self.wanted.anything or self._known:
            seconds = timedelta(seconds=self.hinting.seconds)
            fresh = known.read_at is not None and self._at - known.read_at < seconds
            if self.hinting.alone and fresh:
                known = yield from self._hinted(known)
            elif known.all_at is None or self._at - known.all_at >= A_DAY:
                known = yield from self._everything(known)
            else:
                known = yield from self._changes(known)
            yield CiPage(self._at, cursor=known.text())
        self.settled = self.hinting.settled()

    def observe(self, page: CiPage) -> Iterator[Told]:
        """One an environment; why a repository's cannot be read is a remark."""
        if page.failure is not None:
            code, message = page.failure
            message = f"deployments of {page.path}: {message}"
            yield RecordUnreadable(code, message, "", page.repository)
        for record in page.records:
            yield self.teller.tell(record, page)

    def cursor_after(self, page: CiPage) -> str | None:
        """Stated by the last page alone."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Environments that were not seen, by name: gone where their repository can be read.

        A repository that is not there has to be missed some times: hosts answer alike for what is
        deleted and what is hidden.
        """
        for one in unseen:
            number, name = self._name_of(one.subject)
            if number is None:
                continue
            try:
                repository = self._found(number)
                if repository is not None:
                    yield self._asked(one, repository, name=name)
                elif self._missing.get(number, 0) >= ABSENCES:
                    yield Observation(subject=one.subject, observed_at=self._at, gone=True)
            except RepositoryUnreadable as error:
                yield RecordUnreadable(error.code, shown(error.message), "", one.subject)

    @property
    def _host(self) -> DeploymentHost:
        if self.host is None:
            raise SourceRefused("a replay asks no server")
        return self.host

    def _everything(self, known: Known) -> Reading:
        """All environments; also which repositories are not listed any more, and how often."""
        behind, listed = dict[str, datetime](), self._host.repositories()
        self.read_all, self.proves_empty = True, bool(listed)
        for one in listed:
            number = number_of(one.identity)
            if not self.wanted.names(one.identity, one.url):
                self._counts["repositories_not_named"] += 1
                continue
            try:
                for record in self._host.every(number):
                    yield self._page(one, record)
                self._read[number] = one
            except RepositoryUnreadable as error:
                behind[number] = known.behind.get(number) or known.until or self._at
                yield self._failing(one, error)
        absent = sorted(self._known - {number_of(one.identity) for one in listed})
        self._missing = {number: known.missing.get(number, 0) + 1 for number in absent}
        return self._moved(known, behind)._replace(all_at=self._at, missing=self._missing)

    def _changes(self, known: Known) -> Reading:
        behind, memos = yield from self._touched(self._host.repositories(), known)
        return self._moved(known, behind)._replace(memos=memos)

    def _moved(self, known: Known, behind: Mapping[str, datetime]) -> Known:
        """Up to now, unless too many could not be read."""
        if len(behind) > MOST_BEHIND:
            return known._replace(read_at=self._at)
        return known._replace(until=self._host.now(), read_at=self._at, behind=behind)

    def _hinted(self, known: Known) -> Reading:
        """Only the repositories that webhooks named."""
        found = list[Repository]()
        for identity, url, path in self.hinting.repositories():
            if self.wanted.names(identity, url):  # its name is asked for where no hint tells it
                one = Repository(identity, url, path) if path else self._host.find(identity)
                found += [one] if one is not None else []
        _, memos = yield from self._touched(found, known)
        return known._replace(memos={**known.memos, **memos})

    def _touched(
        self, repositories: Iterable[Repository], known: Known
    ) -> Generator[CiPage, None, tuple[dict[str, datetime], dict[str, str]]]:
        """What changed of each; answers which could not be read, and what they said last."""
        behind, memos = dict[str, datetime](), dict[str, str]()
        since = known.until - OVERLAP if known.until is not None else None
        for one in repositories:
            number = number_of(one.identity)
            if not self.wanted.names(one.identity, one.url):
                self._counts["repositories_not_named"] += 1
                continue
            from_then = min((at for at in (since, known.behind.get(number)) if at), default=None)
            before = known.memos.get(number)
            try:
                records, memo = self._host.touched(number, since=from_then, before=before)
            except RepositoryUnreadable as error:
                behind[number] = from_then or self._at
                memos |= {number: before} if before else {}
                yield self._failing(one, error)
                continue
            memos |= {number: memo} if memo else {}
            for record in records:
                yield self._page(one, record)
        return behind, memos

    def _page(self, one: Repository, record: Mapping[str, Any]) -> CiPage:
        return CiPage(self._at, one.identity, one.path, one.url, (mask_document(record),))

    def _failing(self, one: Repository, error: RepositoryUnreadable) -> CiPage:
        self._failed[number_of(one.identity)] = error
        self.hinting.fail(one.identity)
        why = (error.code, shown(error.message))
        return CiPage(self._at, one.identity, one.path, one.url, failure=why)

    def _name_of(self, subject: Identifier) -> tuple[str | None, str]:
        """The number of a repository of this host, and the name of an environment."""
        above, _, name = subject.value.rpartition("/")
        host, _, number = above.rpartition("/")
        here = (subject.scheme, host) == (self.teller.scheme, self.teller.host)
        return (number if here else None), decode_segment(name)

    def _found(self, number: str) -> Repository | None:
        """A repository that is there. Raises `RepositoryUnreadable` where nobody can tell."""
        if number in self._failed:
            raise self._failed[number]
        if number not in self._read and number not in self._elsewhere:
            value = f"{self.teller.host}/{number}"
            identity = Identifier(kind=Kind.REPOSITORY, scheme=self.teller.scheme, value=value)
            try:
                found = self._host.find(identity)
            except RepositoryUnreadable as error:
                self._failed[number] = error
                raise
            if found is None:
                self._elsewhere.add(number)
            else:
                self._read[number] = found
        return self._read.get(number)

    def _asked(self, one: KnownSubject, repository: Repository, *, name: str) -> Told:
        found = self._host.named(number_of(repository.identity), name)
        if found is True:
            return one
        if found is False:
            return Observation(subject=one.subject, observed_at=self._at, gone=True)
        return self.teller.tell(mask_document(found), self._page(repository, {}))


def _members(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = said.get(name)
    return {str(key): one for key, one in found.items()} if isinstance(found, dict) else {}


def _object(text: str | None) -> dict[str, Any]:
    try:
        said = json.loads(text or "")
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("format") == FORMAT else {}


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
