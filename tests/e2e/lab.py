"""A scripted GitLab and the catalog that reads it, in this process or by the real command."""

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import pytest
import sqlalchemy as sa

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.gitlab import harvesters
from harvesters.manners import Manners
from harvesters.registry import Secret
from harvesters.runner import harvest
from harvesters.sink import HttpSink
from outbound.addresses import VARIABLE
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings
from tests.e2e.site import LOOPBACK, Site, bearer
from tests.support.gitlab_server import Answered, Asked, GitLabServer

TOKEN: Final = "glpat-canary-0123456789"  # noqa: S105  # of no GitLab
DECLARED: Final = {
    "name": "gitlab", "kind": "gitlab", "namespace": "retail", "absences": 1,
    "credential": "GITLAB",
}  # fmt: skip


def manifest(name: str, *more: str) -> bytes:
    """A small `model.yaml`."""
    lines = [
        "apiVersion: model-catalog/v1",
        "kind: Model",
        f"metadata: {{namespace: retail, name: {name}}}",
        "spec:",
        '  owners: [{ref: "team:retention-ds"}]',
        *(f"  {line}" for line in more),
    ]
    return "\n".join([*lines, ""]).encode()


class Lab:
    """A GitLab, and the catalog that reads it by the real command."""

    def __init__(self, server: GitLabServer, site: Site, **more: Any) -> None:
        """The source is declared, with more about it, and has a token."""
        self.declared = DECLARED | more
        self.server, self.state, self.site = server, server.state, site
        self.declare()
        asked = {"role": "source", "source": "gitlab", "days": 1}
        made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
        site.tokens["mlflow-prod"] = made["token"]  # as whom commands speak

    def declare(self, **settings: Any) -> None:
        """Declare the source anew."""
        told = {
            "url": self.server.url, "groups": ["acme"], "teams": "none", "builds": "none",
            "deployments": "none",
        } | settings  # fmt: skip
        answer = self.site.http.put(
            "/sources/gitlab",
            json=self.declared | {"settings": told},
            headers=bearer(self.site.admin),
        )
        assert answer.is_success, answer.text

    def command(self, *options: str, code: int = 0) -> list[Any]:
        """Reports of one harvest by the real command, scope by scope."""
        secret: Any = {
            "MODEL_CATALOG_SECRET_GITLAB": TOKEN,
            "MODEL_CATALOG_SECRET_GITLAB_HOST": "127.0.0.1",
        }
        done = self.site.command("harvest", "gitlab", "--json", *options, **secret)
        assert done.returncode == code, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self) -> list[HarvestReport]:
        """The same in this process."""
        self.server.asked.clear()
        found = self.site.http.get("/sources/gitlab", headers=bearer(self.site.admin)).json()
        source = SourceSettings.model_validate(
            {name: found[name] for name in SourceSettings.model_fields if name in found}
        )
        sink = HttpSink(self.site.url, self.site.tokens["mlflow-prod"], source="gitlab")
        secret, environ = Secret(TOKEN, "127.0.0.1"), {VARIABLE: LOOPBACK}
        with closing(sink.http):
            ways = harvesters(source, secret, environ, usual=Manners(a_second=10_000))
            return [harvest(one, sink) for one in ways]

    def harvest(self) -> HarvestReport:
        """The report of the repositories."""
        return self.run()[0]

    def fail(self) -> None:
        """A harvest that does not believe what it is told, and says so."""
        with pytest.raises((SourceRefused, SourceUnavailable)):
            self.run()
        assert self.site.harvests("gitlab")[0]["outcome"] == "failed"

    def repositories(self, **params: str) -> dict[str, Any]:
        """The listed repositories by path."""
        rows = self.site.get("/repositories", **{"gone": "false"} | params)["items"]
        return {row["facts"]["name"]: row for row in rows if "name" in row["facts"]}

    def passed(self, days: int = 2) -> None:
        """Let time go by: what is missed was missed since then."""
        with self.site.database.writing() as session:
            session.execute(
                sa.text("UPDATE absence SET unseen_since = unseen_since - :d * interval '1 day'"),
                {"d": days},
            )


def only(where: str, answered: Answered) -> Callable[[Asked], Answered | None]:
    """Answer so where a path has these words in it, and elsewhere as usual."""
    return lambda asked: answered if where in asked.path else None
