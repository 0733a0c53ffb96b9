"""`model-catalog diff`: what differs between two bundles, each difference with its cause."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.cli.conftest import Command, Ran
from tests.support.bundles import (
    AS_OF,
    CHURN,
    EARLIER,
    RISK,
    in_parts,
    make_bundle,
    model_row,
    row,
    save,
)

LATE: Final = "00000000-0000-7000-8000-000000000003"
Diff = Callable[..., Ran]
Rows = Mapping[str, Sequence[Mapping[str, str]]]


def told(number: int, kind: str, field: str = "", of: str = CHURN, **cells: str) -> Any:
    """A change as the newer bundle tells it."""
    given = {
        "change": str(number), "at": "2026-11-01T00:00:00Z", "entry_kind": kind,
        "entry": "retail/churn", "field": field, "cause_kind": "harvest", "cause": "mlflow-prod",
    } | cells  # fmt: skip
    return row(of, **given)


@pytest.fixture
def diff(command: Command, tmp_path: Path) -> Diff:
    """Compares bundles of these rows, a month apart."""

    def run(old: Rows, new: Rows, *options: str, **manifest: Any) -> Ran:
        later = {"since": EARLIER} | manifest
        a = save(tmp_path, make_bundle({"models": [model_row()]} | dict(old), as_of=EARLIER),
                 name="a.zip")  # fmt: skip
        b = save(tmp_path, make_bundle({"models": [model_row()]} | dict(new), **later),
                 name="b.zip")  # fmt: skip
        return command("diff", str(a), str(b), *options)

    return run


def lines(ran: Ran) -> list[Any]:
    """The differences."""
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.lines]


def short(ran: Ran) -> list[tuple[Any, ...]]:
    """Each as file, what, column and cause."""
    return [
        (one["file"], one["what"], one["column"], one["cause_kind"], one["change"])
        for one in lines(ran)
    ]


def test_diff_same(diff: Diff) -> None:
    """The moment alone is no difference."""
    ran = diff({}, {})

    assert (ran.code, ran.out, ran.err) == (0, "", "Nothing differs.\n")


def test_diff_cell(diff: Diff) -> None:
    """A changed cell names the newest change of the fact that it shows, with all that is told."""
    changes = [
        told(7, "model", "owners", cause="old"),
        told(9, "model", "owners", cause_kind="person", cause="rita", evidence="https://x"),
        told(11, "model", "description"),
        told(12, "model", "owners", RISK),
    ]
    ran = diff(
        {"models": [model_row(owner="team a")]},
        {"models": [model_row(owner="team b")], "changes_since": changes}, "--json",
    )  # fmt: skip

    assert lines(ran) == [{
        "file": "models", "what": "changed", "model_id": CHURN, "model": "retail/churn", "key": {},
        "column": "owner", "old": "team a", "new": "team b", "cause_kind": "person",
        "cause": "rita", "change": 9, "at": "2026-11-01T00:00:00Z", "entry_kind": "model",
        "entry": "retail/churn", "field": "owners", "evidence": "https://x", "why": None,
    }]  # fmt: skip
    assert ran.err == "0 rows added, 0 gone, 1 cells changed. Causes: person 1.\n"


CELLS: Final[Mapping[str, tuple[str, Sequence[Any], tuple[str, int | None]]]] = {
    "closest first": (
        "tier", [told(5, "assessment", "scoring"), told(8, "model", "exposure")], ("harvest", 5)
    ),
    "then what is further": ("tier", [told(8, "use", "exposure")], ("harvest", 8)),
    "rules of all": (
        "tier", [told(3, "policy", of="", cause_kind="policy")], ("policy", 3)
    ),
    "rules of controls": (
        "controls_pass", [told(4, "control_pack", of="", cause_kind="policy")], ("policy", 4)
    ),
    "the policy, of its own column": (
        "policy_version",
        [told(3, "policy", of="", cause_kind="policy"), told(8, "assessment", "scoring"),
         told(9, "control_pack", of="", cause_kind="policy")],
        ("policy", 3),
    ),
    "time, where nothing else": ("days_overdue", [told(8, "model", "exposure")], ("clock", None)),
    "what people did, before time": (
        "days_overdue", [told(8, "review", "r1", cause_kind="person")], ("person", 8)
    ),
    "time alone, where it stands first": (
        "freshness_days", [told(8, "model", "exposure")], ("clock", None)
    ),
    "another model's change": ("owner", [told(8, "model", "owners", RISK)], ("unknown", None)),
    "another fact's change": ("owner", [told(8, "model", "license")], ("unknown", None)),
    "a fact of what began": ("owner", [told(8, "model")], ("harvest", 8)),
    "before the older bundle": (
        "owner", [told(8, "model", "owners", at="2026-10-01T00:00:00Z")], ("unknown", None)
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CELLS)
def test_diff_rests(diff: Diff, what: str) -> None:
    """A cell's cause is the first that changed of what it rests on, closest first; else time."""
    column, changes, (kind, number) = CELLS[what]
    new = {"models": [model_row(**{column: "2"})], "changes_since": changes}
    ran = diff({"models": [model_row(**{column: "1"})]}, new, "--json")

    assert short(ran) == [("models", "changed", column, kind, number)]


