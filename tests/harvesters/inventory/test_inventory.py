"""The inventory's records: what they say, and what is refused of a file."""

from pathlib import Path

import pytest

from harvesters.errors import SourceRefused
from harvesters.inventory import harvesters
from harvesters.inventory.harvest import InventoryPage
from harvesters.inventory.keys import LONGEST_KEY, size
from harvesters.inventory.settings import read_settings
from schemas.facts import FACTS
from schemas.identifiers import Kind
from schemas.omb_words import BY_NAME, COLUMNS, is_exact
from schemas.sources import PRECEDENCE, SourceSettings
from tests.harvesters.inventory.files import CHURN, Said, reading, written

MADE_UP = "=cmd|' /C calc'!A0"


def test_inventory_record() -> None:
    """Every column of a record becomes the fact that its table names."""
    said = Said(written(CHURN))

    assert said.refused == []
    assert said.known_as(Kind.MODEL) == said.known_as(Kind.DATASET) == ["2025/DOX/DOX-1"]
    assert said.known_as(Kind.USE) == ["dox/dox-1/letter sorter"]
    assert said.facts(Kind.OWNER) == [{"kind": "list", "email": "ai@dox.example"}]
    (model,), (dataset,) = map(said.facts, (Kind.MODEL, Kind.DATASET))
    assert {one["owner"]["value"] for one in model.pop("owners")} == {"ai@dox.example"}
    assert {one["dataset"]["value"] for one in model.pop("datasets")} == {"2025/DOX/DOX-1"}
    assert [one["repository"]["value"] for one in model.pop("repositories")] == [
        "https://github.com/dox/sorter"
    ]
    assert model == {
        "namespace": "dox", "name": "DOX-1", "display_name": "Letter sorter",
        "asset_kind": "ai_system", "lifecycle": "production", "model_class": "agentic",
        "description": "A desk for every letter.", "origin": "vendor_black_box",
        "vendor_name": "Sorters", "data_sensitivity": {"one_of": ["personal", "special_category"]},
        "protected_features": ["age", "sex"], "uses": ["Letter sorter"],
    }  # fmt: skip
    assert dataset == {
        "description": "Old letters.", "source_url": "https://data.example/letters",
        "data_sensitivity": {"one_of": ["personal", "special_category"]},
    }  # fmt: skip


def test_inventory_record_use() -> None:
    """The use of a record: what it is for, what its agency says of it, and how it is followed."""
    (use,) = Said(written(CHURN)).facts(Kind.USE)

    practices = {one["practice"]: one["state"] for one in use.pop("practices")}
    assert practices == {
        "pre_deployment_testing": "done", "impact_assessment": "in_progress",
        "independent_review": "caio_waived", "ongoing_monitoring": "established",
        "operator_training": "established", "failsafe": "not_applicable",
        "appeal_process": "precluded_by_law", "public_consultation": "in_progress",
    }  # fmt: skip
    assert use.pop("model")["value"] == "2025/DOX/DOX-1"
    assert {one["column"] for one in use.pop("cells")} == {
        "contact_email", "has_pii", "demographic_features", "has_custom_code",
        "hi_public_consultation",
    }  # fmt: skip
    assert use == {
        "name": "Letter sorter", "organisation": "Department of Examples",
        "line_of_business": "Mail Office", "withheld": "no",
        "regulated_purposes": {"us_high_impact": True},
        "us_high_impact_reason": "It decides who gets a letter.", "topic": "Service Delivery",
        "purpose": "Letters reach the right desk.", "benefits": "Faster answers.",
        "in_use_since": "2024-10-01", "authorisation": {"granted": True, "system": "MAIL"},
        "dpia_ref": "https://dox.example/pia", "potential_impacts": "A letter is late.",
    }  # fmt: skip


def test_inventory_blank() -> None:
    """An empty cell states nothing at all: neither false nor low nor none."""
    said = Said(written({"agency": "DOX", "id": "1", "use_case_name": "A"}))

    assert set(said.facts(Kind.MODEL)[0]) == {
        "namespace", "name", "display_name", "asset_kind", "uses",
    }  # fmt: skip
    assert set(said.facts(Kind.USE)[0]) == {"name", "model"}
    assert said.facts(Kind.DATASET) == said.facts(Kind.OWNER) == []


