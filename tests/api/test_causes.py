"""Why something changed: each change of a history says what it comes from, and leads there."""

import csv

from service.catalog.history_api import HISTORY
from tests.api.test_as_of import moment
from tests.docs.tables import documented, section
from tests.support.accounts import make_owner, owned_by
from tests.support.catalog import Sweep, gone, make_source, model, post, rows, version
from tests.support.http import Service, wait_for_feed

CHURN = "models/retail/churn"
LATER, LATEST = "2026-11-21T00:00:00Z", "2030-01-01T00:00:00Z"  # the latter counts as now
PAGE = {"url": "https://mlflow.acme.example/#/models/churn", "digest": "sha256:1"}


def told(service: Service, path: str = CHURN, **asked: str) -> list[tuple[str, str | None, str]]:
    """Changes as (what was done, to which field, why), the newest first."""
    found = service.get(f"{path}/history", **asked)["items"]
    said = (one for one in found if one["op"] not in {"check", "rate", "open"})  # what follows
    return [(one["op"], one["field"], one["cause"]) for one in said]


def test_causes(service: Service) -> None:
    """A harvest, a push, a person: each change says which, and what it leads to."""
    source = make_source(service.database, may_grant_ownership=True)
    sweep = Sweep(service.database, source)
    sweep.sweep(model(description="A") | {"evidence": PAGE})
    sweep.close()
    owned = model(at=LATEST, description="B", owners=[owned_by("user:ada", role="accountable")])
    post(service.database, source, owned | {"evidence": PAGE})
    ada = make_owner(service, "ada", "handle:user:ada")
    pinned = service.ask(
        "PUT", f"{CHURN}/pins/task", ada, headers={"If-Match": "*"},
        json={"value": "ranking", "reason": "the owner said so"},
    )  # fmt: skip
    assert pinned.status_code == 200, pinned.text
    events = service.get(f"{CHURN}/history")["items"]
    by_cause = {one["cause"]: one for one in events if one["op"] != "number"}

    assert told(service, cause="harvest") == [("create", None, "harvest")]
    assert told(service, cause="observation") == [
        ("update", "owners", "observation"), ("update", "description", "observation"),
    ]  # fmt: skip
    assert {one[0] for one in told(service, cause="person")} == {"pin", "update"}
    assert by_cause["harvest"]["harvest_url"] == f"/api/v1/harvests/{sweep.id}"
    assert by_cause["observation"]["harvest_url"] is None
    for cause in ("harvest", "observation"):
        assert by_cause[cause]["evidence"] == PAGE
        assert by_cause[cause]["observation"]["source"] == "mlflow-prod"
    person = next(one for one in events if one["op"] == "pin")
    assert (person["reason"], person["actor"]["kind"]) == ("the owner said so", "person")
    assert service.get(f"{CHURN}/history", actor=person["actor"]["id"])["items"][-1] == person
    assert len(told(service, actor="mlflow-prod,nobody")) == len(told(service)) - 2
    for wrong in ("cause=weather", "cause=", "until=tomorrow", "as_of=2999-01-01"):
        answer = service.ask("GET", f"{CHURN}/history?{wrong}", service.reader)
        assert answer.status_code == 422, wrong


def test_history_until(service: Service) -> None:
    """From a time on, before a time; as of a moment no later change is in it."""
    source = make_source(service.database)
    moments = []
    for hour in range(3):
        post(
            service.database, source, model(at=f"2026-11-20T0{hour}:00:00Z", description=f"{hour}")
        )
        moments.append(moment(service))
    events = service.get(f"{CHURN}/history")["items"]

    newest, middle = events[0]["recorded_at"], events[1]["recorded_at"]
    assert service.get(f"{CHURN}/history", until=newest)["items"] == events[1:]
    assert service.get(f"{CHURN}/history", since=middle, until=newest)["items"] == events[1:2]
    for number, when in enumerate(moments):
        assert service.get(f"{CHURN}/history", as_of=when)["items"] == events[2 - number :]


