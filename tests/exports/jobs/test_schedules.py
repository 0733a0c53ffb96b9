"""Schedules: a bundle of each period, once, of its end, as soon as nobody can change that."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.exports.jobs.periods import period_of
from service.exports.jobs.scheduling import queue_due
from service.operation.jobs import run_jobs
from tests.exports.jobs.office import Office, behind, states
from tests.support.catalog import rows

NAME = "export-schedules/monthly"
LONG_AGO = "UPDATE export_schedule SET next_from = CAST(:begin AS timestamptz), due_at = :end"


def put(office: Office, who: str = "reader", name: str = NAME, **asked: Any) -> Any:
    """Declare a schedule."""
    return office.ask("PUT", name, who, json={"every": "month"} | asked)


def back(office: Office, every: str, moment: datetime) -> None:
    """As if it had last run in the period of a moment."""
    period = period_of(every, moment)
    behind(office.database, LONG_AGO, begin=period.begin, end=period.end)


@pytest.mark.parametrize(
    ("every", "moment", "begin", "end", "name"),
    [
        ("month", "2026-10-31", "2026-10-01", "2026-11-01", "2026-10"),
        ("month", "2026-12-01", "2026-12-01", "2027-01-01", "2026-12"),
        ("quarter", "2026-09-30", "2026-07-01", "2026-10-01", "2026-Q3"),
        ("quarter", "2026-12-31", "2026-10-01", "2027-01-01", "2026-Q4"),
        ("year", "2026-06-01", "2026-01-01", "2027-01-01", "2026"),
    ],
)
def test_period(every: str, moment: str, begin: str, end: str, name: str) -> None:
    """Periods are those of UTC, from their first instant to the first one after them."""
    midnight = "T00:00:00+00:00"
    found = period_of(every, datetime.fromisoformat(f"{moment}T23:59:59.999999+00:00"))
    first = period_of(every, datetime.fromisoformat(begin + midnight))

    assert found == first
    assert [found.begin.isoformat(), found.end.isoformat()] == [begin + midnight, end + midnight]
    assert found.name == name


def test_schedule_once_a_period(office: Office) -> None:
    """What was missed is made up for, each period once, whoever looks and however often."""
    shown = put(office, filters={"namespace": "retail"}, profile="osfi-e23").json()
    nothing = office.database.transact(queue_due)
    back(office, "month", datetime(2026, 8, 15, tzinfo=UTC))
    queued = run_jobs(office.database, training_run_days=None)["bundles_scheduled"]
    again = [office.database.transact(queue_due) for _ in range(2)]
    found = office.service.get("exports", office.tokens["reader"])["items"]
    now = datetime.now(UTC)
    missed = (now.year - 2026) * 12 + now.month - 8

    assert (shown["next_period"], shown["enabled"]) == (f"{now:%Y-%m}", True)
    assert (nothing, queued, again) == (0, missed, [0, 0])
    first = found[-1]
    assert (first["schedule"], first["period"], first["file_name"]) == (
        "monthly", "2026-08", "monthly_2026-08.zip",
    )  # fmt: skip
    assert (first["since"], first["as_of"]) == (
        "2026-08-01T00:00:00.000000Z", "2026-09-01T00:00:00.000000Z",
    )  # fmt: skip
    assert (first["profile"], first["filters"]) == ("osfi-e23", {"namespace": "retail"})
    assert office.service.get(NAME, office.tokens["reader"])["last_export"] == found[0]["id"]
    assert {one["op"] for one in office.log()} == {"schedule", "request"}


def test_schedule_built(office: Office) -> None:
    """Its bundles are built like others, and are beside the limit of two."""
    put(office)
    back(office, "month", datetime(2026, 8, 15, tzinfo=UTC))
    queued = office.database.transact(queue_due)
    office.request()

    assert office.build() == queued + 1
    assert set(states(office.database)) == {"DONE"}


def test_schedule_recreated(office: Office) -> None:
    """A period that a schedule of this name had is not exported again."""
    put(office)
    back(office, "month", datetime(2026, 9, 15, tzinfo=UTC))
    queued = office.database.transact(queue_due)
    assert office.ask("DELETE", NAME).status_code == 204
    put(office)
    back(office, "month", datetime(2026, 9, 15, tzinfo=UTC))

    assert queued > 0
    assert office.database.transact(queue_due) == 0


def test_schedule_unsettled(office: Office) -> None:
    """While somebody still writes who began before the period's end, it waits."""
    put(office)
    end = datetime.now(UTC)
    with office.database.writing() as session:
        session.execute(sa.text("SELECT pg_current_xact_id()"))
        moved = "UPDATE export_schedule SET next_from = :begin, due_at = clock_timestamp()"
        behind(office.database, moved, begin=datetime(end.year, 1, 1, tzinfo=UTC))
        assert office.database.transact(queue_due) == 0


def test_schedule_disabled(office: Office) -> None:
    """A disabled one rests; enabled again it begins with the present period."""
    put(office)
    put(office, enabled=False)
    back(office, "month", datetime(2026, 8, 15, tzinfo=UTC))
    rested = office.database.transact(queue_due)
    again = put(office).json()

    assert rested == 0
    assert again["next_period"] == f"{datetime.now(UTC):%Y-%m}"


def test_schedule_changed(office: Office) -> None:
    """Changed, it goes on with the period where it was; with other periods, with the present."""
    put(office)
    back(office, "month", datetime(2026, 8, 15, tzinfo=UTC))
    same = put(office, dialect="excel").json()
    other = put(office, every="quarter").json()

    assert (same["next_period"], same["dialect"]) == ("2026-08", "excel")
    assert other["next_period"].partition("-Q")[0] == f"{datetime.now(UTC):%Y}"


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [({"every": "day"}, "/every"), ({"filters": {"tear": "x"}}, "/filters/tear")],
)
def test_schedule_refused(office: Office, asked: dict[str, Any], pointer: str) -> None:
    """What could never be built is refused at once."""
    answer = put(office, **asked)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_schedule_others(office: Office) -> None:
    """A schedule is its account's: others neither see nor change it; auditors see, admins end."""
    put(office)
    answers: dict[str, Any] = {
        "get": lambda who: office.ask("GET", NAME, who).status_code,
        "put": lambda who: put(office, who).status_code,
        "list": lambda who: len(
            office.service.get("export-schedules", office.tokens[who])["items"]
        ),
        "delete": lambda who: office.ask("DELETE", NAME, who).status_code,
    }

    found = {who: [ask(who) for ask in answers.values()] for who in ("second", "auditor", "admin")}

    assert found == {
        "second": [404, 409, 0, 404], "auditor": [200, 409, 1, 404], "admin": [200, 409, 1, 204],
    }  # fmt: skip
    assert rows(office.database, "SELECT count(*) FROM export_schedule") == [(0,)]
