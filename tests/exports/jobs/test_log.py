"""The export log: whatever goes out is written down, with what it was of and whether it ended."""

import hashlib
import time
from typing import Any

import pytest

from tests.exports.jobs.office import Office
from tests.exports.jobs.test_limits import hanging, large
from tests.support.catalog import all_changes

__all__ = ["large"]


@pytest.mark.parametrize(
    ("path", "rows"),
    [("models.csv?namespace=retail", 1), ("exports/models.jsonl", 2), ("models.xlsx", 2),
     ("models.csv?dialect=excel", 2), ("models.csv?name=nothing", 0), ("coverage.csv", 1),
     ("models/retail/churn/history.jsonl", None), ("export-log.csv", 0)],
)  # fmt: skip
def test_log_streams(office: Office, path: str, rows: int | None) -> None:
    """CSV-06: one row for each file: who, what, how many, and the digest of what was sent."""
    answer = office.ask("GET", path)
    expected = rows if rows is not None else answer.text.count("\n")
    (found, *others) = office.log()

    assert (answer.status_code, others) == (200, [])
    named = answer.headers["content-disposition"].partition('filename="')[2].removesuffix('"')
    assert (found["op"], found["who"], found["who_kind"]) == ("stream", "reader", "person")
    assert (found["file"], found["rows"], found["complete"]) == (named, expected, True)
    assert found["bytes"] == len(answer.content)
    assert found["sha256"] == f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    assert found["request"] == answer.headers["x-trace-id"]
    assert found["asked"]["namespaces"] == "all"
    if "namespace=" in path:
        assert found["asked"]["?namespace"] == "retail"


def wait_for_log(office: Office, who: str = "reader") -> list[dict[str, Any]]:
    """What is logged, once something is: the service has to see that its reader has left."""
    while not (found := office.log(who)):
        time.sleep(0.01)
    return found


def test_log_bundle(office: Office) -> None:
    """A bundle's life: asked for, built in somebody's name, taken by somebody."""
    asked = office.request(filters={"namespace": "retail"})
    office.build()
    bundle = office.bundle(asked, "auditor")
    rows = office.log("auditor", since="2026-01-01")
    done = office.get(asked)
    digest = f"sha256:{hashlib.sha256(bundle).hexdigest()}"
    download, built, request = rows

    assert [(one["op"], one["who"]) for one in rows] == [
        ("download", "auditor"), ("build", "reader"), ("request", "reader"),
    ]  # fmt: skip
    assert {one["export"] for one in rows} == {asked["id"]}
    assert {one["file"] for one in rows} == {asked["file_name"]}
    assert {one["as_of"] for one in rows} == {asked["as_of"]}
    assert [one["asked"] for one in rows] == [{"namespace": "retail"}] * 3
    assert [one["sha256"] for one in rows] == [digest, digest, None]
    assert [one["bytes"] for one in rows] == [len(bundle), len(bundle), None]
    assert [one["rows"] for one in rows] == [done["progress"]["records"]] * 2 + [None]
    assert (download["who_kind"], built["who_kind"], request["complete"]) == (
        "person", "software", True,
    )  # fmt: skip


def test_log_broken_off(large: Office) -> None:
    """Whoever leaves in the middle is logged with what was sent until then."""
    with hanging(large, "reader"):
        pass
    (found,) = wait_for_log(large)

    assert (found["op"], found["complete"]) == ("stream", False)
    assert found["file"].startswith("models_")
    assert found["rows"] < 4_002
    assert found["bytes"] < 4_002 * 2_000


def test_log_own(office: Office) -> None:
    """Everybody reads the own rows; auditors and admins read all, filtered, also as a file."""
    for who in ("reader", "second", "auditor"):
        office.ask("GET", "models.csv", who)

    seen = {
        who: {one["who"] for one in office.log(who)}
        for who in ("reader", "second", "reviewer", "auditor", "admin")
    }
    everybody = {"reader", "second", "auditor"}
    assert seen == {
        "reader": {"reader"}, "second": {"second"}, "reviewer": set(),
        "auditor": everybody, "admin": everybody,
    }  # fmt: skip
    assert [one["who"] for one in office.log("auditor", who="second")] == ["second"]
    assert office.log("auditor", op="download") == []
    assert office.log("auditor", since="2090-01-01") == []
    file = office.ask("GET", "export-log.csv?who=second", "auditor").text.splitlines()
    assert len(file) == 2
    assert file[0].startswith('"id","at","op","who"')
    page = office.service.get("export-log", office.tokens["admin"], page_size="1")
    assert page["next_page_token"] is not None


def test_log_in_the_ledger(office: Office) -> None:
    """Its rows are changes as any other: sealed, and in the feed of who may see all."""
    office.ask("GET", "models.csv")

    (row,) = [one for one in all_changes(office.database) if one["kind"] == "export"]
    assert (row["op"], row["actor"]["id"], row["entry"]) == ("stream", "reader", None)


def test_log_refused(office: Office) -> None:
    """What was refused before its first byte went out is no export."""
    assert office.ask("GET", "models.csv?tear=HIGH").status_code == 422
    assert office.ask("GET", "models.docx").status_code == 404
    assert office.log() == []
