"""A scripted GitLab in the catalog: what happens to its projects over time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.harvest import HarvestReport
from tests.e2e.lab import TOKEN, Lab, manifest, only
from tests.e2e.site import Site
from tests.support.gitlab_server import Answered, Asked, gitlab
from tests.support.gitlab_state import Project


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    """One with three projects, two of them with a model."""
    with gitlab(token=TOKEN) as server:
        server.state.group("acme")
        server.state.group("acme/ml")
        server.state.project(
            "acme/churn", {"models/model.yaml": manifest("churn"), "README.md": b"Churn."}
        )
        server.state.project("acme/ml/fraud", {"model.yaml": manifest("fraud", "lifecycle: pilot")})
        server.state.project("acme/docs", {"README.md": b"Docs."})
        yield Lab(server, site)


def project(lab: Lab, path: str) -> Project:
    """A project of the GitLab, by path."""
    return next(one for one in lab.state.projects.values() if one.path == path)


def test_gitlab_discovered(lab: Lab) -> None:
    """What is created is known after the next harvest; unchanged, each costs a look at its head."""
    lab.declare(holds_models=["acme/*"])
    (told,) = lab.command()
    report = HarvestReport.model_validate(told)

    assert (report.scope, report.coverage, report.outcome) == (
        "repositories/acme", "full", "complete",
    )  # fmt: skip
    models = lab.site.models()
    assert {name: row["facts"]["lifecycle"] for name, row in models.items()} == {
        "retail/churn": "proposed", "retail/fraud": "pilot",
    }  # fmt: skip
    repositories = lab.repositories()
    assert {path: row["facts"]["manifests"] for path, row in repositories.items()} == {
        "acme/churn": ["models/model.yaml"], "acme/ml/fraud": ["model.yaml"], "acme/docs": [],
    }  # fmt: skip
    churn = repositories["acme/churn"]["facts"]
    assert churn["head_commit"] == project(lab, "acme/churn").branches["main"][-1].id
    assert churn["visibility"] == "private"
    assert churn["url"] == f"https{lab.server.url.removeprefix('http')}/acme/churn"

    before = lab.site.written()
    again = lab.harvest()
    assert (again.seen, again.changed, again.created) == (report.seen, 0, 0)
    assert lab.server.kinds() == ["projects", *["branches"] * 3]
    assert lab.site.written() == before


def test_gitlab_changed(lab: Lab) -> None:
    """Only what was pushed to is opened, and only where a file that is read changed, fetched."""
    lab.harvest()
    churn = project(lab, "acme/churn")
    lab.state.push(churn, {"train.py": b"pass"})

    report = lab.harvest()

    assert (report.changed, report.created) == (1, 0)  # its head commit
    assert lab.server.kinds() == ["projects", "branches", "tree", "branches", "branches"]
    lab.state.push(churn, {"models/model.yaml": manifest("churn", "lifecycle: production")})
    lab.harvest()
    assert lab.site.models()["retail/churn"]["facts"]["lifecycle"] == "production"
    lab.state.push(churn, {"models/model.yaml": b"apiVersion: model-catalog/v1\nkind: Modle\n"})
    report = lab.harvest()
    assert report.skipped
    assert lab.site.models()["retail/churn"]["facts"]["lifecycle"] == "production"
    lab.state.remove(churn, "models/model.yaml")
    report = lab.harvest()
    assert (report.retired, [*lab.site.models()]) == (1, ["retail/fraud"])


def test_gitlab_renamed(lab: Lab) -> None:
    """A project that moves within the group is the same one, and so is its model."""
    lab.harvest()
    models, before = lab.site.models(), lab.repositories()["acme/churn"]
    lab.state.move(project(lab, "acme/churn"), "acme/attrition")

    report = lab.harvest()

    assert (report.created, report.retired, report.unseen) == (0, 0, 0)
    after = lab.repositories()["acme/attrition"]
    assert after["id"] == before["id"]
    assert after["facts"]["url"].endswith("/acme/attrition")
    assert {name: row["id"] for name, row in lab.site.models().items()} == {
        name: row["id"] for name, row in models.items()
    }
    assert "raw" not in " ".join(lab.server.asked)
    lab.state.move(project(lab, "acme/attrition"), "acme/ml/attrition")
    report = lab.harvest()
    assert (report.created, report.retired) == (0, 0)
    assert lab.repositories()["acme/ml/attrition"]["id"] == before["id"]


def test_gitlab_transferred_between_groups(lab: Lab) -> None:
    """A project that moves to another group that is read is never gone."""
    lab.state.group("other")
    lab.state.project("other/first", {"README.md": b"x"})
    lab.declare(groups=["acme", "other"])
    lab.run()
    before, models = lab.repositories()["acme/churn"], lab.site.models()
    lab.state.move(project(lab, "acme/churn"), "other/churn")

    lab.run()
    lab.passed()
    lab.run()

    assert lab.repositories()["other/churn"]["id"] == before["id"]
    assert lab.site.models().keys() == models.keys()
    assert lab.site.models()["retail/churn"]["id"] == models["retail/churn"]["id"]


@pytest.mark.parametrize("event", ["deleted", "transferred out"])
def test_gitlab_gone(lab: Lab, event: str) -> None:
    """What is not listed and not found by its number is missed, and after a while let go."""
    lab.harvest()
    churn = project(lab, "acme/churn")
    if event == "deleted":
        lab.state.delete(churn)
    else:
        lab.state.move(churn, "elsewhere/churn")

    report = lab.harvest()
    assert (report.outcome, report.retired) == ("complete", 0)
    assert report.unseen > 0
    assert "retail/churn" in lab.site.models()
    lab.passed()
    report = lab.harvest()
    assert report.retired > 0
    assert [*lab.site.models()] == ["retail/fraud"]
    assert "acme/churn" not in lab.repositories()


def test_gitlab_not_readable(lab: Lab) -> None:
    """A right that is lost takes nothing away: neither one project's, nor the group's."""
    lab.harvest()
    churn = project(lab, "acme/churn")
    churn.default_branch = None  # listed still, as to guests

    report = lab.harvest()

    assert (report.outcome, report.unseen, report.retired) == ("complete", 0, 0)
    assert report.skipped[0].code == "not_readable"
    churn.default_branch = "main"
    churn.more["repository_access_level"] = "disabled"
    report = lab.harvest()
    assert (report.unseen, report.skipped[0].code) == (0, "no_repository")
    churn.hidden, lab.server.is_member = True, False  # a token that loses single projects
    lab.passed()
    report = lab.harvest()
    assert (report.unseen, report.skipped[0].code) == (0, "not_readable")
    next(iter(lab.state.groups.values())).hidden = True
    lab.fail()
    lab.passed()
    lab.fail()
    assert len(lab.site.models()) == 2


def test_gitlab_marked_for_deletion(lab: Lab) -> None:
    """Until GitLab removes it, it is there, with a warning, under whatever path."""
    lab.harvest()
    before = lab.repositories()["acme/churn"]
    lab.state.mark_for_deletion(project(lab, "acme/churn"))

    lab.harvest()

    (after,) = [row for row in lab.repositories().values() if row["id"] == before["id"]]
    assert after["facts"]["warnings"] == [
        "marked for deletion since 2026-11-20: GitLab will remove it"
    ]
    assert "retail/churn" in lab.site.models()


def test_gitlab_force_pushed(lab: Lab) -> None:
    """History that is written anew is read as it is now, and what left with it is gone."""
    lab.harvest()
    fraud = project(lab, "acme/ml/fraud")
    lab.state.push(fraud, {"models/model.yaml": manifest("fraud-2")}, forced=True)

    report = lab.harvest()

    assert report.outcome == "complete"
    assert {*lab.site.models()} == {"retail/churn", "retail/fraud-2"}
    assert lab.repositories()["acme/ml/fraud"]["facts"]["manifests"] == ["models/model.yaml"]


def test_gitlab_emptied(lab: Lab) -> None:
    """A repository without commits holds no manifest."""
    lab.harvest()
    project(lab, "acme/churn").branches.clear()

    lab.harvest()

    assert [*lab.site.models()] == ["retail/fraud"]
    assert "acme/churn" in lab.repositories()


def test_gitlab_created_again(lab: Lab) -> None:
    """Who takes an address over takes over nothing else."""
    lab.harvest()
    before = lab.repositories()["acme/churn"]
    known = lab.site.models()["retail/churn"]
    lab.state.delete(project(lab, "acme/churn"))
    lab.state.project(
        "acme/churn", {"models/model.yaml": manifest("churn", "lifecycle: production")}
    )

    report = lab.harvest()

    assert report.outcome == "complete"
    model = lab.site.models()["retail/churn"]
    assert model["id"] == known["id"]
    assert model["facts"]["lifecycle"] == "proposed"
    assert lab.repositories()["acme/churn"]["id"] != before["id"]


def test_gitlab_archived(lab: Lab) -> None:
    """An archived project is still read, and says so."""
    lab.harvest()
    project(lab, "acme/churn").more["archived"] = True
    lab.harvest()
    assert lab.repositories()["acme/churn"]["facts"]["archived"] is True
    assert "retail/churn" in lab.site.models()


def test_gitlab_limited(lab: Lab) -> None:
    """A limit is waited for, by the real command."""
    waiting = [Answered.of({}, 429, headers={"Retry-After": "1"})]

    def first(asked: Asked) -> Answered | None:
        return waiting.pop() if waiting and "branches" in asked.path else None

    lab.server.before = first
    (report,) = lab.command()
    assert report["outcome"] == "complete"
    assert lab.server.kinds().count("branches") == 4


@pytest.mark.parametrize("where", ["acme/projects", "branches"])
def test_gitlab_lied_to(lab: Lab, subtests: pytest.Subtests, where: str) -> None:
    """What GitLab does not mean to say fails the harvest, and takes nothing away."""
    lab.harvest()
    known = lab.site.models()
    lies = {
        "html": Answered(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        "limit": Answered.of({}, 429, headers={"Retry-After": "86400"}),
        "denied": Answered.of({"message": "401 Unauthorized"}, 401),
        "redirect": Answered(302, b"", {"Location": "https://elsewhere.example/"}),
    }
    for name, lie in lies.items():
        with subtests.test(lie=name):
            lab.server.before = only(where, lie)
            lab.fail()
            lab.passed()
            assert lab.site.models() == known
    lab.server.before = lambda _asked: None
    report = lab.harvest()
    assert (report.changed, report.created, report.unseen) == (0, 0, 0)


def test_gitlab_listing_thinned(lab: Lab) -> None:
    """What a listing lacks is asked for by number; an empty one is not believed at all."""
    report = lab.harvest()
    churn = project(lab, "acme/churn")

    def without(asked: Asked) -> Answered | None:
        if not asked.path.endswith("acme/projects"):
            return None
        churn.hidden = True  # while it is listed
        answered = lab.server.answer(asked)
        churn.hidden = False
        return answered

    lab.server.before = without
    again = lab.harvest()
    assert (again.outcome, again.seen, again.unseen) == ("complete", report.seen, 0)
    assert lab.server.kinds().count("project") == 1
    lab.server.before = only("acme/projects", Answered.of([]))
    lab.fail()


def test_gitlab_teams(lab: Lab) -> None:
    """Whom CODEOWNERS names is the group as GitLab has it, with its direct members."""
    lab.declare(teams="all")
    for group in lab.state.groups.values():
        group.members["ada"] = "Ada Example"
    said = manifest("quiet").partition(b"spec:")[0] + b"spec: {task: regression}\n"
    owners = b"/models/ @Acme/ml @@maintainer\n"
    lab.state.project("acme/quiet", {"models/model.yaml": said, "CODEOWNERS": owners})

    repositories, groups = lab.run()

    assert (repositories.scope, groups.scope) == ("repositories/acme", "groups/acme")
    assert (groups.outcome, groups.seen) == ("complete", 3)
    host = lab.server.url.removeprefix("http://")
    team = {"kind": "owner", "scheme": "gitlab", "value": f"{host}/acme/ml"}
    stated = lab.site.get("/models/retail/quiet")["facts"]["owners"]
    assert [(one["owner"], one["role"]) for one in stated] == [(team, "accountable")]
    names = {row["facts"].get("display_name") for row in lab.site.get("/owners")["items"]}
    assert {"acme / ml", "Ada Example"} <= names
    again = lab.run()[1]
    assert (again.created, again.changed, again.unseen) == (0, 0, 0)


def test_gitlab_recorded(lab: Lab, tmp_path: Path) -> None:
    """A harvest that is recorded and mapped again says what it said."""
    lab.command("--record", str(tmp_path))
    (recording,) = tmp_path.iterdir()
    (replayed,) = lab.command("--replay", str(recording))
    assert (replayed["plan"], replayed["dry_run"]) == ([], True)
