"""OIDC-08, OIDC-09: which jobs a binding lets in; pure."""

from typing import Any, Final

import pytest

from schemas.identities import GitHubIdentity, GitLabIdentity, Identity, OidcIdentity
from service.access.ci.errors import IdentityNotProved, JobNotBound
from service.access.ci.proof import host_of, proved_by
from service.access.ci.rules import check_bound, fitting
from tests.support.identity_provider import COMMIT, GITHUB, GITLAB

FOREIGN: Final = "acme/shared/.github/workflows/train.yml@refs/tags/v1"
NEXT: Final = {"ref": "refs/heads/next", "ref_protected": "false"}
FORK: Final = {
    "event_name": "pull_request", "ref": "refs/pull/7/merge", "ref_protected": "false",
    "head_ref": "patch-1", "base_ref": "main",
}  # fmt: skip
MERGED: Final = {
    "pipeline_source": "merge_request_event", "ref": "7/head", "ref_type": "branch",
    "ref_path": "refs/merge-requests/7/head", "ref_protected": "false",
}  # fmt: skip


def github(**bound: Any) -> GitHubIdentity:
    """A binding of the repository of the usual job."""
    ids = {"repository_id": "486325809", "repository_owner_id": 9919}
    return GitHubIdentity.model_validate({"provider": "github", **ids, **bound})


def gitlab(**bound: Any) -> GitLabIdentity:
    """A binding of the project of the usual job."""
    ids = {"project_id": 20, "namespace_id": "72"}
    return GitLabIdentity.model_validate({"provider": "gitlab", **ids, **bound})


