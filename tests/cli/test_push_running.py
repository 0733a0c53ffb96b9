"""What each CI says of a build in its variables: the same as a harvest of it would say."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from cli.exits import Exit, Stop
from cli.pushing.asked import Asked
from cli.pushing.running import Running, as_proved, recognise
from harvesters.ci.azure.names import Site as AzureSite
from harvesters.ci.azure.observe import Place
from harvesters.ci.azure.observe import observe_build as observe_azure
from harvesters.ci.azure.payloads import Build as AzureBuild
from harvesters.ci.azure.payloads import read as read_azure
from harvesters.ci.github.runs import RunTeller
from harvesters.ci.gitlab.pipelines import PipelineTeller
from harvesters.ci.jenkins.names import Site as JenkinsSite
from harvesters.ci.jenkins.observe import Row
from harvesters.ci.jenkins.observe import observe_build as observe_jenkins
from harvesters.ci.pages import CiPage
from schemas.facts import BuildFacts
from schemas.identifiers import Kind
from schemas.observation import Observation
from tests.support.ci_variables import (
    AZURE,
    COMMIT,
    GITHUB,
    GITLAB,
    JENKINS,
    PROJECT,
    REPOSITORY,
)

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKED: Final = Asked(ci=True)


def running(said: Mapping[str, str], **options: Any) -> Running:
    """The build that these variables describe."""
    found = recognise(ASKED._replace(**options), said, source="ci-retail")
    assert found is not None
    return found


def facts(said: Mapping[str, str]) -> dict[str, Any]:
    """What is stated of it, in the form of facts."""
    read = BuildFacts.model_validate(running(said).stated)
    return read.model_dump(mode="json", exclude_unset=True)


def same(said: Mapping[str, str], told: object) -> set[str]:
    """Is it the build that a harvest tells? Answers the facts that both state, all alike."""
    assert isinstance(told, Observation), told
    assert told.facts is not None
    assert running(said).build == told.subject
    harvested = told.facts.model_dump(mode="json", exclude_unset=True)
    pushed = facts(said) | {"repository": running(said).repositories[0].model_dump(mode="json")}
    shared = (pushed.keys() & harvested.keys()) - {"status"}
    assert {name: pushed[name] for name in shared} == {name: harvested[name] for name in shared}
    return shared


def test_github() -> None:
    """A workflow run is one build, whether it is pushed or harvested."""
    run = {
        "id": 9001, "name": "train", "path": ".github/workflows/train.yml", "event": "push",
        "head_branch": "main", "head_sha": COMMIT, "status": "in_progress", "run_attempt": 2,
        "html_url": "https://github.com/acme/churn/actions/runs/9001", "actor": {"login": "ada"},
        "repository": {"id": 486325809},
    }  # fmt: skip

    shared = same(GITHUB, RunTeller("github.com").tell(run, CiPage(NOON)))

    assert shared == {
        "repository", "commit", "ref", "event", "workflow", "attempt", "url", "actor",
    }  # fmt: skip
    assert facts(GITHUB)["on_protected_branch"] is True
    assert [str(one) for one in running(GITHUB).repositories] == [
        "repository:github:github.com/486325809", "repository:url:https://github.com/acme/churn",
    ]  # fmt: skip


def test_gitlab() -> None:
    """So is a pipeline; its environment's tier says what class it is of."""
    pipeline = {
        "id": 574, "project_id": 20, "sha": COMMIT, "ref": "main", "status": "running",
        "source": "push", "web_url": "https://gitlab.acme.example/acme/churn/-/pipelines/574",
        "user": {"username": "ada"},
    }  # fmt: skip

    shared = same(GITLAB, PipelineTeller("gitlab.acme.example").tell(pipeline, CiPage(NOON)))
    deploying = GITLAB | {"CI_ENVIRONMENT_NAME": "prod/eu", "CI_ENVIRONMENT_TIER": "production"}

    assert shared == {"repository", "commit", "ref", "event", "url", "actor"}
    found = running(deploying)
    assert (found.environment, found.environment_class) == ("prod/eu", "production")
    assert running(deploying | {"CI_ENVIRONMENT_TIER": "testing"}).environment_class is None


