"""Bundles are kept for a while: then their pieces go, and what they were of stays."""

from datetime import datetime, timedelta

from service.operation.jobs import run_jobs
from tests.exports.jobs.office import Office, behind, data_of
from tests.support.catalog import rows

PIECES = "SELECT count(*) FROM export_chunk"


def test_kept(office: Office) -> None:
    """It is kept for the days that the worker was told."""
    asked = office.request()
    office.build(days=30)
    done = office.get(asked)

    kept = datetime.fromisoformat(done["expires_at"]) - datetime.fromisoformat(done["done_at"])
    assert abs(kept - timedelta(days=30)) < timedelta(seconds=1)
    assert run_jobs(office.database, training_run_days=None)["bundles_expired"] == 0
    assert rows(office.database, PIECES) == [(1,)]


def test_expired(office: Office) -> None:
    """Then its row says what it was, and the same can be asked for again."""
    asked = office.request()
    office.build()
    before = data_of(office.bundle(asked))
    behind(office.database, "UPDATE export SET expires_at = now() - interval '1 second'")
    ended = run_jobs(office.database, training_run_days=None)["bundles_expired"]
    found = office.get(asked)
    gone = office.ask("GET", f"{asked['url']}/bundle.zip")
    again = office.request(**{name: found[name] for name in ("as_of", "known_at", "filters")})
    office.build()

    assert (ended, found["state"], found["bundle_url"]) == (1, "EXPIRED", None)
    assert found["sha256"] is not None
    assert (gone.status_code, gone.json()["code"]) == (409, "bundle_not_ready")
    assert data_of(office.bundle(again)) == before
    assert rows(office.database, "SELECT DISTINCT export_id::text FROM export_chunk") == [
        (again["id"],)
    ]
