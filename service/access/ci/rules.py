"""Which of a source's bindings a job fits, and what about it does not. Pure.

Ids that never change decide, never names: a renamed repository keeps working, one that somebody
makes anew under an old name does not. `sub` is compared as a whole or not at all.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.identities import GitHubIdentity, GitLabIdentity, Identity, OidcIdentity
from service.access.ci.errors import IdentityNotProved, JobNotBound

Claims = Mapping[str, Any]
# What others than those who may write to the repository can start, or what they wrote is run by.
OTHERS_START: Final = frozenset(
    {"pull_request", "pull_request_target", "workflow_run", "issue_comment"}
)
MERGE_REQUESTS: Final = frozenset({"merge_request_event", "external_pull_request_event"})
MERGE_REFS: Final = ("refs/merge-requests/", "refs/pipelines/", "refs/external-pull-requests/")
NOTHING: Final = "not there"


def of_issuer(identities: Sequence[Identity], issuer: str) -> Sequence[Identity]:
    """The bindings of exactly this issuer."""
    return [one for one in identities if one.issuer == issuer]


def check_bound(identities: Sequence[Identity], claims: Claims) -> Identity:
    """The first binding about a job's repository, project or subject.

    Raises `IdentityNotProved` without a word where there is none: it is a stranger's.
    """
    found = next((one for one in identities if is_about(one, claims)), None)
    if found is None:
        raise IdentityNotProved(why="not_bound", **_told(claims))
    return found


def fitting(identities: Sequence[Identity], claims: Claims) -> Identity:
    """The first binding that a job fits in all. Raises `JobNotBound`, which says what does not."""
    own = [one for one in identities if is_about(one, claims)]
    wrong: list[str] = []
    for one in own:
        wrong = list(differences(one, claims))
        if not wrong:
            return one
    more = "" if len(own) == 1 else f" {len(own)} bindings were tried; this is the last."
    raise JobNotBound(detail=f"{'; '.join(wrong)}.{more}", **_told(claims))


def is_about(identity: Identity, claims: Claims) -> bool:
    """Is it the repository, the project or the subject that is bound?"""
    if isinstance(identity, OidcIdentity):
        return bool(claims.get("sub") == identity.subject)
    if isinstance(identity, GitHubIdentity):
        ids = {
            "repository_id": identity.repository_id,
            "repository_owner_id": identity.repository_owner_id,
        }
    else:
        ids = {"project_id": identity.project_id, "namespace_id": identity.namespace_id}
    return all(_decimal(claims.get(name)) == value for name, value in ids.items())


def differences(identity: Identity, claims: Claims) -> Iterator[str]:
    """What else of a job a binding does not let in."""
    if isinstance(identity, GitHubIdentity):
        wanted = {"job_workflow_ref": identity.job_workflow_ref, "ref": identity.ref}
        yield from _unequal(claims, wanted | {"environment": identity.environment})
        yield from _of_github(identity, claims)
    elif isinstance(identity, GitLabIdentity):
        claims = {**claims, "ref_path": full_ref(claims)}
        wanted = {"ci_config_ref_uri": identity.ci_config_ref_uri, "ref_path": identity.ref}
        yield from _unequal(claims, wanted | {"environment": identity.environment})
        yield from _of_gitlab(identity, claims)


def full_ref(claims: Claims) -> str | None:
    """GitLab's ref in full; releases before 16.0 tell its name and type."""
    path = claims.get("ref_path")
    if isinstance(path, str) and path:
        return path
    name, kind = claims.get("ref"), claims.get("ref_type")
    folder = {"branch": "heads", "tag": "tags"}.get(str(kind))
    return f"refs/{folder}/{name}" if isinstance(name, str) and folder else None


def is_own_workflow(claims: Claims) -> bool:
    """Is the workflow that runs one of the repository itself? Both names are of the same moment."""
    repository, workflow = claims.get("repository"), claims.get("job_workflow_ref")
    if not isinstance(repository, str) or not repository or not isinstance(workflow, str):
        return False
    return workflow.lower().startswith(f"{repository.lower()}/")


def _of_github(identity: GitHubIdentity, claims: Claims) -> Iterator[str]:
    event, shown = claims.get("event_name"), _shown(claims, "event_name")
    if identity.events is not None and event not in identity.events:
        yield f"event_name is {shown}, the binding takes {', '.join(identity.events)}"
    elif identity.events is None and (not isinstance(event, str) or event in OTHERS_START):
        yield f"event_name is {shown}, which only `events` of the binding lets in"
    if identity.job_workflow_ref is None and not is_own_workflow(claims):
        workflow = f"job_workflow_ref is {_shown(claims, 'job_workflow_ref')}"
        yield f"{workflow}, of another repository: `job_workflow_ref` of the binding lets it in"
    bound = identity.ref is not None or identity.environment is not None
    if not bound and claims.get("ref_protected") != "true":
        ref = _shown(claims, "ref")
        yield f"ref is {ref}, not protected: `ref` or `environment` of the binding lets it in"


def _of_gitlab(identity: GitLabIdentity, claims: Claims) -> Iterator[str]:
    event, ref = claims.get("pipeline_source"), claims.get("ref_path")
    shown = f"pipeline_source is {_shown(claims, 'pipeline_source')}"
    if not isinstance(event, str) or event in MERGE_REQUESTS:
        yield f"{shown}: merge requests are never taken"
    elif identity.events is not None and event not in identity.events:
        yield f"{shown}, the binding takes {', '.join(identity.events)}"
    if not isinstance(ref, str) or ref.startswith(MERGE_REFS):
        yield f"ref_path is {_shown(claims, 'ref_path')}: only branches and tags are taken"
    if claims.get("ref_protected") != "true":
        yield "ref_protected is not true: only protected branches and tags are taken"
    ran_in = claims.get("job_project_id")  # another than project_id: a merge request of a fork
    if ran_in is not None and _decimal(ran_in) != identity.project_id:
        yield "job_project_id is that of another project"


def _unequal(claims: Claims, wanted: Mapping[str, str | None]) -> Iterator[str]:
    for name, value in wanted.items():
        if value is not None and claims.get(name) != value:
            yield f"{name} is {_shown(claims, name)}, the binding expects {value}"


def _decimal(value: Any) -> str | None:
    """A claim's number as its digits: text as GitHub and GitLab write it, or a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _shown(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        return NOTHING
    return value[:200] if value.isprintable() else "of a form that cannot be shown"


def _told(claims: Claims) -> dict[str, str]:
    """For the log: an operator sees there which job it was."""
    names = ("repository_id", "repository_owner_id", "project_id", "namespace_id", "sub")
    return {name: _shown(claims, name) for name in names if name in claims}