@pytest.mark.parametrize(
    ("column", "raw", "fact", "value", "reason"),
    [
        ("is_high_impact", "High-impact", "use.regulated_purposes", {"us_high_impact": True}, None),
        ("is_high_impact", "Not High-impact", "use.regulated_purposes",
         {"us_high_impact": False}, None),
        ("is_high_impact", "Presumed High-Impact, but Not High-impact", "use.regulated_purposes",
         {"us_high_impact": False}, "taken"),
        ("is_high_impact", "perhaps", "use.regulated_purposes", None, "outside_enum"),
        ("topic_area", "Administrative functions", "use.topic", "Admin Functions", "recoded"),
        ("topic_area", "Other \u2013 Economic & Financial", "use.topic", "Other", "narrowed"),
        ("classification", "Classical ML", "model.model_class",
         {"one_of": ["deep_learning", "rules_or_linear", "tree_or_ensemble"]}, None),
        ("classification", "Computer Vision", "model.model_class",
         {"one_of": ["deep_learning", "generative", "rules_or_linear", "tree_or_ensemble"]},
         "taken"),
        ("classification", "Reinforcement Learning", "model.model_class",
         {"one_of": ["agentic", "deep_learning"]}, None),
        ("classification", "Other", "model.model_class", None, "outside_enum"),
        ("contracting_usage", "In-house Development", "model.origin",
         {"one_of": ["in_house", "open_weights"]}, None),
        ("contracting_usage", "Contracting and In House", "model.origin", None, "taken"),
        ("have_ato", "No", "use.authorisation", {"granted": False}, None),
        ("has_pii", "No", "dataset.data_sensitivity", {"one_of": ["internal", "public"]}, "taken"),
        ("hi_testing_conducted", "No", "use.practices", None, "outside_enum"),
        ("hi_training_established", "b) Development of monitoring protocols is in-progess",
         "use.practices", None, "other_column"),
        ("demographic_features", "['k) None of the above']", "model.protected_features", [], None),
        ("demographic_features", "[]", "model.protected_features", None, None),
        ("demographic_features", "['d) Religion', 'l) Other']", "model.data_sensitivity",
         "special_category", "recoded"),
        ("demographic_features", "['whatever']", "model.protected_features", None, "unreadable"),
        ("operational_date", "03/04/2024", "use.in_use_since", "2024-03-04", "ambiguous"),
        ("operational_date", "Jul-25", "use.in_use_since", "2025-07", "recoded"),
        ("operational_date", "soon", "use.in_use_since", None, "unreadable"),
        ("vendor_name", "N/A", "model.vendor_name", None, "placeholder"),
        ("vendor_name", "A\nB", "model.vendor_name", "A B", "one_line"),
        ("pia_url", "Not publicly available", "use.dpia_ref", None, "no_address"),
        ("pia_url", "https://a.example/1 https://a.example/2", "use.dpia_ref",
         "https://a.example/1", "several"),
        ("code_url", "https://doi.org/10.5066/X", "model.links",
         [{"title": "code", "url": "https://doi.org/10.5066/X"}], None),
        ("has_custom_code", "No", "model.repositories", [], "taken"),
    ],
)  # fmt: skip
def test_inventory_cell(
    column: str, raw: str, fact: str, value: object, reason: str | None
) -> None:
    """What a cell states, and why it is kept as it was where the fact does not say it all."""
    said = Said(written({"agency": "DOX", "id": "1", "use_case_name": "A", column: raw}))

    kind, _, name = fact.partition(".")
    stated = said.facts(Kind(kind))
    assert (stated[0].get(name) if stated else None) == value
    kept = said.cells().get(column)
    assert (kept and (kept["raw"], kept["reason"])) == (reason and (raw, reason))


def test_inventory_values_counted() -> None:
    """Values that no column knows are counted, each with how often it occurs; none is guessed."""
    records = [{"agency": "D", "id": f"{n}", "classification": "Quantum"} for n in range(3)]

    counts = Said(written(*records)).counts

    assert counts["outside_enum classification: Quantum"] == counts["closed_outside_enum"] == 3
    assert counts["closed_not_stated"] == 3 * 15
    assert sum(n for name, n in counts.items() if name.startswith("closed_")) == 3 * 16


def test_inventory_values_shown() -> None:
    """A report shows a hundred values that are not known, and how many more there are."""
    records = [{"agency": "D", "id": f"{n}", "classification": f"x{n}"} for n in range(130)]

    counts = Said(written(*records)).counts

    assert sum(name.startswith("outside_enum ") for name in counts) == 100
    assert counts["values_beyond_report"] == 30


