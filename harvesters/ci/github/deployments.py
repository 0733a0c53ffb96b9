"""What GitHub says of a deployment, over REST or GraphQL, with its statuses. Pure.

https://docs.github.com/en/rest/deployments/deployments
"""

import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import Field

from harvesters.base import Told
from harvesters.ci.builds import GITHUB_DEPLOYMENTS, commit_of, hosted, stated, status_of
from harvesters.ci.pages import CiPage
from harvesters.ci.payloads import (
    AsObject,
    AsObjects,
    LooseFlag,
    LooseNumber,
    LooseText,
    Payload,
    read,
)
from harvesters.environments import class_of
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.stating import state
from schemas.identifiers import Identifier, Kind
from schemas.values import Environment

SUCCEEDED: Final = frozenset({"success", "active"})
RUN: Final = re.compile(
    r"https?://[^/?#]+/(?P<path>[^/?#]+/[^/?#]+)/actions/runs/(?P<run>\d{1,19})"
)
LONGEST_PAYLOAD: Final = 65_536
TWICE: Final = 2  # texts of texts
# Members of a deployment's payload that say what is deployed.
CLAIMS: Final = {
    "claimed_model": "model-catalog/model", "claimed_version": "model-catalog/version",
    "image": "image", "digest": "digest", "artifact_uri": "artifact_uri",
}  # fmt: skip
LEGACY: Final = re.compile(rb"\d{2,3}:Repository(\d{1,19})")
NODE: Final = re.compile(r"(?:R|DE)_(k[A-Za-z0-9_-]{5,60})", re.ASCII)
UINT32: Final = 0xCE


class Account(Payload):
    """Somebody, or a bot."""

    login: LooseText = None


class Repository(Payload):
    """The repository of a deployment, of GraphQL."""

    id: LooseText = None  # opaque, and yet the number stands in it
    databaseid: LooseNumber = None
    name: LooseText = None


class Status(Payload):
    """What somebody said of a deployment at a time."""

    state: LooseText = None
    created: LooseText = Field(default=None, alias="createdat")
    updated: LooseText = Field(default=None, alias="updatedat")
    log_url: LooseText = Field(default=None, alias="logurl")
    target_url: LooseText = Field(default=None, alias="targeturl")
    environment_url: LooseText = Field(default=None, alias="environmenturl")


class Statuses(Payload):
    """A connection of GraphQL."""

    nodes: Annotated[Sequence[Status], AsObjects] = ()


class Deployment(Payload):
    """A deployment; names of members without case and underscores: there are three spellings."""

    number: LooseNumber = Field(default=None, alias="id")
    databaseid: LooseNumber = None
    node: LooseText = Field(default=None, alias="nodeid")
    environment: LooseText = None
    state: LooseText = None
    sha: LooseText = None
    commitoid: LooseText = None
    payload: Any = None
    created: LooseText = Field(default=None, alias="createdat")
    production: LooseFlag = Field(default=None, alias="productionenvironment")
    creator: Annotated[Account, AsObject] = Account()
    repository: Annotated[Repository, AsObject] = Repository()
    statuses: Annotated[Statuses, AsObject] = Statuses()
    latest: Annotated[Status, AsObject] = Field(default=Status(), alias="lateststatus")

    @property
    def commit(self) -> str | None:
        """As it is stated; a ref is none."""
        return self.sha or self.commitoid


