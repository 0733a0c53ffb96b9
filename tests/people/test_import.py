"""Inventories from files: every row accounted for, nothing guessed, nothing lost."""

import csv
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Statements
from tests.people.files import figures, imported, send
from tests.support.catalog import contents, make_source, model, post, rows
from tests.support.http import Service

PLAIN = "namespace,name,lifecycle,owner\nretail,Churn,Production,jane@acme.example\n"
DATASET = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}}
MLFLOW_DATASET = {"dataset": {
    "kind": "dataset", "scheme": "mlflow", "value": "mlflow-prod/default/1/iris/abc"}}  # fmt: skip
STAGES = ("lifecycle:Pre-deployment=development", "lifecycle:Deployed=production",
          "lifecycle:Retired=decommissioned")  # fmt: skip
MAP = ("agency=namespace", "use_case_name=name", "development_stage=lifecycle",
       "problem_solved=description", "operational_date=created_at")  # fmt: skip


def facts(service: Service, name: str) -> Any:
    """What the catalog says about a model."""
    return service.get(f"models/{name}")["facts"]


def test_import_names_itself(service: Service, reviewer: str) -> None:
    """Headers that are names of facts need no map; values are read as their facts need them."""
    report = imported(service, reviewer, PLAIN)

    assert figures(report) == (1, 0, 0, 0, 0)
    assert report == report | {
        "source": "people", "dry_run": False, "encoding": "utf-8", "delimiter": ",",
        "sheet": None, "rows": 1, "refused": [], "unmapped_columns": [],
        "columns": {name: name for name in ("namespace", "name", "lifecycle", "owner")},
    }  # fmt: skip
    owner = {"kind": "owner", "scheme": "email", "value": "jane@acme.example"}
    assert facts(service, "retail/churn") == {
        "namespace": "retail", "name": "Churn", "lifecycle": "production",
        "owners": [{"owner": owner, "role": "accountable"}],
    }  # fmt: skip


def test_import_windows_1252(service: Service, reviewer: str) -> None:
    """A file as a German Excel writes it: semicolons, Windows-1252, CRLF, mapped columns."""
    text = (
        "Modell;Zuständig;Stand;Zweck\r\nKündigung;Jörg <j@acme.example>;pilot;„Rückkauf“ ‰ €\r\n"
    )
    report = imported(
        service, reviewer, text.encode("windows-1252"), namespace="retail",
        map="Modell=name,zuständig=owner,Stand=lifecycle,Zweck=description",
    )  # fmt: skip

    assert (report["encoding"], report["delimiter"]) == ("windows-1252", ";")
    assert figures(report) == (1, 0, 0, 0, 0)
    said = facts(service, "retail/k%C3%BCndigung")
    assert (said["name"], said["description"]) == ("Kündigung", "„Rückkauf“ ‰ €")


@pytest.mark.parametrize(
    ("body", "encoding", "delimiter"),
    [
        (PLAIN.encode("utf-8-sig"), "utf-8", ","),
        (PLAIN.replace(",", "\t").encode("utf-16"), "utf-16-le", "\t"),
        (PLAIN.replace("\n", "\r").encode(), "utf-8", ","),
        (PLAIN.replace("\n", "\r\n").replace(",", ";").encode(), "utf-8", ";"),
        (b"sep=;\r\n" + PLAIN.replace(",", ";").encode(), "utf-8", ";"),
        (b"\n\n" + PLAIN.encode() + b",,,\n\n", "utf-8", ","),
        (b'"namespace","name"\n"retail","Churn"\n' , "utf-8", ","),
    ],
)  # fmt: skip
def test_import_forms(
    service: Service, reviewer: str, body: bytes, encoding: str, delimiter: str
) -> None:
    """Any usual encoding, delimiter and line end reads the same; the report says which it was."""
    report = imported(service, reviewer, body)

    assert (report["encoding"], report["delimiter"]) == (encoding, delimiter)
    assert (figures(report), report["rows"]) == ((1, 0, 0, 0, 0), 1)
    assert facts(service, "retail/churn")["name"] == "Churn"


def test_import_again(service: Service, reviewer: str) -> None:
    """The same file again changes nothing; a changed cell changes one fact of one model."""
    body = PLAIN + "retail,Fraud,pilot,\n"
    imported(service, reviewer, body)
    catalog = ("entry", "model", "link", "owner", "change")
    before = {name: contents(service.database)[name] for name in catalog}
    again = imported(service, reviewer, body)

    assert figures(again) == (0, 0, 2, 0, 0)
    assert {name: contents(service.database)[name] for name in catalog} == before
    third = imported(service, reviewer, body.replace("pilot", "production"))
    assert figures(third) == (0, 1, 1, 0, 0)


