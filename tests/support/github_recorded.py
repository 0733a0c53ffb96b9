"""The shapes of GitHub's answers, from recorded exchanges and deliveries."""

import copy
import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.support.github_answers import Said
from tests.support.github_state import BOTS, Commit, Repo, Team

EXCHANGES: Final = "github_api_fixtures/octokit__fixtures/api.github.com"
DELIVERIES: Final = "github_webhooks/octokit__webhooks"


class Recorded:
    """Recorded objects; each answer is a copy with what is known about its subject put in."""

    def __init__(self, corpora: Path) -> None:
        """Read them; the test is skipped where they are not."""
        if not (corpora / EXCHANGES).is_dir() or not (corpora / DELIVERIES).is_dir():
            pytest.skip(f"{corpora} holds no recorded GitHub exchanges: set TEST_CORPORA")
        exchanges = corpora / EXCHANGES
        renaming = _read(exchanges / "rename-repository/normalized-fixture.json")
        self._repository = renaming[2]["response"]
        self._moved = renaming[1]["response"]
        self._ref = _read(exchanges / "git-refs/normalized-fixture.json")[0]["response"][0]
        self._commit = _read(exchanges / "create-file/normalized-fixture.json")[0]["response"]
        self._team = _read(corpora / DELIVERIES / "team/edited.payload.json")["team"]

    def repository(self, repo: Repo, *, url: str) -> dict[str, Any]:
        """One row of a listing, and the answer about one repository."""
        web = f"http://{urlsplit(url).netloc}"
        said: dict[str, Any] = copy.deepcopy(self._repository)
        said["owner"]["login"] = repo.owner
        said |= {
            "id": repo.number,
            "name": repo.name,
            "full_name": repo.full_name,
            "html_url": f"{web}/{repo.full_name}",
            "url": f"{url}/repos/{repo.full_name}",
            "default_branch": repo.branch,
            "created_at": repo.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "pushed_at": repo.pushed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "size": 7 if repo.heads else 0,
        }
        return said | repo.says

    def moved(self, to: str) -> Said:
        """Where a renamed repository is now."""
        return Said(301, self._moved | {"url": to}, {"Location": to})

    def not_found(self) -> Said:
        """Also for what may not be seen."""
        return Said(404, {"message": "Not Found", "status": "404"})

    def ref(self, branch: str, sha: str) -> dict[str, Any]:
        """Where a branch stands."""
        said: dict[str, Any] = copy.deepcopy(self._ref)
        said["ref"] = f"refs/heads/{branch}"
        said["object"]["sha"] = sha
        return said

    def commit(self, one: Commit) -> dict[str, Any]:
        """A row of a list of commits."""
        recorded = copy.deepcopy(self._commit["commit"])
        who = {"name": one.name, "email": one.email, "date": one.at.isoformat()}
        return {
            "sha": one.id,
            "commit": recorded | {"author": who, "committer": who},
            "author": self.user(one.login) if one.login else None,
        }

    def user(self, login: str) -> dict[str, Any]:
        """An account."""
        kind = "Bot" if login.endswith(BOTS) else "User"
        said: dict[str, Any] = copy.deepcopy(self._repository["owner"])
        return said | {"login": login, "type": kind}

    def team(self, one: Team, owner: str, *, url: str) -> dict[str, Any]:
        """A team of an organisation."""
        where = f"{url}/orgs/{owner}/teams/{one.slug}"
        said: dict[str, Any] = copy.deepcopy(self._team)
        return said | {"slug": one.slug, "name": one.name, "url": where}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
