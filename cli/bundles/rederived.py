"""Compares a bundle with the one that the catalog makes of the same question now."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Final

from cli.bundles.asking import made_by, same_order
from cli.bundles.findings import Findings
from cli.bundles.opening import Broken, Bundle, is_content, opened
from cli.bundles.records import Malformed, Record, read_records, without_bom
from cli.bundles.signed import read_manifest
from cli.bundles.tables import CSV
from cli.client import Client
from cli.exits import Exit, Stop
from schemas.bundles import Manifest

CODE: Final = "server_differs"
SHOWN: Final = 80  # characters of a cell
NOTHING: Final = Record(0, [])


def compare_with_server(
    client: Client, path: Path, *, manifest: Manifest, findings: Findings
) -> str:
    """Ask for the same bundle again and compare the bytes: `same` or `differs`. Raises `Stop`."""
    with made_by(client, same_order(manifest)) as again:
        theirs = Findings()
        with opened(path, Findings()) as ours, opened(again, theirs) as made:
            said = None if made is None else read_manifest(made, theirs)
            if ours is None or made is None or said is None:
                message = "What the catalog sent is no bundle that this release reads: update it."
                raise Stop(message, Exit.UNAVAILABLE)
            try:
                differs = _first_difference(ours, made)
            except Broken as broken:
                differs = ("", 0, "", f"cannot be compared: {broken}")
    if differs is None:
        return "same"
    file, line, column, message = differs
    findings.add(CODE, file, said=f"{message}{_reason(manifest, said)}", line=line, column=column)
    return "differs"


def _reason(ours: Manifest, theirs: Manifest) -> str:
    """Why it may differ, where the manifests tell."""
    if ours.mask != theirs.mask:
        return "; it was made for a reader who may see something else (mask)"
    if ours.catalog_version != theirs.catalog_version:
        return f"; it was made by release {ours.catalog_version}, now runs {theirs.catalog_version}"
    return ""


def _first_difference(ours: Bundle, theirs: Bundle) -> tuple[str, int, str, str] | None:
    names = {one for bundle in (ours, theirs) for one in bundle.members if is_content(one)}
    for name in sorted(names):
        if name not in theirs.members:
            return name, 0, "", "the catalog's bundle does not have it"
        if name not in ours.members:
            return name, 0, "", "the catalog's bundle has it, this one does not"
        if _equal(ours.chunks(name), theirs.chunks(name)):
            continue
        if name.endswith(CSV):
            return (name, *_first_cell(ours, theirs, name=name))
        return name, 0, "", "the catalog's bundle has other bytes"
    return None


def _equal(ours: Iterator[bytes], theirs: Iterator[bytes]) -> bool:
    """Both come in pieces of the same size."""
    return all(one == other for one, other in zip_longest(ours, theirs))


def _first_cell(ours: Bundle, theirs: Bundle, *, name: str) -> tuple[int, str, str]:
    """The line and column where two files part."""
    pairs = zip_longest(_records(ours, name), _records(theirs, name), fillvalue=NOTHING)
    head: list[str] = []
    try:
        for one, other in pairs:
            head = head or one.cells
            if one.cells == other.cells:
                continue
            if NOTHING in (one, other):
                who = "the catalog's" if one == NOTHING else "this"
                line = one.line or other.line
                return line, "", f"only {who} bundle has a row here"
            place = next((n for n, pair in enumerate(zip(one.cells, other.cells, strict=False))
                          if pair[0] != pair[1]), -1)  # fmt: skip
            column = head[place] if 0 <= place < len(head) else ""
            shown = [_shown(cells[place]) for cells in (one.cells, other.cells)]
            return one.line, column, f"says {shown[0]} here, the catalog says {shown[1]}"
    except Malformed as why:
        return why.line, "", f"the catalog's bundle has other bytes; {why}"
    return 1, "", "the catalog's bundle has other bytes"


def _records(bundle: Bundle, name: str) -> Iterator[Record]:
    return read_records(without_bom(bundle.chunks(name))[1])


def _shown(cell: str) -> str:
    return repr(cell if len(cell) <= SHOWN else f"{cell[:SHOWN]}…")