def test_import_dry_run(service: Service, reviewer: str) -> None:
    """A dry run reports what the import then does, and keeps nothing."""
    post(service.database, make_source(service.database), model("Churn"))
    before = contents(service.database)
    body = PLAIN + "retail,Fraud,pilot,\nretail,Other,alive,\nretail,Fraud,pilot,\n"
    planned = imported(service, reviewer, body, dry_run="true")

    assert contents(service.database) == before
    assert rows(service.database, "SELECT count(*) FROM quarantine") == [(0,)]
    done = imported(service, reviewer, body)
    assert planned == done | {"dry_run": True}
    assert figures(done) == (1, 1, 0, 1, 1)


def test_import_refused_rows(service: Service, reviewer: str) -> None:
    """A row is refused by itself, by row and column and with what to do; the others are entered."""
    body = (
        "namespace,name,lifecycle,log_retention_days,created_at,datasets,display_name\n"
        "retail,good,production,90,2024-01-31,s3://lake/churn,Good\n"
        "retail,stage,productoin,,,,\n"
        "retail,,pilot,,,,\n"
        "retail,days,,many,soon,,\n"
        "retail,data,,,,somewhere,\n"
        "finance,elsewhere,,,,,\n"
        "a.b,dotted,,,,,\n"
        "retail,wide,,,,,,more\n"
        "retail,good,pilot,,,,\n"
        f"retail,long,,,,,{'x' * 201}\n"
        "retail,nul\0,,,,,\n"
        "retail,spoilt,,#REF!,,,\n"
        "retail,short\n"
    )
    report = imported(service, reviewer, body)

    assert figures(report) == (2, 0, 0, 0, 11)
    assert [(one["row"], one["column"], one["code"]) for one in report["refused"]] == [
        (3, "lifecycle", "invalid"), (4, "name", "missing"),
        (5, "log_retention_days", "invalid"), (5, "created_at", "invalid"),
        (6, "datasets", "invalid"), (7, "namespace", "namespace_not_allowed"),
        (8, "namespace", "invalid"), (9, None, "too_many_cells"), (10, None, "name_repeated"),
        (11, "display_name", "invalid"), (12, "name", "invalid"),
        (13, "log_retention_days", "invalid"),
    ]  # fmt: skip
    assert report["refused"][0]["fix"].startswith("Did you mean production?")
    assert report["refused"][8]["message"].startswith("has the name of row 2, ")
    assert "productoin" not in str(report)
    assert service.get("models", namespace="retail")["items"][1]["facts"]["name"] == "short"


def test_import_empty_cells(service: Service, reviewer: str) -> None:
    """An empty cell and a placeholder state nothing: neither empty nor a value."""
    body = "namespace,name,description,vendor_name,owner,explainability\nretail,a,,{0},{0},none\n"
    for word in ("N/A", "not available", "TBD", "unknown", "na", "-", "not_applicable"):
        imported(service, reviewer, body.format(word))

        assert facts(service, "retail/a") == {
            "namespace": "retail", "name": "a", "explainability": "none",
        }  # fmt: skip


def test_import_values(service: Service, reviewer: str) -> None:
    """Words of another house become ours by `values`; a word with no value states nothing."""
    body = "namespace,name,lifecycle\nretail,a,Live since May\nretail,b,other\nretail,c,In pilot\n"
    values = "lifecycle:live since may=Production,lifecycle:other=,lifecycle:in pilot=pilot"
    report = imported(service, reviewer, body, values=values)

    assert figures(report) == (3, 0, 0, 0, 0)
    said = [facts(service, f"retail/{name}").get("lifecycle") for name in "abc"]
    assert said == ["production", None, "pilot"]


def test_import_lists(service: Service, reviewer: str) -> None:
    """Lists are split at `;` and line ends, addresses at commas too; several columns add up."""
    body = (
        "namespace,name,tags,owner,developers,repositories,limitations,datasets\n"
        'retail,a,"pii;; eu; gdpr\nk=v, w","A <a@x.example>, b@x.example",team:ds,'
        'git@github.com:Acme/Churn.git,"Old; but good\nSlow",s3://Lake/churn\n'
    )
    imported(service, reviewer, body)
    said = facts(service, "retail/a")

    assert said["tags"] == ["gdpr", "k=v, w", "pii; eu"]
    assert sorted((o["owner"]["value"], o["role"]) for o in said["owners"]) == [
        ("a@x.example", "accountable"), ("b@x.example", "accountable"), ("team:ds", "developer"),
    ]  # fmt: skip
    assert said["repositories"][0]["repository"]["value"] == "https://github.com/acme/churn"
    assert [one["text"] for one in said["limitations"]] == ["Old; but good", "Slow"]
    assert said["datasets"][0]["dataset"]["value"] == "s3://lake/churn"


