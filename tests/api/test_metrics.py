"""GET /metrics: what it counts, under which names, and that every alert rule has its figures."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client.parser import text_string_to_metric_families

from schemas.harvest import Coverage, Outcome
from service.db import Database
from service.figures import GAUGES, Tally
from tests.architecture.source import ROOT
from tests.support.catalog import Sweep, make_source, model, post, rows, version
from tests.support.forging import forge_ledger
from tests.support.http import Service, opened, wait_for_feed

Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
METRIC: Final = re.compile(r"\b(model_catalog_[a-z_]+)(?:\{([^}]*)\})?")


def scraped(service: Service) -> Samples:
    """Every sample by name and labels."""
    answer = service.ask("GET", "/metrics", service.reader)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def about(samples: Samples, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name, by the values of their labels."""
    return {
        tuple(value for _, value in labels): number
        for (found, labels), number in samples.items()
        if found == f"model_catalog_{name}"
    }


@pytest.fixture
def filled(database: Database) -> Database:
    """Two sources; one was harvested completely and refused a record, the other never."""
    source = make_source(database, expected_interval=600)
    make_source(database, "mlflow-two")
    sweep = Sweep(database, source)
    sweep.send(model(lifecycle="production"), version(1), model("fraud"), {"subject": "nothing"})
    sweep.close()
    wait_for_feed(database)
    return database


def test_metrics_catalog(filled: Database) -> None:
    """What stands in the database: models, sources, quarantine, the sealed ledger."""
    with opened(filled) as service:
        wait_for_feed(filled)  # its reader's token too
        found = scraped(service)

    assert about(found, "models") == {("production", "UNRATED"): 1, ("unknown", "UNRATED"): 1}
    assert about(found, "source_expected_interval_seconds") == {
        ("mlflow-prod",): 600, ("mlflow-two",): 3_600,
    }  # fmt: skip
    last = about(found, "harvest_last_complete_timestamp_seconds")
    assert (last["mlflow-two",], last["mlflow-prod",] > 1_700_000_000) == (0, True)
    assert about(found, "quarantine_items") == {("mlflow-prod", "refused"): 1}
    assert about(found, "ledger_unsealed_age_seconds") == {(): 0}
    ((changes,),) = rows(filled, "SELECT count(*) FROM change")
    assert about(found, "ledger_size") == {(): changes}
    assert about(found, "database_up") == {(): 1}


def test_metrics_unsealed(filled: Database, owner_database: Database) -> None:
    """Where nobody seals, the oldest change that waits says since when."""
    make_source(filled, "mlflow-late")
    forge_ledger(owner_database, "UPDATE change SET recorded_at = recorded_at - interval '90 s'"
                 " WHERE id = (SELECT max(id) FROM change)")  # fmt: skip
    with opened(filled) as service:
        (age,) = about(scraped(service), "ledger_unsealed_age_seconds").values()

    assert 90 <= age < 600


def test_metrics_pushed_sources(filled: Database) -> None:
    """What nobody reads is never late: people's source and pushed ones say nothing of harvests."""
    make_source(filled, "people", kind="person")
    pushed = make_source(filled, "deploys", kind="ci")
    with opened(filled) as service:
        before = about(scraped(service), "harvest_last_complete_timestamp_seconds")
        Sweep(filled, pushed, coverage=Coverage.DELTA).close()
        after = about(scraped(service), "harvest_last_complete_timestamp_seconds")

    assert set(before) == {("mlflow-prod",), ("mlflow-two",)}
    assert set(after) == {*before, ("deploys",)}


def test_metrics_harvests(filled: Database) -> None:
    """Harvests that ended since the first look are counted, each once, with what they read."""
    source = make_source(filled)
    with opened(filled) as service:
        before = scraped(service)
        sweep = Sweep(filled, source)
        sweep.sweep(model(lifecycle="production"), model("fraud"), model("third"))
        sweep.close()
        Sweep(filled, source).close(Outcome.FAILED, error="no")
        after, again = scraped(service), scraped(service)

    assert about(before, "harvests_total") == {("complete", "mlflow-prod"): 0}
    expected = {("complete", "mlflow-prod"): 1, ("failed", "mlflow-prod"): 1}
    assert about(after, "harvests_total") == expected == about(again, "harvests_total")
    assert about(after, "observations_total") == {
        ("recorded", "mlflow-prod"): 1, ("unchanged", "mlflow-prod"): 2,
        ("refused", "mlflow-prod"): 0,
    }  # fmt: skip


