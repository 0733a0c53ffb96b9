"""Reads every file of a bundle once: is it what the manifest says, and does it add up?"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Final, NamedTuple

from cli.bundles.findings import Findings
from cli.bundles.opening import Broken, Bundle, is_content
from cli.bundles.records import Malformed, Record, read_records, without_bom
from cli.bundles.tables import CSV, WHOLE, Table, main_table, read_tables
from schemas.bundles import MANIFEST, SIGNATURE, Manifest, MemberFile
from schemas.neutral import taken_off

UNKNOWN: Final = "unknown"
WITHHELD: Final = "withheld"
CUT: Final = " [cut: a spreadsheet's cell holds 32,767 characters]"  # how such a cell ends
BETWEEN: Final = (
    "\0"  # in no cell: between two, so that one search looks at the first letter of all
)


class Counts:
    """What is counted of the cells of one table."""

    def __init__(self) -> None:
        """Nothing has been counted yet."""
        self.records = self.neutralised = self.cut = 0
        self.unknown, self.withheld = Counter[str](), Counter[str]()
        self.last: tuple[str, ...] | None = None

    def count(self, table: Table, record: Record, *, raw: bool) -> None:
        """Count one record; nearly every one holds nothing of what is looked for."""
        self.records += 1
        cells = record.cells
        if UNKNOWN in cells:
            self.unknown.update(_where(table, cells, word=UNKNOWN))
        if WITHHELD in cells:
            self.withheld.update(_where(table, cells, word=WITHHELD))
        together = BETWEEN + BETWEEN.join(cells) + BETWEEN
        if not raw and f"{BETWEEN}'" in together:
            self.neutralised += sum(taken_off(cell) != cell for cell in cells)
        if f"{CUT}{BETWEEN}" in together:
            self.cut += sum(cell.endswith(CUT) for cell in cells)


def _where(table: Table, cells: list[str], *, word: str) -> Iterator[str]:
    return (name for name, cell in zip(table.columns, cells, strict=True) if cell == word)


class Hashed:
    """A member's bytes on their way, counted and hashed."""

    def __init__(self, bundle: Bundle, name: str) -> None:
        """Nothing has been read yet."""
        self.source = bundle.chunks(name)
        self.digest, self.size = hashlib.sha256(), 0

    def __iter__(self) -> Iterator[bytes]:
        """Piece by piece; may be taken up again, and then goes on."""
        for chunk in self.source:
            self.digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    def drain(self) -> None:
        """Read what nobody wanted."""
        for _ in self:
            pass


class Read(NamedTuple):
    """What reading a bundle's files came to."""

    tables: Mapping[str, Table]
    records: int


def check_contents(bundle: Bundle, manifest: Manifest, *, findings: Findings) -> Read:
    """Look at everything that the manifest tells of the files."""
    _check_listed(bundle, manifest, findings=findings)
    tables = read_tables(bundle, manifest, findings=findings)
    of = {part: table for table in tables.values() for part in table.parts}
    counts = {name: Counts() for name in tables}
    lines: int | None = None
    for one in manifest.files:
        if one.name not in bundle.members:
            continue
        hashed = Hashed(bundle, one.name)
        records = one.records
        try:
            if one.name == WHOLE:
                records = lines = _count_lines(hashed, findings)
            elif (table := of.get(one.name)) is not None:
                look = Look(manifest, table, counts[table.name], one.name, findings)
                records = look.read(hashed)
            hashed.drain()
        except Broken as broken:
            findings.add("member_broken", one.name, said=f"cannot be read: {broken}")
            continue
        _compare_file(one, hashed, records=records, findings=findings)
    _compare_content(manifest, findings)
    _compare_counts(manifest, counts, tables=tables, lines=lines, findings=findings)
    return Read(tables, sum(one.records for one in counts.values()))


def _check_listed(bundle: Bundle, manifest: Manifest, *, findings: Findings) -> None:
    listed = [one.name for one in manifest.files]
    for name in listed:
        if name not in bundle.members:
            findings.add("file_missing", name, said="is in the manifest and not in the bundle")
    for name in bundle.members:
        if name not in {*listed, MANIFEST, SIGNATURE}:
            findings.add("file_extra", name, said="is in the bundle and not in the manifest")
    if listed != sorted(set(listed)):
        findings.add("manifest_form", MANIFEST, said="does not list each file once, by name")


