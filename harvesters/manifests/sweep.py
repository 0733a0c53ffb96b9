"""Reads the repositories of one place: all of them, or those that webhooks hinted at."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from harvesters.base import Told
from harvesters.errors import RecordUnreadable, shown
from harvesters.manifests.host import Dated, Host, RepositoryUnreadable, Tree
from harvesters.manifests.markers import Marker, marker_of, origin_of, short, wanted_digest
from harvesters.manifests.observe import Teller, known_manifests
from harvesters.manifests.pages import File, Head, Repository, RepositoryPage
from harvesters.manifests.place import folder_of
from harvesters.manifests.rhythm import cursor_of, is_fresh, names_one
from harvesters.manifests.settings import RepositorySettings
from harvesters.manifests.wanted import choose, is_manifest
from schemas.digest import canonical_json
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About, Hint
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings

VERSION: Final = "repositories/1"
LONGEST_ADDRESS: Final = 200  # paths stand behind it in identifiers
MOST_FOLDERS: Final = 20  # whose authors are asked for


class RepositorySweep:
    """One place with repositories is one scope.

    A repository whose head stands where it stood is seen without being read. Where no file that is
    read has changed, none is fetched.
    """

    def __init__(
        self,
        host: Host,
        source: SourceSettings,
        *,
        scope: str,
        settings: RepositorySettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page."""
        self.host, self.source, self.scope, self.settings = host, source, scope, settings
        self.version = f"{VERSION} {host.version}"
        self.coverage = Coverage.FULL
        self.clock = clock
        self.settled: Sequence[int] = ()
        self.follows: Sequence[About] = ("repository",)
        self.teller = Teller(source, settings, version=self.version, dialect=host.dialect)
        self._counts: Counter[str] = Counter()
        self._hints: list[Hint] = []
        self._elsewhere = False  # are there hints, and all about other places?
        self._known: defaultdict[str, list[KnownSubject]] = defaultdict(list)  # by origin
        self._read: set[str] = set()  # origins whose files were looked at
        self._told: dict[Identifier, str] = {}  # and of which origin
        self._seen: set[str] = set()  # origins of which there was a page
        self._whole: dict[str, Observation] = {}  # repositories, as they may be marked at the end
        self._parted: set[str] = set()  # origins of which something is said to be gone
        self._failed: set[Identifier | str] = set()  # of hints that were not followed
        self._began: datetime | None = None

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts + self.teller.counts

    def hint(self, hints: Sequence[Hint]) -> None:
        """Those about others are theirs; one that names no repository is about all of them."""
        about = [one for one in hints if one.about == "repository"]
        self._hints = [one for one in about if not names_one(one) or self.host.claims(one)]
        self._elsewhere = bool(hints) and not self._hints

    def choose(self, full_cursor: str | None) -> None:
        """Only what was hinted at, as long as everything was read within the source's interval.

        Nothing, where all hints are about other places.
        """
        named = (self._hints or self._elsewhere) and all(map(names_one, self._hints))
        seconds = self.source.expected_interval
        only = named and is_fresh(full_cursor, now=self.clock(), seconds=seconds)
        self.coverage = Coverage.DELTA if only else Coverage.FULL

    def remember(self, known: Sequence[KnownSubject]) -> None:
        """What the catalog holds, by the repository that it was read from."""
        for one in known:
            if (marker := marker_of(one)) is not None:
                self._known[marker.origin].append(one)
            elif one.subject.kind is Kind.REPOSITORY:  # it could not be read whole the last time
                self._known[origin_of(one.subject)].append(one)

    def pages(self, cursor: str | None) -> Iterator[RepositoryPage]:
        """One a repository; the hints are settled when all are read."""
        del cursor
        self._began = self.clock()
        seen: set[Identifier] = set()
        full = self.coverage is Coverage.FULL
        listed = self.host.repositories() if full else self._hinted()
        for some in listed:
            new = [one for one in some if one.identity not in seen]
            seen.update(one.identity for one in new)
            yield from self._pages([one for one in new if self._is_kept(one)])
        followed = (
            one for one in self._hints if self._failed.isdisjoint((one.repository, one.url))
        )
        self.settled = tuple(one.id for one in followed)

    def observe(self, page: RepositoryPage) -> Iterator[Told]:
        """What a page says. That it was read whole is said at the end, once all of it is told."""
        identity = page.repository.identity
        origin = origin_of(identity)
        self._seen.add(origin)
        for one in self.teller.tell(page):
            if one.subject is not None:
                self._told[one.subject] = origin
            if isinstance(one, Observation) and one.subject == identity:
                self._whole[origin] = one
                yield one.model_copy(update={"marker": None})
                continue
            if isinstance(one, RecordUnreadable) and one.subject == identity:
                self._whole.pop(origin, None)
            yield one
        if page.failure is None and not page.unchanged:
            self._read.add(origin)

    def vouch(self, refused: Collection[Identifier]) -> Iterator[Observation]:
        """Repositories that need not be read again: nothing of them was refused or parted."""
        incomplete = {self._told[one] for one in refused if one in self._told} | self._parted
        at = self.clock()
        for origin, one in self._whole.items():
            if origin not in incomplete and one.marker is not None:
                yield one.model_copy(update={"observed_at": at})

    def cursor_after(self, page: RepositoryPage) -> str | None:
        """When everything was read for the last time."""
        del page
        began = self._began or self.clock()
        return cursor_of(began)

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """What a repository that was read lacks is gone; a repository itself is asked for."""
        for one in unseen:
            yield from self._look_where(one)
            if self._is_gone(one):
                yield self._gone(one)
            elif one.subject.kind is Kind.OWNER and one.subject not in self._told:
                yield one  # of several repositories: none of them can say that it is gone

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Told]:
        """The same of a harvest of hints, which asks for nothing else."""
        for one in known:
            if self._is_gone(one):
                yield self._gone(one)

    def _gone(self, one: KnownSubject) -> Observation:
        """It may be held back: its repository is looked at again."""
        if (marker := marker_of(one)) is not None:
            self._parted.add(marker.origin)
        return Observation(subject=one.subject, observed_at=self.clock(), gone=True)

    def _look_where(self, one: KnownSubject) -> Iterator[Told]:
        """Ask once for the repository of what was not seen, before anything is concluded."""
        marker = marker_of(one)
        origin = marker.origin if marker else origin_of(one.subject)
        if origin in self._seen:
            return
        self._seen.add(origin)
        every = (known.subject for known in self._known.get(origin, ()))
        repository = next((each for each in every if each.kind is Kind.REPOSITORY), None)
        if repository is not None:
            yield from self._look_for(repository)

    def _is_gone(self, one: KnownSubject) -> bool:
        """It came from a repository that was read, and was not told again."""
        marker = marker_of(one)
        if marker is None or one.subject.kind in {Kind.REPOSITORY, Kind.OWNER}:
            return False
        return marker.origin in self._read and one.subject not in self._told

    def _look_for(self, identity: Identifier) -> Iterator[Told]:
        """Not listed: elsewhere by now, hidden, or it came while others were listed."""
        known = self._known_of(identity)
        try:
            found = self.host.find(identity, url=None)
        except RepositoryUnreadable as error:
            why = error.code, shown(error.message)
            page = RepositoryPage(
                self.clock(), Repository(identity, "", ""), known=known, failure=why
            )
            yield from self.observe(page)
            return
        if found is not None and self.settings.keeps(found.path):
            for page in self._pages([found]):
                yield from self.observe(page)

    def _hinted(self) -> Iterator[Sequence[Repository]]:
        for identity, url in dict.fromkeys((one.repository, one.url) for one in self._hints):
            try:
                found = self.host.find(identity, url=url)
            except RepositoryUnreadable:  # the next full harvest looks whether it is still listed
                self._failed |= {one for one in (identity, url) if one is not None}
                continue
            if found is not None:
                yield [found]

    def _is_kept(self, repository: Repository) -> bool:
        if len(repository.identity.value.encode()) > LONGEST_ADDRESS:
            self._counts["address_too_long"] += 1
            return False
        kept = self.settings.keeps(repository.path)
        if not kept:
            self._counts["excluded"] += 1
        return kept

    def _pages(self, repositories: Sequence[Repository]) -> Iterator[RepositoryPage]:
        at = self.clock()
        asked: list[Repository] = []
        for listed in repositories:
            one = self._chosen(listed)
            known = self._known_of(one.identity)
            before = self._before(known)
            told = any(
                hint.repository == one.identity or hint.url == one.url for hint in self._hints
            )
            same = listed.stamp and before is not None and before.stamp == one.stamp
            if same and not told:  # a listing may lag behind what a webhook told
                yield RepositoryPage(at, one, known=known, unchanged=True)
            else:
                asked.append(one)
        for one, head in self.host.heads(asked):
            yield self._page(one, head, at=at)

    def _chosen(self, listed: Repository) -> Repository:
        """With the branch that stands for it, and a stamp of all that was listed."""
        branch = self.settings.branch_of(listed.path) or listed.branch
        said = [listed.url, branch, listed.facts, listed.stamp]
        return listed._replace(branch=branch, stamp=short(canonical_json(said)))

    def _page(
        self, one: Repository, head: Head | RepositoryUnreadable, *, at: datetime
    ) -> RepositoryPage:
        page = RepositoryPage(at, one, known=self._known_of(one.identity))
        if isinstance(head, RepositoryUnreadable):
            return self._failing(page, head)
        page = page._replace(head=head)
        before = self._before(page.known)
        if head.commit is None:
            return page
        if before is not None and before.head == head.commit:
            if before.stamp == one.stamp:
                return page._replace(unchanged=True)
            return page._replace(files=None, wanted=before.wanted)
        try:
            with self.host.open(one, head) as tree:
                return self._opened(page, tree, before=before)
        except RepositoryUnreadable as error:
            return self._failing(page, error)

    def _failing(self, page: RepositoryPage, why: RepositoryUnreadable) -> RepositoryPage:
        self._failed |= {page.repository.identity, page.repository.url}
        return page._replace(failure=(why.code, shown(why.message)))

    def _opened(self, page: RepositoryPage, tree: Tree, *, before: Marker | None) -> RepositoryPage:
        """Its files, unless those that are read are what they were."""
        chosen = choose(tree.entries(), self.settings, dialect=self.host.dialect)
        made = tree.committed_at() if isinstance(tree, Dated) else None
        page = page._replace(wanted=wanted_digest(chosen.entries), committed_at=made)
        named = sorted(entry.path for entry in chosen.entries if is_manifest(entry.path))
        same = before is not None and before.wanted == page.wanted
        if same and not chosen.unread and named == known_manifests(page.known):
            return page._replace(files=None)
        files: list[File] = []
        unread = list(chosen.unread)
        for read in tree.files(chosen.entries):
            (files if isinstance(read, File) else unread).append(read)  # type: ignore[arg-type]
        folders = list(dict.fromkeys(map(folder_of, named)))[:MOST_FOLDERS]
        authors = [author for folder in folders for author in tree.authors(folder)]
        return page._replace(files=tuple(files), unread=tuple(unread), authors=tuple(authors))

    def _known_of(self, identity: Identifier) -> tuple[KnownSubject, ...]:
        return tuple(self._known.get(origin_of(identity), ()))

    def _before(self, known: Iterable[KnownSubject]) -> Marker | None:
        """What was read the last time, by the same code and settings."""
        markers = (marker_of(one) for one in known if one.subject.kind is Kind.REPOSITORY)
        own = (marker for marker in markers if marker and marker.format == self.teller.format)
        return next(own, None)
