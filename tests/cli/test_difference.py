"""`check --diff`: what merging a manifest would change, as the catalog then really changes."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from cli.difference import find_home, read_declared
from cli.exits import Exit
from cli.working_copy import find_working_copy
from tests.cli.conftest import Command, Served

MANIFEST: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: %(name)s, title: %(title)s}
spec:
  owners: [{ref: "team:retention-ds"}]
  license: Apache-2.0
  uses: [{name: offers, purpose: Chooses offers., decision_role: assists}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def working_copy(name: str, text: str, *, remote: str | None = None) -> None:
    """Make the working folder a clone of a repository that holds a manifest."""
    Path("model.yaml").write_text(text, encoding="utf-8")
    url = remote or f"git@github.com:Acme/{name}.git"
    for words in (("init", "-q", "."), ("config", "remote.origin.url", url)):
        subprocess.run(["git", *words], check=True)  # noqa: S603, S607


def repository(name: str, number: int) -> Any:
    """What a harvest of GitHub says of a repository."""
    url = {"kind": "repository", "scheme": "url", "value": f"https://github.com/acme/{name}"}
    return {
        "subject": url | {"scheme": "github", "value": f"github.com/{number}"},
        "observed_at": "2026-11-20T12:00:00Z",
        "same_as": [url],
        "facts": {"url": url["value"], "name": f"acme/{name}"},
    }


def harvested(catalog: Served, name: str, number: int) -> str:
    """A source that shows a repository; answers its token."""
    token = catalog.source(f"github-{name}", kind="github")
    post(catalog, f"github-{name}", token, repository(name, number))
    return token


def post(catalog: Served, source: str, token: str, *documents: Any) -> Any:
    """Push as a source."""
    client = type(catalog.client())(catalog.url, token)
    return client.post(f"/api/v1/sources/{source}/observations", {"observations": documents})


def describe(catalog: Served, owner: str, *, scheme: str = "handle") -> None:
    """A source that knows of an owner more than a name."""
    name = "directory-" + owner.replace("/", ":").rpartition(":")[2]
    subject = {"kind": "owner", "scheme": scheme, "value": owner}
    document = {"subject": subject, "observed_at": "2026-11-20T12:00:00Z", "facts": {}}
    receipt = post(catalog, name, catalog.source(name, kind="github"), document)
    assert receipt["refused"] == []


def as_harvested(catalog: Served, token: str, source: str) -> Any:
    """Push what a harvest would say of the working folder's manifest."""
    copy = find_working_copy(Path())
    assert copy is not None
    home = find_home(catalog.client(), copy, source=None)
    declared = read_declared(Path("model.yaml"), copy, home=home)
    assert declared is not None
    said = [one.model_dump(mode="json", exclude_unset=True) for one in declared.observations]
    return post(catalog, source, token, *said)


