"""The inventory of AI uses: what was imported comes back out, and in again as what it was."""

import csv
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from harvesters.inventory.table import read_table
from schemas.neutral import neutral
from schemas.omb_columns import MEANINGS, OMB
from schemas.omb_words import BY_NAME, COLUMNS
from service.db import Database
from service.exports.review.omb_cells import Told, read_told, write
from tests.conftest import MakeDatabase
from tests.e2e.site import Site, served
from tests.exports.review.inventories import (
    NAMES,
    agencies,
    export,
    import_again,
    imported,
    records,
    shown,
    texts,
)
from tests.harvesters.inventory.files import CHURN, Said, reading, written
from tests.support.catalog import gone, make_reader, make_source, model, post, version
from tests.support.making_bundles import settled_now

STRIDE: Final = 12
LATER, LATER_STILL, LAST = (f"2026-11-21T1{n}:00:00Z" for n in range(3))
EACH: Final = 3  # of every way in which a cell was read


def as_it_was(path: Path) -> list[dict[str, str]]:
    """The records of the published file, by column."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def odd(path: Path, told: list[dict[str, str]]) -> set[int]:
    """Records with keys that are shared, texts that a spreadsheet runs, every reason of a cell."""
    raw = path.read_bytes()
    harvest = reading(raw, agencies(path))
    rows = [row for page in harvest.pages(None) for row in page.rows]
    found = {n for n, row in enumerate(rows) if row.shared}
    found |= {n for n, one in enumerate(told) if any(neutral(t) != t for t in one.values())}
    seen: dict[tuple[str, str], count[int]] = {}
    for n, row in enumerate(rows):
        for cell in harvest.record(row).use.get("cells", ()):
            if next(seen.setdefault((cell["column"], cell["reason"]), count())) < EACH:
                found.add(n)
    return found


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A served catalog that knows nothing."""
    with served(database) as serving:
        yield serving


@pytest.fixture
def other(make_database: MakeDatabase) -> Iterator[Site]:
    """Another one."""
    with make_database() as database, served(database) as serving:
        yield serving


@pytest.fixture
def sample(corpora: Path, tmp_path: Path) -> Path:
    """Each ninth record of the published file, and all odd ones."""
    (path,) = (corpora / "omb_inventory").glob("*.csv")
    told = as_it_was(path)
    kept = sorted({*range(0, len(told), STRIDE), *odd(path, told)})
    sampled = tmp_path / "sample.csv"
    sampled.write_bytes(written(*(told[n] for n in kept), columns=[*told[0]], encoding="utf-8-sig"))
    return sampled


def test_omb_published(sample: Path, site: Site, other: Site, tmp_path: Path) -> None:
    """Import, export, import elsewhere: the same facts of everything; imported here, no row."""
    before = imported(site, sample)

    exported = export(site.database, tmp_path / "exported.csv")

    assert len(before) > 900
    assert texts(exported) == texts(sample)  # every cell, but lists that say nothing
    import_again(site, exported)
    assert imported(other, exported) == before


def test_omb_columns() -> None:
    """The file has the 36 columns of the format, in its order, and nothing else."""
    assert [*MEANINGS] == NAMES == [column.name for column in COLUMNS]
    assert (len(OMB), NAMES[0], NAMES[-1]) == (36, "agency", "hi_public_consultation")
    assert all(column.rests[: len(BY_NAME[column.name].facts)] for column in OMB)


