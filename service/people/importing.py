"""Enters an inventory: each row of a file one model, by the route of all observations."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from sqlmodel import Session

from schemas.dates import ReadDate
from schemas.imports import DatesRead, ImportQuery, ImportRefusal, ImportReport
from schemas.observation import Refusal
from service.db import Database
from service.ingest.ingest import record_batch
from service.ingest.sources import SourceFacts
from service.people.attempt import attempt
from service.people.columns import Columns, map_columns, read_values
from service.people.delimited import read_delimited
from service.people.entered import find_digests, observed, spoken_at
from service.people.reading import Reading, ReadRow, RowRefused, refusal
from service.people.source import (
    NamespaceNotYours,
    Speaker,
    namespaces_of,
    persons_source,
    speaking,
)
from service.people.spreadsheet import read_spreadsheet
from service.people.table import XLSX, Row, Sent, Table
from service.people.targets import make_targets

BATCH: Final = 1_000  # rows that are entered in one transaction
MOST_SHOWN: Final = 1_000


class Entry(NamedTuple):
    """What one batch did."""

    created: int
    changed: int
    refused: Sequence[tuple[int, Refusal]]  # with the numbers of the rows


class Tally:
    """What became of the rows so far."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: Counter[str] = Counter()
        self.dates: Counter[str] = Counter()
        self.refused: list[ImportRefusal] = []
        self.seen: dict[str, tuple[int, str]] = {}

    def note_date(self, found: ReadDate) -> None:
        """Count how exact a date is."""
        self.dates[found.precision] += 1
        self.dates["ambiguous"] += found.ambiguous

    def refuse(self, *refusals: ImportRefusal) -> None:
        """Leave one row out."""
        self.rows["rows_refused"] += 1
        self.refused += refusals[: MOST_SHOWN - len(self.refused)]

    def is_new(self, read: ReadRow) -> bool:
        """Is it the first row of its name? Another one may only repeat it."""
        first, said = self.seen.setdefault(read.named, (read.number, read.digest))
        if first == read.number:
            return True
        if said == read.digest:
            self.rows["repeated"] += 1
            return False
        fix = "Give each row a name of its own, or make one row of the two."
        message = f"has the name of row {first}, and says something else"
        row = Row(read.number, ())
        self.refuse(refusal(row, None, code="name_repeated", message=message, fix=fix))
        return False

    def note(self, entry: Entry, *, of: int, columns: Columns) -> None:
        """Count what a batch did."""
        for number, refused in entry.refused:
            fact = refused.pointer.removeprefix("/facts/").partition("/")[0]
            row, header = Row(number, ()), columns.header_of(fact)
            self.refuse(refusal(row, header, code=refused.code, message=refused.message))
        changed = {"created": entry.created, "changed": entry.changed}
        unchanged = of - len(entry.refused) - sum(changed.values())
        self.rows.update(changed | {"unchanged": unchanged})


def import_file(
    store: Database, speaker: Speaker, *, sent: Sent, asked: ImportQuery
) -> ImportReport:
    """Enter the rows of a file, so many at a time; a dry run reports the same.

    Raises `FileUnreadable`, `Invalid` and what `persons_source` raises, before anything is entered.
    """
    tally, values = Tally(), read_values(asked.values or ())
    table = read_file(sent)
    columns = map_columns(
        table.headers,
        asked.map or (),
        targets=make_targets(tally.note_date),
        namespace=asked.namespace,
    )
    begin = partial(_begin, speaker=speaker, asked=asked)
    source, at = attempt(store, begin, dry_run=asked.dry_run)
    reading = Reading(
        columns,
        values,
        asked.namespace,
        observed=partial(observed, speaker.source, at=at),
        may_name=lambda namespace: bool(namespaces_of(speaker, source, within=[namespace])),
    )
    for batch in _batches(_readable(table, reading, tally=tally)):
        work = partial(_enter, speaker=speaker, batch=batch, reason=asked.reason)
        done = attempt(store, work, dry_run=asked.dry_run)
        tally.note(done, of=len(batch), columns=columns)
    return _report(table, columns, asked=asked, tally=tally)


def read_file(sent: Sent) -> Table:
    """The table in a file. Raises `FileUnreadable`."""
    if sent.media.partition(";")[0].strip().lower() == XLSX:
        return read_spreadsheet(sent.body, sheet=sent.sheet)
    return read_delimited(sent.body)


def _begin(
    session: Session, *, speaker: Speaker, asked: ImportQuery
) -> tuple[SourceFacts | None, str]:
    """The source, and the one moment at which the whole file was said."""
    source = persons_source(session, speaker.source)
    named = [] if asked.namespace is None else [asked.namespace]
    if named and not namespaces_of(speaker, source, within=named):
        raise NamespaceNotYours
    return source, spoken_at(session)


def _readable(table: Table, reading: Reading, *, tally: Tally) -> Iterator[ReadRow]:
    """The rows that make an observation; the others are told to the tally."""
    for row in table.body():
        try:
            found = reading.read(row)
        except RowRefused as refused:
            tally.refuse(*refused.refusals)
        else:
            if tally.is_new(found):
                yield found


def _batches(rows: Iterable[ReadRow]) -> Iterator[list[ReadRow]]:
    following = iter(rows)
    while batch := list(islice(following, BATCH)):
        yield batch


def _enter(session: Session, *, speaker: Speaker, batch: Sequence[ReadRow], reason: str) -> Entry:
    """Enter what is not stated already: the same file again writes nothing."""
    own = speaking(session, speaker, within={read.named.partition("/")[0] for read in batch})
    known = find_digests(session, own.name, named=[read.named for read in batch])
    said = [index for index, read in enumerate(batch) if known.get(read.named) != read.digest]
    documents = [batch[index].document for index in said]
    recorded = record_batch(session, documents, source=own, cause=speaker.cause(reason))
    stated, outcome = recorded.subjects.keys(), recorded.outcome
    refused = [(batch[said[one.index]].number, one) for one in recorded.receipt.refused]
    return Entry(len(outcome.created & stated), len(outcome.changed & stated), refused)


def _report(table: Table, columns: Columns, *, asked: ImportQuery, tally: Tally) -> ImportReport:
    count = {name: tally.rows[name] for name in ("created", "changed", "unchanged", "repeated",
                                                  "rows_refused")}  # fmt: skip
    return ImportReport(
        source=asked.source,
        dry_run=asked.dry_run,
        encoding=table.encoding,
        delimiter=table.delimiter,
        sheet=table.sheet,
        rows=table.length,
        **count,
        refused=tuple(sorted(tally.refused, key=lambda one: one.row)),
        columns={one.header: one.name for one in columns.mapped},
        unmapped_columns=columns.unmapped,
        dates=DatesRead(**tally.dates),
    )