def test_import_apostrophes(service: Service, reviewer: str) -> None:
    """The apostrophe that keeps a spreadsheet from running text is taken off, any other stays."""
    body = "namespace,name,description,vendor_name\nretail,a,'=1+1,'unknown\nretail,b,'tis,'\n"
    imported(service, reviewer, body)

    said = [facts(service, f"retail/{name}") for name in "ab"]
    assert [one["description"] for one in said] == ["=1+1", "'tis"]
    assert [one["vendor_name"] for one in said] == ["unknown", "'"]


def test_import_dates(service: Service, reviewer: str) -> None:
    """An exact date is stated, one of a month or a year is not; how they were read is counted."""
    body = "namespace,name,created_at\n" + "".join(
        f"retail,m{index},{text}\n"
        for index, text in enumerate(["3/4/2024", "2024-05-06T07:08:09Z", "May-24", "2024", "tbd"])
    )
    report = imported(service, reviewer, body)

    assert report["dates"] == {"day": 1, "month": 1, "year": 1, "ambiguous": 1}
    said = [facts(service, f"retail/m{index}").get("created_at") for index in range(5)]
    assert said == [
        "2024-03-04T00:00:00.000000Z", "2024-05-06T07:08:09.000000Z", None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "asked", "pointer", "fix"),
    [
        (PLAIN, {"map": "Nmae=name"}, "?map/0", "The nearest is name."),
        (PLAIN, {"map": "name=nmae"}, "?map/0", "Did you mean name?"),
        (PLAIN, {"map": "owner=name,name=name"}, "?map", "Leave one of them out with COLUMN=-, "),
        ("a,a\n", {"map": "a=name", "namespace": "x"}, "?map/0", "Rename one of them."),
        ("namespace,names\nx,y\n", {}, "?map", "Add names=name, "),
        ("name\nx\n", {}, "?namespace", "Say where the models belong, "),
        (PLAIN, {"values": "lifecycle=x"}, "?values/0", "FACT is one of "),
        (PLAIN, {"values": "lifecycle:x=productoin"}, "?values/0", "Did you mean production?"),
        (PLAIN, {"sheet": ""}, "?sheet", ""),
    ],
)
def test_import_wrong_map(
    service: Service, reviewer: str, body: str, asked: Any, pointer: str, fix: str
) -> None:
    """A map that does not fit the file is 422, names the nearest, and enters nothing."""
    answer = send(service, reviewer, body, **asked)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    error = answer.json()["errors"][0]
    assert (error["pointer"], error["fix"][: len(fix)]) == (pointer, fix)
    assert service.get("models")["items"] == []