def test_inventory_keys() -> None:
    """No id: bureau and name; the same key twice: a part of the digest; all the same: once."""
    same = {"agency": "D", "id": "7", "use_case_name": "Chat"}
    said = Said(
        written(
            {"agency": "D", "use_case_name": "Chat", "agency_bureau": "North"},
            {"agency": "D", "id": "TBD", "use_case_name": "Chat"},
            {"agency": "D", "id": "8", "use_case_name": "A"},
            {"agency": "D", "id": "8", "use_case_name": "B"},
            same, same,
            {"agency": "E", "id": "7"},
        )
    )  # fmt: skip

    first, second, a, b, chat, other = said.known_as(Kind.MODEL)
    assert (first, second) == ("2025/D/North: Chat", "2025/D/Chat")
    assert a != b
    assert {one.rpartition(" (")[0] for one in (a, b)} == {"2025/D/8"}
    assert (chat, other) == ("2025/D/7", "2025/E/7")
    assert said.facts(Kind.USE)[0]["cells"] == [
        {"column": "id", "raw": "", "normalised": "North: Chat", "reason": "made"}
    ]
    names = ("records", "models", "records_repeated", "records_without_id")
    assert [said.counts[name] for name in (*names, "records_of_shared_keys")] == [7, 6, 1, 2, 4]


def test_inventory_keys_stay() -> None:
    """What a record is known by follows from it alone, not from its place in the file."""
    records = [{"agency": "D", "id": "8", "use_case_name": name} for name in "ABC"]

    forth, back = (Said(written(*order)) for order in (records, records[::-1]))

    assert sorted(forth.known_as(Kind.MODEL)) == sorted(back.known_as(Kind.MODEL))


def test_inventory_keys_of_what_is_said() -> None:
    """Blank cells, columns that are missing and ways to end a line make no other key."""
    records = [{"agency": "D", "id": "8", "benefits": f"{n}\nb"} for n in range(2)]
    blank = [
        record | {"benefits": f"{n}\r\nb", "topic_area": " ", "demographic_features": "[]"}
        for n, record in enumerate(records)
    ]

    narrow = Said(written(*records, columns=("agency", "id", "benefits")))

    assert Said(written(*blank)).known_as(Kind.MODEL) == narrow.known_as(Kind.MODEL)
    assert len({*narrow.known_as(Kind.MODEL)}) == 2


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252"])
def test_inventory_files(end: str, encoding: str) -> None:
    """Any line end and both encodings say the same; the report says which encoding it was."""
    record = CHURN | {"vendor_name": "Müller \u2013 Söhne", "benefits": "one\ntwo"}

    said = Said(written(record, record | {"id": "DOX-2"}, end=end, encoding=encoding))

    assert [one["vendor_name"] for one in said.facts(Kind.MODEL)] == ["Müller \u2013 Söhne"] * 2
    assert said.facts(Kind.USE)[0]["benefits"] == "one\ntwo"
    assert said.counts[f"encoding_{encoding}"] == 1


def test_inventory_missing_columns() -> None:
    """What a file has no column for is not stated, and the report says which it lacks."""
    said = Said(written(CHURN, columns=("id", "use_case_name", "benefits")))

    assert said.known_as(Kind.MODEL) == ["2025/us/DOX-1"]
    assert set(said.facts(Kind.USE)[0]) == {"name", "model", "benefits"}
    missing = {name for name in said.counts if name.startswith("column_missing_")}
    assert len(missing) == 33
    assert "closed_not_stated" not in said.counts


def test_inventory_left_out() -> None:
    """A column that is left out is in no fact, and not among the kept cells."""
    raw = written(CHURN | {"is_high_impact": "Presumed High-Impact, but Not High-impact"})

    said = Said(raw, leave_out=["is_high_impact"])

    assert "regulated_purposes" not in said.facts(Kind.USE)[0]
    assert "is_high_impact" not in said.cells()
    assert said.known_as(Kind.MODEL) == Said(raw).known_as(Kind.MODEL)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (written(CHURN, CHURN)[:-4], "line 3: a quote is not closed: the file breaks off"),
        (written(CHURN, CHURN)[:-400], "a quote is not closed: the file breaks off; nothing of it"),
        (written(CHURN) + b"DOX,Department", "line 3: the file breaks off in its last record"),
        (b'id,use_case_name\n1,"a"b\n', "something stands after a closing quote"),
        (b"id,use_case_name,id\n", "the column id stands twice"),
        (b"a,b\n1,2\n", "a column id or use_case_name is needed"),
        (b"", "the file is empty"),
        ("id\n1\n".encode("utf-16"), "the file is UTF-16"),
        ("id,use_case_name\n1,äöü".encode() + b"\xff\n", "the character at byte 25 is broken"),
        (b"id,use_case_name\n1,\x81\n", "neither UTF-8 nor Windows-1252: see byte 19"),
    ],
)
def test_inventory_refused(raw: bytes, why: str) -> None:
    """A file that cannot be read to its end says nothing, and nothing counts as absent."""
    with pytest.raises(SourceRefused) as error:
        list(reading(raw).pages(None))

    assert why in str(error.value)


