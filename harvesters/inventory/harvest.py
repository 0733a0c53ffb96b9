"""Reads an inventory in full: a record that is not in it any more was not seen."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from harvesters.base import Harvester
from harvesters.codec import Codec, PageUnreadable
from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.inventory.keys import Row, Spaces, keyed, names
from harvesters.inventory.observe import Moment, observe_owner, observe_record, unreadable
from harvesters.inventory.record import Record, read_record
from harvesters.inventory.settings import InventorySettings, read_settings
from harvesters.inventory.table import FileUnreadable, Table, read_table
from harvesters.registry import Replays
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier
from schemas.observation import Observation
from schemas.sources import SourceSettings

SCOPE: Final = "records"
VERSION: Final = "omb-inventory/1"
ROWS_A_PAGE: Final = 500
MOST_SHOWN: Final = 100  # values that are not known, in a report
Told = Observation | RecordUnreadable


class InventoryPage(NamedTuple):
    """Some records of the file, and our time when it was read."""

    at: datetime
    rows: Sequence[Row]


class InventoryHarvest:
    """The records of one file, each with what it says of a model, its use and its data."""

    scope = SCOPE
    coverage = Coverage.FULL
    version = VERSION

    def __init__(
        self,
        source: SourceSettings,
        read: Callable[[], bytes],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`read` answers the file's bytes; nothing is read before the first page."""
        self.read, self.clock = read, clock
        self.settings: InventorySettings = read_settings(source)
        self.spaces = Spaces(source.namespace, source.namespaces, source.may_name)
        self._counts: Counter[str] = Counter()
        self._owners = set[Identifier]()

    @property
    def counts(self) -> Mapping[str, int]:
        """How the cells were read; of values that are not known the most frequent are shown."""
        values = Counter({one: n for one, n in self._counts.items() if ": " in one})
        kept = dict(values.most_common(MOST_SHOWN))
        if beyond := len(values) - len(kept):
            kept["values_beyond_report"] = beyond
        return {one: n for one, n in self._counts.items() if one not in values and n} | kept

    def pages(self, cursor: str | None) -> Iterator[InventoryPage]:
        """The whole file is read first: one that breaks off has said nothing."""
        del cursor
        at = self.clock()
        try:
            table = read_table(self.read())
        except FileUnreadable as error:
            raise SourceRefused(str(error)) from None
        rows = keyed(table.lines, self.spaces)
        self._tell(table, rows)
        for start in range(0, max(len(rows), 1), ROWS_A_PAGE):
            yield InventoryPage(at, rows[start : start + ROWS_A_PAGE])

    def observe(self, page: InventoryPage) -> Iterator[Told]:
        """What the records say, one at a time; an equal one says nothing more."""
        url = self.settings.url
        moment = Moment(self.settings.year, page.at, url)
        for row in page.rows:
            if row.wrong is not None:
                yield unreadable(row.line, row.wrong, code=row.code)
                continue
            record = self.record(row)
            self._counts.update(record.counts)
            if row.repeats is not None:
                continue
            if record.owner and record.owner not in self._owners:
                self._owners.add(record.owner)
                yield observe_owner(record.owner, moment)
            yield from observe_record(record, moment)

    def record(self, row: Row) -> Record:
        """The facts of a row, without the columns that are left out."""
        left = set(self.settings.leave_out)
        told = {name: cell for name, cell in row.cells.items() if name not in left}
        return read_record(row._replace(cells=told))

    def cursor_after(self, page: InventoryPage) -> str | None:
        """A file is always read in full."""
        del page
        return None

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing: what is not in the file was not seen, and is retired after some times."""
        del unseen
        return iter(())

    def _tell(self, table: Table, rows: Sequence[Row]) -> None:
        """What is said of the file as a whole."""
        told = [row for row in rows if row.wrong is None]
        self._counts.update({
            f"encoding_{table.encoding}": 1,
            "records": len(rows),
            "models": len(names(told)),
            "records_repeated": sum(row.repeats is not None for row in told),
            "records_without_id": sum(row.unnamed for row in told),
            "records_of_shared_keys": sum(row.shared for row in told),
            **{f"column_missing_{name}": 1 for name in table.missing},
            "columns_of_others": len(table.others),
        })  # fmt: skip
        self._counts.update(f"column_left_out_{one}" for one in self.settings.leave_out)


def _again(source: SourceSettings, scope: str) -> Harvester[Any]:
    """Who observes recorded pages."""
    if scope != SCOPE:
        message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
        raise PageUnreadable(message)

    def nothing() -> bytes:
        raise SourceRefused("a replay reads no file")

    return InventoryHarvest(source, nothing)


REPLAYS: Final = Replays(Codec(InventoryPage, Row), _again)