HOSTILE: Final[tuple[Mapping[str, str], ...]] = (
    CHURN,
    {"id": "", "use_case_name": "no agency"},
    {"agency": " DOY ", "id": " 1 ", "use_case_name": "=1+1", "benefits": "'-x"},
    {"agency": "DOY", "id": "@1/2#3%", "use_case_name": ""},
    {"agency": "DOY", "id": "TBD", "use_case_name": "unknown", "agency_bureau": "North"},
    {"agency": "DOY", "id": "2", "use_case_name": "x" * 700, "problem_solved": "one of them"},
    {"agency": "DOY", "id": "3", "use_case_name": "x" * 300, "vendor_name": "a\r\nb; c;; d"},
    {"agency": "DOY", "id": "4", "use_case_name": "Z", "vendor_name": "v" * 5_000},
    {"agency": "DOY", "id": "4", "use_case_name": "Z", "demographic_features": "[ ]"},
    {"agency": "DOY", "id": "4", "use_case_name": "Z", "benefits": "one\r\ntwo\rthree"},
    {"agency": "DOY", "id": "5", "demographic_features": "None of the above"},
    {"agency": "DOY", "id": "6", "demographic_features": "['a) Race/Ethnicity']", "has_pii": "No"},
    {"agency": "DOY", "id": "7", "demographic_features": "['a) Race/Ethnicity']"},
    {"agency": "DOY", "id": "8", "has_custom_code": "No", "code_url": "https://github.com/a/b"},
    {"agency": "DOY", "id": "9", "code_url": "https://example.org/z https://github.com/A/B.git"},
    {"agency": "DOY", "id": "10", "code_url": "https://github.com/a/b"},
    {"agency": "DOY", "id": "11", "has_custom_code": "yes", "code_url": "ask"},
    {"agency": "DOY", "id": "12", "operational_date": "2024", "have_ato": "no"},
    {"agency": "DOY", "id": "13", "operational_date": "soon", "have_ato": "soon",
     "system_name_ato": "A\tB"},
    {"agency": "DOY", "id": "14", "link_to_data": "https://a.example/1 https://a.example/2",
     "data_description": "n/a", "pia_url": "https://a.example/1 https://a.example/2"},
    {"agency": "DOY", "id": "15", "contact_email": "1+a@users.noreply.github.com"},
    {"agency": "DOY", "id": "16", "contact_email": "nobody", "topic_area": "other: dogs"},
    {"agency": "DOY", "id": "17", "is_high_impact": "Not High-impact", "benefits": "e\u0301"},
)  # fmt: skip


def test_omb_hostile(site: Site, other: Site, tmp_path: Path) -> None:
    """Every form of a cell, and texts that a spreadsheet would run, in each dialect."""
    path = tmp_path / "hostile.csv"
    path.write_bytes(written(*HOSTILE))
    before = imported(site, path)

    exported = export(site.database, tmp_path / "exported.csv")

    table = read_table(exported.read_bytes())
    assert (table.missing, table.others, len(table.lines)) == ((), (), len(HOSTILE))
    assert '"\'=1+1"' in exported.read_text()
    import_again(site, exported)
    assert imported(other, exported) == before
    observed = {one.subject: one.facts for one in Said(exported.read_bytes()).observations}
    for more in ({"bom": True}, {"raw": True}):
        again = export(site.database, tmp_path / "again.csv", **more).read_bytes()
        assert {one.subject: one.facts for one in Said(again).observations} == observed


