"""The published inventory of 2025: every count that was measured of it, and its tiers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from harvesters.inventory.harvest import InventoryHarvest
from harvesters.inventory.keys import Row
from harvesters.inventory.observe import tier_facts
from harvesters.inventory.record import Record
from harvesters.inventory.table import read_table
from schemas.identifiers import Kind
from schemas.neutral import neutral
from schemas.observation import Observation
from service.risk.tiering import Policy, rate
from tests.harvesters.inventory.files import reading
from tests.risk.strategies import default_policy

COUNTS: Final = {
    "records": 3_611, "models": 3_609, "records_repeated": 2, "records_without_id": 706,
    "records_of_shared_keys": 14, "column_missing_contact_email": 1, "encoding_utf-8-sig": 1,
    "closed_taken": 22_986, "closed_not_stated": 34_624, "closed_recoded": 6,
    "closed_narrowed": 50, "closed_outside_enum": 106, "closed_other_column": 4,
    "placeholders": 156, "features_not_stated": 2_507, "features_none": 978,
    "features_other": 126, "dates_day": 882, "dates_month": 484, "dates_year": 36,
    "dates_ambiguous": 272,
}  # fmt: skip
SHOWN: Final = {
    "outside_enum classification: Other": 102,
    "outside_enum hi_assessment_completed: No": 1,
    "outside_enum hi_independent_review: No": 2,
    "outside_enum hi_testing_conducted: No": 1,
}


class Corpus(NamedTuple):
    """The file as it is read."""

    harvest: InventoryHarvest
    rows: Sequence[Row]
    records: Sequence[Record]
    observations: Sequence[Observation]


@cache
def read(file: Path, *left_out: str) -> Corpus:
    """Read it once, with or without some columns."""
    raw = file.read_bytes()
    agencies = {cells["agency"].lower() for _, cells, *_ in read_table(raw).lines}
    harvest = reading(raw, sorted(agencies), leave_out=list(left_out))
    pages = list(harvest.pages(None))
    told = [one for page in pages for one in harvest.observe(page)]
    rows = [row for page in pages for row in page.rows]
    assert all(isinstance(one, Observation) for one in told)
    observations = [one for one in told if isinstance(one, Observation)]
    return Corpus(harvest, rows, [harvest.record(row) for row in rows], observations)


@pytest.fixture
def file(corpora: Path) -> Path:
    """The published file."""
    (found,) = (corpora / "omb_inventory").glob("*.csv")
    return found


@pytest.fixture
def policy() -> Policy:
    """The policy that ships with the software."""
    return default_policy()


def test_corpus_counts(file: Path) -> None:
    """How every cell was read, and how many models come of it; nothing is refused."""
    corpus = read(file)
    counts = dict(corpus.harvest.counts)

    assert {name: n for name, n in counts.items() if ": " not in name} == COUNTS
    shown = {name: n for name, n in counts.items() if name.startswith("outside_enum")}
    assert shown == SHOWN
    assert sum(n for name, n in counts.items() if name.startswith("other_column")) == 4
    assert sum(n for name, n in COUNTS.items() if name.startswith("closed_")) == 3_611 * 16
    kinds = Counter(one.subject.kind for one in corpus.observations)
    assert kinds == {Kind.MODEL: 3_609, Kind.USE: 3_609, Kind.DATASET: 1_549}
    assert len({one.subject for one in corpus.observations}) == sum(kinds.values())


def test_corpus_keys(file: Path) -> None:
    """Seven keys are borne by 14 records; of two the records are equal, five get suffixes."""
    rows = read(file).rows

    shared = [row for row in rows if row.shared]
    assert len({row.key.rpartition(" (")[0] if row.made else row.key for row in shared}) == 7
    assert sum(row.repeats is None and row.key.endswith(")") for row in shared) == 10
    blank = [row for row in rows if not row.cells["id"].strip()]
    assert (len(blank), sum(row.cells["id"] == "TBD" for row in rows)) == (704, 2)
    assert len({row.namespace for row in rows}) == 41


def test_corpus_facts(file: Path) -> None:
    """Stages and high impact as they are said; blank is neither false nor a stage."""
    records = read(file).records

    stages = Counter(record.model.get("lifecycle") for record in records)
    assert stages == {
        "development": 1_479, "pilot": 440, "production": 1_040, "decommissioned": 314, None: 338,
    }  # fmt: skip
    impact = Counter(
        record.use.get("regulated_purposes", {}).get("us_high_impact") for record in records
    )
    assert impact == {True: 445, False: 2_740, None: 426}
    presumed = [
        cell
        for record in records
        for cell in record.use.get("cells", ())
        if cell["column"] == "is_high_impact"
    ]
    assert len(presumed) == 110


def test_corpus_texts(file: Path) -> None:
    """Line ends stay inside texts; 33 texts would have to be guarded against spreadsheets."""
    corpus = read(file)
    cells = [cell for row in corpus.rows for cell in row.cells.values()]

    assert sum("\n" in cell or "\r" in cell for cell in cells) == 471
    stated = [
        text
        for record in corpus.records
        for facts in (record.model, record.use, record.dataset)
        for name, text in facts.items()
        if isinstance(text, str) and neutral(text) != text and name != "display_name"
    ]
    assert Counter(text[:2] if text[0] == "'" else text[:1] for text in stated) == {
        "-": 31,
        "'-": 2,
    }


def test_corpus_tiers(file: Path, policy: Policy) -> None:
    """What the inventory states makes 445 HIGH for certain, and none LOW for certain."""
    found = tiers(policy, [tier_facts(record) for record in read(file).records])

    assert found == {("HIGH", "HIGH"): 445, ("MEDIUM", "HIGH"): 7, ("LOW", "HIGH"): 3_159}
    high = [one for one in read(file).records if _high(one)]
    ratings = [rate(policy, tier_facts(record)) for record in high]
    assert Counter((one.status, "F3" in one.floors) for one in ratings) == {("FIRM", True): 445}
    special = [record for record in read(file).records if "F6a" in _floors(policy, record)]
    assert Counter(_high(one) for one in special) == {False: 7, True: 1}


def test_corpus_tiers_without(file: Path, policy: Policy) -> None:
    """Without the agencies' own word nothing is certain; least values would call 444 LOW."""
    high = [place for place, one in enumerate(read(file).records) if _high(one)]
    without = [tier_facts(record) for record in read(file, "is_high_impact").records]

    assert tiers(policy, without) == {("LOW", "HIGH"): 3_603, ("MEDIUM", "HIGH"): 8}
    least = [_least(policy, without[place]) for place in high]
    assert tiers(policy, least) == {("LOW", "LOW"): 444, ("MEDIUM", "MEDIUM"): 1}


def tiers(policy: Policy, facts: Sequence[Mapping[str, Any]]) -> Mapping[tuple[str, str], int]:
    """How many have which range."""
    ratings = [rate(policy, one) for one in facts]
    return Counter((one.tier_low, one.tier_high) for one in ratings)


def _high(record: Record) -> bool:
    return bool(record.use.get("regulated_purposes", {}).get("us_high_impact"))


def _floors(policy: Policy, record: Record) -> Sequence[str]:
    return rate(policy, tier_facts(record)).floors


def _least(policy: Policy, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with the least value in place of everything that is not stated."""
    axes = policy.document.axes
    filled: dict[str, Any] = {
        "regulated_purposes": [], "profiling": False, "writes_system_of_record": False,
        "per_action_approval": True, "feeds_high_model": False, "red_signal_open": False,
    }  # fmt: skip
    for name, scale in {**axes.materiality, **axes.inherent}.items():
        said = facts.get(name, {"one_of": list(scale)})
        filled[name] = (
            min(said["one_of"], key=scale.__getitem__) if isinstance(said, dict) else said
        )
    return filled