TAKEN: Final[dict[str, tuple[Identity, dict[str, Any]]]] = {
    "a protected branch": (github(), {}),
    "another event": (github(), {"event_name": "schedule"}),
    "the ref that is bound": (github(ref="refs/heads/next"), NEXT),
    "the environment that is bound": (github(environment="prod"), NEXT | {"environment": "prod"}),
    "a workflow that is bound": (github(job_workflow_ref=FOREIGN), {"job_workflow_ref": FOREIGN}),
    "an event that is bound": (
        github(events=["pull_request"], ref="refs/pull/7/merge"), FORK,
    ),
    "a repository that was renamed": (
        github(),
        {
            "repository": "acme/retention", "sub": "repo:acme@9919/retention@486325809:ref:x",
            "job_workflow_ref": "acme/retention/.github/workflows/train.yml@refs/heads/main",
        },
    ),
    "a name in other letters": (github(), {"repository": "Acme/Churn"}),
    "ids as numbers": (github(), {"repository_id": 486_325_809, "repository_owner_id": 9_919}),
    "a protected branch on GitLab": (gitlab(), {}),
    "a tag": (gitlab(ref="refs/tags/v1"), {"ref_path": "refs/tags/v1"}),
    "an older GitLab": (gitlab(ref="refs/heads/main"), {"ref_path": None}),
    "its own pipeline file": (
        gitlab(ci_config_ref_uri=GITLAB["ci_config_ref_uri"]), {"job_project_id": "20"},
    ),
    "a source that is bound": (gitlab(events=["schedule"]), {"pipeline_source": "schedule"}),
}  # fmt: skip
REFUSED: Final[dict[str, tuple[Identity, dict[str, Any], str]]] = {
    "a pull request": (github(), FORK, "event_name is pull_request"),
    "a pull request into the target": (
        github(), {"event_name": "pull_request_target"}, "event_name is pull_request_target",
    ),
    "after another workflow": (github(), {"event_name": "workflow_run"}, "workflow_run"),
    "a comment": (github(), {"event_name": "issue_comment"}, "issue_comment"),
    "no event": (github(), {"event_name": None}, "event_name is not there"),
    "another event than bound": (github(events=["release"]), {}, "the binding takes release"),
    "another branch": (github(), NEXT, "not protected"),
    "another branch than bound": (github(ref="refs/heads/next"), {}, "expects refs/heads/next"),
    "the tag of that name": (
        github(ref="refs/heads/v1"), {"ref": "refs/tags/v1"}, "ref is refs/tags/v1",
    ),
    "a host that says nothing of it": (github(), {"ref_protected": None}, "not protected"),
    "a flag for the word": (github(), {"ref_protected": True}, "not protected"),
    "another environment": (
        github(environment="prod"), {"environment": "Prod"}, "expects prod",
    ),
    "no environment": (github(environment="prod"), {}, "environment is not there"),
    "a foreign workflow": (github(), {"job_workflow_ref": FOREIGN}, "of another repository"),
    "a workflow of a look-alike": (
        github(), {"job_workflow_ref": "acme/churn-x/.github/workflows/a.yml@refs/heads/main"},
        "of another repository",
    ),
    "no workflow": (github(), {"job_workflow_ref": None}, "of another repository"),
    "a foreign workflow at another ref": (
        github(job_workflow_ref=FOREIGN), {"job_workflow_ref": FOREIGN.replace("v1", "v2")},
        "expects acme/shared",
    ),
    "its own workflow where another is bound": (
        github(job_workflow_ref=FOREIGN), {}, "job_workflow_ref is acme/churn",
    ),
    "a merge request": (gitlab(), MERGED, "merge requests are never taken"),
    "a merge request, though bound": (
        gitlab(events=["merge_request_event"]), MERGED | {"ref_protected": "true"},
        "merge requests are never taken",
    ),
    "an external pull request": (
        gitlab(), {"pipeline_source": "external_pull_request_event"}, "never taken",
    ),
    "the ref of a merge request": (
        gitlab(), {"ref_path": "refs/merge-requests/7/merge"}, "only branches and tags",
    ),
    "an unprotected branch": (gitlab(), {"ref_protected": "false"}, "ref_protected"),
    "a flag for GitLab's word": (gitlab(), {"ref_protected": True}, "ref_protected"),
    "the word in capitals": (gitlab(), {"ref_protected": "True"}, "ref_protected"),
    "nothing of protection": (gitlab(), {"ref_protected": None}, "ref_protected"),
    "another source than bound": (gitlab(events=["schedule"]), {}, "the binding takes schedule"),
    "another pipeline file": (
        gitlab(ci_config_ref_uri="gitlab.com/x//y@z"), {}, "ci_config_ref_uri is gitlab.acme",
    ),
    "a job in another project": (
        gitlab(), {"job_project_id": "21"}, "job_project_id is that of another project",
    ),
}  # fmt: skip
STRANGERS: Final[dict[str, tuple[Identity, dict[str, Any]]]] = {
    "made anew under the old name": (github(), {"repository_id": "999"}),
    "the name taken by another owner": (github(), {"repository_owner_id": "1"}),
    "handed over to another owner": (github(), {"repository_owner_id": "10000"}),
    "a prefix": (github(), {"repository_id": "48632580"}),
    "with a zero before it": (github(), {"repository_id": "0486325809"}),
    "with a blank": (github(), {"repository_id": "486325809 "}),
    "no id": (github(), {"repository_id": None}),
    "a list": (github(), {"repository_id": ["486325809"]}),
    "a flag": (github(repository_id=1), {"repository_id": True}),
    "GitLab's project made anew": (gitlab(), {"project_id": "21"}),
    "GitLab's group made anew": (gitlab(), {"namespace_id": "73"}),
}  # fmt: skip


def claims_of(identity: Identity, changed: dict[str, Any]) -> dict[str, Any]:
    """Those of the usual job, changed."""
    usual = GITHUB if identity.provider == "github" else GITLAB
    return {name: value for name, value in (usual | changed).items() if value is not None}


@pytest.mark.parametrize(("identity", "changed"), TAKEN.values(), ids=TAKEN)
def test_taken(identity: Identity, changed: Any) -> None:
    """OIDC-08: the binding lets it in, by numbers that no rename changes."""
    claims = claims_of(identity, changed)

    assert check_bound([identity], claims) == identity
    assert fitting([identity], claims) == identity


@pytest.mark.parametrize(("identity", "changed", "said"), REFUSED.values(), ids=REFUSED)
def test_oidc_09_refused(identity: Identity, changed: Any, said: str) -> None:
    """OIDC-09: the right repository with something else wrong is told what."""
    claims = claims_of(identity, changed)

    check_bound([identity], claims)
    with pytest.raises(JobNotBound) as refused:
        fitting([identity], claims)
    assert said in str(refused.value.detail)


