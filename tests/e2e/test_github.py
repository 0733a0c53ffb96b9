"""A scripted GitHub, the real command, a served catalog: all that happens to repositories."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from tests.e2e.site import Site, bearer
from tests.support.github_answers import Said
from tests.support.github_server import GitHub, serving
from tests.support.github_state import Contents, Repo, Team

MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {{namespace: retail, name: {name}, title: {title}}}
spec:
  asset_kind: model
  owners: [{{ref: "team:retention-ds"}}]
"""
UNCHANGED: Final = {"listing": 1}
LIES: Final = (
    Said(200, []),
    Said(200, b"<html>Please sign in.</html>", {"Content-Type": "text/html"}),
    Said(200, b""),
    Said(401, {"message": "Bad credentials"}),
)


class Hub:
    """The two ends: what happens on GitHub, and what the catalog says of it after a harvest."""

    def __init__(self, site: Site, github: GitHub) -> None:
        """Declare the source; the first organisation is `acme`."""
        self.site, self.github = site, github
        self.declare()
        asked = {"role": "source", "source": "hub", "days": 1}
        answer = site.http.post("/tokens", json=asked, headers=bearer(site.admin))
        site.tokens["mlflow-prod"] = answer.json()["token"]  # as whom commands speak

    def declare(self, **settings: Any) -> None:
        """Tell the source; `absences` of one, so that a test need not wait for three."""
        told = {
            "url": self.github.url, "organisations": ["acme"], "teams": "none", "builds": "none",
            "deployments": "none",
        } | settings  # fmt: skip
        declared = {
            "name": "hub", "kind": "github", "namespace": "retail", "absences": 1,
            "held_back_count": 100, "credential": "HUB", "settings": told,
        }  # fmt: skip
        answer = self.site.http.put("/sources/hub", json=declared, headers=bearer(self.site.admin))
        assert answer.is_success, answer.text

    def harvest(self, *options: str, code: int = 0, secret: str | None = None) -> list[Any]:
        """Run the command an hour later; the reports of its scopes."""
        self.github.state.pass_time(hours=1)
        done = self.site.command(
            "harvest", "hub", "--json", *options,
            MODEL_CATALOG_SECRET_HUB=secret or self.github.secret,
            MODEL_CATALOG_SECRET_HUB_HOST=self.github.host,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        self.said = done.stderr
        assert self.github.secret not in done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def let_days_pass(self) -> None:
        """What is missed was missed some days ago."""
        earlier = sa.text("UPDATE absence SET unseen_since = unseen_since - interval '2 days'")
        self.site.database.transact(lambda session: session.execute(earlier))

    def repositories(self) -> dict[str, Any]:
        """The live repositories by name."""
        found = self.site.get("/repositories")["items"]
        return {one["facts"]["name"]: one for one in found if one["gone_since"] is None}

    def commit(self, repo: Repo, title: str, *, name: str = "churn", **how: Any) -> None:
        """Push a manifest."""
        self.github.push(repo, {"model.yaml": manifest(name, title)}, **how)


def manifest(name: str, title: str) -> bytes:
    """A manifest of ours."""
    return MANIFEST.format(name=name, title=title).encode()


@pytest.fixture
def hub(site: Site, corpora: Path) -> Iterator[Hub]:
    """A catalog that is told of an empty GitHub."""
    with serving(corpora) as github:
        yield Hub(site, github)


def always(said: Said) -> Callable[[str], Said]:
    """The same answer to everything."""
    return lambda _path: said


def titles(site: Site) -> dict[str, Any]:
    """What live models are called."""
    return {name: one["facts"].get("display_name") for name, one in site.models().items()}


def test_github_changes(hub: Hub, site: Site) -> None:
    """Discovery, change, force-push, rename, archive, empty: the number is the repository."""
    files: dict[str, Contents] = {"model.yaml": manifest("churn", "Churn"), "notes.txt": b"#\n"}
    churn = hub.github.state.create("acme/churn", files, topics=["retail"])
    hub.github.state.create("acme/site", {"notes.txt": b"#\n"})
    (report,) = hub.harvest()
    assert (report["scope"], report["outcome"], report["coverage"]) == (
        "repositories/acme", "complete", "full",
    )  # fmt: skip
    assert titles(site) == {"retail/churn": "Churn"}
    assert hub.repositories().keys() == {"acme/churn", "acme/site"}
    first = hub.github.asked_by_kind()
    assert first == {"listing": 1, "head": 2, "tree": 2, "blob": 1, "authors": 1}

    (report,) = hub.harvest()
    assert (report["changed"], report["unseen"]) == (0, 0)
    assert hub.github.asked_by_kind() == UNCHANGED

    hub.github.push(churn, {"notes.txt": b"# Churn\n"})
    hub.harvest()
    assert hub.github.asked_by_kind() == UNCHANGED | {"head": 1, "tree": 1}

    hub.commit(churn, "Attrition", force=True)
    hub.harvest()
    assert titles(site) == {"retail/churn": "Attrition"}

    hub.github.state.rename(churn, "acme/attrition")
    churn.says["archived"] = True
    (report,) = hub.harvest()
    assert (report["retired"], titles(site)) == (0, {"retail/churn": "Attrition"})
    facts = hub.repositories()["acme/attrition"]["facts"]
    assert (facts["archived"], facts["name"]) == (True, "acme/attrition")

    hub.github.push(churn, {"model.yaml": None, "notes.txt": b"#\n"})
    hub.harvest()
    assert titles(site) == {}
    assert "acme/attrition" in hub.repositories()


def test_github_moved(hub: Hub, site: Site) -> None:
    """Transferred within the source, taken over under the old name, deleted, hidden, restored."""
    hub.declare(organisations=["acme", "retail"])
    state = hub.github.state
    churn = state.create("acme/churn", {"model.yaml": manifest("churn", "Churn")})
    for name in ("acme/site", "retail/other"):  # an empty listing would not be believed
        state.create(name, {"notes.txt": b"#\n"})
    hub.harvest()

    state.rename(churn, "retail/churn")
    hub.harvest()
    hub.harvest()
    assert titles(site) == {"retail/churn": "Churn"}
    assert hub.repositories().keys() == {"acme/site", "retail/churn", "retail/other"}

    usurper = state.create("acme/churn", {"model.yaml": manifest("churn", "Stolen")})
    reports = hub.harvest()
    assert titles(site) == {"retail/churn": "Churn"}
    assert [one["conflicts"] + one["refused"] for one in reports] == [1, 0]
    state.delete(usurper)

    churn.hidden = True
    hub.harvest()
    assert titles(site) == {"retail/churn": "Churn"}  # not before a day has passed
    hub.let_days_pass()
    reports = hub.harvest()
    assert (titles(site), reports[1]["retired"] > 0) == ({}, True)
    churn.hidden = False
    hub.harvest()
    assert titles(site) == {"retail/churn": "Churn"}


def test_github_not_believed(hub: Hub, site: Site) -> None:
    """Refusals, lies, limits and failures retire nothing; the next harvest is as if without."""
    hub.declare(teams="all")
    hub.github.state.teams["acme"] = [Team("retention", "Retention", ("anna",))]
    files: dict[str, Contents] = {
        "model.yaml": manifest("churn", "Churn"), "CODEOWNERS": b"* @acme/retention\n",
    }  # fmt: skip
    churn = hub.github.state.create("acme/churn", files)
    hub.github.state.create("acme/other", {"notes.txt": b"#\n"})
    reports = hub.harvest()
    assert [one["scope"] for one in reports] == ["repositories/acme", "teams/acme"]
    team = f"{hub.github.host}/acme/retention"
    (found,) = (one["facts"] for one in site.get("/owners")["items"] if one["name"] == team)
    members = [one["value"] for one in found["members"]]
    assert (found["kind"], members) == ("team", [f"{hub.github.host}/anna"])

    hub.commit(churn, "Attrition")
    churn.refused = 403
    hub.github.state.teams["acme"] = None
    reports = hub.harvest(code=6)
    assert [(one["outcome"], one["retired"]) for one in reports] == [("complete", 0)]
    codes = {one["code"] for one in reports[0]["skipped"]}
    assert (codes, titles(site)) == ({"not_readable"}, {"retail/churn": "Churn"})
    hub.declare(teams="none")

    for lie in LIES:
        hub.github.before = always(lie)
        hub.harvest(code=6)
        assert titles(site) == {"retail/churn": "Churn"}
    hub.github.before = lambda _path: None
    hub.github.remaining = 1
    hub.harvest(code=6)
    assert "used up (rate limit); it can be asked again after" in hub.said

    hub.github.remaining, churn.refused = 5_000, 0
    (report,) = hub.harvest()
    assert (report["retired"], titles(site)) == (0, {"retail/churn": "Attrition"})


def test_github_app_selected(hub: Hub, site: Site) -> None:
    """An App that may see selected repositories: one that leaves the selection is not deleted."""
    hub.declare(app_id=29310)
    hub.github.selection = "selected"
    churn = hub.github.state.create("acme/churn", {"model.yaml": manifest("churn", "Churn")})
    hub.github.state.create("acme/other", {"notes.txt": b"#\n"})
    key = hub.github.app_key()
    hub.harvest(secret=key)

    churn.hidden = True
    (report,) = hub.harvest(secret=key)

    assert (report["outcome"], report["retired"]) == ("complete", 0)
    assert {one["code"] for one in report["skipped"]} == {"not_readable"}
    assert titles(site) == {"retail/churn": "Churn"}
    assert key not in hub.said
