"""Events are documented, and those that the catalog announces are as documented."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from schemas.events import DATA, EventData, EventType
from service.outgoing.signing import Told, body_of
from service.risk.acting import BY_CLOCK
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.telling import announce_ended, announce_findings
from tests.outgoing.desk import Desk
from tests.support.catalog import make_source, model, post, rows, version

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def announced(desk: Desk) -> list[Any]:
    """Every event, as a receiver reads its type and data."""
    found = rows(desk.database, "SELECT id, type, subject, namespace, model_id, data, at"
                 " FROM outgoing_event ORDER BY at, id")  # fmt: skip
    return [json.loads(body_of(Told(*row), source="x")) for row in found]


def check(event: Any) -> None:
    """It holds what its type promises, in these forms."""
    DATA[EventType(event["type"])].model_validate(event["data"])


def test_documented() -> None:
    """docs/events.md lists each type, in order, with the members of its data."""
    text = DOCUMENT.read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z.]+)` \| .* \| (.+) \|$", text, re.MULTILINE)
    members = {name: re.findall(r"`(\w+)`", said) for name, said in listed}

    assert list(members) == [str(one) for one in EventType]
    common = set(EventData.model_fields)
    for event, data in DATA.items():
        own = [name for name in data.model_fields if name not in common]
        assert members[str(event)] == own, event


def test_risk(desk: Desk) -> None:
    """What evaluation announces of a model keeps its promise."""
    source = make_source(desk.database)
    post(desk.database, source, model(lifecycle="production"), version(1))
    late = {"origin": "vendor_black_box", "lifecycle": "production"}
    at = datetime.now(UTC).isoformat()
    post(desk.database, source, model(at=at, **late))
    found = announced(desk)

    for one in found:
        check(one)
        assert one["subject"] == "retail/churn"
        assert one["data"]["namespace"] == "retail"


def test_finding(desk: Desk) -> None:
    """A finding is announced when it is opened, without what only some may read."""
    source = make_source(desk.database)
    post(desk.database, source, model(), version(1))
    [[about]] = rows(desk.database, "SELECT id FROM entry WHERE natural_key = 'retail/churn'")
    before = len(announced(desk))
    wanted = WantedFinding(about, None, "person", "person:1", "data", "low", "hidden", "hidden")

    def work(session: Any) -> None:
        opened = open_findings(session, [wanted], cause=BY_CLOCK, now=datetime.now(UTC))
        announce_findings(session, opened)

    desk.database.transact(work)
    desk.database.transact(work)  # it is open already
    [event] = [one for one in announced(desk)[before:] if one["type"] == "finding.opened"][-1:]
    check(event)
    assert "hidden" not in json.dumps(event)
    assert event["data"]["severity"] == "low"


def test_ended(desk: Desk) -> None:
    """A concession that ended is announced with what it was."""
    source = make_source(desk.database)
    post(desk.database, source, model(), version(1))
    [[about]] = rows(desk.database, "SELECT id FROM entry WHERE natural_key = 'retail/churn'")
    row = SimpleNamespace(id=UUID(int=7), model_id=about, state="LAPSED",
                          expires_at=datetime.now(UTC) - timedelta(days=1))  # fmt: skip
    desk.database.transact(lambda session: announce_ended(session, "waiver", rows=[row]))
    desk.database.transact(lambda session: announce_ended(session, "waiver", rows=[]))

    [event] = [one for one in announced(desk) if one["type"] == "concession.ended"]
    check(event)
    assert (event["subject"], event["data"]["what"]) == ("retail/churn", "waiver")