@pytest.mark.parametrize(("identity", "changed"), STRANGERS.values(), ids=STRANGERS)
def test_oidc_08_strangers(identity: Identity, changed: Any) -> None:
    """OIDC-08: another repository is a stranger, whatever it is called, and learns nothing."""
    with pytest.raises(IdentityNotProved) as refused:
        check_bound([identity], claims_of(identity, changed))
    assert refused.value.detail is None


def test_several_bindings() -> None:
    """One of several is enough; where none fits, the answer speaks of the last."""
    both = [github(ref="refs/heads/a"), github(ref="refs/heads/b")]

    assert fitting(both, GITHUB | {"ref": "refs/heads/b"}) == both[1]
    with pytest.raises(JobNotBound, match="may not speak") as refused:
        fitting(both, GITHUB)
    assert "2 bindings were tried" in str(refused.value.detail)


def test_claim_that_cannot_be_shown() -> None:
    """A claim with control characters is not repeated."""
    with pytest.raises(JobNotBound) as refused:
        fitting([github(ref="refs/heads/a")], GITHUB | {"ref": "refs/heads/\x1b[31m"})
    assert "\x1b" not in str(refused.value.detail)


@pytest.mark.parametrize(
    ("identity", "host"),
    [
        (github(), "github.com"),
        (github(issuer="https://token.actions.githubusercontent.com/acme"), "github.com"),
        (github(issuer="https://token.actions.acme.ghe.com"), "acme.ghe.com"),
        (github(issuer="https://github.acme.example/_services/token"), "github.acme.example"),
        (github(issuer="https://keys.acme.example", host="github.acme.example"),
         "github.acme.example"),
        (gitlab(), "gitlab.com"),
        (gitlab(issuer="https://gitlab.acme.example:8443"), "gitlab.acme.example:8443"),
        (gitlab(issuer="https://acme.example/gitlab"), "acme.example"),
    ],
)  # fmt: skip
def test_hosts(identity: Any, host: str) -> None:
    """The issuer tells the host that identifiers begin with; a binding may say another."""
    assert host_of(identity) == host


def test_proved_github() -> None:
    """What is certain of a job, as GitHub's API would tell it of its run."""
    proved = proved_by(github(), GITHUB)

    assert str(proved.build) == "build:github:github.com/486325809/9001"
    assert str(proved.repository) == "repository:github:github.com/486325809"
    assert proved.repository_url == "https://github.com/acme/churn"
    assert (proved.commit, proved.attempt, proved.ref) == (COMMIT, 1, "main")
    assert proved.workflow == ".github/workflows/train.yml"
    assert proved.on_protected_branch is None


def test_proved_pull_request_and_foreign_workflow() -> None:
    """A pull request is called by its branch; a workflow of others stays whole."""
    proved = proved_by(github(), GITHUB | FORK | {"job_workflow_ref": FOREIGN})

    assert (proved.ref, proved.full_ref, proved.workflow) == (
        "patch-1", "refs/pull/7/merge", FOREIGN,
    )  # fmt: skip


@pytest.mark.parametrize(
    "changed", [{"run_id": None}, {"run_id": "x"}, {"sha": "short"}, {"actor": "a\x00b"}]
)
def test_proved_unusable(changed: Any) -> None:
    """A claim that no fact can hold is refused, not left out."""
    claims = {n: v for n, v in (GITHUB | changed).items() if v is not None}
    with pytest.raises(IdentityNotProved):
        proved_by(github(), claims)


def test_proved_tiers() -> None:
    """GitLab's tiers that are classes here are kept; the others say nothing."""
    tiers = ("production", "staging", "development", "testing", "other", None)
    found = [proved_by(gitlab(), GITLAB | {"deployment_tier": one}) for one in tiers]

    assert [one.environment_class for one in found] == [
        "production", "staging", "development", None, None, None,
    ]  # fmt: skip


def test_proved_other_issuer() -> None:
    """Of another issuer only subject and host are certain."""
    identity = OidcIdentity(provider="oidc", issuer="https://ci.acme.example/oidc", subject="x")

    proved = proved_by(identity, {"sub": "x", "run_id": "7", "sha": COMMIT})

    assert (proved.host, proved.subject) == ("ci.acme.example", "x")
    assert (proved.repository, proved.build, proved.commit) == (None, None, None)
