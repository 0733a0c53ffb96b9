"""The tables of a bundle: which members each consists of, its columns, its key, its order."""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, NamedTuple

from cli.bundles.findings import Findings
from cli.bundles.opening import Broken, Bundle
from schemas.bundles import DATA, PACKAGE, Manifest
from schemas.review_columns import COMPANIONS, MAIN, File

CSV: Final = ".csv"
WHOLE: Final = f"{DATA}models.jsonl"
BEGUN: Final = ("as_of", "model_id", "model")
UNRELEASED: Final = "0.1.0"  # what a checkout says that it will be
FILES: Final[Mapping[str, File]] = {one.name: one for one in (*MAIN.values(), *COMPANIONS)}


class Table(NamedTuple):
    """One table, as the bundle's data package describes it; `rests` say what cells come from."""

    name: str
    parts: tuple[str, ...]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rests: Mapping[str, tuple[str, ...]]

    @property
    def names_models(self) -> bool:
        """Does each row say of which model it is? The forms of others have no room for that."""
        return self.columns[: len(BEGUN)] == BEGUN

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that its rows are ordered by, each by code point; none where it is hidden."""
        if not self.names_models:
            return ()
        return ("model", "model_id", *(name for name in self.key if not name.startswith("model")))


def main_table(manifest: Manifest) -> str:
    """The table that has a row for each model."""
    return MAIN[manifest.profile].name if manifest.profile in MAIN else manifest.profile


def read_tables(bundle: Bundle, manifest: Manifest, *, findings: Findings) -> dict[str, Table]:
    """The tables by name, as far as the data package describes what is there."""
    described = _resources(bundle, findings)
    there = {one for one in bundle.members if one.startswith(DATA)}
    for name in sorted(there - described.keys()):
        findings.add("package_differs", PACKAGE, said=f"does not describe {name}")
    for name in sorted(described.keys() - there):
        findings.add("package_differs", PACKAGE, said=f"describes {name}, which is not there")
    whole = {part: (name, parts) for name, parts in manifest.split.items() for part in parts}
    tables: dict[str, Table] = {}
    for member in sorted(name for name in there & described.keys() if name.endswith(CSV)):
        own = (member.removeprefix(DATA).removesuffix(CSV), (member,))
        name, parts = whole.get(member, own)
        try:
            table = _table(name, parts, resource=described[member])
        except (KeyError, TypeError, ValueError):
            findings.add(
                "package_differs", PACKAGE, said=f"describes {member} in another way than ours"
            )
            continue
        if tables.setdefault(name, table) != table:
            findings.add(
                "package_differs", PACKAGE, said=f"describes the parts of {name} differently"
            )
    _compare_known(tables, manifest, findings=findings)
    return tables


def _resources(bundle: Bundle, findings: Findings) -> dict[str, Any]:
    """What the data package says of each file."""
    try:
        package = json.loads(bundle.read(PACKAGE)) if PACKAGE in bundle.members else None
        if package is not None:
            return {str(one["path"]): one for one in package["resources"]}
    except Broken as broken:
        findings.add("member_broken", PACKAGE, said=f"cannot be read: {broken}")
    except (ValueError, KeyError, TypeError, RecursionError):
        findings.add("package_differs", PACKAGE, said="is no data package")
    return {}


def _table(name: str, parts: tuple[str, ...], *, resource: Any) -> Table:
    schema = resource["schema"]
    columns = tuple(str(field["name"]) for field in schema["fields"])
    rests = {str(f["name"]): tuple(map(str, f.get("x-rests", ()))) for f in schema["fields"]}
    table = Table(name, parts, columns, tuple(map(str, schema["primaryKey"])), rests)
    if not {*table.order, *table.key} <= set(columns):
        raise ValueError(name)
    return table


def _compare_known(tables: Mapping[str, Table], manifest: Manifest, *, findings: Findings) -> None:
    """Of its own release this one knows what the tables are."""
    if manifest.catalog_version != own_release() or manifest.profile not in MAIN:
        return
    for file in (MAIN[manifest.profile], *COMPANIONS):
        table = tables.get(file.name)
        if table is None:
            findings.add(
                "file_missing", f"{DATA}{file.name}{CSV}", said="belongs to every such bundle"
            )
            continue
        for message in _unlike(table, file):
            findings.add("package_differs", PACKAGE, said=f"{table.parts[0]}: {message}")


def _unlike(table: Table, file: File) -> Iterator[str]:
    if table.columns != tuple(column.name for column in file.columns):
        yield "its columns are not those of this release"
    if table.key != file.key:
        yield f"its key is {', '.join(file.key)} in this release"
    if table.rests != {column.name: column.rests for column in file.columns}:
        yield "what its cells rest on is not what this release says"


def own_release() -> str:
    """Which release this is."""
    try:
        return version("model-catalog")
    except PackageNotFoundError:
        return UNRELEASED