class DeploymentTeller:
    """Deployments of one GitHub: `{"deployment": …, "statuses": […]}`, or one of GraphQL."""

    version = "github-deployments/1"
    scheme = "github"

    def __init__(self, host: str, environments: Mapping[str, Environment] | None = None) -> None:
        """`environments`: the source's patterns."""
        self.host, self.environments = host, environments or {}

    def tell(self, record: Any, page: CiPage) -> Told:
        """What is deployed in an environment."""
        found, said = read_deployment(record)
        if found is None or found.environment is None:
            return RecordUnreadable("no_deployment", "what is listed as a deployment is none")
        repository = page.repository or self._repository(record)
        if repository is None:
            return RecordUnreadable("no_repository", "a deployment names no repository by number")
        number = repository.value.rpartition("/")[2]
        parts = (number, found.environment)
        subject = hosted(Kind.DEPLOYMENT, self.scheme, host=self.host, parts=parts)
        if subject is None:
            return RecordUnreadable("unnameable", "an environment has a name that is none")
        facts, dropped = self._facts(found, said, repository)
        facts["name"] = stated(page.path or found.repository.name)
        facts["build"] = self._build(said, page, number=number)
        url = f"{page.url}/deployments" if page.url else None
        return state(
            subject, facts, at=page.at, raw=record, url=url, dropped=dropped, inferred=("build",)
        )

    def _facts(  # noqa: PLR0917  # what is told, of where
        self, found: Deployment, said: Sequence[Status], repository: Identifier
    ) -> tuple[dict[str, Any], list[Any]]:
        latest = said[0] if said else Status(state=found.latest.state or found.state)
        status, dropped = status_of(latest.state, GITHUB_DEPLOYMENTS)
        kind = "production" if found.production else class_of(found.environment, self.environments)
        over = status in {"superseded", "stopped"}
        facts = {
            "platform": self.scheme,
            "environment": found.environment,
            "environment_class": stated(kind),
            "repository": repository,
            "commit": commit_of(found.commit),
            "status": "unknown" if latest.state is None else status,
            "deployed_by": stated(found.creator.login),
            "created_at": stated(read_moment(found.created)),
            "ended_at": stated(read_moment(latest.created or latest.updated)) if over else ...,
            "endpoint": stated(next(filter(None, (one.environment_url for one in said)), None)),
        }
        return facts | claims_of(found.payload), dropped

    def _build(self, said: Sequence[Status], page: CiPage, *, number: str) -> Any:
        """The run that a status leads to, if it is one of this repository."""
        for one in said:
            for url in (one.log_url, one.target_url):
                leads = RUN.match(url or "")
                if leads and page.path and leads["path"].lower() == page.path.lower():
                    parts = (number, leads["run"])
                    return stated(hosted(Kind.BUILD, self.scheme, host=self.host, parts=parts))
        return ...

    def _repository(self, record: Any) -> Identifier | None:
        said = _plain(record)
        held = _plain(said.get("repository"))
        number = held.get("databaseid") or number_in(held.get("id")) or number_in(said.get("id"))
        if not isinstance(number, int) or isinstance(number, bool):
            return None
        return hosted(Kind.REPOSITORY, self.scheme, host=self.host, parts=(number,))


def read_deployment(record: Any) -> tuple[Deployment | None, Sequence[Status]]:
    """A deployment and its statuses, the newest first."""
    outer = _plain(record)
    both = isinstance(outer.get("deployment"), Mapping)
    found = read(Deployment, _deep(outer["deployment"] if both else record))
    if found is None:
        return None, ()
    if both:
        listed = outer.get("statuses")
        rows = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
        said = [one for row in rows if (one := read(Status, _plain(row))) is not None]
    else:
        said = list(found.statuses.nodes) or [found.latest][: found.latest.state is not None]
    said.sort(key=lambda one: one.created or one.updated or "", reverse=True)
    return found, said


def has_succeeded(statuses: Sequence[Status]) -> bool:
    """Was it ever in its environment? What is inactive by now was."""
    return any((one.state or "").lower() in SUCCEEDED for one in statuses)


def claims_of(payload: Any) -> dict[str, Any]:
    """What a payload says is deployed: an object, JSON text, or nothing of that kind."""
    for _ in range(TWICE):
        if not isinstance(payload, str) or len(payload) > LONGEST_PAYLOAD:
            break
        try:
            payload = json.loads(payload)
        except (ValueError, RecursionError):
            return {}
    if not isinstance(payload, Mapping):
        return {}
    said = {fact: payload.get(name) for fact, name in CLAIMS.items()}
    return {fact: one for fact, one in said.items() if isinstance(one, str) and one.strip()}


def number_in(node: Any) -> int | None:
    """The number of a repository in an id of GraphQL, in either of its forms."""
    if not isinstance(node, str):
        return None
    try:
        if found := NODE.fullmatch(node):
            raw = urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
            whole = len(raw) >= 7 and raw[1] == 0 and raw[2] == UINT32  # noqa: PLR2004  # bytes
            return int.from_bytes(raw[3:7]) if whole else None
        legacy = LEGACY.fullmatch(b64decode(node, validate=True))
    except ValueError:
        return None
    return int(legacy[1]) if legacy else None


def _plain(record: Any) -> dict[str, Any]:
    """Members by their names without case and underscores."""
    if not isinstance(record, Mapping):
        return {}
    return {str(name).lower().replace("_", ""): value for name, value in record.items()}


def _deep(record: Any) -> dict[str, Any]:
    """The same, also of the objects that are read; a payload stays as it is."""
    said = _plain(record)
    for name in ("creator", "repository", "lateststatus"):
        said[name] = _plain(said.get(name))
    nodes = _plain(said.get("statuses")).get("nodes")
    listed = nodes if isinstance(nodes, Sequence) and not isinstance(nodes, str) else ()
    said["statuses"] = {"nodes": [_plain(one) for one in listed]}
    return said