ROWS: Final[Mapping[str, tuple[str, Mapping[str, str], Sequence[Any], tuple[str, int | None]]]] = {
    "a version that began": (
        "versions", {"version": "v7"},
        [told(5, "version", entry="retail/churn/7"), told(6, "version", entry="retail/churn/8"),
         told(9, "version", "stage", entry="retail/churn/7")],
        ("harvest", 5),
    ),
    "a version of which only a fact is told": (
        "versions", {"version": "v7"}, [told(9, "version", "stage", entry="retail/churn/7")],
        ("harvest", 9),
    ),
    "a use": ("uses", {"use": "retail/churn/scoring"},
              [told(5, "use", entry="retail/churn/scoring", cause_kind="person")], ("person", 5)),
    "a finding": (
        "findings", {"finding": "f1"},
        [told(5, "finding", "f1", cause_kind="clock"), told(6, "finding", "f2")], ("clock", 5),
    ),
    "a review": ("reviews", {"review": "r1"},
                 [told(5, "review", "r1"), told(6, "review", "r2")], ("harvest", 5)),
    "a waiver": ("waivers", {"waiver": "w1"},
                 [told(5, "waiver", "w1", cause_kind="person")], ("person", 5)),
    "a control": ("controls", {"control": "OWN-01"},
                  [told(5, "control", "OWN-01"), told(6, "control", "OWN-02")], ("harvest", 5)),
    "a control of a new pack": (
        "controls", {"control": "NEW-01"},
        [told(5, "control_pack", of="", cause_kind="policy"), told(6, "control", "OWN-02")],
        ("policy", 5),
    ),
    "a deployment": ("deployments", {"deployment": "cluster/churn"},
                     [told(5, "deployment", entry="cluster/churn")], ("harvest", 5)),
    "a dataset": ("datasets", {"version": "v1", "dataset": "s3://lake", "role": "training"},
                  [told(5, "version", "datasets", entry="retail/churn/1")], ("harvest", 5)),
    "an unknown fact": (
        "unknowns", {"what_kind": "field", "what": "model.owners"},
        [told(5, "model", "owners"), told(9, "model", "license")], ("harvest", 5),
    ),
    "an unknown of a control": (
        "unknowns", {"what_kind": "control", "what": "INV-04 model.twins"},
        [told(5, "control", "INV-04", cause_kind="clock"), told(9, "control", "LIN-01")],
        ("clock", 5),
    ),
    "an undecided floor of a use": (
        "unknowns", {"what_kind": "floor", "what": "F1", "use": "retail/churn/scoring"},
        [told(5, "assessment", "scoring", cause_kind="person"), told(9, "assessment", "other")],
        ("person", 5),
    ),
    "what came with its model": (
        "versions", {"version": "v7"},
        [told(5, "model", cause_kind="merge", entry="retail/other", new="retail/churn")],
        ("merge", 5),
    ),
    "of which nothing is told": ("findings", {"finding": "f1"}, [], ("unknown", None)),
}  # fmt: skip