OTHER: Final = {"kind": "use", "scheme": "name", "value": "dox/dox-1/letter sorter"}
SORTER: Final = {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/DOX-1"}


@pytest.fixture
def churn(site: Site, tmp_path: Path) -> dict[str, str]:
    """A record whose cells are kept as they stood, in a catalog; answers it as it was written."""
    record = CHURN | {
        "classification": "Computer Vision", "development_stage": "deployed ",
        "is_high_impact": "Presumed High-Impact, but Not High-impact",
        "topic_area": "Other \u2013 letters", "operational_date": "10/1/2024",
        "vendor_name": "Sorters\nLtd", "contracting_usage": "Contracting and In House",
        "pia_url": "ask", "hi_testing_conducted": "No", "code_url": "https://github.com/Dox/Sorter",
    }  # fmt: skip
    path = tmp_path / "churn.csv"
    path.write_bytes(written(record))
    imported(site, path)
    return record


def state(site: Site, subject: Any, **facts: Any) -> None:
    """A source that outranks the inventory says something of its model or use."""
    source = make_source(site.database, namespace="dox", precedence=80)
    if subject["kind"] == "use":
        facts = {"model": SORTER, "name": "Letter sorter"} | facts
    else:
        facts = {"namespace": "dox", "name": "DOX-1"} | facts
    document = {"subject": subject, "observed_at": "2026-11-20T12:00:00Z", "facts": facts}
    assert post(site.database, source, document).refused == ()


def test_omb_kept(churn: dict[str, str], site: Site) -> None:
    """A kept cell stands while its facts are what the inventory said, whoever says the same."""
    assert shown(site.database) == [churn]

    state(site, SORTER, lifecycle="production", vendor_name="Sorters Ltd")
    state(site, OTHER, topic="Other", in_use_since="2024-10-01")

    assert shown(site.database) == [churn]


def test_omb_changed(churn: dict[str, str], site: Site) -> None:
    """Facts that changed since are written in the format's words; of the past as they were."""
    before = settled_now(site.database)

    state(
        site, SORTER, lifecycle="decommissioned", model_class="generative", origin="open_weights",
        vendor_name="Others", data_sensitivity="internal", protected_features=["age", "height"],
        repositories=[], description="=2",
    )  # fmt: skip
    state(
        site, OTHER, topic="Post", in_use_since="2025", regulated_purposes=["us_high_impact"],
        practices=[{"practice": "pre_deployment_testing", "state": "in_progress"},
                   {"practice": "failsafe", "state": "planned"},
                   {"practice": "public_consultation", "state": "in_progress"}],
        authorisation={"granted": False}, dpia_ref="https://dox.example/new",
    )  # fmt: skip

    (record,) = shown(site.database)
    changed = {name: record.get(name, "") for name in NAMES if record.get(name) != churn.get(name)}
    assert changed == {
        "development_stage": "Retired", "classification": "Generative AI",
        "contracting_usage": "In-house Development", "vendor_name": "Others", "has_pii": "No",
        "demographic_features": "['Age', 'height']", "system_outputs": "'=2",
        "topic_area": "Other - Post", "operational_date": "2025", "is_high_impact": "High-impact",
        "have_ato": "No", "system_name_ato": "", "pia_url": "https://dox.example/new",
        "hi_testing_conducted": "In-progress", "hi_assessment_completed": "",
        "hi_independent_review": "", "hi_ongoing_monitoring": "", "hi_training_established": "",
        "hi_failsafe_presence": "planned", "hi_appeal_process": "",
        "hi_public_consultation": "In-progress",
    }  # fmt: skip
    assert shown(site.database, at=before) == [churn]


OWNER: Final = {"kind": "owner", "scheme": "email", "value": "ann@acme.example"}
DATA: Final = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
MORE: Final = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/more"}
CODE: Final = {"kind": "repository", "scheme": "url", "value": "https://git.acme.example/churn"}
TOLD: Final = {
    "agency": "retail", "id": "churn", "contact_email": "ann@acme.example",
    "development_stage": "Pre-deployment", "classification": "Classical ML",
    "system_outputs": "A score.", "data_description": "Contracts.\nCustomers.",
    "link_to_data": "https://a.example/contracts", "has_pii": "Yes", "has_custom_code": "Yes",
    "code_url": "https://git.acme.example/churn",
}  # fmt: skip


def about(subject: Any, **facts: Any) -> Any:
    """An observation."""
    return {"subject": subject, "observed_at": "2026-11-20T12:00:00Z", "facts": facts}


def use_of(name: str) -> Any:
    """An observation of a use of a model."""
    subject = {"kind": "use", "scheme": "name", "value": f"retail/churn/{name}"}
    return about(subject, model=model()["subject"], name=name, purpose=f"for {name}")


@pytest.fixture
def registry(database: Database) -> Database:
    """Models that no inventory knows: one with all kinds of facts, two with hardly any."""
    source = make_source(database, may_grant_ownership=True)
    receipt = post(
        database, source, use_of("offers"), use_of("pricing"),
        about(DATA, description="Customers.", data_sensitivity="personal"),
        about(MORE, description="Contracts.", source_url="https://a.example/contracts"),
        about(OWNER, kind="person", email="ann@acme.example"),
        model(
            lifecycle="validation", display_name="Churn", description="A score.",
            owners=[{"owner": OWNER}], datasets=[{"dataset": DATA, "role": "training"}],
            repositories=[{"repository": CODE}],
            links=[{"title": "docs", "url": "https://a.example/docs"}],
        ),
        version(1, model_class="tree_or_ensemble", datasets=[{"dataset": MORE}]),
        model("bare", lifecycle="suspended", display_name="Bare one", model_class="deep_learning"),
        model("empty", protected_features=[], repositories=[]),
    )  # fmt: skip
    assert receipt.refused == ()
    return database


def test_omb_others(registry: Database) -> None:
    """Models of other sources: what their facts say; blank is what nobody states."""
    assert shown(registry) == [
        {"agency": "retail", "id": "bare", "use_case_name": "Bare one"},
        TOLD | {"use_case_name": "offers", "problem_solved": "for offers"},
        TOLD | {"use_case_name": "pricing", "problem_solved": "for pricing"},
        {"agency": "retail", "id": "empty", "use_case_name": "empty", "has_custom_code": "No",
         "demographic_features": "['k) None of the above']"},
    ]  # fmt: skip
    assert records(registry, by=make_reader(frozenset({"wholesale"}))) == []
    assert records(registry, by=make_reader(frozenset({"retail"}))) == records(registry)


def test_omb_ended(database: Database) -> None:
    """A use that has ended is left out; with its model it stays, as far as that is asked for."""
    source = make_source(database)
    use = use_of("offers")
    post(database, source, model(), use)

    post(database, source, gone(use, LATER))
    assert [one["use_case_name"] for one in shown(database)] == ["churn"]

    post(database, source, use | {"observed_at": LATER_STILL})
    post(database, source, gone(use, LAST), gone(model(), LAST))
    assert [one["use_case_name"] for one in shown(database)] == ["offers"]
    assert shown(database, gone="false") == []


KEPT: Final = {"column": "", "raw": " as it stood ", "reason": "recoded"}
SILENT: Final = Told(stated=False)


def stated(value: Any, **more: Any) -> Told:
    """What is told of a cell whose fact somebody states."""
    return Told(stated=True, value=value, **more)


@pytest.mark.parametrize(
    ("column", "told", "text"),
    [
        ("agency", stated("doj", known=("2024/DOJ/A", "2025/DOX/B"), use="doj/a/x"), "DOJ"),
        ("id", stated("b", known=("2024/DOJ/A%2F", "2025/DOJ/a%2F"), use="doj/a%2f"), "a/"),
        ("id", stated("b", known=("2024/DOJ/A", "2025/DOX/B"), use="c/d"), "B"),
        ("use_case_name", SILENT._replace(title="Churn", use="retail/churn"), "Churn"),
        ("use_case_name", stated("(undeclared)", use="retail/a%2fb/(undeclared)"), "a/b"),
        ("use_case_name", stated(None), ""),
        ("contact_email", stated(["b@a", "c@a"]), "b@a; c@a"),
        ("contact_email", stated(["b@a"], cell=KEPT | {"normalised": "b@a"}), KEPT["raw"]),
        ("classification", stated({"one_of": ["tree_or_ensemble", "rules_or_linear"]}),
         "Classical ML"),
        ("classification", stated({"one_of": ["agentic", "generative"]}), ""),
        ("classification", stated({"one_of": ["agentic", "deep_learning"]}),
         "Reinforcement Learning"),
        ("has_pii", stated({"one_of": ["personal", "public"]}), ""),
        ("has_pii", stated({"one_of": ["special_category", "personal"]}, ours=True), ""),
        ("topic_area", stated(None), ""),
        ("link_to_data", stated(["a", "b"]), "a b"),
        ("link_to_data", stated(["a"], cell=KEPT | {"raw": "a b", "reason": "several"}), "a b"),
        ("code_url", stated(["https://github.com/a/b"], cell=KEPT | {
            "raw": "https://github.com/A/b.git"}), "https://github.com/A/b.git"),
        ("code_url", stated(["https://github.com/a/b"], cell=KEPT | {"raw": "/b"}),
         "https://github.com/a/b"),
        ("problem_solved", stated(None), ""),
        ("problem_solved", SILENT._replace(cell=KEPT | {"reason": "placeholder"}), KEPT["raw"]),
        ("vendor_name", SILENT._replace(cell=KEPT | {"normalised": "a"}), ""),
    ],
)  # fmt: skip
def test_omb_cell(column: str, told: Told, text: str) -> None:
    """Each cell from what is told of it."""
    assert write(BY_NAME[column], told) == text


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("is_high_impact", {"us_high_impact": True}, "High-impact"),
        ("is_high_impact", {"us_high_impact": False}, "Not High-impact"),
        ("is_high_impact", {"creditworthiness": True}, ""),
        ("is_high_impact", ["creditworthiness"], "Not High-impact"),
        ("is_high_impact", None, "Not High-impact"),
        ("have_ato", {"system": "MAIL"}, ""),
        ("have_ato", None, ""),
        ("hi_failsafe_presence", [{"practice": "failsafe", "state": "established"}], "Yes"),
        ("hi_failsafe_presence", [], ""),
    ],
)
def test_omb_members(column: str, value: Any, text: str) -> None:
    """A column that shows one part of a fact; what states none of it leaves it blank."""
    told = read_told(BY_NAME[column], {"said": {"value": value, "ours": False}})

    assert write(BY_NAME[column], told) == text
