"""Every recorded file of OpenLineage goes through the real routes, and is what it is counted as."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.lineage.openlineage import read_event
from tests.lineage.events import FLOW, Poster, count
from tests.support.catalog import make_source, rows

MARKS = frozenset({"eventTime", "eventType", "run"})  # one of them stands in every event


@pytest.fixture(scope="module")
def files(corpora: Path) -> dict[str, Any]:
    """Each file's document, by its name."""
    folder = corpora / "openlineage"
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist: set TEST_CORPORA to the recorded payloads")
    return {
        str(path.relative_to(folder)): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.json"))
    }


def events_of(document: Any) -> Iterator[Any]:
    """The events of a file: one, a list, or none."""
    for one in document if isinstance(document, list) else [document]:
        if isinstance(one, dict) and MARKS & one.keys():
            yield one


def test_corpus_every_file(flow: Poster, files: dict[str, Any]) -> None:
    """59 files: 21 with events, 38 without; whatever they hold, none brings a 5xx."""
    statuses = Counter[int]()
    for document in files.values():
        batch = document if isinstance(document, list) else [document]
        statuses[flow.send(document).status_code] += 1
        statuses[flow.send(batch, "lineage/batch").status_code] += 1

    assert len(files) == 59
    assert sum(bool(list(events_of(one))) for one in files.values()) == 21
    # Alone, only the complete example is an event as it stands; batches say what of them is.
    assert statuses == {201: 1, 422: 58, 200: 59}


@pytest.mark.parametrize(
    ("settings", "runs", "jobs", "zoneless"), [({}, 15, 0, 2), ({"zone": "UTC"}, 16, 1, 0)]
)
def test_corpus_events(
    flow: Poster, files: dict[str, Any], settings: Any, runs: int, jobs: int, zoneless: int
) -> None:
    """63 run events: 16 real ones, one of them without a zone as is the job event, 47 templates."""
    make_source(flow.service.database, FLOW, kind="openlineage", settings=settings)
    events = [event for document in files.values() for event in events_of(document)]
    of_runs = [event for event in events if "run" in event]
    of_jobs = [event for event in events if "run" not in event]

    receipt, about_jobs = flow.batch(*of_runs), flow.batch(*of_jobs)

    assert (len(of_runs), len(of_jobs)) == (63, 1)
    summary = receipt["summary"]
    assert (summary["successful"], about_jobs["summary"]["successful"]) == (runs, jobs)
    reasons = Counter(
        one["reason"] for one in (*receipt["failed_events"], *about_jobs["failed_events"])
    )
    assert reasons.pop("must be a time with its zone", 0) == zoneless
    assert reasons.total() == 47
    database = flow.service.database
    read = "SELECT DISTINCT target_id FROM link WHERE field IN ('datasets', 'outputs')"
    assert len(rows(database, read)) == 6
    assert count(flow.service, "dataset") == 6 + 2 * jobs
    assert rows(database, "SELECT DISTINCT warnings::text FROM training_run") == [(None,)]


def test_corpus_facets(files: dict[str, Any], corpora: Path) -> None:
    """Each recorded facet, on a dataset, a run and a job: read or passed over, never a crash."""
    facets: dict[str, Any] = {}
    for name, document in files.items():
        if "/tests/" in name and isinstance(document, dict):
            facets |= {key: one for key, one in document.items() if isinstance(one, dict)}
    schemas = sorted((corpora / "openlineage_spec").rglob("*Facet.json"))
    facets |= {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in schemas}
    assert len(facets) > 20

    from tests.lineage.events import dataset, event  # noqa: PLC0415  # beside what they are for
    from tests.lineage.test_openlineage import NOW  # noqa: PLC0415

    told = read_event(
        event(run_facets=facets, job_facets=facets, inputs=[dataset("a", **facets)]),
        source=FLOW, zone=None, now=NOW,
    )  # fmt: skip

    assert len(told.heard) == 2
    assert told.columns == 1