@pytest.mark.parametrize("side", ["added", "gone"])
@pytest.mark.parametrize("what", ROWS)
def test_diff_rows(diff: Diff, what: str, side: str) -> None:
    """A row that came or went names the begin or the end of what it is, else what it rests on."""
    file, cells, changes, (kind, number) = ROWS[what]
    there, other = {file: [row(**cells)]}, {"changes_since": changes}
    ran = (
        diff({}, there | other, "--json") if side == "added" else diff(there, other, "--json")
    )  # fmt: skip

    assert short(ran) == [(file, side, None, kind, number)]
    [one] = lines(ran)
    assert one["key"] == {name: cells[name] for name in one["key"] if name in cells} | {
        name: "" for name in one["key"] if name not in cells
    }


def test_diff_sources(diff: Diff) -> None:
    """A source that nobody had read completely is known once it was, and unknown after long."""
    unread = {"unknowns": [row("", what_kind="source", what="ci")]}
    read = [{"source": "ci", "last_complete_at": "2026-11-19T00:00:00Z", "cannot_see": []}]
    gone, added = diff(unread, {}, "--json", coverage=read), diff({}, unread, "--json")

    [[known], [unknown]] = lines(gone), lines(added)
    assert (known["what"], known["cause_kind"]) == ("gone", "harvest")
    assert known["cause"] == "ci, read completely 2026-11-19T00:00:00.000000Z"
    assert (unknown["what"], unknown["cause_kind"]) == ("added", "clock")


def test_diff_merge(diff: Diff) -> None:
    """A model that joined another is gone by a merge, though only the other one is in B."""
    old = {"models": [model_row(), model_row(RISK)], "versions": [row(RISK, version="v1")]}
    joined = told(5, "model", entry="retail/risk", new="retail/churn", cause_kind="merge")
    ran = diff(old, {"versions": [row(version="v1")], "changes_since": [joined]}, "--json")

    assert short(ran) == [
        ("versions", "added", None, "merge", 5),
        ("models", "gone", None, "merge", 5),
        ("versions", "gone", None, "merge", 5),
    ]


def test_diff_renamed(diff: Diff) -> None:
    """A model with another name is the same one: its row changed, and no row of it came or went."""
    files = {"versions": [row(version="v1", digest="a"), row(RISK, version="v1")]}
    named = {"model": "retail/zebra"}
    new = {
        "models": [model_row(**named)],
        "versions": [row(version="v1", digest="b", **named), row(RISK, version="v1")],
        "changes_since": [told(5, "model", "name", **named),
                          told(6, "version", "digests", entry="retail/zebra/1", **named)],
    }  # fmt: skip
    ran = diff(files, new, "--json")

    assert short(ran) == [
        ("models", "changed", "model", "harvest", 5),
        ("versions", "changed", "digest", "harvest", 6),
    ]


def test_diff_forms(diff: Diff) -> None:
    """The same for people, in a pipe, and as CSV whose cells no spreadsheet runs."""
    old = {"models": [model_row(owner="a"), model_row(RISK, owner="=1")]}
    new = {"models": [model_row(owner="b"), model_row(RISK, owner="'=2")],
           "changes_since": [told(5, "model", "owners")]}  # fmt: skip
    old["models"][1]["owner"] = "'=1"
    table, written = diff(old, new), diff(old, new, "--csv")

    assert table.lines == [
        (
            "retail/churn\tmodels\t-\towner\ta\tb\tharvest\tmlflow-prod: model owners, "
            "2026-11-01T00:00:00Z"
        ),
        "retail/risk\tmodels\t-\towner\t'=1\t'=2\tunknown\tnothing is told of what it rests on",
    ]
    records = list(csv.DictReader(io.StringIO(written.out)))
    assert [(one["model"], one["old"], one["new"], one["change"]) for one in records] == [
        ("retail/churn", "a", "b", "5"), ("retail/risk", "'=1", "'=2", ""),
    ]  # fmt: skip
    assert diff(old, new, "--csv", "--json").code == 2


def test_diff_silent(diff: Diff) -> None:
    """Where B tells nothing of the time since A, every cause is unknown, and why is said."""
    changed = {"models": [model_row(owner="b")], "changes_since": [told(5, "model", "owners")]}
    for since, said in ((None, "nothing of changes"), (AS_OF, "of changes since 2026-11-20T12")):
        ran = diff({"models": [model_row(owner="a")]}, changed, "--json", since=since)
        [one] = lines(ran)
        assert (one["cause_kind"], one["change"]) == ("unknown", None)
        assert said in one["why"]
        assert "--server" in ran.err


