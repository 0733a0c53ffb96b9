"""What was lost at a receiver is sent again, with the ids that it had."""

from typing import Any
from uuid import uuid4

from tests.outgoing.desk import WHY, Desk, answering

ALWAYS: dict[str, Any] = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


def again(desk: Desk, name: str = "desk", **asked: Any) -> int:
    """How many deliveries wait anew."""
    body = ALWAYS | WHY | asked
    done = desk.ask("POST", f"receivers/{name}/deliveries:replay", body, status=202)
    return int(done["deliveries"])


def test_event(desk: Desk) -> None:
    """One event goes out again, as it was; the ledger knows."""
    desk.make()
    desk.tell("one", "two")
    desk.send()
    first = desk.log()[0]
    path = f"receivers/desk/deliveries/{first['event']}:replay"
    told = desk.ask("POST", path, WHY, status=202)
    assert (told["state"], told["attempts"]) == ("waiting", 0)
    assert desk.send() == (1, 0)

    assert desk.sink.ids.count(first["event"]) == 2
    bodies = {one.body for one in desk.sink.got if one.id == first["event"]}
    assert len(bodies) == 1
    assert desk.ledger()[-1]["new"] == {"name": "desk", "event": first["event"]}


def test_event_of_others(desk: Desk) -> None:
    """An event that a receiver did not ask for is not sent to it, whoever names it."""
    desk.make("all")
    desk.make("there", namespaces=["wholesale"])
    desk.tell("one")
    event = desk.log("all")[0]["event"]

    desk.ask("POST", f"receivers/there/deliveries/{event}:replay", WHY, status=404)
    desk.ask("POST", f"receivers/all/deliveries/{uuid4()}:replay", WHY, status=404)
    assert desk.log("there") == []


def test_range(desk: Desk) -> None:
    """All events of a time, those too that came before the receiver; never another one's test."""
    desk.make("early")
    desk.tell("one", "two")
    desk.ask("POST", "receivers/early:test", WHY, status=202)
    desk.make("late", types=["tier.changed"])
    assert again(desk, "late", until="2020-01-02T00:00:00Z") == 0
    assert again(desk, "late") == 2
    assert again(desk, "late") == 0  # they wait already
    desk.send()

    assert {one["subject"] for one in desk.log("late")} == {"one", "two"}
    assert again(desk, "early") == 3
    assert again(desk, "late") == 2


def test_failed_alone(desk: Desk) -> None:
    """Only what was given up, if that is asked for; it has all its tries again."""
    desk.make()
    desk.tell("well")
    desk.send()
    desk.tell("ill")
    desk.sink.answer = answering(410)
    desk.send()
    desk.ask("POST", "receivers/desk/deliveries:replay", ALWAYS | WHY, status=409)
    tag = {"If-Match": desk.service.ask("GET", "receivers/desk", desk.admin).headers["ETag"]}
    desk.ask("PUT", "receivers/desk", {"url": desk.sink.url, **WHY}, headers=tag)
    desk.sink.answer = answering(200)

    assert again(desk, failed_only=True) == 1
    assert [one["subject"] for one in desk.log(state="waiting")] == ["ill"]
    assert desk.send() == (1, 0)


def test_range_refused(desk: Desk) -> None:
    """A time that ends before it begins."""
    desk.make()
    body = {"since": ALWAYS["until"], "until": ALWAYS["since"], **WHY}
    desk.ask("POST", "receivers/desk/deliveries:replay", body, status=422)
