"""Webhooks' deliveries that failed: GitHub is asked to send them once more, once."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest

from tests.harvesters.ci.github.conftest import Hub
from tests.support.github_answers import Said


def delivery(number: int, at: datetime, code: int = 502, **more: Any) -> dict[str, Any]:
    """One row of the list."""
    written = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": number, "guid": f"g{number}", "delivered_at": written, "redelivery": False,
        "duration": 0.2, "status": "Invalid HTTP Response", "status_code": code, "event": "push",
    } | more  # fmt: skip


def always(said: Said) -> Callable[[str], Said]:
    """The same answer to everything."""
    return lambda _path: said


@pytest.fixture
def app(hub: Hub) -> Hub:
    """A source that is a GitHub App's, with webhooks."""
    hub.settings["app_id"], hub.secret = 29310, hub.github.app_key()
    hub.source["webhook_secret"] = "HUB"  # noqa: S105  # a variable's name
    return hub


def test_deliveries_app(app: Hub) -> None:
    """What failed since yesterday, was not delivered at another try, and was not asked for yet."""
    app.actions.deliveries = [
        delivery(9, app.ago(minutes=1), 200),
        delivery(8, app.ago(minutes=2)),
        delivery(7, app.ago(minutes=3), 200, guid="g6", redelivery=True),
        delivery(6, app.ago(minutes=4)),
        delivery(5, app.ago(minutes=5), 0, guid="g4", redelivery=True),
        delivery(4, app.ago(minutes=6)),
        delivery(3, app.ago(hours=20), 0),
        delivery(2, app.ago(days=2)),
    ]

    closed = app.harvest("deliveries")

    assert app.actions.attempts == ["8", "3"]
    assert closed.counts == {"deliveries_failed": 2, "deliveries_asked_for": 2}
    app.pass_time(hours=1)
    assert app.harvest("deliveries").counts == {}
    assert app.actions.attempts == ["8", "3"]


def test_deliveries_pages(app: Hub) -> None:
    """Only as many pages are read as were delivered since the last look."""
    app.actions.deliveries = [
        delivery(1_000 - n, app.ago(minutes=10 * n), 200 if n else 500) for n in range(400)
    ]
    app.harvest("deliveries")
    assert app.github.asked_by_kind()["deliveries"] == 2  # a day of them
    app.pass_time(minutes=10)
    app.harvest("deliveries")
    assert app.github.asked_by_kind()["deliveries"] == 1
    assert app.actions.attempts == ["1000"]


def test_deliveries_organisation(hub: Hub) -> None:
    """With a token: of the organisation's hooks those that deliver to this source."""
    hub.source["webhook_secret"] = "HUB"  # noqa: S105  # a variable's name
    hub.actions.hooks["orgs/acme"] = [
        {"id": 11, "config": {"url": "https://catalog.example/hooks/hub"}},
        {"id": 12, "config": {"url": "https://ci.example/github"}},
        {"id": 13, "config": None},
    ]
    hub.actions.deliveries = [delivery(8, hub.ago(minutes=2))]

    closed = hub.harvest("deliveries")

    assert (closed.counts["deliveries_asked_for"], hub.actions.attempts) == (1, ["8"])
    assert [path for path in hub.github.asked if "/12/" in path or "/13/" in path] == []


def test_deliveries_never_fail(hub: Hub) -> None:
    """No rights, no answer, no list: it is counted, and looked at again the next time."""
    hub.source["webhook_secret"] = "HUB"  # noqa: S105  # a variable's name
    assert hub.harvest("deliveries").counts == {"hooks_not_readable": 1}
    for said in (Said(500, {}), Said(200, {"error": "x"}), Said(401, {})):
        hub.github.before = always(said)
        assert set(hub.harvest("deliveries").counts) <= {
            "deliveries_not_read",
            "hooks_not_readable",
        }
    hub.github.before = lambda _path: None
    hub.actions.hooks["orgs/acme"] = [{"id": 1, "config": {"url": "https://x.example/hooks/hub"}}]
    hub.actions.deliveries = [delivery(8, hub.ago(minutes=9))]
    assert hub.harvest("deliveries").counts["deliveries_asked_for"] == 1


def test_deliveries_only_where_webhooks_are(hub: Hub) -> None:
    """Without webhooks, or when it is switched off, there is no such scope."""
    for source, settings in (({}, {}), ({"webhook_secret": "HUB"}, {"redeliver": "none"})):
        hub.source, more = source, settings
        hub.settings = {"organisations": ["acme"]} | more
        with ExitStack() as stack:
            names = [one.scope for one in hub.scopes(stack)]
        assert names == ["deployments/acme", "builds/acme"]


def test_scopes_switched_off(hub: Hub) -> None:
    """`none` reads none, of either."""
    hub.settings |= {"builds": "none", "deployments": "none"}
    with ExitStack() as stack:
        assert hub.scopes(stack) == []
