"""What a record of the inventory says: facts of a model, its use and its data. Pure.

No cell is lost: where a fact alone does not say what stood in it, `cells` of the use keeps it with
the reason.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from harvesters.errors import shown
from harvesters.inventory.cells import (
    LONGEST_LINE,
    addresses,
    items,
    read_label,
    repository,
    unreadable,
)
from harvesters.inventory.keys import PLACEHOLDERS, Row, cut, one_line
from schemas.dates import Precision, read_date
from schemas.identifiers import Identifier, Kind, email_identifier
from schemas.omb_words import (
    COLUMNS,
    FOLDED_FEATURES,
    NO_FEATURES,
    NO_FEATURES_CELL,
    SPECIAL,
    Column,
    Form,
    folded,
    is_exact,
    without_letter,
)

LONGEST_TITLE: Final = 200
LONGEST_NAME: Final = 500  # bytes, as a segment of an identifier
SHOWN: Final = 100  # characters of a value that is not known
WRITTEN: Final = {Precision.DAY: 10, Precision.MONTH: 7, Precision.YEAR: 4}  # characters of a date
SPECIAL_CATEGORY: Final = "special_category"


class Record(NamedTuple):
    """The facts of one record by kind, without references, and what was counted of its cells."""

    row: Row
    model: Mapping[str, Any]
    use: Mapping[str, Any]
    dataset: Mapping[str, Any]  # empty: it says nothing of data
    owner: Identifier | None
    counts: Mapping[str, int]


def read_record(row: Row) -> Record:
    """The facts of a record that has a key."""
    reading = _Reading(row)
    for column in COLUMNS:
        if column.name in row.cells:
            reading.take(column, row.cells[column.name])
    return reading.record()


class _Reading:
    """A record while it is read."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.facts: dict[str, dict[str, Any]] = {"model": {}, "use": {}, "dataset": {}}
        self.practices: list[dict[str, Any]] = []
        self.cells: list[dict[str, str]] = []
        self.owner: Identifier | None = None
        self.counts: Counter[str] = Counter()

    def take(self, column: Column, raw: str) -> None:
        """Read one cell; an empty one says nothing."""
        raw = raw.replace("\r\n", "\n").replace("\r", "\n")
        if column.form is not Form.IDENTITY and (told := unreadable(raw)):
            self.keep(column, told[0], reason=told[1])
            self.counts[f"cells_{told[1]}"] += 1
            return
        readers: Mapping[Form, Callable[[Column, str], None]] = {
            Form.IDENTITY: self.identity, Form.CLOSED: self.closed, Form.FEATURES: self.features,
            Form.LISTED: self.listed,
        }  # fmt: skip
        if column.form in readers:
            readers[column.form](column, raw)
        elif raw.strip():
            self.free(column, raw)

    def free(self, column: Column, raw: str) -> None:
        """A cell of free text; what only stands for nothing is not stated."""
        if one_line(raw).casefold() in PLACEHOLDERS:
            self.counts["placeholders"] += 1
            self.keep(column, raw, reason="placeholder")
            return
        readers: Mapping[Form, Callable[[Column, str], None]] = {
            Form.TITLE: self.title, Form.TEXT: self.text, Form.LINE: self.line,
            Form.DATE: self.date, Form.ADDRESS: self.address, Form.CODE: self.code,
            Form.EMAIL: self.email,
        }  # fmt: skip
        readers[column.form](column, raw)

    def keep(self, column: Column, raw: str, *, reason: str, normalised: str | None = None) -> None:
        """Keep a cell beside the facts."""
        cell = {"column": column.name, "raw": raw, "reason": reason}
        self.cells.append(cell | ({} if normalised is None else {"normalised": normalised}))

    def state(self, column: Column, value: Any) -> None:
        """State the column's facts."""
        for fact in column.facts:
            kind, _, name = fact.partition(".")
            self.facts[kind][name] = value

    def identity(self, column: Column, raw: str) -> None:
        """An agency and an id stand in the identifier; kept is what does not stand there so."""
        stands = self.row.agency if column.name == "agency" else self.row.key
        if one_line(raw) != stands and not (column.name == "agency" and not raw.strip()):
            reason = "made" if self.row.made else "one_line"
            self.keep(column, raw, reason=reason, normalised=stands)

    def closed(self, column: Column, raw: str) -> None:
        """A cell of a closed column: as it stands, recoded, narrowed, or none of its labels."""
        text = one_line(raw)
        label, reason = read_label(column, text)
        self.counts[f"closed_{reason}"] += 1
        if label is None:
            if text:
                self.keep(column, raw, reason=reason)
                self.counts[f"{reason} {column.name}: {shown(text)[:SHOWN]}"] += 1
            return
        value = column.values[label]
        if column.facts == ("use.practices",):
            self.practices.append({"practice": column.member or "", "state": value})
        elif column.member:
            (fact,) = column.facts
            members = self.facts["use"].setdefault(fact.partition(".")[2], {})
            members[column.member] = value
        elif value is not None:
            self.state(column, value)
        if raw != label or not is_exact(column, label):
            self.keep(column, raw, reason=reason, normalised=label)

    def title(self, column: Column, raw: str) -> None:
        """The name of model and use: a title of one line."""
        text = one_line(raw)
        title = text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"
        self.facts["model"]["display_name"] = title
        self.facts["use"]["name"] = cut(text, LONGEST_NAME)
        if raw != self.facts["use"]["name"]:
            self.keep(
                column, raw, reason="one_line" if text == self.facts["use"]["name"] else "cut"
            )

    def text(self, column: Column, raw: str) -> None:
        """A text as it is."""
        self.state(column, raw)

    def line(self, column: Column, raw: str) -> None:
        """A text on one line."""
        text = one_line(raw)
        if len(text) > LONGEST_LINE:
            self.keep(column, raw, reason="too_long")
            self.counts["cells_too_long"] += 1
            return
        if column.member:
            (fact,) = column.facts
            self.facts["use"].setdefault(fact.partition(".")[2], {})[column.member] = text
        else:
            self.state(column, text)
        if text != raw:
            self.keep(column, raw, reason="one_line", normalised=text)

    def date(self, column: Column, raw: str) -> None:
        """A date as exact as it is said; where day and month could change, the month is first."""
        found = read_date(raw)
        if found is None:
            self.counts["dates_unreadable"] += 1
            self.keep(column, raw, reason="unreadable")
            return
        self.counts[f"dates_{found.precision}"] += 1
        self.counts["dates_ambiguous"] += found.ambiguous
        written = found.first.isoformat()[: WRITTEN[found.precision]]
        self.state(column, written)
        if written != raw:
            reason = "ambiguous" if found.ambiguous else "recoded"
            self.keep(column, raw, reason=reason, normalised=written)

    def address(self, column: Column, raw: str) -> None:
        """The first address of a cell that holds nothing else."""
        found = addresses(raw)
        if found:
            self.state(column, found[0])
        if found != [raw]:
            self.keep(column, raw, reason="several" if found else "no_address")

    def code(self, column: Column, raw: str) -> None:
        """Repositories, and links to what looks like none."""
        found = addresses(raw)
        stated = [url for one in found if (url := repository(one))]
        links = [one for one in found if not repository(one)]
        if stated:
            urls = sorted(set(stated))
            self.facts["model"]["repositories"] = [
                {"repository": Identifier(kind=Kind.REPOSITORY, scheme="url", value=url)}
                for url in urls
            ]
        if links:
            self.facts["model"]["links"] = [{"title": "code", "url": one} for one in links]
        if [raw] not in (stated, links):
            self.keep(column, raw, reason="recoded" if found else "no_address")

    def email(self, column: Column, raw: str) -> None:
        """A list that answers for the record."""
        try:
            self.owner = email_identifier(raw)
        except ValueError:
            self.keep(column, raw, reason="unreadable")
            self.counts["addresses_unreadable"] += 1
            return
        if self.owner.value != raw:
            self.keep(column, raw, reason="recoded", normalised=self.owner.value)

    def features(self, column: Column, raw: str) -> None:
        """Protected features: an empty list says nothing, none of them is stated empty."""
        found = items(raw)
        if not found:
            self.counts["features_not_stated"] += 1
        elif [folded(item) for item in found] == [folded(NO_FEATURES)]:
            self.counts["features_none"] += 1
            self.facts["model"]["protected_features"] = ()
            if raw != NO_FEATURES_CELL:
                self.keep(column, raw, reason="recoded")
        else:
            self.counts["features_other"] += 1
            known = {FOLDED_FEATURES.get(folded(item)) for item in found}
            if None not in known:
                self.facts["model"]["protected_features"] = tuple(sorted(filter(None, known)))
            self.keep(column, raw, reason="unreadable" if None in known else "recoded")

    def listed(self, column: Column, raw: str) -> None:
        """A practice that is told in words."""
        found = items(raw)
        if not found:
            return
        state = one_line("; ".join(without_letter(item) for item in found))
        if state.casefold() == "in-progress":
            state = "in_progress"
        self.practices.append({"practice": column.member or "", "state": state[:LONGEST_LINE]})
        self.keep(column, raw, reason="recoded")

    def record(self) -> Record:
        """All of it: special features decide the sensitivity of the data."""
        model, use, dataset = (self.facts[kind] for kind in ("model", "use", "dataset"))
        if SPECIAL & set(model.get("protected_features", ())):
            model["data_sensitivity"] = SPECIAL_CATEGORY
            if dataset:
                dataset["data_sensitivity"] = SPECIAL_CATEGORY
        if self.practices:
            use["practices"] = self.practices
        if self.cells:
            use["cells"] = self.cells
        return Record(self.row, model, use, dataset, self.owner, self.counts)