def test_import_left_out(service: Service, reviewer: str) -> None:
    """`COLUMN=-` leaves a column out; what is not read is listed with the nearest fact."""
    body = "namespace,name,description,lifecycel,Zeile\nretail,a,secret,pilot,7\n"
    report = imported(service, reviewer, body, map="description=-")

    assert facts(service, "retail/a") == {"namespace": "retail", "name": "a"}
    assert report["unmapped_columns"] == [
        {"column": "lifecycel", "nearest": "lifecycle"}, {"column": "Zeile", "nearest": None},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "It is empty: "),
        (b"\xef\xbb\xbf\r\n \r\n", "It is empty: "),
        (b'namespace,name\nretail,"a\nretail,b\n', "Row 2: a quote is not closed"),
        ("namespace,name\nretail,äöü\n".encode()[:-2] + b"\n", "It is UTF-8, but the character"),
        (b"namespace,name\nretail,\x81\n", "It is neither UTF-8 nor Windows-1252: see byte 22"),
        (b"\xff\xfea\x00\x00\xd8", "It is no utf-16-le: "),
        (b",".join(b"c%d" % n for n in range(300)), "It has more than 256 columns."),
        (b"name," + b"x" * 1_001 + b"\na,b\n", "Row 1 names the columns, but the name of a column"),
    ],
)
def test_import_unreadable(service: Service, reviewer: str, body: bytes, detail: str) -> None:
    """A file that is no table is 422, which says why; nothing of it is entered."""
    answer = send(service, reviewer, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    assert answer.json()["detail"].startswith(detail)


def test_import_header_alone(service: Service, reviewer: str) -> None:
    """A file with a header and no rows enters nothing, and says so."""
    assert imported(service, reviewer, "namespace,name\n")["rows"] == 0


def test_import_media(service: Service, reviewer: str) -> None:
    """Another type is 415, which names those that are read; a larger body than 16 MiB is 413."""
    wrong = send(service, reviewer, PLAIN, "application/json")
    large = send(service, reviewer, b"x" * (16 * 1024 * 1024 + 1))

    assert (wrong.status_code, wrong.json()["code"]) == (415, "unsupported_media")
    assert "text/csv" in wrong.json()["detail"]
    assert (large.status_code, large.json()["code"]) == (413, "too_large")


def test_import_elsewhere(service: Service, reviewer: str) -> None:
    """A default namespace that the token does not hold for is refused at once."""
    answer = send(service, reviewer, "name\na\n", namespace="finance")

    assert (answer.status_code, answer.json()["code"]) == (403, "namespace_not_yours")


def test_import_vanished_row(service: Service, reviewer: str) -> None:
    """A row that a later file lacks stays as it was: it is withdrawn by a person."""
    imported(service, reviewer, PLAIN + "retail,Fraud,pilot,\n")
    imported(service, reviewer, PLAIN)

    assert service.get("models/retail/fraud")["gone_since"] is None


def test_import_own_export(service: Service, reviewer: str) -> None:
    """Our own CSV, read back, says the same: unknown is not stated, an empty cell stated empty."""
    post(
        service.database, make_source(service.database),
        model("Churn", description="=1;\n2", tags=["a; b", "c"], base_model=None, origin={
            "one_of": ["in_house", "open_weights"]}, created_at="2024-05-06T07:08:09Z",
            owners=[{"owner": {"kind": "owner", "scheme": "handle", "value": "team:ds"}}],
            repositories=[{"repository": {"kind": "repository", "scheme": "url",
                           "value": "https://git.acme.example/a/b"}, "role": "training"}],
            datasets=[DATASET | {"role": "training", "digest": "md5:1"}, MLFLOW_DATASET]),
        model("old") | {"facts": {"namespace": "retail", "name": "Old"}},
    )  # fmt: skip
    before = facts(service, "retail/churn")
    file = service.ask("GET", "models.csv", service.reader).content
    report = imported(service, reviewer, file)

    assert (figures(report), report["refused"]) == ((0, 0, 2, 0, 0), [])
    assert service.get("models/retail/churn/entered", reviewer)["facts"] == {
        name: value for name, value in before.items() if name not in {"namespace", "name"}
    }
    assert facts(service, "retail/churn") == before  # also the name, as its registry writes it


def test_import_many(service: Service, reviewer: str) -> None:
    """Thousands of rows go in as batches of one request; the report lists a thousand refusals."""
    text = StringIO()
    table = csv.writer(text)
    table.writerow(["namespace", "name", "lifecycle"])
    table.writerows(["retail", f"m{n}", "pilot" if n % 2 else "wrong"] for n in range(5_000))
    report = imported(service, reviewer, text.getvalue())

    assert (figures(report), len(report["refused"])) == ((2_500, 0, 0, 0, 2_500), 1_000)


def test_import_statements(service: Service, reviewer: str, statements: Statements) -> None:
    """Bounded: a batch of a thousand rows costs no more statements than one of ten.

    It costs fewer: the worker checks so many new models.
    """
    imported(service, reviewer, "namespace,name\nretail,first\n")
    counts = []
    for rows_sent in (10, 1_000):
        body = "".join(
            f"retail,{rows_sent} m{n},pilot,team:{rows_sent}\n" for n in range(rows_sent)
        )
        with statements() as said:
            imported(service, reviewer, f"namespace,name,lifecycle,owner\n{body}")
        counts.append(len(said))

    assert counts[1] <= counts[0]


def test_import_published_inventory(service: Service, corpora: Path) -> None:
    """RISK 8: 3,611 records of a published inventory, each created, repeated or refused."""
    (file,) = (corpora / "omb_inventory").glob("*.csv")
    admin, asked = service.token("admin"), {"map": ",".join(MAP), "values": ",".join(STAGES)}
    report = imported(service, admin, file.read_bytes(), **asked)
    codes = Counter((one["code"], one["column"]) for one in report["refused"])

    assert (report["rows"], figures(report)) == (3_611, (3_542, 0, 0, 7, 62))
    assert codes == {("name_repeated", None): 61, ("missing", "use_case_name"): 1}
    assert report["dates"] == {"day": 882, "month": 484, "year": 36, "ambiguous": 272}
    assert report["encoding"] == "utf-8"
    again = imported(service, admin, file.read_bytes(), **asked)
    assert figures(again) == (0, 0, 3_542, 7, 62)