def test_diff_withheld(diff: Diff) -> None:
    """What one reader may not see did not change: the cause is unknown, and why is said."""
    old = {"waivers": [row(waiver="w1", reason="because")]}
    new = {"waivers": [row(waiver="w1", reason="withheld")],
           "changes_since": [told(5, "waiver", "w1")]}  # fmt: skip
    ran = diff(old, new, "--json", mask={"namespaces": ["retail"], "notes": [],
                                         "columns": {"waivers": ["reason"]}})  # fmt: skip
    [one] = lines(ran)

    assert one["cause_kind"] == "unknown"
    assert "withheld" in one["why"]
    assert "readers who may see different things" in ran.err


def test_diff_dialects(command: Command, tmp_path: Path) -> None:
    """The dialect is no difference."""
    plain = save(tmp_path, make_bundle(as_of=EARLIER), name="a.zip")
    rows = {"models": [model_row(description="=1+1"), model_row(RISK, description="=1+1")]}
    for dialect in ("raw", "excel"):
        given = rows if dialect == "raw" else None
        other = save(tmp_path, make_bundle(given, dialect=dialect), name="b.zip")
        assert command("diff", str(plain), str(other)).out == ""


def test_diff_parts(command: Command, tmp_path: Path) -> None:
    """Tables in parts are compared as one, and their changes are read from all parts."""
    rows = {"models": [model_row(owner="a"), model_row(RISK)]}
    changes = [told(5, "model", "owners"), told(6, "model", "license", RISK)]
    later = {"models": [model_row(owner="b"), model_row(RISK)], "changes_since": changes}
    old = save(tmp_path, make_bundle(rows, as_of=EARLIER), name="a.zip")
    new = make_bundle(later, since=EARLIER, dialect="excel")
    parted = save(tmp_path, in_parts(new, "models", "changes_since"), name="b.zip")
    ran = command("diff", str(old), str(parted), "--json")

    assert short(ran) == [("models", "changed", "owner", "harvest", 5)]


def test_diff_refused(command: Command, tmp_path: Path) -> None:
    """Only two whole bundles of one profile, the older first, are compared."""
    old = str(save(tmp_path, make_bundle(as_of=EARLIER), name="a.zip"))
    new = str(save(tmp_path, make_bundle(), name="b.zip"))
    changed = make_bundle()
    changed["data/models.csv"] = changed["data/models.csv"].replace(b"LOW", b"LOX")
    bad = str(save(tmp_path, changed, name="c.zip"))
    told = make_bundle(profile="osfi-e23", catalog_version="9")
    other = str(save(tmp_path, told, name="d.zip"))
    turned, differing, profiles = (
        command("diff", *pair) for pair in ((new, old), (old, bad), (old, other))
    )

    assert (turned.code, differing.code) == (2, 1)
    assert f"model-catalog verify {bad}" in differing.err
    assert command("diff", old, str(tmp_path / "none.zip")).code == 3
    assert "older bundle first" in turned.err
    assert profiles.code == 2
    assert "compare two of the same" in profiles.err


def test_diff_many(diff: Diff) -> None:
    """Thousands of rows are compared in their common order, whatever came and went between them."""
    ids = [f"00000000-0000-7000-8000-{n:012}" for n in range(3_000)]
    names = {one: f"retail/m{n:05}" for n, one in enumerate(ids)}
    old = [model_row(one, model=names[one]) for one in ids if int(one[-4:]) % 7]
    new = [model_row(one, model=names[one], tier="HIGH" if one in ids[::100] else "LOW")
           for one in ids if int(one[-4:]) % 5]  # fmt: skip
    ran = diff({"models": old}, {"models": new}, "--json")

    there = {one for one in ids if int(one[-4:]) % 7}, {one for one in ids if int(one[-4:]) % 5}
    found = [(one["model_id"], one["what"]) for one in lines(ran)]
    wanted = (
        [(one, "added") for one in there[1] - there[0]]
        + [(one, "gone") for one in there[0] - there[1]]
        + [(one, "changed") for one in set(ids[::100]) & there[0] & there[1]]
    )
    assert sorted(found) == sorted(wanted)
