"""Writes the cells of an inventory of AI uses: what stood in one, or what the facts say. Pure.

A cell that was kept, because facts alone do not say what stood in it, stands for as long as these
are what its source said with it. Else the facts are written in the format's own words; what is not
stated is blank.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from schemas.canonical import canonical_repository_url, decode_segment, fold_name
from schemas.omb_words import (
    BY_NAME,
    FEATURES,
    NO_FEATURES_CELL,
    SHARING,
    Column,
    Form,
)
from service.exports.cells import cell
from service.exports.review.reading import Reading
from service.risk.picture import UNDECLARED

OTHER: Final = "Other"  # topic, and what of it stands behind
IN_PROGRESS: Final = {"in_progress": "In-progress"}
LABEL_OF: Final = {feature: label for label, feature in reversed(FEATURES.items())}


class Told(NamedTuple):
    """What was selected for a cell.

    `ours` when the source of the inventory decides the facts; `cell` is the one that was kept.
    """

    stated: bool
    value: Any = None
    ours: bool = False
    cell: Mapping[str, str] | None = None
    known: Sequence[str] = ()  # identifiers of the model in inventories
    use: str = ""  # what the use is called in the catalog: namespace/name/use
    title: str | None = None  # of the model


def write_cell(reading: Reading, selected: str, *, column: str) -> str:
    """The cell of a column, of what was selected for it."""
    told = read_told(BY_NAME[column], json.loads(selected))
    return cell(write(BY_NAME[column], told), raw=reading.raw)


def read_told(column: Column, selected: Mapping[str, Any]) -> Told:
    """What was selected, the column's own member of its fact alone."""
    said = selected.get("said")
    found = Told(
        said is not None,
        (said or {}).get("value"),
        bool((said or {}).get("ours")),
        selected.get("cell"),
        selected.get("known") or (),
        selected.get("use") or "",
        selected.get("title"),
    )
    if column.member and found.stated:
        stated, value = _member(column.member, found.value)
        return found._replace(stated=stated, value=value)
    return found


def write(column: Column, told: Told) -> str:
    """The text of a cell, as it stands in the format."""
    if column.form is Form.IDENTITY:
        told = _identified(column, told)
    if told.cell is not None and _stands(column, told.cell, told=told):
        return told.cell["raw"]
    if column.form is Form.TITLE:
        return _title(told)
    if not told.stated or (told.ours and column.name in SHARING):
        return ""  # the inventory states the fact by another column
    return WRITERS[column.form](column, told.value)


def _member(member: str, value: Any) -> tuple[bool, Any]:
    """What a fact of many parts says of one, if anything."""
    if isinstance(value, Mapping):
        return member in value and value[member] is not None, value.get(member)
    found = [one for one in value or () if isinstance(one, Mapping)]
    if found:  # practices
        states = [one["state"] for one in found if one.get("practice") == member]
        return bool(states), states[0] if states else None
    if member in PURPOSES:  # a list states all of them
        return True, member in (value or ())
    return False, None


PURPOSES: Final = frozenset({"us_high_impact"})


def _identified(column: Column, told: Told) -> Told:
    """What the record is known by: the identifier that the use belongs to, of the newest year."""
    name = told.use.split("/")[1] if "/" in told.use else ""
    places = [one.split("/") for one in told.known if one.count("/") == 2]  # noqa: PLR2004  # parts
    if not places:
        return told
    place = max(places, key=lambda one: (fold_name(one[2]) == name, one[0], one[1:]))
    stands = decode_segment(place[1 if column.name == "agency" else 2])
    return told._replace(stated=True, value=stands, ours=False)


def _title(told: Told) -> str:
    """The name of the use; of one that nobody declared the model's title, or its name."""
    parts = told.use.split("/")
    name = decode_segment(parts[1]) if len(parts) > 1 else ""
    if not told.stated or told.value == UNDECLARED:
        return told.title or name
    if told.known and told.title is None and fold_name(str(told.value)) == fold_name(name):
        return ""  # the record has no title: it is called by its key
    return str(told.value or "")


