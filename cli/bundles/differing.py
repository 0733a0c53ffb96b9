"""Compares two bundles of one profile: rows added and gone, cells changed, with their causes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from cli.bundles.causes import Cause, Causes, own_names
from cli.bundles.contents import Key, check_contents
from cli.bundles.findings import Findings
from cli.bundles.learned import Learning, learn
from cli.bundles.opening import Bundle, opened
from cli.bundles.records import read_records, without_bom
from cli.bundles.signed import read_manifest
from cli.bundles.store import NEW, OLD, Difference, Store
from cli.bundles.tables import Table, main_table
from cli.exits import Exit, Stop
from schemas.bundles import Manifest
from schemas.neutral import taken_off

AS_OF: Final = "as_of"
RECORD: Final = ("agency", "agency_bureau", "id", "use_case_name")  # what an inventory goes by
OTHER_TIMES: Final = frozenset({"changes_since", "corrections"})  # tell of times, not of a moment
CHANGED, ADDED, GONE = "changed", "added", "gone"


class Side(NamedTuple):
    """One of the two bundles, open, and what it is."""

    bundle: Bundle
    manifest: Manifest
    tables: Mapping[str, Table]

    @property
    def raw(self) -> bool:
        """Are its cells without the apostrophes that keep spreadsheets from running them?"""
        return self.manifest.dialect == "raw"


class Row(NamedTuple):
    """A row as its catalog had it: `order` is where it stands."""

    order: tuple[str, ...]
    cells: list[str]


class Compared(NamedTuple):
    """Two bundles that were compared; `notes` are for people."""

    old: Manifest
    new: Manifest
    store: Store
    causes: Causes
    notes: Sequence[str]

    def each(self) -> Iterator[tuple[Difference, Cause]]:
        """Every difference with its cause, model by model."""
        for one in self.store.differences():
            yield one, self.causes.of(one)


@contextmanager
def compare_bundles(a: Path, b: Path, *, server: bool) -> Iterator[Compared]:
    """Compare the older with the newer, for the length of a block. Raises `Stop`."""
    with ExitStack() as stack:
        old, new = (stack.enter_context(_side(path)) for path in (a, b))
        _check_pair(old.manifest, new.manifest)
        store = Store()
        stack.callback(store.close)
        for name in sorted(old.tables.keys() | new.tables.keys()):
            if name not in OTHER_TIMES:
                _compare_table(store, old, new=new, name=name)
        unlike = tuple(_unlike(old, new))
        main = main_table(new.manifest)
        lone = {one for what in (ADDED, GONE) for one in store.models(what, file=main)}
        learning = Learning(old.manifest, new.manifest, lone)
        silent = stack.enter_context(learn(store, new.bundle, between=learning, server=server))
        rests = {name: table.rests for name, table in new.tables.items()}
        read_at = {
            one.source: one.last_complete_at
            for one in new.manifest.coverage
            if one.last_complete_at is not None
        }
        causes = Causes(store, rests=rests, read_at=read_at, silent=silent, beside=unlike)
        notes = [*unlike, *([silent] if silent else [])]
        yield Compared(old.manifest, new.manifest, store, causes, notes)


@contextmanager
def _side(path: Path) -> Iterator[Side]:
    """One bundle, once it is what it says that it is."""
    findings = Findings()
    with opened(path, findings) as bundle:
        manifest = None if bundle is None else read_manifest(bundle, findings)
        if bundle is not None and manifest is not None:
            read = check_contents(bundle, manifest, findings=findings)
        if findings.kept or bundle is None or manifest is None:
            first = findings.kept[0]
            message = (
                f"{path} is not what it says: {first.place}: {first.message}.\n"
                f"`model-catalog verify {path}` lists all that is wrong."
            )
            raise Stop(message, Exit.FINDINGS)
        yield Side(bundle, manifest, read.tables)


def _check_pair(old: Manifest, new: Manifest) -> None:
    if old.profile != new.profile:
        message = f"A is of profile {old.profile}, B of {new.profile}: compare two of the same."
        raise Stop(message, Exit.WRONG_USE)
    if old.as_of > new.as_of:
        raise Stop("A is the newer one: name the older bundle first.", Exit.WRONG_USE)


def _unlike(old: Side, new: Side) -> Iterator[str]:
    """What else than time lies between the two."""
    a, b = old.manifest, new.manifest
    if a.filters != b.filters:
        yield "the bundles were asked for with other filters"
    if (a.mask.namespaces, a.mask.notes) != (b.mask.namespaces, b.mask.notes):
        yield "the bundles are for readers who may see different things"
    if a.catalog_version != b.catalog_version:
        yield f"the bundles were made by releases {a.catalog_version} and {b.catalog_version}"
    if a.known_at < a.as_of or b.known_at < b.as_of:
        yield "one of the bundles does not know all of its time"
    for name in sorted(old.tables.keys() ^ new.tables.keys()):
        yield f"only one of them has the file {name}"
    for name in sorted(old.tables.keys() & new.tables.keys()):
        if columns := set(old.tables[name].columns) ^ set(new.tables[name].columns):
            yield f"only one of them has {', '.join(sorted(columns))} of {name}"


def _compare_table(store: Store, old: Side, *, new: Side, name: str) -> None:
    """A merge of both tables in their common order; what stands alone waits on disk."""
    if name not in old.tables or name not in new.tables:
        return
    sides, main = (old.tables[name], new.tables[name]), main_table(new.manifest)
    comparing = Comparing(store, sides, is_main=name == main)
    keys = [tuple(one.columns.index(key) for key in one.key) for one in sides]
    bare = old.raw != new.raw
    if not all(one.names_models for one in sides):
        _compare_records(comparing, old, new=new, bare=bare)
        return
    rows = (_rows(side, table, bare=bare) for side, table in zip((old, new), sides, strict=True))
    for a, b in _joined(*rows):
        if a is not None and b is not None:
            comparing.compare(a.cells, b.cells)
            continue
        side, row = (OLD, a) if a is not None else (NEW, b)
        if row is not None:
            key = [row.cells[place] for place in keys[side]]
            store.add_lone(name, side, key=key, row=row.cells)
    comparing.compare_lone()


def _compare_records(comparing: "Comparing", old: Side, *, new: Side, bare: bool) -> None:
    """Of a form of others: its records by what they call themselves, the n-th with the n-th."""
    for side, (one, table) in enumerate(zip((old, new), comparing.sides, strict=True)):
        names = [name for name in RECORD if name in table.columns] or table.key
        places = [table.columns.index(name) for name in names]
        seen = Counter[tuple[str, ...]]()
        for row in _rows(one, table, bare=bare):
            key = tuple(row.cells[place] for place in places)
            seen[key] += 1
            comparing.store.add_lone(table.name, side, key=[*key, str(seen[key])], row=row.cells)
    comparing.compare_lone()


def _joined(old: Iterator[Row], new: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    a, b = next(old, None), next(new, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.order < b.order):
            yield a, None
            a = next(old, None)
        elif a is None or b.order < a.order:
            yield None, b
            b = next(new, None)
        else:
            yield a, b
            a, b = next(old, None), next(new, None)


def _rows(side: Side, table: Table, *, bare: bool) -> Iterator[Row]:
    """A table's rows, over all of its parts; `bare` without what keeps cells from being run."""
    key = Key(table, raw=side.raw)
    for part in table.parts:
        records = read_records(without_bom(side.bundle.chunks(part))[1])
        next(records)
        for record in records:
            cells = record.cells
            yield Row(key.of(cells), [*map(taken_off, cells)] if bare and not side.raw else cells)