def test_metrics_time_to_catalog(database: Database) -> None:
    """Versions that are new at their source count; what a first harvest brought does not."""
    source = make_source(database)
    ((now,),) = rows(database, "SELECT clock_timestamp()")
    post(database, source, model(), version(1, created_at="2019-01-01T00:00:00Z"),
         version(2, created_at=now.isoformat()))  # fmt: skip

    with opened(database) as service:
        found = about(scraped(service), "time_to_catalog_seconds")

    # the labels, in the order of their names
    assert set(found) == {("version", q, "mlflow") for q in ("0.5", "0.9", "0.95", "0.99")}
    assert all(0 <= seconds < 600 for seconds in found.values())


def test_metrics_last_complete_by_scope(filled: Database) -> None:
    """Of several scopes the one that is furthest behind counts, while anything of it is there."""
    source = make_source(filled, expected_interval=600)
    with opened(filled) as service:
        first = about(scraped(service), "harvest_last_complete_timestamp_seconds")
        Sweep(filled, source, scope="registry/other").close()
        again = about(scraped(service), "harvest_last_complete_timestamp_seconds")
        sweep = Sweep(filled, source, scope="registry/never")
        sweep.send(model("unfinished"))
        sweep.close(Outcome.FAILED, error="no")
        with filled.writing() as session:
            seen = "UPDATE sighting SET scope_id = (SELECT id FROM scope WHERE name LIKE '%never')"
            session.execute(sa.text(f"{seen} WHERE scope_id IS NULL"))
        never = about(scraped(service), "harvest_last_complete_timestamp_seconds")

    assert first == again
    assert never["mlflow-prod",] == 0


def test_metrics_requests(filled: Database) -> None:
    """Requests by the route's template and the class of their status: never by path or caller."""
    with opened(filled) as service:
        service.get("/api/v1/models/retail/churn")
        service.get("/api/v1/models/retail/fraud")
        for path in ("/api/v1/models/retail/none", "/nowhere/1", "/nowhere/2"):
            service.ask("GET", path, service.reader)
        service.http.get("/livez", headers={"Host": "elsewhere.example"})
        found = about(scraped(service), "http_request_duration_seconds_count")

    model_route = "/api/v1/models/{namespace}/{name}"
    assert found == {
        ("GET", model_route, "2xx"): 2, ("GET", model_route, "4xx"): 1,
        ("GET", "other", "4xx"): 3,
    }  # fmt: skip


def test_metrics_database_away(filled: Database, owner_database: Database) -> None:
    """Without the figures of the database those of the process are still told."""
    with opened(filled) as service:
        with owner_database.writing() as session:
            session.execute(sa.text("ALTER TABLE quarantine RENAME COLUMN what TO why"))
        found = scraped(service)

    assert about(found, "database_up") == {(): 0}
    assert about(found, "build_info").keys() == {("0.1.0",)}
    assert about(found, "models") == {}


def test_tally_remembers() -> None:
    """A harvest is counted when it is first seen ended, also when it stays in sight."""
    tally = Tally()
    one, two = ("1", "s", "complete", 3, 2, 1), ("2", "s", "failed", 0, 0, 0)
    tally.take([one])
    assert tally.harvests == {("s", "complete"): 0}

    for ended in ([one, two], [one, two], [two], [two]):
        tally.take(ended)

    assert tally.harvests == {("s", "complete"): 0, ("s", "failed"): 1}
    assert sum(tally.observations.values()) == 0


