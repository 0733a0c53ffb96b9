"""Webhooks of a real MLflow server: what it signs is proved, what it tells is read again."""

import time
from typing import Any, Final

import pytest

from service.hooks.process import process_deliveries
from tests.e2e.site import Site, Workspace, bearer
from tests.support.catalog import rows

SECRET: Final = "a-secret-of-mlflow-that-is-long"  # noqa: S105  # of tests
LONGEST: Final = 60.0
EVENTS: Final = {
    "registered_model": ["created"], "model_version": ["created"],
    "model_version_tag": ["set", "deleted"], "model_version_alias": ["created", "deleted"],
    "prompt": ["created"],
}  # fmt: skip


@pytest.fixture
def told(
    registry: Workspace, site: Site, monkeypatch: pytest.MonkeyPatch
) -> tuple[Workspace, Site]:
    """A registry with one model, swept once; the server knows where to send what happens."""
    monkeypatch.setenv("MODEL_CATALOG_HOOK_SECRET_MLFLOW", SECRET)
    site.declare(registry, webhook_secret="MLFLOW")  # noqa: S106  # a variable's name
    for name in ("churn", "fraud"):
        registry.create_registered_model(name)
    registry.create_model_version("churn", "s3://models/churn/1")
    site.harvest()
    _subscribe(registry, f"{site.url}/hooks/mlflow-prod")
    return registry, site


def _subscribe(registry: Workspace, url: str) -> None:
    from mlflow.entities.webhook import WebhookEvent  # noqa: PLC0415  # in the prepared environment

    events = [
        WebhookEvent(entity=entity, action=action)
        for entity, actions in EVENTS.items()
        for action in actions
    ]
    registry.create_webhook("catalog", url, events, secret=SECRET)


def arrived(site: Site, count: int) -> list[Any]:
    """The events of all deliveries, once there are so many: the server sends them aside."""
    until = time.monotonic() + LONGEST
    found: list[Any] = []
    while len(found) < count and time.monotonic() < until:
        time.sleep(0.1)
        found = rows(site.database, "SELECT event FROM hook_delivery ORDER BY event")
    return [event for (event,) in found]


def test_mlflow_told(told: tuple[Workspace, Site]) -> None:
    """Everything that it sends arrives proved; each is a hint about a model or a version of it."""
    registry, site = told
    registry.create_registered_model("new")
    registry.create_model_version("new", "s3://models/new/1", tags={"a": "b"})
    registry.set_model_version_tag("new", "1", "stage", "x")
    registry.delete_model_version_tag("new", "1", "stage")
    registry.set_registered_model_alias("churn", "champion", "1")
    registry.delete_registered_model_alias("churn", "champion")

    assert arrived(site, 6) == [
        "model_version.created", "model_version_alias.created", "model_version_alias.deleted",
        "model_version_tag.deleted", "model_version_tag.set", "registered_model.created",
    ]  # fmt: skip
    process_deliveries(site.database)
    below = f"mlflow-prod/{registry.name}"
    hinted = rows(site.database, "SELECT event, thing_kind, thing_value FROM hint ORDER BY 1")
    assert hinted == [
        ("model_version.created", "version", f"{below}/new/1"),
        ("model_version_alias.created", "version", f"{below}/churn/1"),
        ("model_version_alias.deleted", "model", f"{below}/churn"),
        ("model_version_tag.deleted", "version", f"{below}/new/1"),
        ("model_version_tag.set", "version", f"{below}/new/1"),
        ("registered_model.created", "model", f"{below}/new"),
    ]
    assert rows(site.database, "SELECT DISTINCT state FROM hook_delivery") == [("done",)]


def test_mlflow_followed(told: tuple[Workspace, Site]) -> None:
    """From the registration to the catalog without a full sweep, by the real command."""
    registry, site = told
    registry.create_model_version("churn", "s3://models/churn/2")
    registry.update_registered_model("fraud", description="Nothing is sent of this.")
    assert arrived(site, 1) == ["model_version.created"]
    process_deliveries(site.database)

    done = site.command("harvest", "mlflow-prod", "--json")

    assert done.returncode == 0, done.stderr
    assert site.versions().keys() == {"retail/churn/1", "retail/churn/2"}
    assert site.models()["retail/fraud"]["facts"]["description"] is None
    swept = [one for one in site.harvests() if one["scope"].startswith("registry/")]
    assert [one["coverage"] for one in swept] == ["delta", "full"]
    assert rows(site.database, "SELECT settled_at IS NOT NULL FROM hint") == [(True,)]
    assert site.harvest().changed == 1


def test_mlflow_test_event(told: tuple[Workspace, Site]) -> None:
    """MLflow's own test of a webhook is taken; the model that it makes up is looked for in vain."""
    registry, site = told
    (webhook,) = registry.list_webhooks()

    answer = registry.test_webhook(webhook.webhook_id)

    assert (answer.success, answer.response_status) == (True, 202)
    process_deliveries(site.database)
    assert site.harvest().outcome == "complete"
    hints = site.http.get("/sources/mlflow-prod/hints", headers=bearer(site.admin)).json()["hints"]
    assert len(hints) == 1
    assert "retail/example_model" not in site.models()
