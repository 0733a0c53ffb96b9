"""Turns CDEvents (0.3 and 0.4, `context` and `subject`) into builds and deployments. Pure.

An artifact's event speaks of the build that made it, which it does not name: the artifact itself
stands for it. A finished pipeline run is a build, a service in an environment a deployment.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.canonical import canonical_commit, canonical_repository_url, encode_segment
from schemas.identifiers import Identifier, Kind
from schemas.masking import drop_userinfo
from service.lineage.heard import Heard
from service.lineage.purl import Package, read_purl
from service.lineage.stating import (
    EventRefused,
    When,
    identify,
    is_text,
    members,
    read_time,
    state,
)

TYPE: Final = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)(?:\.(\d+)\.\d+\.\d+(?:-[0-9a-z.]+)?)?")
VERSIONS: Final = {None, "0"}  # major versions of event types that are read
OUTCOMES: Final[Mapping[str, str]] = {
    "success": "succeeded", "failure": "failed", "error": "failed", "cancel": "canceled",
}  # fmt: skip


class Known(NamedTuple):
    """One event whose type is known, and for whom it is read."""

    content: Mapping[str, Any]
    id: str
    key: str  # by which the catalog knows its subject
    source: str
    when: When


def read_cdevent(
    event: Any, *, kind: str, source: str, at: Any, now: datetime, zone: str | None
) -> Heard | None:
    """What an event says; None where nothing of it is kept. Raises `EventRefused`.

    `kind` and `at` are those of its envelope, for what its own context leaves out.
    """
    told = members(event)
    context, subject = members(told.get("context")), members(told.get("subject"))
    reader = find_reader(context.get("type") or kind)
    if reader is None:
        return None
    if not context or not subject:
        raise EventRefused("", "must hold `context` and `subject`, as a CDEvent does")
    if not is_text(subject.get("id")):
        raise EventRefused("/subject/id", "must be a text that is not empty")
    stamp = context.get("timestamp") or at
    origin = subject.get("source") or context.get("source") or ""
    if not isinstance(origin, str):
        raise EventRefused("/subject/source", "must be a text")
    key = "/".join(encode_segment(part) for part in (origin, subject["id"]) if part)
    known = Known(
        members(subject.get("content")), subject["id"], key, source,
        read_time(stamp, pointer="/context/timestamp", zone=zone, now=now),
    )  # fmt: skip
    return reader(known)


def find_reader(kind: Any) -> "Reader | None":
    """Who reads events of a type; None for types that nothing is kept of."""
    found = TYPE.fullmatch(kind) if isinstance(kind, str) else None
    if found is None or found[3] not in VERSIONS:
        return None
    return READERS.get((found[1], found[2]))


def _subject(kind: Kind, known: Known, *, key: str) -> Identifier:
    try:
        return identify(kind, "ci", value=f"{known.source}/{key}")
    except ValueError as error:
        raise EventRefused("/subject/id", str(error)) from None


def _artifact(known: Known) -> Heard:
    """The build that made an artifact, with the change it was made from."""
    package = read_purl(known.id)
    if package is None:
        raise EventRefused("/subject/id", "must be a package URL", fix="Write it as pkg:oci/….")
    facts: dict[str, Any] = {"artifacts": [_made(package)]} | _change(known)
    if package.model_uri:
        facts["model_uris"] = [package.model_uri]
    warnings = [] if package.digest else ["subject: names no sha256 digest"]
    subject = _subject(Kind.BUILD, known, key=encode_segment(str(package)))
    return state(subject, facts, at=known.when.at, warnings=warnings)


def _made(package: Package) -> dict[str, Any]:
    name = package.qualifiers.get("repository_url") or package.name
    return {"name": name} | ({"digest": package.digest} if package.digest else {})


def _change(known: Known) -> dict[str, Any]:
    """The commit and the repository of a change, where they are such."""
    change = members(known.content.get("change"))
    found: dict[str, Any] = {}
    if is_text(change.get("id")) and (commit := canonical_commit(change["id"])):
        found["commit"] = commit
    origin = change.get("source")
    try:
        canonical_repository_url(origin if isinstance(origin, str) else "")
        found["repository"] = identify(Kind.REPOSITORY, "url", value=str(origin))
    except ValueError:
        pass  # a change may come from anything that has a name
    return found


def _pipeline_run(known: Known) -> Heard:
    content, outcome = known.content, known.content.get("outcome")
    facts: dict[str, Any] = {"finished_at": known.when.text}
    if isinstance(outcome, str) and (status := OUTCOMES.get(outcome.lower())):
        facts["status"] = status
    for fact, member in (("workflow", "pipelineName"), ("url", "url")):
        if is_text(content.get(member)):
            facts[fact] = drop_userinfo(content[member])
    warnings = [] if "status" in facts or outcome is None else ["outcome: is not known"]
    return state(
        _subject(Kind.BUILD, known, key=known.key), facts, at=known.when.at, warnings=warnings
    )


def _deployed(known: Known) -> Heard:
    facts = _service(known) | {"status": "ready"}
    artifact = known.content.get("artifactId")
    warnings = []
    if package := read_purl(artifact) if isinstance(artifact, str) else None:
        told = {
            "digest": package.digest, "image": package.image, "artifact_uri": package.model_uri,
        }  # fmt: skip
        facts |= {name: value for name, value in told.items() if value}
    else:
        warnings.append("artifactId: is no package URL")
    return state(_deployment(known), facts, at=known.when.at, warnings=warnings)


def _first_deployed(known: Known) -> Heard:
    heard = _deployed(known)
    return heard._replace(facts={**heard.facts, "created_at": known.when.text})


def _removed(known: Known) -> Heard:
    facts = _service(known) | {"status": "stopped", "ended_at": known.when.text}
    return state(_deployment(known), facts, at=known.when.at)


def _environment(known: Known) -> Mapping[str, Any]:
    environment = members(known.content.get("environment"))
    if not is_text(environment.get("id")):
        raise EventRefused("/subject/content/environment/id", "must be a text that is not empty")
    return environment


def _service(known: Known) -> dict[str, Any]:
    environment = _environment(known)
    name = environment.get("name")
    return {"name": known.id, "environment": name if is_text(name) else environment["id"]}


def _deployment(known: Known) -> Identifier:
    """A service in an environment."""
    environment = _environment(known)
    origin = environment.get("source")
    parts = (origin if isinstance(origin, str) else "", environment["id"])
    where = "/".join(encode_segment(part) for part in parts if part)
    return _subject(Kind.DEPLOYMENT, known, key=f"{known.key}/{where}")


Reader = Callable[[Known], Heard]
READERS: Final[Mapping[tuple[str, str], Reader]] = {
    ("artifact", "packaged"): _artifact,
    ("artifact", "published"): _artifact,
    ("pipelinerun", "finished"): _pipeline_run,
    ("service", "deployed"): _first_deployed,
    ("service", "upgraded"): _deployed,
    ("service", "rolledback"): _deployed,
    ("service", "removed"): _removed,
}