def test_inventory_hostile() -> None:
    """Formulas are text; what no text may hold is kept visibly and states nothing."""
    long = "x" * 40_000
    said = Said(
        written(
            CHURN | {"id": MADE_UP, "use_case_name": MADE_UP, "benefits": long,
                     "vendor_name": long, "problem_solved": "a\x00b", "system_outputs": long * 2},
            {"agency": "D\x00", "id": "1"},
            {"agency": "not a namespace", "id": "2"},
            {"agency": "D", "id": "4\x00"},
            {"agency": "D", "id": "3", "use_case_name": long},
            {"agency": "D", "id": long, "use_case_name": "A"},
        )
    )  # fmt: skip

    model, use = said.facts(Kind.MODEL)[0], said.facts(Kind.USE)[0]
    assert (model["name"], use["name"], use["benefits"]) == (MADE_UP, MADE_UP, long)
    assert not {"vendor_name", "description"} & set(model)
    assert "purpose" not in use
    cells = said.cells()
    assert (cells["problem_solved"]["raw"], cells["vendor_name"]["raw"]) == ("a\ufffdb", long)
    assert len(cells["system_outputs"]["raw"]) == 65_536
    assert said.counts["cells_unwanted_characters"] == 1
    assert said.counts["cells_too_long"] == 2
    assert [one.partition(":")[0] for one in said.refused] == ["line 3", "line 4", "line 5"]
    assert len(said.facts(Kind.MODEL)) == 3
    assert all(size(one["name"]) <= LONGEST_KEY for one in said.facts(Kind.MODEL))
    assert len(said.facts(Kind.MODEL)[1]["display_name"]) == 200


def test_inventory_row_too_wide() -> None:
    """A record with cells beyond the header is passed over alone."""
    raw = b"id,use_case_name\r\n1,a,b\r\n2,c\r\n"

    said = Said(raw)

    assert said.refused == ["line 2: has 3 cells below 2 columns"]
    assert said.known_as(Kind.MODEL) == ["2025/us/2"]


@pytest.mark.parametrize(
    ("names", "read"), [(("'-a", "b"), "-a"), (("'-a", "-b"), "'-a"), (("'tis", "b"), "'tis")]
)
def test_inventory_apostrophes(names: tuple[str, str], read: str) -> None:
    """A guard against spreadsheets is taken off where all texts have it; else it is text."""
    records = [{"agency": "D", "id": f"{n}", "use_case_name": name} for n, name in enumerate(names)]

    assert Said(written(*records)).facts(Kind.USE)[0]["name"] == read


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "name either `path` or `url`"),
        ({"path": "/a.csv", "url": "https://a.example/a.csv"}, "name either `path` or `url`"),
        ({"path": "a.csv"}, "`path` must begin with /"),
        ({"url": "http://a.example/a.csv"}, "`url` must begin with https://"),
        ({"path": "/a.csv", "leave_out": ["is_highimpact"]}, "no column that can be left out"),
        ({"path": "/a.csv", "leave_out": ["id"]}, "no column that can be left out"),
        ({"path": "/a.csv", "year": "2025"}, "settings.year of source omb"),
    ],
)
def test_inventory_settings(settings: dict[str, object], why: str) -> None:
    """Settings that are none are refused with the reason."""
    declared = {"name": "omb", "kind": "omb-inventory", "namespace": "us", "settings": settings}
    source = SourceSettings.model_validate(declared)

    with pytest.raises(SourceRefused) as error:
        read_settings(source)

    assert why in str(error.value)


def test_inventory_columns() -> None:
    """The table of columns is whole: 36, each into facts that exist, all labels told apart."""
    assert len(COLUMNS) == len(BY_NAME) == 36
    for column in COLUMNS:
        assert column.facts
        for fact in column.facts:
            kind, _, name = fact.partition(".")
            assert name in FACTS[Kind(kind)].model_fields
        for label in column.values:
            assert is_exact(column, label) in {True, False}
    assert PRECEDENCE["omb-inventory"] == 50


def test_inventory_places(tmp_path: Path) -> None:
    """A file of this machine, or an address through the guard: a private one is not asked."""
    path = tmp_path / "inventory.csv"
    path.write_bytes(written(CHURN))

    assert len(first(path=str(path)).rows) == 1
    with pytest.raises(SourceRefused, match="cannot be opened"):
        first(path=str(tmp_path / "other.csv"))
    with pytest.raises(SourceRefused, match="no plain file"):
        first(path=str(tmp_path))
    with pytest.raises(SourceRefused, match="private address"):
        first(url="https://127.0.0.1/inventory.csv")


def first(**settings: str) -> InventoryPage:
    """The first page of a source, as the command reads it."""
    declared = {
        "name": "omb", "kind": "omb-inventory", "namespace": "us", "may_name": ["dox"],
        "settings": settings,
    }  # fmt: skip
    (harvester,) = harvesters(SourceSettings.model_validate(declared), None, {})
    page: InventoryPage = next(harvester.pages(None))
    return page
