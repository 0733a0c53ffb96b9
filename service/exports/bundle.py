"""Builds a bundle: every file of one moment in a ZIP, and a manifest that is signed.

The same order gives the same files, byte for byte, wherever and whenever it is built.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from schemas.bundles import (
    DATA,
    MANIFEST,
    PACKAGE,
    SIGNATURE,
    WORKBOOK,
    Manifest,
    Mask,
    Profile,
)
from schemas.identifiers import Kind
from schemas.queries import Dialect, ListExport, export_model
from schemas.review_columns import COMPANIONS, MAIN, File
from service.access.policy import Caller, Within
from service.catalog.listings import MODELS
from service.db import Database
from service.exports.archive import Archive, Member
from service.exports.cells import fitting, quoted
from service.exports.counted import Counted
from service.exports.csv import BOM
from service.exports.manifest import (
    PACK,
    POLICY,
    count_in_scope,
    coverage_then,
    newest_checkpoint,
    rules_then,
)
from service.exports.package import WHOLE, describe
from service.exports.review.files import FETCHED, Record, count_records, read_file
from service.exports.review.reading import NOTES, Moments, Reading
from service.exports.workbook import MOST_RECORDS, Sheet, write_workbook
from service.health import release
from service.ledger.notes import Keys

MOST_ROWS: Final = MOST_RECORDS
READ: Final = 1024 * 1024
KEY_ID: Final = 16  # hexadecimal digits
LONG: Final = sa.text(
    "SELECT set_config('statement_timeout', '6h', true),"
    " set_config('idle_in_transaction_session_timeout', '10min', true)"
)
Advance = Callable[[str, int], None]


class Order(NamedTuple):
    """What a bundle is of: its bytes depend on nothing else but what its reader may see."""

    profile: Profile
    dialect: Dialect
    filters: Mapping[str, str]
    moments: Moments

    @property
    def asked(self) -> ListExport:
        """The filters, as those of the models' list. Raises `ValidationError`."""
        return export_model(Kind.MODEL).model_validate(dict(self.filters))

    @property
    def files(self) -> tuple[File, ...]:
        """The file that the profile is about, and what goes with it."""
        return MAIN[self.profile], *COMPANIONS


class Made(NamedTuple):
    """One making of it: under which id, by whom, and with which keys it is signed."""

    bundle_id: UUID
    by: str
    keys: Keys


def build_bundle(
    database: Database, order: Order, *, caller: Caller, made: Made, to: IO[bytes], advance: Advance
) -> Manifest:
    """Write the bundle; all of it shows one state of the catalog. Memory is flat.

    `advance` hears of every few hundred records of each file, and ends it by raising. Raises
    `MomentUnsettled`.
    """
    with database.reading() as session:
        raw = order.dialect == "raw"
        reading = Reading(session, order.asked, caller=caller, moments=order.moments, raw=raw)
        session.execute(LONG)
        building = Building(order, reading, archive=Archive(to), advance=advance)
        with building.archive.zip:
            building.write()
            manifest = building.manifest(made)
            _sign(building.archive, manifest, keys=made.keys)
    return manifest


