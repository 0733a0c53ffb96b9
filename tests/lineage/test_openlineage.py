"""What events of OpenLineage make of the catalog: the ugly ones first."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.lineage.openlineage import read_event
from service.lineage.stating import EventRefused
from tests.lineage.events import (
    FLOW,
    LAKE,
    OTHER_RUN,
    REGISTRY,
    RUN,
    Poster,
    count,
    dataset,
    dataset_of,
    event,
    linked,
    run_of,
)
from tests.support.catalog import make_source, rows
from tests.support.http import Service

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MUST_BE = "must be a time with its zone"
REFUSED: dict[str, tuple[Any, str, str]] = {
    "no object": ([1], "", "must be an object"),
    "nothing": ({"eventTime": "2026-11-20T09:00:00Z"}, "", "speaks of no run, job or dataset"),
    "run is text": (event(run="x") | {"run": "x"}, "/run", "must be an object"),
    "run without id": (event() | {"run": {}}, "/run/runId", "must be a UUID"),
    "run id": (event(run="7"), "/run/runId", "must be a UUID"),
    "run id, object": (event() | {"run": {"runId": {}}}, "/run/runId", "must be a UUID"),
    "template": (
        event(run="{{ any(result) }}"), "/run/runId",
        "holds a placeholder: this is a template, no event",
    ),
    "no job": (
        {k: v for k, v in event().items() if k != "job"}, "/job",
        "must be an object with namespace and name",
    ),
    "job without name": (
        event(job={"namespace": "x"}), "/job/name", "must be a text that is not empty",
    ),
    "job named with spaces": (
        event(job={"namespace": "x", "name": "  "}), "/job/name",
        "must be a text that is not empty",
    ),
    "no time": (event(at=None), "/eventTime", MUST_BE),  # type: ignore[arg-type]
    "no zone": (event(at="2026-11-20T09:00:00"), "/eventTime", MUST_BE),
    "time is a number": (event(at=1_795_443_077), "/eventTime", MUST_BE),  # type: ignore[arg-type]
    "time, far": (event(at="9999-12-31T23:59:59-12:00"), "/eventTime", MUST_BE),
    "dataset without name": (
        {"eventTime": "2026-11-20T09:00:00Z", "dataset": {"namespace": "s3://lake"}},
        "/dataset/name", "must be a text that is not empty",
    ),
    "dataset too long": (
        {"eventTime": "2026-11-20T09:00:00Z",
         "dataset": {"namespace": "s3://lake", "name": "x" * 2_000}},
        "/dataset", "is longer than 1024 bytes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_read_event_refused(case: str) -> None:
    """An event that cannot be read is refused with place and reason."""
    sent, pointer, message = REFUSED[case]

    with pytest.raises(EventRefused) as refused:
        read_event(sent, source=FLOW, zone=None, now=NOW)

    assert (refused.value.problem.pointer, refused.value.problem.message) == (pointer, message)


def test_events_refused_leave_nothing(flow: Poster) -> None:
    """Refused one by one or in a batch, they are answered alike and leave nothing behind."""
    sent = [one for one, _, _ in REFUSED.values()]
    told = [(pointer, message) for _, pointer, message in REFUSED.values()]

    answers = [flow.refused(one) for one in sent]
    receipt = flow.batch(*sent)

    assert answers == [(422, *one) for one in told]
    assert [(one["pointer"], one["reason"]) for one in receipt["failed_events"]] == told
    assert receipt["status"] == "failed"
    assert count(flow.service, "entry") == 0


HOSTILE: tuple[tuple[str | bytes, int], ...] = (
    ("", 400), ("{", 400), ('{"a": NaN}', 400), ('{"a": 1e999}', 400), (b"\xff\xfe{}", 400),
    ('{"a": 1, "a": 2}', 400), ("[" * 50_000 + "]" * 50_000, 400), ("null", 422), ("7", 422),
    (json.dumps(event(run_facets={"x": "y" * 1_100_000})), 413),
    (json.dumps(event(run_facets={"d": json.loads("[" * 90 + "]" * 90)})), 201),
)  # fmt: skip
BATCHES: tuple[tuple[Any, int], ...] = (
    ({}, 422), (None, 422), ([event()] * 1_001, 413), ([], 200), ("x" * (9 << 20), 413),
)  # fmt: skip


def test_bodies_hostile(flow: Poster) -> None:
    """What is no JSON, too deep or too large is refused whole and by its reason, never a 5xx."""
    assert [flow.send(sent).status_code for sent, _ in HOSTILE] == [said for _, said in HOSTILE]
    batches = [flow.send(sent, "lineage/batch").status_code for sent, _ in BATCHES]
    assert batches == [said for _, said in BATCHES]
    packed = flow.send(event(), headers={"Content-Encoding": "gzip"})
    assert packed.status_code == 415


def test_batch_one_bad(flow: Poster) -> None:
    """One bad event of a batch is refused alone, by its place in the list."""
    receipt = flow.batch(event(), event(run="x"), event("COMPLETE", run=OTHER_RUN), 7)

    assert receipt == {
        "status": "partial",
        "summary": {
            "received": 4, "successful": 2, "failed": 2, "recorded": 2, "unchanged": 0,
            "column_lineage": 0,
        },
        "failed_events": [
            {"index": 1, "pointer": "/run/runId", "reason": "must be a UUID",
             "fix": "The client makes one for each run."},
            {"index": 3, "pointer": "", "reason": "must be an object", "fix": ""},
        ],
    }  # fmt: skip
    assert count(flow.service, "training_run") == 2


def test_event_facets_unusable(flow: Poster) -> None:
    """What cannot be used of an event is left out and told; all else counts."""
    bad = dataset("bad", schema={"fields": "none"}, documentation={"description": 7},
                  ownership={"owners": [{"name": "ada"}, {"name": "team:data"}, 3]},
                  symlinks={"identifiers": [7, {}]}, version="x")  # fmt: skip
    flow.post(
        event(
            "COMPLETE",
            run_facets={"parent": {"run": {"runId": "nobody"}}, "tags": 5, "mlflow": []},
            job_facets={"sourceCodeLocation": {"type": "git", "url": 9}},
            inputs=[bad, 7, {"namespace": "x"}, dataset("x" * 2_000)],
            outputs={"no": "list"},
        )
    )

    assert run_of(flow.service) == {
        "datasets": [{"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/bad"}}],
        "ended_at": "2026-11-20T09:00:00.000000Z",
        "job": "scheduler/train-churn",
        "name": "train-churn",
        "status": "FINISHED",
        "warnings": [
            "inputs/1: has no namespace and name", "inputs/2: has no namespace and name",
            "inputs/3: is longer than 1024 bytes", "outputs: is no list",
            "run: parent: must be a UUID", "run: tags: is no object",
        ],
    }  # fmt: skip
    assert dataset_of(flow.service, "s3://lake/bad") == {
        "name": "bad",
        "owners": [{"owner": {"kind": "owner", "scheme": "handle", "value": "team:data"},
                    "role": "accountable"}],
        "uri": "s3://lake/bad",
        "warnings": [
            "documentation: `description` is no text",
            "ownership: 2 named neither `team:…`, `user:…` nor by e-mail address",
            "schema: `fields` is no list", "version: is no object",
        ],
    }  # fmt: skip


def test_event_ten_thousand_datasets(flow: Poster) -> None:
    """More inputs than a run can link to: the first thousand stand, and the run says so."""
    many = [{"namespace": LAKE, "name": f"d/{n:05}"} for n in range(10_000)]

    flow.post(event(inputs=many))

    facts = run_of(flow.service)
    assert linked(facts) == [f"s3://lake/d/{n:05}" for n in range(1_000)]
    assert facts["warnings"] == ["inputs: 9000 left out, 1000 are the most"]
    assert count(flow.service, "dataset") == 1_000


def test_events_secrets(flow: Poster) -> None:
    """No credential of an address or text is stored."""
    key = "AKIAABCDEFGHIJKLMNOP"
    flow.post(
        event(
            inputs=[
                dataset("public.orders", "postgres://app:hunter2@db.acme.example:5432"),
                dataset(f"x/{key}"),
                dataset("y", documentation={"description": f"read with {key}"}),
            ]
        )
    )

    stored = json.dumps(rows(flow.service.database, "SELECT facts::text FROM observation"))
    assert "hunter2" not in stored
    assert key not in stored
    assert linked(run_of(flow.service)) == [
        "postgres://db.acme.example:5432/public.orders", "s3://lake/y",
    ]  # fmt: skip


def test_run_adds_up(flow: Poster) -> None:
    """START after COMPLETE, twice each: inputs and outputs are joined, times and status stand."""
    start = event("START", "2026-11-20T09:00:00Z", inputs=[dataset("a")], outputs=[dataset("o")])
    running = event("RUNNING", "2026-11-20T09:05:00Z", inputs=[dataset("b")])
    complete = event("COMPLETE", "2026-11-20T09:10:00Z", outputs=[dataset("p")])

    flow.post(complete, start, start, running, complete)

    facts = run_of(flow.service)
    assert (facts["status"], facts["started_at"], facts["ended_at"]) == (
        "FINISHED", "2026-11-20T09:00:00.000000Z", "2026-11-20T09:10:00.000000Z",
    )  # fmt: skip
    assert linked(facts) == ["s3://lake/a", "s3://lake/b"]
    assert linked(facts, "outputs") == ["s3://lake/o", "s3://lake/p"]


def test_run_repeated_writes_nothing(flow: Poster) -> None:
    """What was heard already changes nothing: no observation, no ledger row."""
    told = event("COMPLETE", inputs=[dataset("a", schema={"fields": [{"name": "x"}]})])
    flow.post(told)
    before = [count(flow.service, table) for table in ("observation", "change", "entry_history")]

    receipt = flow.batch(told, told)

    assert receipt["summary"]["recorded"] == 0
    assert receipt["summary"]["unchanged"] == 2
    after = [count(flow.service, table) for table in ("observation", "change", "entry_history")]
    assert after == before


@pytest.mark.parametrize(
    ("kind", "status"),
    [("COMPLETE", "FINISHED"), ("FAIL", "FAILED"), ("ABORT", "KILLED"), ("RUNNING", "RUNNING"),
     ("OTHER", None), ("MADE_UP", None), (None, None), ({}, None)],
)  # fmt: skip
def test_read_event_status(kind: Any, status: str | None) -> None:
    """Each type of event says where the run stands; those that say nothing leave it open."""
    (run,) = read_event(event(kind), source=FLOW, zone=None, now=NOW).heard

    assert run.facts.get("status") == status


def test_run_two_sources(flow: Poster) -> None:
    """Two sources speak of one run id: each of its own run, and both of the same data."""
    make_source(flow.service.database, "other-flow", kind="openlineage")
    other = Poster(flow.service, "other-flow")

    flow.post(event("COMPLETE", inputs=[dataset("a", documentation={"description": "one"})]))
    other.post(event("FAIL", inputs=[dataset("a", documentation={"description": "two"})]))

    assert run_of(flow.service)["status"] == "FINISHED"
    assert run_of(flow.service, source="other-flow")["status"] == "FAILED"
    assert count(flow.service, "dataset") == 1
    found = flow.service.get("datasets/uri:s3:%2F%2Flake%2Fa")
    assert found["sources"] == ["flow", "other-flow"]


def test_run_of_another_source_refused(service: Service) -> None:
    """A reader's token posts nothing; any source's does, and speaks for that source alone."""
    assert service.ask("POST", "lineage", service.reader, json=event()).status_code == 403
    Poster(service, REGISTRY).post(event())

    assert run_of(service, source=REGISTRY)["job"] == "scheduler/train-churn"


def test_job_event(flow: Poster) -> None:
    """A job event speaks of its data alone: no job, and no run, is an entry."""
    told = event(inputs=[dataset("a")], outputs=[dataset("b")])
    flow.post({name: value for name, value in told.items() if name not in {"run", "eventType"}})

    assert (count(flow.service, "dataset"), count(flow.service, "training_run")) == (2, 0)


def test_run_code(flow: Poster) -> None:
    """Repository, commit and branch come from the job's source code location."""
    commit = "9f" * 20
    located = {
        "type": "git", "url": f"https://github.com/Acme/churn/blob/{commit}/dags/train.py",
        "branch": "main", "version": commit[:7],
    }  # fmt: skip
    parent = {"run": {"runId": OTHER_RUN}, "job": {"namespace": "scheduler", "name": "dag"}}
    flow.post(event(job_facets={"sourceCodeLocation": located}, run_facets={"parent": parent}))

    found = flow.service.get(f"training-runs/openlineage:{FLOW}%2F{RUN}")
    assert (found["facts"]["source_commit"], found["facts"]["source_branch"]) == (commit, "main")
    assert {one["fact"]: one["identifier"] for one in found["references"]} == {
        "parent": f"openlineage:{FLOW}/{OTHER_RUN}",
        "repository": "url:https://github.com/acme/churn",
    }


