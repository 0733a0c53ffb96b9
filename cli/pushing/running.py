"""Recognises the CI that a build runs in, and reads what it says of the build."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from cli.exits import Exit, Stop
from cli.pushing.asked import Asked
from harvesters.ci.builds import GITLAB_BUILDS
from harvesters.errors import SourceRefused
from schemas.canonical import canonical_commit
from schemas.identifiers import Identifier, Kind, encode_segment
from schemas.masking import drop_userinfo

NUMBER: Final = re.compile(r"[1-9]\d{0,18}", re.ASCII)
WEB_PORTS: Final = {"https": ":443", "http": ":80"}
PROVED: Final = {"commit", "ref", "on_protected_branch", "event", "workflow", "attempt"}
TIERS: Final = {"production", "staging", "development"}
HEADS: Final = "refs/heads/"
BAD_ENDS: Final = {"failed", "canceled"}  # known before a build is over; that it succeeds is not
AZURE_STATUS: Final = {"failed": "failed", "canceled": "canceled"}
Variables = Mapping[str, str]


class Running(NamedTuple):
    """A build as its CI describes it.

    `stated`: facts of a build by name, without those that nobody says. `repositories`: the same one
    by its number, where the CI has one, and by its address.
    """

    system: str
    build: Identifier
    repositories: tuple[Identifier, ...]
    stated: Mapping[str, Any]
    branch: str | None = None
    environment: str | None = None
    environment_class: str | None = None

    @property
    def repository(self) -> Identifier | None:
        """What it is called first of all."""
        return next(iter(self.repositories), None)


def recognise(asked: Asked, variables: Variables, *, source: str) -> Running | None:
    """The build that this runs in, with what options say instead; None where nothing tells one.

    Raises `Stop` where what identifies it is no identifier.
    """
    found = next((read for is_here, read in SYSTEMS if is_here(variables)), None)
    running = found(variables) if found is not None and asked.ci else None
    if asked.build:
        value = f"{source}/{encode_segment(asked.build)}"
        running = Running("ci", _identifier(Kind.BUILD, "ci", value=value, of="--build"), (), {})
    if running is None:
        return None
    more = {
        "commit": _commit(asked.commit), "ref": asked.ref, "workflow": asked.workflow,
        "event": asked.event, "actor": asked.actor, "url": _public(asked.build_url),
        "status": asked.status, "started_at": asked.started_at, "finished_at": asked.finished_at,
    }  # fmt: skip
    stated = {name: value for name, value in more.items() if value}
    running = running._replace(stated=_said(running.stated) | stated)
    if asked.repository:
        by_url = _identifier(Kind.REPOSITORY, "url", value=asked.repository, of="--repository")
        numbered = tuple(one for one in running.repositories if one.scheme != "url")
        running = running._replace(repositories=(*numbered, by_url))
    return running


def as_proved(running: Running, proved: Mapping[str, Any], *, asked: Asked) -> Running:
    """With what the CI's identity token proved in the place of what stands in variables.

    What was proved of a build is filled in by the catalog; what options say stays, and is refused
    there if it differs.
    """
    if proved.get("build") is None:
        return running
    build = Identifier.model_validate(proved["build"])
    repositories = running.repositories
    if proved.get("repository") is not None and not asked.repository:
        repositories = (Identifier.model_validate(proved["repository"]),)
    left_out = {name for name in PROVED if getattr(asked, name, None) is None} - {"commit"}
    stated = {name: value for name, value in running.stated.items() if name not in left_out}
    if not asked.commit:
        stated["commit"] = proved.get("commit")
    return running._replace(build=build, repositories=repositories, stated=_said(stated))


def _github(said: Variables) -> Running:
    host = _host(said, "GITHUB_SERVER_URL")
    number, run = (_number(said, name) for name in ("GITHUB_REPOSITORY_ID", "GITHUB_RUN_ID"))
    address = f"{said['GITHUB_SERVER_URL'].rstrip('/')}/{said.get('GITHUB_REPOSITORY', '')}"
    name = said.get("GITHUB_REPOSITORY", "")
    workflow = said.get("GITHUB_WORKFLOW_REF", "").partition("@")[0]
    branch = said.get("GITHUB_REF_NAME") if said.get("GITHUB_REF_TYPE") == "branch" else None
    head = said.get("GITHUB_HEAD_REF") or None  # of a pull request: what the API calls its branch
    stated = {
        "commit": said.get("GITHUB_SHA"),
        "ref": head or said.get("GITHUB_REF_NAME"),
        "on_protected_branch": _flag(said.get("GITHUB_REF_PROTECTED")),
        "event": said.get("GITHUB_EVENT_NAME"),
        "workflow": workflow.removeprefix(f"{name}/") or said.get("GITHUB_WORKFLOW"),
        "attempt": _count(said.get("GITHUB_RUN_ATTEMPT")),
        "status": "running",
        "url": f"{address}/actions/runs/{run}",
        "actor": said.get("GITHUB_ACTOR"),
    }
    build = _identifier(Kind.BUILD, "github", value=f"{host}/{number}/{run}", of="GITHUB_RUN_ID")
    places = _repositories("github", f"{host}/{number}", address=address)
    return Running("github", build, places, stated, None if head else branch)


def _gitlab(said: Variables) -> Running:
    host = _host(said, "CI_SERVER_URL")
    number, run = (_number(said, name) for name in ("CI_PROJECT_ID", "CI_PIPELINE_ID"))
    merged = said.get("CI_MERGE_REQUEST_REF_PATH")
    tier = said.get("CI_ENVIRONMENT_TIER")
    ends = GITLAB_BUILDS.get(said.get("CI_JOB_STATUS", ""))
    stated = {
        "commit": said.get("CI_COMMIT_SHA"),
        "ref": merged or said.get("CI_COMMIT_REF_NAME"),
        "on_protected_branch": _flag(said.get("CI_COMMIT_REF_PROTECTED")),
        "event": said.get("CI_PIPELINE_SOURCE"),
        "status": ends if ends in BAD_ENDS else "running",
        "workflow": said.get("CI_PIPELINE_NAME"),
        "url": _public(said.get("CI_PIPELINE_URL")),
        "actor": said.get("GITLAB_USER_LOGIN"),
    }
    build = _identifier(Kind.BUILD, "gitlab", value=f"{host}/{number}/{run}", of="CI_PIPELINE_ID")
    places = _repositories("gitlab", f"{host}/{number}", address=said.get("CI_PROJECT_URL"))
    return Running(
        "gitlab", build, places, stated, said.get("CI_COMMIT_BRANCH"),
        said.get("CI_ENVIRONMENT_NAME"), tier if tier in TIERS else None,
    )  # fmt: skip


def _jenkins(said: Variables) -> Running:
    from harvesters.ci.jenkins.names import Site, full_name, linked

    number = _number(said, "BUILD_NUMBER")
    _host(said, "JENKINS_URL")
    place = linked(said.get("BUILD_URL", ""))
    path = place.path if place else tuple(said.get("JOB_NAME", "").split("/"))
    try:
        site = Site.of(drop_userinfo(said["JENKINS_URL"]))
    except SourceRefused:
        raise _unusable("JENKINS_URL") from None
    build = site.build(path, int(number)) if all(path) else None
    if build is None:
        raise _unusable("JOB_NAME")
    ref = said.get("BRANCH_NAME") or said.get("GIT_LOCAL_BRANCH") or said.get("GIT_BRANCH", "")
    stated = {
        "commit": said.get("GIT_COMMIT"),
        "ref": ref.removeprefix("origin/"),
        "workflow": full_name(path),
        "status": "running",
        "url": _public(said.get("BUILD_URL")),
        "actor": said.get("BUILD_USER_ID"),
    }
    places = _repositories(None, "", address=said.get("GIT_URL") or said.get("GIT_URL_1"))
    return Running("jenkins", build, places, stated, ref.removeprefix("origin/") or None)


def _azure(said: Variables) -> Running:
    from harvesters.ci.azure import names as azure  # with their harvester, which is large
    from harvesters.ci.azure.payloads import Repository

    project = said.get("SYSTEM_TEAMPROJECTID", "").lower()
    _host(said, "SYSTEM_COLLECTIONURI")
    if not azure.UUID.fullmatch(project):
        raise _unusable("SYSTEM_TEAMPROJECTID")
    try:
        site = azure.Site.of(drop_userinfo(said.get("SYSTEM_COLLECTIONURI", "")))
    except SourceRefused:
        raise _unusable("SYSTEM_COLLECTIONURI") from None
    run = int(_number(said, "BUILD_BUILDID"))
    ref = said.get("BUILD_SOURCEBRANCH", "")
    known = Repository(
        id=said.get("BUILD_REPOSITORY_ID"), type=said.get("BUILD_REPOSITORY_PROVIDER"),
        url=_public(said.get("BUILD_REPOSITORY_URI")),
    )  # fmt: skip
    stated = {
        "commit": said.get("BUILD_SOURCEVERSION"),
        "ref": ref.removeprefix(HEADS),
        "event": _uncapitalised(said.get("BUILD_REASON")),
        "workflow": said.get("BUILD_DEFINITIONNAME"),
        "status": AZURE_STATUS.get(said.get("AGENT_JOBSTATUS", "").lower(), "running"),
        "url": site.link(project, run),
        "actor": said.get("BUILD_REQUESTEDFOREMAIL") or said.get("BUILD_REQUESTEDFOR"),
    }
    places = tuple(one for one in (site.numbered(known), azure.address_of(known)) if one)
    branch = ref.removeprefix(HEADS) if ref.startswith(HEADS) else None
    return Running("azure", site.build(project, run), places, stated, branch)


SYSTEMS: Final[tuple[tuple[Callable[[Variables], bool], Callable[[Variables], Running]], ...]] = (
    (lambda said: said.get("GITHUB_ACTIONS") == "true", _github),
    (lambda said: said.get("GITLAB_CI") == "true", _gitlab),
    (lambda said: said.get("TF_BUILD", "").lower() == "true", _azure),
    (lambda said: bool(said.get("JENKINS_URL") and said.get("BUILD_NUMBER")), _jenkins),
)


def _repositories(scheme: str | None, value: str, *, address: str | None) -> tuple[Identifier, ...]:
    """By number and by address; an address that is none is left out."""
    numbered = _tried(scheme, value) if scheme else None
    by_url = _tried("url", address) if address else None
    return tuple(one for one in (numbered, by_url) if one is not None)


def _tried(scheme: str, value: str) -> Identifier | None:
    try:
        return Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=value)
    except ValueError:
        return None


def _identifier(kind: Kind, scheme: str, *, value: str, of: str) -> Identifier:
    try:
        return Identifier(kind=kind, scheme=scheme, value=value)
    except ValueError:
        raise _unusable(of) from None


def _host(said: Variables, name: str) -> str:
    """As it stands in identifiers: in small letters, without the port that its scheme means."""
    try:
        parts = urlsplit(said.get(name, ""))
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        raise _unusable(name) from None
    host = host.removesuffix(WEB_PORTS.get(parts.scheme, "/"))
    if parts.scheme not in WEB_PORTS or not re.fullmatch(r"[a-z0-9.\[\]:_-]+", host):
        raise _unusable(name)
    return host


def _number(said: Variables, name: str) -> str:
    if not NUMBER.fullmatch(text := said.get(name, "")):
        raise _unusable(name)
    return text


def _unusable(name: str) -> Stop:
    what = "holds nothing that a build could be called by" if name.startswith("--") else (
        "does not hold what this CI puts there"
    )  # fmt: skip
    return Stop(f"{name} {what}: the build cannot be named. Give --build KEY.", Exit.WRONG_USE)


def _commit(text: str | None) -> str | None:
    if text is not None and canonical_commit(text) is None:
        raise Stop("--commit: must be a full commit of 40 or 64 hex digits.", Exit.WRONG_USE)
    return text


def _public(url: str | None) -> str | None:
    return drop_userinfo(url) if url else None


def _flag(text: str | None) -> bool | None:
    return {"true": True, "false": False}.get(text or "")


def _count(text: str | None) -> int | None:
    return int(text) if text and NUMBER.fullmatch(text) else None


def _uncapitalised(text: str | None) -> str | None:
    """As the API writes it: `individualCI` for the variable's `IndividualCI`."""
    return text[:1].lower() + text[1:] if text else None


def _said(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not said; a workflow may be called by nothing."""
    return {name: value for name, value in stated.items() if value is not None and value != ""}