def test_gitlab_merge_request() -> None:
    """A merge request's pipeline is of its own ref, which is no branch."""
    merging = {
        "CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": "",
        "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/3/head", "CI_COMMIT_REF_NAME": "feature",
    }  # fmt: skip

    found = running(GITLAB | merging)

    assert (found.stated["ref"], found.branch or None) == ("refs/merge-requests/3/head", None)


def test_jenkins() -> None:
    """So is a build of Jenkins, in folders, of a branch with a slash, below a path."""
    raw = {
        "number": 21, "building": True, "url": JENKINS["BUILD_URL"], "timestamp": 1_763_640_000_000,
        "actions": [],
    }  # fmt: skip
    path = ("shop", "churn", "feature%2Fx")

    told = observe_jenkins(Row(raw), JenkinsSite.of(JENKINS["JENKINS_URL"]), path=path, at=NOON)

    assert same(JENKINS, told) == {"workflow", "url"}
    named = running({**JENKINS, "BUILD_URL": ""})  # Jenkins without an address of its own
    assert named.build == running(JENKINS).build
    assert str(running(JENKINS).repositories[0]) == "repository:url:https://github.com/acme/churn"
    assert running(JENKINS).stated["commit"] == COMMIT


def test_azure() -> None:
    """So is a build of Azure Pipelines, also of an organisation under its former address."""
    raw = {
        "id": 12, "status": "inProgress", "sourceBranch": "refs/heads/main",
        "sourceVersion": COMMIT, "reason": "individualCI", "definition": {"name": "train"},
        "requestedFor": {"uniqueName": "ada@acme.example"},
        "repository": {"id": REPOSITORY, "type": "TfsGit"},
    }  # fmt: skip
    build = read_azure(AzureBuild, raw)
    assert build is not None
    place = Place(AzureSite.of("https://dev.azure.com/acme"), PROJECT, "azure", {})

    shared = same(AZURE, observe_azure(build, place, raw=raw, at=NOON))

    assert shared == {"repository", "commit", "ref", "event", "workflow", "actor", "url"}
    former = running(AZURE | {"SYSTEM_COLLECTIONURI": "https://acme.visualstudio.com/"})
    assert former.build == running(AZURE).build


@pytest.mark.parametrize(
    ("said", "variable"),
    [
        (GITHUB, "GITHUB_REPOSITORY_ID"),
        (GITHUB, "GITHUB_RUN_ID"),
        (GITHUB, "GITHUB_SERVER_URL"),
        (GITLAB, "CI_PROJECT_ID"),
        (GITLAB, "CI_PIPELINE_ID"),
        (GITLAB, "CI_SERVER_URL"),
        (JENKINS, "BUILD_NUMBER"),
        (JENKINS, "JENKINS_URL"),
        (AZURE, "BUILD_BUILDID"),
        (AZURE, "SYSTEM_TEAMPROJECTID"),
        (AZURE, "SYSTEM_COLLECTIONURI"),
    ],
)
@pytest.mark.parametrize(
    "value", ["", "0", "-1", "1/2", "1#2", "٣", "../../1", "javascript:x", "https://[", "a\nb"]
)
def test_forged_identity(said: Mapping[str, str], variable: str, value: str) -> None:
    """What names a build is what its CI puts there, or there is no build, and it says which."""
    if variable in {"BUILD_NUMBER", "JENKINS_URL"} and not value:
        assert recognise(ASKED, {**said, variable: value}, source="ci") is None
        return

    with pytest.raises(Stop) as stopped:
        running({**said, variable: value})

    assert stopped.value.code is Exit.WRONG_USE
    assert str(stopped.value).startswith(f"{variable} does not hold what this CI puts there")


