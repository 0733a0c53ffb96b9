"""What an identity token proves about its job, as the catalog writes it. Pure."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from schemas.identifiers import Identifier, Kind
from schemas.identities import (
    GitHubIdentity,
    GitLabIdentity,
    Identity,
    OidcIdentity,
    Proved,
    digest_of_identity,
)
from service.access.ci.errors import IdentityNotProved
from service.access.ci.rules import full_ref, is_own_workflow

PUBLIC: Final = "token.actions.githubusercontent.com"
OWN_DOMAIN: Final = "token.actions."  # of a tenant: token.actions.acme.ghe.com
TIERS: Final = {"production", "staging", "development"}  # GitLab's other two are none of ours
LONGEST_COUNT: Final = 9

Claims = Mapping[str, Any]


def host_of(identity: GitHubIdentity | GitLabIdentity) -> str:
    """The host whose repositories an issuer speaks for.

    `token.actions.githubusercontent.com`, with or without an enterprise, is github.com;
    `token.actions.acme.ghe.com` is acme.ghe.com; else the issuer's own, as GitHub Enterprise Server
    and GitLab have it.
    """
    if identity.host is not None:
        return identity.host
    there = urlsplit(identity.issuer).netloc
    if isinstance(identity, GitLabIdentity):
        return there
    return "github.com" if there == PUBLIC else there.removeprefix(OWN_DOMAIN)


def proved_by(identity: Identity, claims: Claims) -> Proved:
    """What is certain now. Raises `IdentityNotProved` where a claim cannot be used."""
    known: dict[str, Any] = {
        "provider": identity.provider, "issuer": identity.issuer, "subject": claims["sub"],
        "binding": digest_of_identity(identity),
    }  # fmt: skip
    try:
        if isinstance(identity, GitHubIdentity):
            known |= _github(identity, claims)
        elif isinstance(identity, GitLabIdentity):
            known |= _gitlab(identity, claims)
        elif isinstance(identity, OidcIdentity):
            known |= {"host": urlsplit(identity.issuer).netloc}
        return Proved.model_validate(known)
    except ValidationError as error:
        where = str(error.errors(include_input=False, include_url=False)[0]["loc"][:1])
        detail = "One of its claims has a form that cannot be used."
        raise IdentityNotProved(detail=detail, why="claim", where=where) from None


def _github(identity: GitHubIdentity, claims: Claims) -> dict[str, Any]:
    host, run = host_of(identity), _digits(claims, "run_id")
    workflow = _text(claims, "job_workflow_ref")
    return _named("github", host, number=identity.repository_id, run=run) | {
        "repository_url": _address(host, claims, name="repository"),
        "attempt": _count(claims, "run_attempt"),
        "commit": _text(claims, "sha"),
        "ref": _text(claims, "head_ref") or _short(_text(claims, "ref")),
        "full_ref": _text(claims, "ref"),
        "workflow": _path(workflow) if is_own_workflow(claims) else workflow,
        "workflow_ref": workflow,
        "event": _text(claims, "event_name"),
        "environment": _text(claims, "environment"),
        "actor": _text(claims, "actor"),
    }


def _gitlab(identity: GitLabIdentity, claims: Claims) -> dict[str, Any]:
    host, run = host_of(identity), _digits(claims, "pipeline_id")
    tier = _text(claims, "deployment_tier")
    workflow = _text(claims, "ci_config_ref_uri")
    return _named("gitlab", host, number=identity.project_id, run=run) | {
        "repository_url": _address(host, claims, name="project_path"),
        "commit": _text(claims, "sha"),
        "ref": _short(full_ref(claims)),
        "full_ref": full_ref(claims),
        "on_protected_branch": claims.get("ref_protected") == "true",
        "workflow": workflow,
        "workflow_ref": workflow,
        "event": _text(claims, "pipeline_source"),
        "environment": _text(claims, "environment"),
        "environment_class": tier if tier in TIERS else None,
        "actor": _text(claims, "user_login"),
    }


def _named(scheme: str, host: str, *, number: str, run: str) -> dict[str, Any]:
    """Repository and build, by numbers that no rename changes."""
    there = Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=f"{host}/{number}")
    build = Identifier(kind=Kind.BUILD, scheme=scheme, value=f"{there.value}/{run}")
    return {"host": host, "repository": there, "run": run, "build": build}


def _address(host: str, claims: Claims, *, name: str) -> str | None:
    path = _text(claims, name)
    if path is None:
        return None
    url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=f"https://{host}/{path}")
    return url.value


def _short(ref: str | None) -> str | None:
    """A branch or tag by its name, as the APIs of both hosts have it."""
    return ref and ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


def _path(workflow: str | None) -> str | None:
    """The file alone, as GitHub's API tells it: `.github/workflows/train.yml`."""
    return None if workflow is None else workflow.partition("@")[0].split("/", 2)[-1]


def _digits(claims: Claims, name: str) -> str:
    value = claims.get(name)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.isascii() or not text.isdigit():
        raise IdentityNotProved(detail=f"It has no {name}.", why="missing", claim=name)
    return text


def _count(claims: Claims, name: str) -> int | None:
    text = str(claims.get(name, ""))
    return (
        int(text) if text.isascii() and text.isdigit() and len(text) < len("1000000000") else None
    )


def _text(claims: Claims, name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
