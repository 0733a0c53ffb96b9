"""A bundle from the request to its end: what it is of is fixed, what is wrong is said at once."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.exports.jobs.office import Office, behind, data_of, pieces, states


def test_export_done(office: Office) -> None:
    """It is asked for, waits, is built, and then is there with its size and digest."""
    asked = office.request(filters={"namespace": "retail"})
    waiting = office.ask("GET", f"{asked['url']}/bundle.zip")
    built = office.build()
    done = office.get(asked)
    bundle = office.bundle(asked)

    assert (asked["state"], asked["tries"], asked["bundle_url"]) == ("QUEUED", 0, None)
    assert (waiting.status_code, waiting.json()["code"]) == (409, "bundle_not_ready")
    assert (built, done["state"], done["tries"], done["error"]) == (1, "DONE", 1, None)
    assert done["bundle_url"] == f"{asked['url']}/bundle.zip"
    assert done["size"] == len(bundle)
    assert done["sha256"] == f"sha256:{hashlib.sha256(bundle).hexdigest()}"
    assert bundle == pieces(office.database, asked)
    assert b"retail/churn" in data_of(bundle)["data/models.csv"]
    assert b"wholesale/prices" not in data_of(bundle)["data/models.csv"]
    records = sum(
        text.count(b"\r\n") - 1 for name, text in data_of(bundle).items() if "csv" in name
    )
    assert done["progress"] == {"file": "", "records": records + 1}  # and the one of models.jsonl


def test_export_moments(office: Office) -> None:
    """Without moments it is of the latest moment that is settled, as known now."""
    before = datetime.now(UTC)
    asked = office.ask("POST", "exports", json={}).json()

    as_of, known_at = (datetime.fromisoformat(asked[name]) for name in ("as_of", "known_at"))
    assert timedelta(0) <= known_at - as_of < timedelta(seconds=10)
    assert abs(known_at - before) < timedelta(seconds=10)
    assert asked["file_name"] == f"model-catalog_models_{as_of:%Y-%m-%dT%H%M%SZ}.zip"


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"filters": {"tear": "HIGH"}}, "/filters/tear"),
        ({"filters": {"tier": "HUGE"}}, "/filters/tier/0"),
        ({"filters": {"namespace": "nowhere"}}, "/filters/namespace/0"),
        ({"filters": {"sort": "name"}}, "/filters/sort"),
        ({"filters": {"as_of": "2026-01-01"}}, "/filters/as_of"),
        ({"profile": "sox"}, "/profile"),
        ({"dialect": "lotus"}, "/dialect"),
        ({"as_of": "2090-01-01T00:00:00Z"}, "/as_of"),
        ({"known_at": "2090-01-01T00:00:00Z"}, "/known_at"),
        ({"as_of": "2026-02-01", "known_at": "2026-01-01"}, "/known_at"),
        ({"as_of": "2026-02-01", "since": "2026-02-01"}, "/since"),
    ],
)
def test_export_refused(office: Office, asked: dict[str, Any], pointer: str) -> None:
    """What cannot be built is refused when it is asked for, with its place."""
    answer = office.ask("POST", "exports", json=asked)

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert states(office.database) == []


def test_export_unsettled(office: Office) -> None:
    """A moment that somebody is still writing into is refused, with the latest that will work."""
    with office.database.writing() as session:
        session.execute(sa.text("SELECT pg_current_xact_id()"))
        now = session.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        answer = office.ask("POST", "exports", json={"as_of": now.isoformat()})

    assert (answer.status_code, answer.json()["code"]) == (409, "moment_unsettled")
    assert answer.json()["errors"][0]["pointer"] == "/as_of"


def test_export_waits_for_what_was_known(office: Office) -> None:
    """It is not built before all that was recorded until `known_at` can be seen."""
    with office.database.writing() as session:
        session.execute(sa.text("SELECT pg_current_xact_id()"))
        office.request(as_of="2026-01-01")
        assert office.build() == 0

    assert office.build() == 1


def test_export_repeated(office: Office) -> None:
    """The same `Idempotency-Key` gets the same bundle."""
    headers = {"Idempotency-Key": "once"}
    first, again = (office.ask("POST", "exports", json={}, headers=headers) for _ in range(2))

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert states(office.database) == ["QUEUED"]


def test_export_again(office: Office) -> None:
    """Asked for again with the same moments, its files are the same, whatever happened since."""
    first = office.request(profile="osfi-e23")
    office.build()
    behind(office.database, "UPDATE model SET display_name = 'Churn'")
    same = {name: first[name] for name in ("profile", "as_of", "known_at")}
    again = office.request("second", **same)
    office.build()

    assert data_of(office.bundle(first)) == data_of(office.bundle(again, "second"))
    assert office.get(first)["content_digest"] == office.get(again, "second")["content_digest"]


def test_export_lists(office: Office) -> None:
    """The list shows the newest first, in pages and as files, filtered."""
    first, second = office.request(), office.request(profile="omb-2025")
    office.build()

    listed = office.service.get("exports", office.tokens["reader"])["items"]
    page = office.service.get("exports", office.tokens["reader"], page_size="1")
    chosen = office.service.get("exports", office.tokens["reader"], profile="omb-2025")["items"]
    file = office.ask("GET", "exports.jsonl?state=DONE")
    assert [one["id"] for one in listed] == [second["id"], first["id"]]
    assert (len(page["items"]), page["next_page_token"] is None) == (1, False)
    assert [one["id"] for one in chosen] == [second["id"]]
    assert [json.loads(line) for line in file.text.splitlines()] == listed
    head = office.ask("GET", "exports.csv").text.splitlines()[0]
    assert head.startswith('"id","state","profile","dialect"')


def test_export_cancelled(office: Office) -> None:
    """One that waits is not built after it was cancelled; again changes nothing, later is 409."""
    asked, other = office.request(), office.request()
    done = [office.ask("POST", f"{asked['url']}:cancel") for _ in range(2)]
    office.build()
    late = office.ask("POST", f"{other['url']}:cancel")

    assert [(one.status_code, one.json()["state"]) for one in done] == [(200, "CANCELLED")] * 2
    assert states(office.database) == ["CANCELLED", "DONE"]
    assert (late.status_code, late.json()["code"]) == (409, "export_over")
    ops = [one["op"] for one in office.log()]
    assert ops.count("cancel") == 1