def test_missing() -> None:
    """A workflow called nothing, a short commit, no commit at all: not stated, never made up."""
    gone = {"GITHUB_SHA", "GITHUB_REF_NAME", "GITHUB_RUN_ATTEMPT", "GITHUB_REF_PROTECTED"}
    bare = {name: text for name, text in GITHUB.items() if name not in gone}

    found = running({**bare, "GITHUB_WORKFLOW_REF": "", "GITHUB_WORKFLOW": ""})

    assert found.stated.keys() == {"event", "status", "url", "actor"}
    assert running({**GITHUB, "GITHUB_WORKFLOW_REF": ""}).stated["workflow"] == "train"


def test_secrets() -> None:
    """Addresses lose who signs in there, whatever variable they stand in."""
    token = "hunter2:ghp_" + "a" * 36
    jenkins = running(JENKINS | {
        "GIT_URL": f"https://{token}@github.com/acme/churn.git",
        "BUILD_URL": JENKINS["BUILD_URL"].replace("//", f"//{token}@"),
    })  # fmt: skip
    azure = running(AZURE | {
        "SYSTEM_COLLECTIONURI": f"https://{token}@dev.azure.com/acme/",
        "BUILD_REPOSITORY_URI": f"https://{token}@dev.azure.com/acme/_git/churn",
    })  # fmt: skip
    gitlab = running(GITLAB | {
        "CI_PROJECT_URL": f"https://{token}@gitlab.acme.example/acme/churn",
        "CI_PIPELINE_URL": f"https://{token}@gitlab.acme.example/acme/churn/-/pipelines/574",
        "CI_SERVER_URL": f"https://{token}@gitlab.acme.example",
    })  # fmt: skip

    for found in (jenkins, azure, gitlab):
        assert "hunter2" not in repr(found)
        assert "ghp_" not in repr(found)
    assert gitlab == running(GITLAB)
    assert azure.build == running(AZURE).build


def test_options() -> None:
    """Options say it instead; where no CI is, they say all."""
    said = running(
        GITHUB, ref="release", status="succeeded", repository="git@github.com:acme/b.git"
    )

    assert (said.stated["ref"], said.stated["status"]) == ("release", "succeeded")
    assert [one.value for one in said.repositories] == [
        "github.com/486325809", "https://github.com/acme/b",
    ]  # fmt: skip
    own = recognise(Asked(build="night/7", commit=COMMIT), {}, source="ci-retail")
    assert own is not None
    assert (own.build.kind, own.build.scheme) == (Kind.BUILD, "ci")
    assert own.build.value == "ci-retail/night%2F7"
    assert recognise(ASKED, {}, source="ci-retail") is None
    assert recognise(Asked(), GITHUB, source="ci-retail") is None
    for wrong in ({"commit": "9f2c1a7"}, {"repository": "/srv/churn"}):
        with pytest.raises(Stop):
            running(GITHUB, **wrong)


def test_as_proved() -> None:
    """What was proved stands in the place of variables; of options the service decides."""
    proved = {
        "build": {"kind": "build", "scheme": "github", "value": "github.com/486325809/7"},
        "repository": {"kind": "repository", "scheme": "github", "value": "github.com/486325809"},
        "commit": "1" * 40,
    }

    forged = as_proved(running(GITHUB | {"GITHUB_SHA": "2" * 40}), proved, asked=ASKED)
    stated = as_proved(running(GITHUB, ref="other"), proved, asked=ASKED._replace(ref="other"))

    assert (forged.build.value, forged.stated["commit"]) == ("github.com/486325809/7", "1" * 40)
    assert forged.stated.keys() == {"commit", "status", "url", "actor"}
    assert stated.stated["ref"] == "other"
    jenkins = running(JENKINS)
    assert as_proved(jenkins, {"build": None}, asked=ASKED) == jenkins