def _stands(column: Column, kept: Mapping[str, str], *, told: Told) -> bool:
    """Have the facts stayed what its source said together with the cell?"""
    if told.stated and told.ours:
        return True
    means = _means(column, kept)
    if means is NOTHING:
        return not told.stated
    return told.stated and _comparable(means) == _comparable(told.value)


class _Nothing:
    """Marks a cell that states no fact."""


NOTHING: Final = _Nothing()


def _means(column: Column, kept: Mapping[str, str]) -> Any:
    """What a kept cell states of its fact."""
    read, raw = kept.get("normalised"), kept["raw"]
    if column.form is Form.CLOSED:
        value = None if read is None else column.values.get(read)
        return NOTHING if value is None else value
    if column.form is Form.EMAIL and read is not None:
        return [read]
    if read is not None:
        return read
    if kept.get("reason") in READABLE:
        return READ[column.form](raw) if column.form in READ else raw
    return NOTHING


def _in_one_line(raw: str) -> str:
    return " ".join(raw.split())


def _addresses(raw: str) -> list[str]:
    """The addresses of a cell, those of repositories in their canonical form."""
    return [_canonical(word) for word in raw.split()]


def _canonical(url: str) -> str:
    try:
        return canonical_repository_url(url)
    except ValueError:
        return url


READABLE: Final = frozenset({"recoded", "several", "one_line", "cut"})
READ: Final[Mapping[Form, Callable[[str], Any]]] = {
    Form.TITLE: _in_one_line,
    Form.ADDRESS: lambda raw: raw.split()[:1],
    Form.CODE: _addresses,
}


def _comparable(value: Any) -> Any:
    """Sets of values as sets: their order says nothing."""
    if isinstance(value, Mapping) and value.keys() == {"one_of"}:
        return frozenset(value["one_of"])
    if isinstance(value, list):
        return frozenset(json.dumps(one, sort_keys=True) for one in value)
    return value


def _label(column: Column, value: Any) -> str:
    """The label of a closed column that stands for a value; blank where none does."""
    if column.name == "has_custom_code":
        return "Yes" if value else "No"
    exact = [label for label, one in column.values.items() if _same(one, value)]
    if exact:
        return exact[0]
    if column.narrowed:
        return f"{column.narrowed} - {value}" if value else ""
    possible = value["one_of"] if isinstance(value, Mapping) else [value]
    labels = {column.written.get(one) if isinstance(one, str) else None for one in possible}
    if len(labels) == 1 and (label := labels.pop()):
        return label
    return value if column.facts == ("use.practices",) and isinstance(value, str) else ""


def _same(one: Any, value: Any) -> bool:
    return one is not None and _comparable(one) == _comparable(value)


def _text(_column: Column, value: Any) -> str:
    """A text; of several datasets each on lines of its own."""
    return "\n".join(_texts(value))


def _listed(_column: Column, value: Any) -> str:
    return IN_PROGRESS.get(value, value or "")


def _features(_column: Column, value: Any) -> str:
    """As the form writes lists; none of them is said."""
    if not value:
        return NO_FEATURES_CELL
    return repr([LABEL_OF.get(one, one) for one in value])


def _texts(value: Any) -> Iterable[str]:
    return value if isinstance(value, list) else [value] if value else ()


WRITERS: Final[Mapping[Form, Callable[[Column, Any], str]]] = {
    Form.IDENTITY: _text,
    Form.TEXT: _text,
    Form.LINE: _text,
    Form.DATE: _text,
    Form.CLOSED: _label,
    Form.ADDRESS: lambda _, value: " ".join(_texts(value)),
    Form.CODE: lambda _, value: " ".join(_texts(value)),
    Form.EMAIL: lambda _, value: "; ".join(_texts(value)),
    Form.FEATURES: _features,
    Form.LISTED: _listed,
}
