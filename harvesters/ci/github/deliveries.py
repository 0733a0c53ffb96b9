"""Asks GitHub to send once more what it could not deliver: its webhooks try only once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from harvesters.base import Told
from harvesters.ci.pages import CiPage
from harvesters.ci.payloads import Id, LooseFlag, LooseNumber, LooseText, Payload, read
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import PoliteClient, joined
from harvesters.moments import read_moment
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About

VERSION: Final = "github-deliveries/1"
FORMAT: Final = 1
FIRST_LOOK: Final = timedelta(days=1)  # GitHub keeps three
OVERLAP: Final = timedelta(minutes=5)
MOST_PAGES: Final = 10
MOST_ASKED: Final = 100  # in one harvest
NOT_LET_IN: Final = frozenset({401, 403, 404, 422})
GOOD: Final = range(200, 300)


class Box(NamedTuple):
    """Where deliveries are listed: below a hook, or below each of `many` hooks that are ours."""

    client: PoliteClient
    path: tuple[str, ...]
    many: bool = False


class Delivery(Payload):
    """One try to deliver something; tries of the same thing share a `guid`."""

    id: Id
    guid: LooseText = None
    delivered_at: LooseText = None
    redelivery: LooseFlag = None
    status_code: LooseNumber = None  # 0: nobody answered


class DeliverySweep:
    """The deliveries of a source's webhooks. It states nothing, and fails no harvest."""

    coverage: Coverage = Coverage.DELTA
    follows: Sequence[About] = ()
    version = VERSION

    def __init__(
        self,
        boxes: Sequence[Box],
        source: str,
        *,
        scope: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`source` is the last part of our hooks' addresses."""
        self.boxes, self.source, self.scope, self.clock = boxes, source, scope, clock
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> Mapping[str, int]:
        """What was found, and asked for."""
        return self._counts

    def pages(self, cursor: str | None) -> Iterator[CiPage]:
        """One, when all was looked through: what could not be read is looked at the next time."""
        at = self.clock()
        since = _since(cursor) or at - FIRST_LOOK
        whole = True
        for box in self.boxes:
            try:
                for hook in self._hooks(box):
                    whole &= self._look_through(box.client, hook, since=since)
            except (SourceUnavailable, SourceRefused):
                self._counts["deliveries_not_read"] += 1
                whole = False
        until = at if whole and not self._counts["hooks_not_readable"] else since
        yield CiPage(at, cursor=json.dumps({"format": FORMAT, "until": until.isoformat()}))

    def observe(self, page: CiPage) -> Iterator[Told]:
        """Nothing."""
        del page
        return iter(())

    def cursor_after(self, page: CiPage) -> str | None:
        """Until when deliveries were looked through."""
        return page.cursor

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing."""
        del unseen
        return iter(())

    def _hooks(self, box: Box) -> Iterator[str]:
        """Paths of hooks that deliver to this source."""
        if not box.many:
            yield joined(*box.path)
            return
        path = joined(*box.path)
        for answer in box.client.pages(path, {"per_page": 100}, kind="hooks", also=NOT_LET_IN):
            if answer.json is None:
                self._counts["hooks_not_readable"] += 1
                return
            for hook in answer.json:
                number = hook.get("id") if isinstance(hook, Mapping) else None
                if isinstance(number, int) and self._is_ours(hook):
                    yield f"{path}/{number}"

    def _is_ours(self, hook: Mapping[str, Any]) -> bool:
        config = hook.get("config")
        url = config.get("url") if isinstance(config, Mapping) else None
        return isinstance(url, str) and urlsplit(url).path.endswith(f"/hooks/{self.source}")

    def _look_through(self, client: PoliteClient, hook: str, *, since: datetime) -> bool:
        """Ask for what failed since then, each once; answers whether all was looked at."""
        listed = self._listed(client, f"{hook}/deliveries", since=since - OVERLAP)
        if listed is None:
            return False
        tries: dict[str, list[Delivery]] = {}
        for one in listed:
            tries.setdefault(one.guid or str(one.id), []).append(one)
        for some in tries.values():
            last = max(some, key=lambda one: one.id)
            if any(one.status_code in GOOD for one in some):
                continue
            if any(one.redelivery for one in some) or (_time(last) or since) < since:
                continue
            self._counts["deliveries_failed"] += 1
            if self._counts["deliveries_asked_for"] >= MOST_ASKED:
                self._counts["deliveries_beyond_100"] += 1
                continue
            path = f"{hook}/deliveries/{last.id}/attempts"
            status = client.post(path, kind="redelivery", also=NOT_LET_IN)
            taken = status in GOOD
            self._counts["deliveries_asked_for" if taken else "deliveries_not_sent"] += 1
        return True

    def _listed(self, client: PoliteClient, path: str, *, since: datetime) -> list[Delivery] | None:
        """The newest first, down to a time; None where they may not be seen."""
        found: list[Delivery] = []
        pages = client.pages(path, {"per_page": 100}, kind="deliveries", also=NOT_LET_IN)
        for count, answer in enumerate(pages, start=1):
            if answer.json is None:
                self._counts["hooks_not_readable"] += 1
                return None
            some = [one for row in answer.json if (one := read(Delivery, row)) is not None]
            found += [one for one in some if (_time(one) or since) >= since]
            if count == MOST_PAGES or any((_time(one) or since) < since for one in some):
                break
        return found


def _time(one: Delivery) -> datetime | None:
    return read_moment(one.delivered_at)


def _since(cursor: str | None) -> datetime | None:
    try:
        said = json.loads(cursor or "")
    except ValueError:
        return None
    known = isinstance(said, dict) and said.get("format") == FORMAT
    return read_moment(said.get("until")) if known else None