def test_time_without_zone(flow: Poster) -> None:
    """A time without a zone is UTC where its source says so, and only there."""
    make_source(flow.service.database, FLOW, kind="openlineage", settings={"zone": "UTC"})

    flow.post(event(at="2026-11-20T09:00:00.5"))

    assert run_of(flow.service)["started_at"] == "2026-11-20T09:00:00.500000Z"


def test_time_ahead(flow: Poster) -> None:
    """A sender whose clock runs ahead is believed no further than ours; later events add to it."""
    flow.post(event("COMPLETE", "2126-01-01T00:00:00Z", inputs=[dataset("a")]))
    flow.post(event("OTHER", "2126-01-01T00:00:00Z", inputs=[dataset("b")]))
    flow.post(event("OTHER", "2026-11-01T00:00:00Z", inputs=[dataset("c")]))

    facts = run_of(flow.service)
    assert linked(facts) == ["s3://lake/a", "s3://lake/b", "s3://lake/c"]
    assert facts["ended_at"] < "2100"


def test_time_slightly_ahead(flow: Poster) -> None:
    """A clock a little ahead is quoted as it stands: sent again, the event changes nothing."""
    soon = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    told = event("COMPLETE", soon, inputs=[dataset("a")])
    flow.post(told)
    before = [count(flow.service, table) for table in ("observation", "change")]

    flow.post(told, told)

    assert [count(flow.service, table) for table in ("observation", "change")] == before


def test_source_disabled(flow: Poster) -> None:
    """A disabled source says nothing."""
    make_source(flow.service.database, FLOW, kind="openlineage", enabled=False)

    assert flow.send(event()).status_code == 409