def test_alerts_have_figures(filled: Database) -> None:
    """Every name and label in deploy/alerts.yaml is one that /metrics really exposes."""
    source = make_source(filled)
    with opened(filled) as service:
        scraped(service)
        Sweep(filled, source).close(Outcome.FAILED, error="no")
        names: dict[str, set[str]] = {}
        for name, labels in scraped(service):
            names.setdefault(name, set()).update(label for label, _ in labels)
    never = {f"model_catalog_{name}": set(labels) for name, (_, labels) in GAUGES.items()}
    known = never | names

    used = {
        (rule["alert"], metric, label)
        for rule in rules()
        for metric, inside in METRIC.findall(rule["expr"])
        for label in (*re.findall(r"(\w+)=", inside), "")
    }

    wrong = {(alert, metric, label) for alert, metric, label in used
             if metric not in known or label not in {"", *known[metric]}}  # fmt: skip
    assert wrong == set()
    assert {metric for _, metric, _ in used} <= set(known)
    assert len(used) > 10


def test_metrics_documented(filled: Database) -> None:
    """docs/operate.md lists every figure of ours, and no other."""
    said = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(model_catalog_\w+)`", said, re.MULTILINE))
    with opened(filled) as service:
        text = service.ask("GET", "/metrics", service.reader).text
    exposed = set(re.findall(r"^# TYPE (model_catalog_\w+)", text, re.MULTILINE))

    assert listed | {"model_catalog_database_connections_max"} == {
        name for name in exposed if not name.endswith("_created")
    }


def rules() -> list[Any]:
    """The alert rules."""
    text = (ROOT / "deploy" / "alerts.yaml").read_text(encoding="utf-8")
    (group,) = yaml.SafeLoader(text).get_single_data()["groups"]
    return list(group["rules"])


def test_alerts_complete() -> None:
    """Each rule waits, says how urgent it is, what is wrong and what to do; names are unique."""
    found = rules()

    assert {frozenset(rule) for rule in found} == {
        frozenset({"alert", "expr", "for", "labels", "annotations"})
    }
    assert {frozenset(rule["annotations"]) for rule in found} == {frozenset({"summary", "action"})}
    assert {rule["labels"]["severity"] for rule in found} == {"page", "ticket"}
    assert len({rule["alert"] for rule in found}) == len(found)
    assert [
        rule["alert"] for rule in found if rule["expr"].count("(") != rule["expr"].count(")")
    ] == []


def test_limit_rate(filled: Database) -> None:
    """One token's requests beyond its burst are 429 with Retry-After; another's are answered."""
    with opened(filled, requests_per_second=1, requests_burst=5) as service:
        other = service.token()
        answers = [service.ask("GET", "/api/v1/models", service.reader) for _ in range(30)]
        refused = [answer for answer in answers if answer.status_code == 429]
        elsewhere = service.ask("GET", "/api/v1/models", other).status_code
        alive = service.http.get("/livez").status_code
        counted = about(scraped_with(service, service.token()), "requests_refused_total")

    assert len(refused) >= 20
    assert refused[0].headers["Retry-After"] == "1"
    assert refused[0].json()["code"] == "too_many_requests"
    assert (elsewhere, alive) == (200, 200)
    assert counted == {("rate",): len(refused), ("overload",): 0}


def scraped_with(service: Service, token: str) -> Samples:
    """Every sample, asked for with another token."""
    service.reader = token
    return scraped(service)


def test_limit_batches(database: Database) -> None:
    """Batches never take every thread: while many wait, a question is answered at once."""
    source = make_source(database)
    with opened(database) as service, ThreadPoolExecutor(40) as pool:
        token = service.token("source", source_name=source.name)

        def send(number: int) -> int:
            documents = [version(n, f"m{number}") for n in range(100)]
            path = f"sources/{source.name}/observations"
            return service.ask("POST", path, token, json={"observations": documents}).status_code

        sent = [pool.submit(send, number) for number in range(40)]
        asked = service.ask("GET", "/api/v1/models", service.reader).status_code
        statuses = {one.result() for one in sent}

    assert asked == 200
    assert statuses <= {200, 503}
    assert 200 in statuses
