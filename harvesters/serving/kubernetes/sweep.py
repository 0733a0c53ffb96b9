"""Reads the deployments of a cluster: now and then everything, in between what changed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from harvesters.base import Told
from harvesters.errors import RecordUnreadable, SourceRefused, SourceUnavailable
from harvesters.serving.kubernetes.api import (
    Expired,
    Kubernetes,
    NotAllowed,
    NotServed,
    Part,
    part_of,
)
from harvesters.serving.kubernetes.cursor import Left, newest
from harvesters.serving.kubernetes.kinds import RESOURCES
from harvesters.serving.kubernetes.objects import LeftOut, Served, Unreadable, keep
from harvesters.serving.kubernetes.observe import (
    Cluster,
    Running,
    ServingPage,
    of_served,
    running_of,
    subject_of,
)
from schemas.digest import canonical_json, sha256
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier, decode_segment
from schemas.observation import Observation

VERSION: Final = "kubernetes/1"
SCOPE: Final = "serving"
ON_TIME: Final = 0.9  # of an interval: a harvest that is due begins a little early or late
LISTED_AGAIN: Final = 3  # times, when the API forgets where a list stood


class ServingSweep:
    """One cluster. `counts`: objects that serve no model, kinds that are not installed."""

    scope, version = SCOPE, VERSION

    def __init__(self, kubernetes: Kubernetes | None, cluster: Cluster, *, seconds: int) -> None:
        """Nothing is asked before it is needed; without an API, what was recorded is observed.

        `seconds` between harvests as they are due: within that, everything is seen once.
        """
        self.kubernetes, self.cluster = kubernetes, cluster
        told = cluster.settings.list_every
        self._every = timedelta(seconds=seconds if told is None else min(told, seconds)) * ON_TIME
        self.coverage = Coverage.FULL
        self._counts: Counter[str] = Counter()
        self._denied: set[str] = set()  # parts, by key
        self._missing: set[str] = set()
        self._versions: dict[str, str] = {}
        self._emptied = False
        self._left: str | None = None  # the cursor of the last full harvest
        self._identity: str | None = None
        self._same = False  # is it the cluster that was read before?
        self._again: set[str] = set()  # parts that were listed in place of being watched
        self._pods = cluster.settings.pods

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        return self._counts

    @property
    def read_all(self) -> bool:
        """What was deleted while nobody watched is asked for by name."""
        return bool(self._again)

    @property
    def proves_empty(self) -> bool:
        """Between two full harvests nothing may have changed."""
        return self.coverage is Coverage.DELTA

    def choose(self, full_cursor: str | None) -> None:
        """Everything, unless that was done a short while ago and the source is told the same.

        An empty listing is never believed: what a cluster that is emptied held is asked for by
        name, in a harvest of changes that lists all there is.
        """
        self._left = full_cursor
        left = Left.read(full_cursor)
        if left is None or left.told != self._told():
            self.coverage = Coverage.FULL
            return
        fresh = self._now() - left.at < self._every
        self._emptied = not fresh and self._is_emptied(left)
        self.coverage = Coverage.DELTA if fresh or self._emptied else Coverage.FULL

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Told]:
        """A watch tells everything."""
        del known
        return iter(())

    def pages(self, cursor: str | None) -> Iterator[ServingPage]:
        """Kind by kind, in each namespace that is read."""
        began = self._now()
        self._recognise()
        if self.coverage is Coverage.DELTA and not self._emptied:
            self._versions = dict(newest(self._left, cursor, told=self._told()).versions)
        parts = self.parts()
        for part in parts:
            yield from self._part(part)
        if len(self._missing) == len(parts):
            self._api().check()
        if self._denied and len(self._denied | self._missing) == len(parts):
            raise SourceRefused("the credential may list nothing of what is asked for")
        yield ServingPage(began, cursor=self._cursor(began))

    def observe(self, page: ServingPage) -> Iterator[Told]:
        """A deployment each."""
        for why in page.unreadable:
            yield RecordUnreadable("unnamed", why)
        if page.denied is not None:
            yield RecordUnreadable("forbidden", page.denied)
        for one in page.objects:
            running = page.running.get(f"{one.namespace}/{one.name}")
            yield of_served(one, self.cluster, at=page.at, running=running)
        for one in page.gone:
            subject = subject_of(one, self.cluster)
            yield Observation(subject=subject, observed_at=page.at, gone=True)

    def cursor_after(self, page: ServingPage) -> str | None:
        """Where the next watch begins, once all was read."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """A list shows all there is: what it lacks is absent, but for what may not be listed.

        Between two full harvests nothing is absent: what was listed then is asked for by name.
        """
        for one in unseen:
            part, name = part_of(one.subject, self.parts())
            if part is None:
                continue
            if part.key in self._denied:
                why = f"{part} may not be listed any more"
                yield RecordUnreadable("forbidden", why, "", one.subject)
            elif self._same and part.key in self._again - self._missing:
                yield from self._asked(one.subject, part, name=name)

    def _asked(self, subject: Identifier, part: Part, *, name: str) -> Iterator[Told]:
        at = self._now()
        inside = Part(part.resource, decode_segment(subject.value.split("/")[1]))
        try:
            found = self._api().object(inside, name)
        except NotAllowed:
            why = f"{part} may be listed, and not be asked for by name"
            yield RecordUnreadable("forbidden", why, "", subject)
            return
        if found is None:
            yield Observation(subject=subject, observed_at=at, gone=True)
            return
        yield from self.observe(self._page(at, part, found=[found]))

    def parts(self) -> list[Part]:
        """What is read."""
        told = self.cluster.settings
        spaces = (None,) if told.namespaces == "all" else told.namespaces
        return [Part(RESOURCES[kind], space) for kind in told.kinds for space in spaces]

    def _recognise(self) -> None:
        """Another cluster at the same address would look emptied."""
        left = Left.read(self._left)
        self._identity = self._api().identity()
        if left is None or left.told != self._told() or None in {left.identity, self._identity}:
            return
        self._same = left.identity == self._identity
        if not self._same:
            message = "another cluster answers than before; `--full` reads it all the same"
            raise SourceRefused(message)

    def _is_emptied(self, left: Left) -> bool:
        """Does the cluster that was read before serve nothing any more? Ends at the first thing."""
        try:
            if left.identity is None or self._api().identity() != left.identity:
                return False
            for part in self.parts():
                with suppress(NotServed):
                    for page in self._api().listed(part):
                        if any(self._is_kept(part, one) for one in page.items):
                            return False
        except (NotAllowed, Expired, SourceRefused, SourceUnavailable):
            return False  # the harvest will say so
        return True

    def _is_kept(self, part: Part, found: Any) -> bool:
        return isinstance(keep(found, part.resource, settings=self.cluster.settings), Served)

    def _part(self, part: Part) -> Iterator[ServingPage]:
        """One kind; what is not there or not allowed keeps no other from being read."""
        version = self._versions.get(part.key) if self.coverage is Coverage.DELTA else None
        try:
            if version is not None:
                yield from self._watched(part, version)
            else:
                yield from self._listed(part)
        except NotServed:
            self._missing.add(part.key)
            self._versions.pop(part.key, None)
            self._counts[f"{part.resource.plural}_not_installed"] += 1
        except NotAllowed:
            self._denied.add(part.key)
            self._versions.pop(part.key, None)
            why = f"the credential may not list {part}: its role needs get, list and watch"
            yield ServingPage(self._now(), denied=why)

    def _listed(self, part: Part) -> Iterator[ServingPage]:
        """Every page of one moment; when that is forgotten on the way, all of a later one."""
        if self.coverage is Coverage.DELTA:
            self._again.add(part.key)
        for _ in range(LISTED_AGAIN):
            try:
                at = self._now()
                for page in self._api().listed(part):
                    yield self._page(at, part, found=page.items)
                    self._versions[part.key] = page.version
            except Expired:
                self._counts["listed_again"] += 1
            else:
                return
        message = f"{part}: the list expired {LISTED_AGAIN} times before its end"
        raise SourceRefused(message)

    def _watched(self, part: Part, version: str) -> Iterator[ServingPage]:
        """The last that happened to each object; what is too long ago is listed."""
        at, last = self._now(), dict[Any, tuple[str, Any]]()
        seconds = self.cluster.settings.watch_seconds
        try:
            for event in self._api().watched(part, version, seconds=seconds):
                version = event.version or version
                if event.type != "BOOKMARK":
                    about = event.object.get("metadata")
                    named = about if isinstance(about, dict) else {}
                    key = str(named.get("namespace")), str(named.get("name"))
                    last[key] = event.type, event.object
        except (Expired, SourceUnavailable) as error:  # also a watch that breaks, again and again
            broken = isinstance(error, SourceUnavailable)
            self._counts["watches_broken" if broken else "listed_again"] += 1
            yield from self._listed(part)
            return
        there = [found for kind, found in last.values() if kind != "DELETED"]
        away = [found for kind, found in last.values() if kind == "DELETED"]
        yield self._page(at, part, found=there, gone=away)
        self._versions[part.key] = version

    def _page(
        self, at: datetime, part: Part, *, found: Sequence[Any], gone: Sequence[Any] = ()
    ) -> ServingPage:
        kept, odd = self._kept(part, found)
        away, _ = self._kept(part, gone)
        running = {
            f"{one.namespace}/{one.name}": told
            for one in kept
            if (told := self._running(one)) is not None
        }
        return ServingPage(at, tuple(kept), running, tuple(away), tuple(odd))

    def _kept(self, part: Part, found: Sequence[Any]) -> tuple[list[Served], list[str]]:
        kept, odd = list[Served](), list[str]()
        for one in found:
            read = keep(one, part.resource, settings=self.cluster.settings)
            if isinstance(read, Served):
                kept.append(read)
            elif isinstance(read, Unreadable):
                odd.append(read.why)
            elif isinstance(read, LeftOut):
                self._counts[read.reason] += 1
        return kept, odd

    def _running(self, one: Served) -> Running | None:
        """What its pods say, where they may be read and the image is not pinned already."""
        if not self._pods or one.pods is None or "@sha256:" in (one.image or ""):
            return None
        try:
            pods = self._api().pods(one.namespace, one.pods)
        except NotAllowed:
            self._pods = False
            self._counts["pods_not_readable"] += 1
            return None
        found = running_of(pods, one.container)
        return found if found != Running() else None

    def _cursor(self, at: datetime) -> str:
        return Left(at, self._told(), self._identity, self._versions).written()

    def _told(self) -> str:
        """Another one when anything else is to be read, or read otherwise."""
        return sha256(canonical_json(self.cluster.settings.model_dump(mode="json")))[7:23]

    def _now(self) -> datetime:
        return self._api().client.clock.now()

    def _api(self) -> Kubernetes:
        if self.kubernetes is None:
            raise SourceRefused("a replay asks no server")
        return self.kubernetes
