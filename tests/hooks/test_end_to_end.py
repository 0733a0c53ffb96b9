"""A push on a scripted GitHub, delivered and proved, is in the catalog after one small harvest."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from service.db import Database
from service.hooks.process import Processed, process_deliveries
from tests.e2e.site import bearer, served
from tests.e2e.test_github import Hub, manifest, titles
from tests.e2e.test_worker import wait, working
from tests.hooks.deliveries import change
from tests.hooks.senders import PREFIX, SECRET, github_headers, written
from tests.support.catalog import rows
from tests.support.github_server import serving
from tests.support.github_state import Repo

NAME: Final = "HUB"
PUSHED: Final = "Attrition"


class Told(Hub):
    """A hub whose GitHub sends webhooks."""

    def declare(self, **settings: Any) -> None:
        """With the secret's name."""
        super().declare(**settings)
        declared = self.site.http.get("/sources/hub", headers=bearer(self.site.admin)).json()
        kept = {"name", "kind", "namespace", "absences", "credential", "settings"}
        asked = {name: declared[name] for name in kept} | {"webhook_secret": NAME}
        answer = self.site.http.put("/sources/hub", json=asked, headers=bearer(self.site.admin))
        assert answer.is_success, answer.text

    def deliver(self, repo: Repo, event: str = "push", **more: Any) -> httpx2.Response:
        """What GitHub sends about a repository."""
        url = f"http://{self.github.host}/{repo.full_name}"
        body = written({"repository": {"id": repo.number, "html_url": url}} | more)
        headers = github_headers(body, event)
        return self.site.http.post(f"{self.site.url}/hooks/hub", content=body, headers=headers)

    @property
    def variables(self) -> Any:
        """What a worker or `harvest --due` is given."""
        url = self.site.database.url.set(drivername="postgresql")
        return {
            "MODEL_CATALOG_DATABASE_URL": url.render_as_string(hide_password=False),
            "MODEL_CATALOG_SECRET_HUB": self.github.secret,
            "MODEL_CATALOG_SECRET_HUB_HOST": self.github.host,
        }

    def harvest_due(self) -> None:
        """As cron does."""
        with self.site.started("harvest", "--due", **self.variables) as process:
            said = process.communicate(timeout=120)
        assert process.returncode == 0, said

    def coverages(self) -> list[str]:
        """How the harvests of repositories so far read, the newest last."""
        found = reversed(self.site.harvests("hub"))
        return [one["coverage"] for one in found if one["scope"].startswith("repositories/")]


@pytest.fixture
def hub(
    database: Database, corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Told, Repo]]:
    """A catalog that has read a GitHub with one model and a repository beside it."""
    monkeypatch.setenv(f"{PREFIX}{NAME}", SECRET)
    with served(database) as site, serving(corpora) as github:
        found = Told(site, github)
        churn = github.state.create("acme/churn", {"model.yaml": manifest("churn", "Churn")})
        github.state.create("acme/site", {"notes.txt": b"#\n"})
        found.harvest()
        github.asked_by_kind()
        yield found, churn


def test_push_to_catalog(hub: tuple[Told, Repo], owner_database: Database) -> None:
    """A delivery makes the source due; its one repository is read, and the hint is settled."""
    told, churn = hub
    told.commit(churn, PUSHED)
    assert told.deliver(churn).status_code == 202
    assert process_deliveries(told.site.database) == Processed(1, 1)
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 hour'")
    change(owner_database, "UPDATE hint SET received_at = received_at - interval '10 s'")

    told.harvest_due()

    assert titles(told.site) == {"retail/churn": PUSHED}
    assert told.coverages() == ["full", "delta"]
    asked = told.github.asked_by_kind().keys() - {"hooks", "deliveries"}
    assert asked == {"find", "head", "tree", "blob", "authors"}
    assert rows(told.site.database, "SELECT settled_at IS NOT NULL FROM hint") == [(True,)]
    told.harvest_due()
    assert told.coverages() == ["full", "delta"]
    assert told.github.asked_by_kind() == {}


def test_push_replayed_late(hub: tuple[Told, Repo], owner_database: Database) -> None:
    """HOOK-07, HOOK-08: an old delivery, sent again later, brings nothing old back."""
    told, churn = hub
    told.deliver(churn, after="1" * 40)
    told.commit(churn, PUSHED)
    told.harvest("--full")
    change(owner_database, "UPDATE hook_delivery SET received_at = now() - interval '2 days'")
    assert told.deliver(churn, after="1" * 40).status_code == 202
    told.harvest_due()
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 hour'")
    change(owner_database, "UPDATE hint SET received_at = now() - interval '10 s'")

    told.harvest_due()

    assert titles(told.site) == {"retail/churn": PUSHED}
    assert rows(told.site.database, "SELECT id FROM hint WHERE settled_at IS NULL") == []


def test_push_while_working(hub: tuple[Told, Repo], tmp_path: Path) -> None:
    """HOOK-01: a worker reads a burst of deliveries and harvests once, within seconds."""
    told, churn = hub
    with working(told.site, tmp_path / "log", **told.variables) as worker:
        worker.wait_for("jobs_done")
        told.commit(churn, PUSHED)
        for number in range(5):
            assert told.deliver(churn, number=number).status_code == 202
        worker.wait_for("harvest_ended")
        wait(lambda: titles(told.site) == {"retail/churn": PUSHED}, worker.log)
        worker.stop()

    assert len(worker.said("harvest_begun")) == 1
    assert told.coverages() == ["full", "delta"]
    assert sum(one["hints"] for one in worker.said("deliveries_read")) == 5
    assert rows(told.site.database, "SELECT id FROM hint WHERE settled_at IS NULL") == []
    assert SECRET not in worker.log.read_text(encoding="utf-8")


def test_children_without_secret(hub: tuple[Told, Repo]) -> None:
    """What proves deliveries is the service's: no harvest is given it."""
    from cli.child import child_environment  # noqa: PLC0415  # its own imports are heavy

    told, _ = hub
    given = child_environment(os.environ, url=told.site.url, token="t", credential=NAME)  # noqa: S106

    assert SECRET not in given.values()
