"""What each CI puts into the environment of a job, as far as anything of it is read."""

from typing import Final

COMMIT: Final = "9f2c1a7be0d34c5f8a6b7c8d9e0f1a2b3c4d5e6f"
PROJECT: Final = "8f7e6d5c-4b3a-4921-8071-6f5e4d3c2b1a"
REPOSITORY: Final = "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8"
GITHUB: Final[dict[str, str]] = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/churn",
    "GITHUB_REPOSITORY_ID": "486325809",
    "GITHUB_RUN_ID": "9001",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SHA": COMMIT,
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_REF_PROTECTED": "true",
    "GITHUB_HEAD_REF": "",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_WORKFLOW": "train",
    "GITHUB_WORKFLOW_REF": "acme/churn/.github/workflows/train.yml@refs/heads/main",
    "GITHUB_ACTOR": "ada",
}
GITLAB: Final[dict[str, str]] = {
    "GITLAB_CI": "true",
    "CI_SERVER_URL": "https://gitlab.acme.example",
    "CI_PROJECT_ID": "20",
    "CI_PROJECT_URL": "https://gitlab.acme.example/acme/churn",
    "CI_PIPELINE_ID": "574",
    "CI_PIPELINE_URL": "https://gitlab.acme.example/acme/churn/-/pipelines/574",
    "CI_PIPELINE_SOURCE": "push",
    "CI_COMMIT_SHA": COMMIT,
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_PROTECTED": "true",
    "GITLAB_USER_LOGIN": "ada",
}
JENKINS: Final[dict[str, str]] = {
    "JENKINS_URL": "https://ci.acme.example/jenkins/",
    "JOB_NAME": "shop/churn/feature%2Fx",
    "BUILD_NUMBER": "21",
    "BUILD_URL": "https://ci.acme.example/jenkins/job/shop/job/churn/job/feature%252Fx/21/",
    "GIT_COMMIT": COMMIT,
    "GIT_BRANCH": "origin/feature/x",
    "GIT_URL": "https://github.com/acme/churn.git",
}
AZURE: Final[dict[str, str]] = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
    "SYSTEM_TEAMPROJECTID": PROJECT,
    "BUILD_BUILDID": "12",
    "BUILD_DEFINITIONNAME": "train",
    "BUILD_REASON": "IndividualCI",
    "BUILD_REPOSITORY_ID": REPOSITORY,
    "BUILD_REPOSITORY_PROVIDER": "TfsGit",
    "BUILD_REPOSITORY_URI": "https://dev.azure.com/acme/shop/_git/churn",
    "BUILD_REQUESTEDFOREMAIL": "ada@acme.example",
    "BUILD_SOURCEBRANCH": "refs/heads/main",
    "BUILD_SOURCEVERSION": COMMIT,
}
SYSTEMS: Final = {"github": GITHUB, "gitlab": GITLAB, "jenkins": JENKINS, "azure": AZURE}
OURS: Final = frozenset().union(*SYSTEMS.values())