def test_history_of_merged(service: Service) -> None:
    """Merged by rule, one history; un-merged by a person, two again: told to both, each time."""
    one, two = make_source(service.database), make_source(service.database, "mlflow-two")
    theirs = model("loss", source="mlflow-two", description="theirs")
    post(service.database, one, model(description="ours"))
    post(service.database, two, theirs)
    ids = {name: service.get(f"models/retail/{name}")["id"] for name in ("churn", "loss")}
    apart = {name: told(service, f"models/retail/{name}") for name in ids}
    before = moment(service)
    joined = theirs | {"observed_at": LATER, "same_as": [model()["subject"]]}
    assert post(service.database, two, joined).refused == ()
    name = rows(service.database, "SELECT natural_key FROM entry WHERE kind = 'model' "
                "AND merged_into IS NULL")[0][0]  # fmt: skip
    merged = service.get(f"models/{name}/history")["items"]

    assert [(m["cause"], m["entry"]) for m in merged if m["op"] == "merge"] == [
        ("software", ids["loss"])
    ]
    assert {m["entry"] for m in merged} == set(ids.values())
    assert sum(m["op"] == "create" for m in merged) == 2
    unmerged = service.ask(
        "POST", f"models/{name}:unmerge", service.token("admin"), json={"reason": "they differ"}
    )
    assert unmerged.status_code == 200, unmerged.text
    for name, entry in ids.items():
        events = service.get(f"models/retail/{name}/history")["items"]
        decided = [m for m in events if m["op"] in {"merge", "unmerge"}]
        assert [(m["op"], m["cause"]) for m in decided] == [
            ("unmerge", "person"), ("merge", "software"),
        ], name  # fmt: skip
        assert decided[0]["reason"] == "they differ"
        assert {m["entry"] for m in events if m not in decided} == {entry}, name
        assert told(service, f"models/retail/{name}", as_of=before) == apart[name]


def test_history_exported(service: Service) -> None:
    """The whole history as a file with the documented columns; JSON Lines are its items."""
    source = make_source(service.database)
    post(service.database, source, model(description="A"), version(1))
    post(service.database, source, model(at=LATER, description="B") | {"evidence": PAGE})
    events = service.get(f"{CHURN}/history")["items"]
    answer = service.ask("GET", f"{CHURN}/history.csv", service.reader)
    lines = service.ask("GET", f"{CHURN}/history.jsonl", service.reader).text.splitlines()
    records = list(csv.DictReader(answer.text.splitlines()))

    assert list(records[0]) == [column.name for column in HISTORY]
    assert list(records[0]) == documented(section("columns.md", "history"))
    assert [(r["op"], r["field"], r["old"], r["new"], r["cause"]) for r in records][:1] == [
        ("update", "description", "A", "B", "observation")
    ]
    assert records[0]["evidence_url"] == PAGE["url"]
    assert [r["id"] for r in records] == [str(one["id"]) for one in events]
    assert len(lines) == len(events)
    chosen = service.ask("GET", f"{CHURN}/history.csv?cause=person", service.reader).text
    assert len(chosen.splitlines()) == 1
    below = service.ask("GET", f"{CHURN}/versions/1/history.xlsx", service.reader)
    assert below.status_code == 200
    for wrong, status in (("history.pdf", 404), ("history.csv?page_size=1", 422)):
        assert service.ask("GET", f"{CHURN}/{wrong}", service.reader).status_code == status


def test_history_of_what_is_gone(service: Service) -> None:
    """What was retired and restored tells both, with the harvest that missed it as the cause."""
    source = make_source(service.database, absences=1, held_back_count=100)
    for seen in ([model(), model("fraud")], [model("fraud")], [model(), model("fraud")]):
        sweep = Sweep(service.database, source)
        sweep.sweep(*seen)
        sweep.close()
    done = [one for one in told(service) if one[1] in {"gone_since", "unseen_since"}]

    assert {cause for _, _, cause in done} == {"harvest"}
    post(service.database, source, gone(model(), LATEST))
    assert ("retire", "gone_since", "observation") in told(service)


def test_changes_until(service: Service) -> None:
    """The feed of a moment ends there, and is refused as long as something of it is not sealed."""
    source = make_source(service.database)
    post(service.database, source, model(description="A"))
    wait_for_feed(service.database)
    first = service.get("changes")["items"]
    before = moment(service)
    post(service.database, source, model(at=LATER, description="B"))
    after = moment(service)

    assert service.get("changes", as_of=before)["items"] == first
    refused = service.ask("GET", f"changes?as_of={after}", service.reader)
    assert (refused.status_code, refused.json()["code"]) == (409, "moment_unsettled")
    wait_for_feed(service.database)
    assert len(service.get("changes", as_of=after)["items"]) == len(first) + 1
    assert service.get("changes", as_of=before)["items"] == first
    lines = service.ask("GET", f"changes.jsonl?as_of={before}", service.reader).text
    assert len(lines.splitlines()) == len(first)