class Building:
    """A bundle on its way: the files that are written, and what was counted of them."""

    def __init__(
        self, order: Order, reading: Reading, *, archive: Archive, advance: Advance
    ) -> None:
        """Nothing has been written yet."""
        self.order, self.reading, self.archive, self.advance = order, reading, archive, advance
        self.files = {file.name: file for file in order.files}
        self.counted = {name: Counted(file) for name, file in self.files.items()}
        self.parts: dict[str, tuple[str, ...]] = {}
        self.exported = 0

    def write(self) -> None:
        """Every file, by name, then what describes them."""
        for name in sorted((*self.files, WHOLE)):
            if name == WHOLE:
                self._write_whole()
            else:
                self._write_file(self.files[name])
        with self.archive.member(PACKAGE) as member:
            member.write(describe((self.files[name], parts) for name, parts in self.parts.items()))
        if self.order.dialect == "excel":
            self._write_workbook()

    def _write_workbook(self) -> None:
        """The same records once more, as sheets of texts; outside of `content_digest`."""
        order, reading = self.order, self.reading
        about = {
            "profile": order.profile, "as_of": reading.as_of, "known_at": reading.known_at,
            "since": reading.since, "filters": dict(order.filters), "models": self.exported,
        }  # fmt: skip
        sheets = (
            Sheet(name, [column.name for column in file.columns], self._told(file))
            for name, file in sorted(self.files.items())
        )
        with TemporaryDirectory(prefix="workbook-") as folder:
            path = Path(folder) / WORKBOOK
            write_workbook(path, sheets, about=about)
            with self.archive.member(WORKBOOK) as member, path.open("rb") as file:
                while chunk := file.read(READ):
                    member.write(chunk)

    def _told(self, file: File) -> Iterator[Record]:
        for number, record in enumerate(read_file(self.reading, file), start=1):
            yield record
            if number % FETCHED == 0:
                self.advance(WORKBOOK, number)

    def _write_file(self, file: File) -> None:
        records = self._counting(file)
        names = self._names(file)
        for name in names:
            part = records if len(names) == 1 else islice(records, MOST_ROWS)
            with self.archive.member(name) as member:
                _write_records(member, file, records=part, excel=self.order.dialect == "excel")
        self.parts[file.name] = names

    def _names(self, file: File) -> tuple[str, ...]:
        """More than one where a spreadsheet could not hold it."""
        whole = f"{DATA}{file.name}.csv"
        if self.order.dialect != "excel":
            return (whole,)
        parts = -(-count_records(self.reading, file) // MOST_ROWS)
        if parts <= 1:
            return (whole,)
        return tuple(f"{DATA}{file.name}-{n:04}.csv" for n in range(1, parts + 1))

    def _counting(self, file: File) -> Iterator[Record]:
        counted, excel = self.counted[file.name], self.order.dialect == "excel"
        for record in read_file(self.reading, file):
            counted.count(record, raw=self.reading.raw)
            if excel:
                whole = [fitting(text) for text in record]
                counted.cut += sum(cut for _, cut in whole)
                yield [text for text, _ in whole]
            else:
                yield record
            if counted.records % FETCHED == 0:
                self.advance(file.name, counted.records)
        self.advance(file.name, counted.records)

    def _write_whole(self) -> None:
        """The rows of the models' list, which keep the three states of a fact apart."""
        session, rows = self.reading.session, self.reading.found.rows
        with (
            self.archive.member(f"{DATA}{WHOLE}") as member,
            session.execute(rows, execution_options={"yield_per": FETCHED}) as found,
        ):
            for row in found.mappings():
                member.write(f"{MODELS.as_row(row).model_dump_json()}\n".encode())
                self.exported += 1
                if self.exported % FETCHED == 0:
                    self.advance(WHOLE, self.exported)
            member.records = self.exported

    def manifest(self, made: Made) -> Manifest:
        """What the bundle is."""
        order, reading, counted = self.order, self.reading, self.counted.values()
        session, total = reading.session, count_in_scope(reading)
        left = total - self.exported
        public = made.keys.public
        return Manifest(
            bundle_id=made.bundle_id,
            profile=order.profile,
            dialect=order.dialect,
            as_of=reading.as_of,
            known_at=reading.known_at,
            since=reading.since,
            filters=dict(order.filters),
            mask=self._mask(),
            generated_at=datetime.now(UTC),
            generated_by=made.by,
            catalog_version=release(),
            policy=rules_then(reading, POLICY),
            pack=rules_then(reading, PACK),
            checkpoint=newest_checkpoint(session),
            coverage=tuple(coverage_then(reading)),
            files=tuple(sorted(self.archive.files, key=lambda one: one.name)),
            content_digest=self.archive.content_digest,
            total_in_scope=total,
            exported=self.exported,
            excluded={"filtered": left} if left else {},
            unknown_cells=_present(
                {name: one.by_column(one.unknown) for name, one in self.counted.items()}
            ),
            withheld_cells=sum(sum(one.withheld) for one in counted),
            neutralised_cells=sum(one.neutralised for one in counted),
            cut_cells=sum(one.cut for one in counted),
            split={name: parts for name, parts in self.parts.items() if len(parts) > 1},
            signed=made.keys.private is not None,
            key_id=hashlib.sha256(public[0]).hexdigest()[:KEY_ID] if public else None,
        )

    def _mask(self) -> Mask:
        caller = self.reading.caller
        hidden = {name: tuple(one.by_column(one.withheld)) for name, one in self.counted.items()}
        return Mask(
            namespaces=_listed(caller.namespaces),
            notes=_listed(caller.within(NOTES)),
            columns=_present(hidden),
        )


def _write_records(member: Member, file: File, *, records: Iterator[Record], excel: bool) -> None:
    head = quoted([column.name for column in file.columns])
    member.write((f"{BOM}{head}" if excel else head).encode())
    member.records = 0
    while some := list(islice(records, FETCHED)):
        member.write("".join(map(quoted, some)).encode())
        member.records += len(some)


def _sign(archive: Archive, manifest: Manifest, *, keys: Keys) -> None:
    document = manifest.model_dump(mode="json")
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    data = f"{text}\n".encode()
    with archive.member(MANIFEST) as member:
        member.write(data)
    if keys.private is not None:
        with archive.member(SIGNATURE) as member:
            member.write(keys.private.sign(data))


def _listed(within: Within) -> tuple[str, ...] | None:
    return None if within is None else tuple(sorted(within))


def _present(of: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in sorted(of.items()) if one}
