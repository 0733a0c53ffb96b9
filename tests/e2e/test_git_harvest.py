"""Repositories at a git server, from the command to the catalog, and what that costs."""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.site import Site, bearer
from tests.support.git_server import (
    GitServer,
    HalfPack,
    Hang,
    Link,
    Repository,
    Status,
    run_git_server,
)

CHURN = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn, description: Monthly score per contract.}
spec:
  owners: [{ref: "team:retention-ds"}]
  uses:
    - name: retention-offers
      purpose: Chooses which customers the call centre offers a discount.
"""
FRAUD = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: fraud}
spec:
  lifecycle: production
  owners: [{ref: "team:risk"}]
"""


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A git server."""
    with run_git_server(tmp_path) as running:
        yield running


class Company:
    """A git server with three repositories, and the catalog that they are declared in."""

    def __init__(self, server: GitServer, site: Site) -> None:
        """`churn` and `fraud` hold a manifest, `docs` is empty."""
        self.server, self.site = server, site
        self.churn, self.fraud, self.docs = (
            server.create(f"acme/{name}") for name in ("churn", "fraud", "docs")
        )
        self.churn.commit({"model.yaml": CHURN.encode(), "train.py": b"import this\n"})
        self.fraud.commit({"models/fraud/model.yaml": FRAUD.encode()})
        self.declare(self.churn, self.fraud, self.docs)
        asked = {"role": "source", "source": "git-prod", "days": 1}
        made = site.http.post("/tokens", json=asked, headers=bearer(site.admin)).json()
        site.tokens["mlflow-prod"] = made["token"]  # as whom commands speak

    def declare(self, *repositories: Repository, **settings: Any) -> None:
        """Declare them as a source."""
        urls = [one.url for one in repositories]
        declared = {
            "name": "git-prod", "kind": "git", "namespace": "retail", "absences": 1,
            "held_back_share": 1.0, "settings": {"repositories": urls} | settings,
        }  # fmt: skip
        answer = self.site.http.put(
            "/sources/git-prod", json=declared, headers=bearer(self.site.admin)
        )
        assert answer.is_success, answer.text

    def harvest(self, *options: str, code: int = 0, **environment: Any) -> Any:
        """The report of one harvest; requests are counted anew."""
        self.server.forget()
        done = self.site.command("harvest", "git-prod", "--json", *options, **environment)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    def facts(self, name: str) -> Any:
        """What is known of a model."""
        return self.site.get(f"/models/retail/{name}")["facts"]


@pytest.fixture
def company(git_server: GitServer, site: Site) -> Company:
    """Declared, and not harvested yet."""
    return Company(git_server, site)


def test_git_harvest(company: Company) -> None:
    """A repository with a manifest is in the catalog after one harvest, with all it says."""
    report = company.harvest()

    assert (report["scope"], report["coverage"], report["outcome"]) == (
        "repositories", "full", "complete",
    )  # fmt: skip
    assert report["skipped"] == []
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]
    churn = company.facts("churn")
    assert churn["lifecycle"] == "proposed"
    assert churn["description"] == "Monthly score per contract."
    assert [one["owner"]["value"] for one in churn["owners"]] == ["team:retention-ds"]
    assert company.facts("fraud")["lifecycle"] == "production"
    uses = company.site.get("/models/retail/churn/uses")["items"]
    assert [one["facts"]["purpose"].split()[0] for one in uses] == ["Chooses"]
    assert (
        company.server.commands == 6
    )  # three heads, of which one was empty: asked twice; 2 clones


def test_git_unchanged(company: Company) -> None:
    """What did not change costs one `ls-remote` a repository, and writes nothing."""
    company.declare(company.churn, company.fraud)
    company.harvest()
    before = company.site.written()

    report = company.harvest()

    assert (report["created"], report["changed"], report["skipped"]) == (0, 0, [])
    assert company.server.requests == {"refs": 2, "ls-refs": 2}
    after = company.site.written()
    changed = {table for table in after if after[table] != before.get(table)}
    assert not changed & {"observation", "change", "model", "entry", "repository", "fact"}, changed


def test_git_changed(company: Company) -> None:
    """A change is read; one elsewhere in the repository changes no model."""
    company.harvest()
    company.churn.commit({"model.yaml": CHURN.replace("Monthly", "Weekly").encode()})
    company.fraud.commit({"README.md": b"# Fraud\n"})

    company.harvest()

    assert company.facts("churn")["description"] == "Weekly score per contract."
    repositories = company.site.get("/repositories")["items"]
    heads = {one["facts"]["head_commit"] for one in repositories if "head_commit" in one["facts"]}
    assert company.fraud.git("rev-parse", "main").decode().strip() in heads


def test_git_removed(company: Company) -> None:
    """A manifest that is removed takes its model with it; it comes back with the manifest."""
    company.harvest()
    company.churn.commit({"model.yaml": None})
    company.harvest()
    assert sorted(company.site.models()) == ["retail/fraud"]

    company.churn.commit({"model.yaml": CHURN.encode()})
    company.harvest()
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_git_replaced_by_no_file(company: Company, kind: str) -> None:
    """GIT-03: a manifest that became a link is told of, and read from nowhere."""
    company.harvest()
    if kind == "link":
        company.churn.commit({"model.yaml": Link("/etc/passwd")})
    else:
        company.churn.commit({"model.yaml": None, "model.yaml/x": b""})

    report = company.harvest()

    assert ("not_a_file" in {one["code"] for one in report["skipped"]}) is (kind == "link")
    assert ("retail/churn" in company.site.models()) is (kind == "link")


def test_git_force_pushed(company: Company) -> None:
    """Another history is read like any change."""
    company.harvest()
    company.churn.force({"model.yaml": CHURN.replace("Monthly", "Daily").encode()})

    company.harvest()

    assert company.facts("churn")["description"] == "Daily score per contract."


def test_git_emptied(company: Company) -> None:
    """A repository that is emptied has no models any more; one that lies about it keeps them."""
    company.harvest()
    company.server.behave("acme/churn", Status(200, b"<html>Sign in</html>"))
    report = company.harvest()
    assert {one["code"] for one in report["skipped"]} == {"not_git"}
    assert "retail/churn" in company.site.models()

    company.server.behave("acme/churn", None)
    company.churn.empty()
    company.harvest()
    assert sorted(company.site.models()) == ["retail/fraud"]


def test_git_faulty_manifest(company: Company) -> None:
    """A faulty manifest is refused whole, with its line; what it said last stays."""
    company.harvest()
    company.churn.commit({"model.yaml": CHURN.replace("owners:", "ownres:").encode()})

    report = company.harvest()
    again = company.harvest()

    told = {one["message"] for one in report["skipped"] if one["subject"]["kind"] == "model"}
    assert any("line 5, column 3" in one for one in told), told
    assert company.facts("churn")["description"] == "Monthly score per contract."
    assert "retail/churn" in company.site.models()
    assert len(again["skipped"]) == len(report["skipped"])


@pytest.mark.parametrize("how", [Status(404), Status(401), Status(500), HalfPack(40)])
def test_git_one_fails(company: Company, how: Any) -> None:
    """One that cannot be read keeps what is known of it, and no other from being read."""
    company.harvest()
    company.churn.commit({"model.yaml": CHURN.replace("Monthly", "Weekly").encode()})
    company.fraud.commit({"models/fraud/model.yaml": FRAUD.replace("production", "pilot").encode()})
    company.server.behave("acme/churn", how)

    report = company.harvest()

    assert report["outcome"] == "complete"
    assert {one["subject"]["kind"] for one in report["skipped"]} >= {"repository", "use"}
    assert report["unseen"] == 0  # what stands in a repository is excused with it
    assert company.facts("fraud")["lifecycle"] == "pilot"
    assert company.facts("churn")["description"] == "Monthly score per contract."
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]


def test_git_not_let_in(company: Company) -> None:
    """Where the credential opens nothing, the harvest fails and nothing is retired."""
    secret = "anna:t0ken-that-nobody-may-see"  # noqa: S105
    company.server.require("Basic YW5uYTp0MGtlbi10aGF0LW5vYm9keS1tYXktc2Vl")
    said = company.harvest(code=6)
    assert "lets us in" in said
    assert company.site.models() == {}

    host = f"127.0.0.1:{company.server.port}"
    urls = [one.url for one in (company.churn, company.fraud, company.docs)]
    declared = {"name": "git-prod", "kind": "git", "namespace": "retail", "credential": "GIT",
                "settings": {"repositories": urls}}  # fmt: skip
    answer = company.site.http.put(
        "/sources/git-prod", json=declared, headers=bearer(company.site.admin)
    )
    assert answer.is_success, answer.text
    known: Any = {"MODEL_CATALOG_SECRET_GIT": secret, "MODEL_CATALOG_SECRET_GIT_HOST": host}
    company.harvest(**known)
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]

    company.server.require("Bearer another")
    said = company.harvest(code=6, **known)
    assert "t0ken" not in said
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]


def test_git_unlisted(company: Company) -> None:
    """What is renamed is not missed; what the list does not name any more is, and retires later."""
    company.harvest()
    company.fraud.rename("acme/antifraud")
    report = company.harvest()
    assert {one["code"] for one in report["skipped"]} == {"not_found_or_hidden"}
    assert "retail/fraud" in company.site.models()

    company.declare(company.churn, company.docs)
    report = company.harvest()
    assert (report["skipped"], report["unseen"] > 0) == ([], True)


def test_git_replayed(company: Company, tmp_path: Path) -> None:
    """A recorded harvest says the same when it is read again."""
    company.fraud.commit({"models/broken/model.yaml": b"apiVersion: model-catalog/v1\nx: [\n"})
    company.harvest("--record", str(tmp_path / "kept"))
    (recording,) = (tmp_path / "kept").iterdir()

    replayed = company.harvest("--replay", str(recording))

    assert (replayed["plan"], replayed["dry_run"]) == ([], True)
    assert company.server.requests == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_git_interrupted(company: Company, tmp_path: Path, number: signal.Signals) -> None:
    """Whoever ends a harvest ends its git too; nothing is left on the disk, nothing is retired."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    company.harvest()
    others = [company.server.create(f"acme/more-{one}") for one in range(12)]
    company.declare(company.churn, company.fraud, *others)
    company.server.forget()
    for one in ("churn", *(f"more-{number}" for number in range(12))):
        company.server.behave(f"acme/{one}", Hang())

    with company.site.started("harvest", "git-prod", TMPDIR=str(folder)) as process:
        while not company.server.by_repository["acme/churn", "refs"]:
            assert process.poll() is None
            time.sleep(0.05)
        assert running(company.churn.url)
        process.send_signal(number)
        assert process.wait(timeout=60) == 130

    assert gone(f"{company.server.url}/acme/")
    assert list(folder.iterdir()) == []
    assert sorted(company.site.models()) == ["retail/churn", "retail/fraud"]


def running(words: str) -> bool:
    """Does a process run with these words in its command line?"""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(one.read_bytes().replace(b"\0", b" ").decode())
    return any(words in one for one in found)


def gone(words: str) -> bool:
    """One that was killed may take a moment."""
    until = time.monotonic() + 10
    while running(words) and time.monotonic() < until:
        time.sleep(0.05)
    return not running(words)


@pytest.mark.parametrize(
    "url", ["ext::sh -c id", "--upload-pack=id", "file:///etc", "https://x:tok@git.example.com/a/b"]
)
def test_git_refused_url(company: Company, url: str) -> None:
    """GIT-02, GIT-10: such a remote is refused before anything runs, and is not repeated."""
    declared = {"name": "git-prod", "kind": "git", "namespace": "retail",
                "settings": {"repositories": [url]}}  # fmt: skip
    answer = company.site.http.put(
        "/sources/git-prod", json=declared, headers=bearer(company.site.admin)
    )
    if answer.is_success:
        said = company.harvest(code=6)
        assert "settings.repositories.0 of source git-prod" in said
        assert "tok@" not in said
    assert "tok@" not in answer.text