class Look(NamedTuple):
    """One look at one file of a table."""

    manifest: Manifest
    table: Table
    counts: Counts
    name: str
    findings: Findings

    def read(self, hashed: Hashed) -> int | None:
        """Read its records; answers how many, None where they cannot be told apart."""
        marked, chunks = without_bom(hashed)
        excel = self.manifest.dialect == "excel"
        if marked and not excel:
            self._add("bom_unexpected", "begins with a byte order mark", line=1)
        elif excel and not marked:
            self._add("bom_missing", "does not begin with a byte order mark", line=1)
        records = read_records(chunks)
        before = self.counts.records
        try:
            if not self._is_head(next(records, None)):
                return None
            self._rows(records)
        except Malformed as why:
            self._add(why.code, str(why), line=why.line)
            return None
        return self.counts.records - before

    def _add(self, code: str, message: str, *, line: int, column: str = "") -> None:
        self.findings.add(code, self.name, said=message, line=line, column=column)

    def _is_head(self, head: Record | None) -> bool:
        wanted = self.table.columns
        found = () if head is None else tuple(head.cells)
        if found == wanted:
            return True
        pairs = zip(wanted, found, strict=False)
        column = next((one for one, other in pairs if one != other), "")
        said = f"has {len(found)} columns, {len(wanted)} are described" if not column else (
            f"has another column where {column} is described"
        )  # fmt: skip
        self._add("columns_differ", said, line=1, column=column)
        return False

    def _rows(self, records: Iterator[Record]) -> None:
        columns, raw = self.table.columns, self.manifest.dialect == "raw"
        width, begun = len(columns), self.table.names_models
        moment = f"{self.manifest.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        key = Key(self.table, raw=raw)
        for record in records:
            if len(record.cells) != width:
                said = f"has {len(record.cells)} fields instead of {width}"
                raise Malformed("csv_malformed", record.line, why=said)
            if begun and record.cells[0] != moment:
                said = f"says {record.cells[0]}, the manifest {moment}"
                self._add("as_of_differs", said, line=record.line, column="as_of")
            if begun:
                self._compare_order(key.of(record.cells), record.line)
            self.counts.count(self.table, record, raw=raw)

    def _compare_order(self, now: tuple[str, ...], line: int) -> None:
        last, self.counts.last = self.counts.last, now
        if last is None or last < now:
            return
        if last == now:
            said = f"repeats the {', '.join(self.table.key)} of the row before"
            self._add("key_repeated", said, line=line)
        else:
            by = ", ".join(self.table.order)
            self._add("rows_unsorted", f"stands behind a row that it precedes by {by}", line=line)


class Key:
    """Where a row stands among the others: what it is ordered by, as it was before it was written.

    A model that nobody named has no name, and stands first.
    """

    def __init__(self, table: Table, *, raw: bool) -> None:
        """Of the rows of a table."""
        self.places = tuple(table.columns.index(name) for name in table.order)
        self.raw = raw

    def of(self, cells: list[str]) -> tuple[str, ...]:
        """Of one row."""
        if not self.places:
            return ()
        model, *rest = (cells[place] for place in self.places)
        if model == UNKNOWN:
            model = ""
        if not self.raw and (model[:1] == "'" or any(one[:1] == "'" for one in rest)):
            return (taken_off(model), *map(taken_off, rest))
        return (model, *rest)


def _count_lines(hashed: Hashed, findings: Findings) -> int:
    """How many lines of JSON it has."""
    lines, rest = 0, b""
    for chunk in hashed:
        *whole, rest = (rest + chunk).split(b"\n")
        for one in whole:
            lines += 1
            if not _is_object(one):
                findings.add(
                    "csv_malformed", WHOLE, said="holds a line that is no object", line=lines
                )
    if rest:
        findings.add("csv_malformed", WHOLE, said="does not end with a line's end", line=lines + 1)
    return lines


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _compare_file(
    one: MemberFile, hashed: Hashed, *, records: int | None, findings: Findings
) -> None:
    if hashed.size != one.bytes:
        said = f"has {hashed.size} bytes, the manifest says {one.bytes}"
        findings.add("size_differs", one.name, said=said)
    if (found := f"sha256:{hashed.digest.hexdigest()}") != one.sha256:
        said = f"has the digest {found}, the manifest says {one.sha256}"
        findings.add("digest_differs", one.name, said=said)
    is_table = one.name.endswith(CSV) or one.name == WHOLE
    if is_table and records is not None and records != one.records:
        said = f"has {records} records, the manifest says {one.records}"
        findings.add("records_differ", one.name, said=said)


def _compare_content(manifest: Manifest, findings: Findings) -> None:
    lines = sorted(
        f"{one.sha256.removeprefix('sha256:')}  {one.name}\n"
        for one in manifest.files
        if is_content(one.name)
    )
    found = f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"
    if found != manifest.content_digest:
        said = f"the digests of its files give {found}, content_digest is {manifest.content_digest}"
        findings.add("content_digest_differs", MANIFEST, said=said)


def _compare_counts(
    manifest: Manifest,
    counts: Mapping[str, Counts],
    *,
    tables: Mapping[str, Table],
    lines: int | None,
    findings: Findings,
) -> None:
    """Count again what the manifest says of all files together."""
    every = counts.values()
    main = manifest.exported  # models, of which forms of others may have several records
    if (table := tables.get(main_table(manifest))) is not None and table.names_models:
        main = counts[table.name].records
    unknown = {name: dict(one.unknown) for name, one in counts.items() if one.unknown}
    hidden = {name: set(one.withheld) for name, one in counts.items() if one.withheld}
    added = manifest.exported + sum(manifest.excluded.values())
    compared: tuple[tuple[str, object, object], ...] = (
        ("exported", main, manifest.exported),
        ("total_in_scope", added, manifest.total_in_scope),
        ("withheld_cells", sum(one.withheld.total() for one in every), manifest.withheld_cells),
        ("neutralised_cells", sum(one.neutralised for one in every), manifest.neutralised_cells),
        ("cut_cells", sum(one.cut for one in every), manifest.cut_cells),
        ("models.jsonl", main if lines is None else lines, main),
        *_columns(unknown, manifest.unknown_cells, what="unknown_cells"),
        *_columns(hidden, {n: set(c) for n, c in manifest.mask.columns.items()}, what="mask"),
    )
    for what, found, said in compared:
        if found != said:
            findings.add("counts_differ", MANIFEST, said=f"{what}: counted {found}, said {said}")


def _columns(
    found: Mapping[str, object], said: Mapping[str, object], *, what: str
) -> Iterator[tuple[str, object, object]]:
    for name in sorted(found.keys() | said.keys()):
        yield f"{what} of {name}", found.get(name), said.get(name)
