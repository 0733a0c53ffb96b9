"""What differs between two bundles, as people and programs read it."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import typer

from cli.bundles.causes import Cause
from cli.bundles.differing import Compared
from cli.bundles.store import Difference
from cli.checking.report import visible
from cli.output import print_json, print_rows, say
from schemas.neutral import neutral, taken_off

Form = Literal["table", "json", "csv"]
SHOWN: Final = ("model", "file", "row", "what", "old", "new", "cause", "by")
LONGEST: Final = 60  # characters of a cell in a table
MEMBERS: Final = (
    "file", "what", "model_id", "model", "key", "column", "old", "new", "cause_kind", "cause",
    "change", "at", "entry_kind", "entry", "field", "evidence", "why",
)  # fmt: skip
EXACT: Final = frozenset({"change", "at", "model_id", "cause_kind"})  # nobody's text


def print_differences(found: Compared, *, form: Form) -> None:
    """Print every difference with its cause, and to standard error how many there are."""
    whats = Counter[str]()
    each = _counted(found, whats)
    if form == "json":
        for one, cause in each:
            print_json(_members(one, cause))
    elif form == "csv":
        _print_csv(each)
    else:
        print_rows(SHOWN, _rows(each))
    for note in found.notes:
        say(visible(note))
    say(_summary(whats, found.causes.counted))


def _counted(found: Compared, whats: Counter[str]) -> Iterator[tuple[Difference, Cause]]:
    for one, cause in found.each():
        whats[one.what] += 1
        yield one, cause


def _members(one: Difference, cause: Cause) -> dict[str, Any]:
    is_cell = bool(one.name)
    about = {
        "file": one.file,
        "what": one.what,
        "model_id": one.model_id or None,
        "model": one.model or None,
        "key": one.key,
        "column": one.name or None,
        "old": one.old if is_cell else None,
        "new": one.new if is_cell else None,
    }
    return about | cause.members()


def _print_csv(each: Iterator[tuple[Difference, Cause]]) -> None:
    from service.exports.cells import quoted

    _write(quoted(MEMBERS))
    for one, cause in each:
        members = _members(one, cause)
        members["key"] = "; ".join(f"{name}={text}" for name, text in one.key.items())
        _write(quoted([_cell(name, members[name]) for name in MEMBERS]))


def _write(record: str) -> None:
    sys.stdout.buffer.write(record.encode()) if hasattr(sys.stdout, "buffer") else typer.echo(
        record, nl=False
    )


def _cell(name: str, value: Any) -> str:
    """As in every CSV: what a spreadsheet would run is marked, once."""
    text = "" if value is None else str(value)
    return text if name in EXACT or taken_off(text) != text else neutral(text)


def _rows(each: Iterator[tuple[Difference, Cause]]) -> Iterator[list[str]]:
    """A model's name stands once for a person, in every line for a program."""
    before: str | None = None
    for one, cause in each:
        model = one.model or one.model_id or "(all)"
        again = sys.stdout.isatty() and model == before
        before = model
        yield [
            "" if again else _short(model), one.file, _short(" ".join(one.key.values())),
            one.name or one.what, _short(one.old), _short(one.new), cause.kind,
            _short(cause.why or _by(cause)),
        ]  # fmt: skip


def _by(cause: Cause) -> str:
    if cause.told is None:
        return cause.cause
    field = f" {cause.told.field}" if cause.told.field else ""
    return f"{cause.cause}: {cause.told.kind}{field}, {cause.told.at}"


def _short(text: str) -> str:
    return visible(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _summary(whats: Mapping[str, int], causes: Mapping[str, int]) -> str:
    if not whats:
        return "Nothing differs."
    told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(causes.items()))
    return (
        f"{whats.get('added', 0):,} rows added, {whats.get('gone', 0):,} gone, "
        f"{whats.get('changed', 0):,} cells changed. Causes: {told}."
    )