def fields(answer: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What would change of the one entry of a kind."""
    (entry,) = [one for one in answer["entries"] if one["kind"] == kind and not one["stub"]]
    return {one["field"]: one["after"]["value"] for one in entry["fields"]}


def test_difference_agrees_with_catalog(catalog: Served, ask: Command) -> None:
    """Before, the difference tells what the model will be; afterwards there is none."""
    token = harvested(catalog, "churn", 486325809)
    describe(catalog, "team:retention-ds")
    working_copy("churn", MANIFEST % {"name": "churn", "title": "Churn"})
    reader = catalog.token(role="reader")

    ran = ask("check", "--diff", "--json", TOKEN=reader)
    *_, told = map(json.loads, ran.lines)
    (answer,) = told["repositories"]
    assert (ran.code, answer["source"], answer["known"]) == (0, "github-churn", True)
    assert answer["manifests"] == ["model.yaml"]
    (model,) = [one for one in answer["entries"] if one["kind"] == "model"]
    assert model["subject"] == "model:manifest:github.com/486325809#model.yaml"
    assert (model["created"], model["model"]["owner_known"]) == (True, True)
    would_be = {name: model["model"][name] for name in ("tier", "tier_status", "tier_before")}
    assert would_be["tier_before"] is None

    assert as_harvested(catalog, token, "github-churn")["refused"] == []
    found = catalog.client().get("/api/v1/models/retail/churn")
    assert fields(answer, "model") == found["facts"]
    rated = catalog.client().get("/api/v1/models/retail/churn/tier")
    assert (rated["tier"], rated["status"]) == (would_be["tier"], would_be["tier_status"])
    (use,) = catalog.client().get("/api/v1/models/retail/churn/uses")["items"]
    assert fields(answer, "use") == use["facts"]

    same = ask("check", "--diff", TOKEN=reader)
    assert (same.code, same.out) == (0, "")
    assert "Merging would change nothing in the catalog." in same.err


def test_difference_for_people(catalog: Served, ask: Command) -> None:
    """A line a field, with what it was and will be; what stays unknown is said beside it."""
    token = harvested(catalog, "fraud", 1)
    working_copy("fraud", MANIFEST % {"name": "fraud", "title": "Old title"})
    as_harvested(catalog, token, "github-fraud")
    text = (MANIFEST % {"name": "fraud", "title": "New title"}).replace(
        "  license: Apache-2.0\n", ""
    )
    Path("model.yaml").write_text(text.replace('[{ref: "team:retention-ds"}]', "[]"))

    ran = ask("check", "--diff", "model.yaml")

    assert ran.code == 0
    assert "model retail/fraud\tdisplay_name\tOld title\tNew title" in ran.lines
    assert "model retail/fraud\tlicense\tApache-2.0\t-" in ran.lines
    assert "model retail/fraud: nobody would be known to answer for it: " in ran.err
    assert "its tier would lack, of retail/fraud: origin, update_mode" in ran.err
    assert "its tier would lack, of retail/fraud/offers: people_affected_per_year" in ran.err


def test_difference_misspelled(catalog: Served, ask: Command) -> None:
    """A team that nobody ever described is not known, nor is a registry that no source is."""
    harvested(catalog, "slips", 77)
    describe(catalog, "team:slip-ds")
    text = MANIFEST % {"name": "slips", "title": "x"}
    text += "  registered_as: [{source: mlflow-prd, name: slips}]\n"
    working_copy("slips", text.replace("team:retention-ds", "team:silp-ds"))

    ran = ask("check", "--diff", "--json")
    (answer,) = json.loads(ran.lines[-1])["repositories"]
    (model,) = [one for one in answer["entries"] if one["kind"] == "model"]
    people = ask("check", "--diff")
    Path("model.yaml").write_text(
        text.replace("retention-ds", "slip-ds").replace("mlflow-prd", "directory-slip-ds")
    )
    right = ask("check", "--diff")

    assert (ran.code, answer["undeclared"]) == (Exit.DONE, ["mlflow-prd"])
    assert model["model"]["owner_known"] is False
    assert "nobody would be known to answer for it: " in people.err
    assert "No source is called mlflow-prd: " in people.err
    assert (right.code, right.err.count("known to answer"), right.err.count("No source")) == (
        Exit.DONE, 0, 0,
    )  # fmt: skip


def test_difference_refused(catalog: Served, ask: Command) -> None:
    """A name that a manifest of another repository holds is told, and is a finding."""
    token = harvested(catalog, "owner", 2)
    working_copy("owner", MANIFEST % {"name": "claimed", "title": "x"})
    as_harvested(catalog, token, "github-owner")
    harvested(catalog, "claimant", 3)
    working_copy("claimant", MANIFEST % {"name": "claimed", "title": "x"})

    ran = ask("check", "--diff")

    assert ran.code == Exit.FINDINGS
    assert "model.yaml: contested_claim: a manifest of another repository describes" in ran.err


def test_difference_names_codeowners(catalog: Served, ask: Command) -> None:
    """Who answers by CODEOWNERS alone is known too once a source describes who that is."""
    harvested(catalog, "covered", 4)
    text = (MANIFEST % {"name": "covered", "title": "x"}).replace(
        '  owners: [{ref: "team:retention-ds"}]\n', ""
    )
    working_copy("covered", text)
    without = ask("check", "--diff")
    Path("CODEOWNERS").write_text("* @acme/retention\n", encoding="utf-8")
    named = ask("check", "--diff")
    describe(catalog, "github.com/acme/retention", scheme="github")
    with_it = ask("check", "--diff")

    assert "nobody would be known" in without.err
    assert "nobody would be known" in named.err
    assert "nobody would be known" not in with_it.err
    assert "github.com/acme/retention" in with_it.out


def test_difference_unknown_repository(ask: Command) -> None:
    """What no source shows ends with what to do; no file is read as somebody else's."""
    working_copy("nobody", MANIFEST % {"name": "nobody", "title": "x"})
    unknown = ask("check", "--diff")
    assert unknown.code == Exit.NOT_FOUND
    assert "No source that you may see has shown https://github.com/acme/nobody" in unknown.err

    working_copy("x", MANIFEST % {"name": "x", "title": "x"}, remote="/srv/git/x.git")
    local = ask("check", "--diff")
    assert local.code == Exit.WRONG_USE
    assert "has no remote called origin" in local.err


def test_difference_needs_a_reader(catalog: Served, ask: Command) -> None:
    """A token that may not read is refused with what it lacks."""
    token = harvested(catalog, "closed", 5)
    working_copy("closed", MANIFEST % {"name": "closed", "title": "x"})

    ran = ask("check", "--diff", TOKEN=token)

    assert ran.code == Exit.NOT_ALLOWED


def test_difference_bound_reader(catalog: Served, ask: Command) -> None:
    """What a token of some namespaces cannot see is not previewed, and is no finding."""
    token = harvested(catalog, "bound", 6)
    text = MANIFEST % {"name": "bound", "title": "Old"}
    working_copy("bound", text)
    as_harvested(catalog, token, "github-bound")
    reader = catalog.token(role="reader", namespaces=["retail"])
    Path("model.yaml").write_text(text.replace("Old", "New"), encoding="utf-8")
    changed = ask("check", "--diff", TOKEN=reader)
    unseen = "  registered_as: [{source: mlflow-secret, name: x}]\n"
    Path("model.yaml").write_text(text + unseen, encoding="utf-8")

    ran = ask("check", "--diff", "--json", TOKEN=reader)

    assert (changed.code, changed.lines) == (0, ["model retail/bound\tdisplay_name\tOld\tNew"])
    (answer,) = json.loads(ran.lines[-1])["repositories"]
    assert (ran.code, answer["refused"]) == (0, [])
    assert [one["code"] for one in answer["not_previewed"]] == ["not_visible"]
