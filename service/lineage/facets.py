"""Reads the facets of OpenLineage that say something the catalog keeps. Pure.

Unknown facets are passed over, those that cannot be used are told in a warning. Facets are
described in `spec/facets` of OpenLineage; `_deleted` takes back what one said before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.canonical import canonical_commit, canonical_repository_url
from schemas.digest import canonical_json
from schemas.identifiers import Identifier, Kind, email_identifier, encode_segment
from schemas.strict import LONGEST_TEXT
from service.lineage.stating import identify, is_text, members

COLUMNS: Final = "columnLineage"  # lineage of columns is not kept, only counted
OWNER: Final = re.compile(r"(?:team|user):\S.*")
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IN_PATH: Final = re.compile(r"/(?:blob|tree|raw|src)/([0-9a-f]{40}|[0-9a-f]{64})(?:/|$)")
MLFLOW_RUN: Final = re.compile(r"[0-9a-f]{32}")
MLFLOW_MEMBERS: Final = ("run_id", "runId", "runUUID", "run_uuid", "mlflow_run_id", "mlflowRunId")
MLFLOW_TAGS: Final = frozenset({"mlflow.run_id", "mlflow.runId", "mlflow_run_id"})
GIT: Final = frozenset({"git", ""})


class Facets:
    """The facets of one thing, and what of them could not be used."""

    def __init__(self, told: Any, where: str) -> None:
        """Anything that is no object holds no facets."""
        self.told, self.where = members(told), where
        self.warnings: list[str] = []

    def warn(self, name: str, why: str) -> None:
        """Tell what is left out, and why."""
        self.warnings.append(f"{self.where}{name}: {why}")

    def get(self, name: str) -> Mapping[str, Any] | None:
        """A facet, if it is there and an object."""
        facet = self.told.get(name)
        if facet is not None and not isinstance(facet, Mapping):
            self.warn(name, "is no object")
            return None
        return facet


def dataset_facts(facets: Facets) -> dict[str, Any]:
    """What the facets of a dataset say of it."""
    found: dict[str, Any] = {}
    if (facet := facets.get("schema")) is not None:
        found |= _schema(facet, facets)
    if (facet := facets.get("documentation")) is not None:
        found |= _text(facet, facets, name="documentation", member="description")
    if (facet := facets.get("ownership")) is not None:
        found |= _owners(facet, facets)
    return found


def _schema(facet: Mapping[str, Any], facets: Facets) -> dict[str, Any]:
    if facet.get("_deleted") is True:
        return {"schema": None}
    fields = facet.get("fields")
    if not isinstance(fields, list):
        facets.warn("schema", "`fields` is no list")
        return {}
    text = canonical_json(fields)
    if len(text) > LONGEST_TEXT:
        facets.warn("schema", f"is longer than {LONGEST_TEXT:,} characters")
        return {}
    return {"schema": text}


def _text(
    facet: Mapping[str, Any], facets: Facets, *, name: str, member: str
) -> dict[str, str | None]:
    if facet.get("_deleted") is True:
        return {member: None}
    if not is_text(facet.get(member)):
        facets.warn(name, f"`{member}` is no text")
        return {}
    return {member: facet[member]}


def _owners(facet: Mapping[str, Any], facets: Facets) -> dict[str, Any]:
    """Teams, users and e-mail addresses; a name alone is nobody's identifier."""
    if facet.get("_deleted") is True:
        return {"owners": []}
    listed = facet.get("owners")
    if not isinstance(listed, list):
        facets.warn("ownership", "`owners` is no list")
        return {}
    found = [_owner(members(one).get("name")) for one in listed]
    if lost := sum(one is None for one in found):
        facets.warn("ownership", f"{lost} named neither `team:…`, `user:…` nor by e-mail address")
    owners = [{"owner": one, "role": "accountable"} for one in found if one is not None]
    return {"owners": owners} if owners or not listed else {}


def _owner(name: Any) -> Identifier | None:
    if not isinstance(name, str):
        return None
    try:
        if EMAIL.fullmatch(name.strip()):
            return email_identifier(name.strip())
        return identify(Kind.OWNER, "handle", value=name) if OWNER.fullmatch(name) else None
    except ValueError:
        return None


def symlinks(facets: Facets) -> Iterator[Identifier]:
    """Other addresses of a dataset; names that are none are passed over."""
    facet = facets.get("symlinks") or {}
    listed = facet.get("identifiers")
    for one in listed if isinstance(listed, list) else ():
        told = members(one)
        if is_text(told.get("namespace")) and is_text(told.get("name")):
            address = dataset_uri(told["namespace"], told["name"])
            if address is not None:
                yield address


def dataset_uri(namespace: str, name: str) -> Identifier | None:
    """A dataset by its address, where namespace and name make one that others can reach."""
    try:
        value = f"{namespace.strip().rstrip('/')}/{name.strip().lstrip('/')}"
        return identify(Kind.DATASET, "uri", value=value)
    except ValueError:
        return None


def dataset_identifier(namespace: str, name: str) -> Identifier:
    """What a dataset is known by. Raises `ValueError`."""
    address = dataset_uri(namespace, name)
    if address is not None:
        return address
    return identify(Kind.DATASET, "openlineage", value=f"{encode_segment(namespace)}/{name}")


def link_version(facets: Facets) -> str | None:
    """Which version of a dataset was read or written."""
    facet = facets.get("version") or {}
    version = facet.get("datasetVersion")
    return version if is_text(version) else None


def code_facts(facets: Facets) -> dict[str, Any]:
    """Repository, commit and branch of a job (`sourceCodeLocation`)."""
    facet = facets.get("sourceCodeLocation") or {}
    kind, url = facet.get("type"), facet.get("url")
    if not facet or (isinstance(kind, str) and kind.lower() not in GIT):
        return {}
    found: dict[str, Any] = {}
    for address in (facet.get("repoUrl"), url):
        try:
            canonical_repository_url(address if isinstance(address, str) else "")
            found["repository"] = identify(Kind.REPOSITORY, "url", value=str(address))
            break
        except ValueError:
            continue
    in_path = IN_PATH.search(url) if isinstance(url, str) else None
    stated = facet.get("version")
    commit = canonical_commit(stated) if isinstance(stated, str) else None
    if commit or in_path:
        found["source_commit"] = commit or (in_path[1] if in_path else None)
    if is_text(facet.get("branch")):
        found["source_branch"] = facet["branch"]
    return found


def mlflow_run(facets: Facets) -> str | None:
    """The id of the MLflow run that a run of OpenLineage is, where one is told.

    No facet of the specification holds it. Seen in the wild: `mlflow` {run_id, tracking_uri},
    `mlflow_run` {runId}, `mlflowRunId` {runUUID}, and tags called `mlflow.run_id`.
    """
    for name, facet in facets.told.items():
        if "mlflow" in str(name).lower():
            told = members(facet)
            ids = (told.get(member) for member in MLFLOW_MEMBERS)
            if found := next((one for one in ids if _is_run(one)), None):
                return str(found)
    listed = (facets.get("tags") or {}).get("tags")
    for tag in listed if isinstance(listed, list) else ():
        told = members(tag)
        key = told.get("key")
        if isinstance(key, str) and key in MLFLOW_TAGS and _is_run(told.get("value")):
            return str(told["value"])
    return None


def _is_run(value: Any) -> bool:
    return isinstance(value, str) and MLFLOW_RUN.fullmatch(value) is not None
