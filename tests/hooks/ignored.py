"""Events of recorded payloads that are stored and mean nothing: which, and how many of each."""

from collections.abc import Mapping
from typing import Final

IGNORED: Final[Mapping[str, Mapping[str, int]]] = {
    "github_webhooks": {
        "check_run": 6, "check_suite": 2, "create": 2, "delete": 2, "deployment_review": 1,
        "member": 2, "organization": 3, "package": 1, "public": 1, "pull_request": 16,
        "registry_package": 1, "status": 1, "team": 4, "workflow_job": 2,
    },
    "gitlab_webhooks": {
        "access_token": 1, "group_destroy": 1, "issue": 1, "merge_request": 4, "note": 2,
        "user_add_to_group": 2, "user_add_to_team": 1, "user_create": 1, "user_destroy": 1,
        "user_failed_login": 1, "user_remove_from_group": 1, "user_remove_from_team": 1,
        "user_update_for_group": 1, "wiki_page": 2,
    },
    "github_webhooks_drone": {"create": 1, "pull_request": 1},
    "azuredevops_webhooks": {
        "git.pullrequest.created": 1, "git.pullrequest.merged": 1,
        "ms.vss-code.git-pullrequest-comment-event": 1,
        "unknown": 9,  # answers of the API, which nobody delivers
    },
    "other_webhooks": {  # of Bitbucket, Docker Hub and Gitea: no kind of source of ours
        "bitbucket": 6, "bitbucket-server": 9, "docker": 1, "gitea": 11,
    },
}  # fmt: skip