class Comparing:
    """The comparison of one table.

    Only columns that both bundles have are compared; a model's new name is told once.
    """

    def __init__(self, store: Store, sides: tuple[Table, Table], *, is_main: bool) -> None:
        """Nothing has been compared yet."""
        self.store, self.sides = store, sides
        old, new = (one.columns for one in sides)
        quiet = {AS_OF} if is_main else {AS_OF, "model"}
        self.compared = [
            (name, old.index(name), new.index(name))
            for name in new
            if name in old and name not in quiet
        ]

    def compare(self, old: list[str], new: list[str]) -> None:
        """Two rows of one thing."""
        for name, a, b in self.compared:
            if old[a] != new[b]:
                self._keep(CHANGED, new, side=NEW, cell=(name, old[a], new[b]))

    def compare_lone(self) -> None:
        """Rows that stand at different places, and those that only one bundle has."""
        name = self.sides[NEW].name
        for one, other in self.store.paired(name):
            self.compare(one, other)
        for side, cells in self.store.alone(name):
            self.add(cells, side=side)

    def add(self, cells: list[str], *, side: int) -> None:
        """A row that only one bundle has."""
        self._keep(GONE if side == OLD else ADDED, cells, side=side)

    def _keep(
        self, what: str, cells: list[str], *, side: int, cell: tuple[str, str, str] = ("", "", "")
    ) -> None:
        table = self.sides[side]
        row = dict(zip(table.columns, cells, strict=True))
        key = RECORD if not table.names_models else [n for n in table.key if n != "model_id"]
        found = Difference(
            table.name, what, row.get("model_id", ""), row.get("model", ""),
            {name: row[name] for name in key if name in row},
            tuple(own_names(table.name, row)), row.get("what_kind", ""), *cell,
        )  # fmt: skip
        self.store.add_difference(found)
