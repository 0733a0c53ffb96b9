"""What GitLab says of a deployment and its environment. Pure.

https://docs.gitlab.com/api/deployments/ and https://docs.gitlab.com/api/environments/
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from harvesters.base import Told
from harvesters.ci.builds import GITLAB_DEPLOYMENTS, commit_of, hosted, stated, status_of
from harvesters.ci.pages import CiPage
from harvesters.ci.payloads import AsObject, Id, LooseNumber, LooseText, Payload, read
from harvesters.environments import class_of
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.stating import state
from schemas.identifiers import Identifier, Kind
from schemas.values import Environment

TIERS: Final[Mapping[str, Environment]] = {
    "production": "production", "staging": "staging", "testing": "development",
    "development": "development",
}  # fmt: skip
STOPPED: Final = frozenset({"stopped", "stopping"})


class Account(Payload):
    """Somebody, or a bot."""

    username: LooseText = None


class PipelineRef(Payload):
    """The pipeline of a deployment's job."""

    id: LooseNumber = None
    project_id: LooseNumber = None


class Job(Payload):
    """What deployed; none where somebody said so over the API."""

    pipeline: Annotated[PipelineRef, AsObject] = PipelineRef()


class EnvironmentRead(Payload):
    """An environment; `state` and `tier` are told of it alone."""

    id: LooseNumber = None
    name: LooseText = None
    state: LooseText = None
    tier: LooseText = None
    external_url: LooseText = None
    updated_at: LooseText = None


class Deployment(Payload):
    """A deployment."""

    id: Id
    sha: LooseText = None
    ref: LooseText = None
    status: LooseText = None
    created_at: LooseText = None
    user: Annotated[Account, AsObject] = Account()
    environment: Annotated[EnvironmentRead, AsObject] = EnvironmentRead()
    deployable: Annotated[Job, AsObject] = Job()


class DeploymentTeller:
    """Deployments of one GitLab: `{"environment": …, "deployment": …}`, or one as it is listed."""

    version = "gitlab-deployments/1"
    scheme = "gitlab"

    def __init__(self, host: str, environments: Mapping[str, Environment] | None = None) -> None:
        """`environments`: the source's patterns."""
        self.host, self.environments = host, environments or {}

    def tell(self, record: Any, page: CiPage) -> Told:
        """What is deployed in an environment."""
        found, place = read_deployment(record)
        if found is None or place is None or place.name is None:
            return RecordUnreadable("no_deployment", "what is listed as a deployment is none")
        pipeline = found.deployable.pipeline
        repository = page.repository or self._numbered(pipeline.project_id)
        if repository is None:
            return RecordUnreadable("no_repository", "a deployment names no project")
        number = repository.value.rpartition("/")[2]
        subject = hosted(Kind.DEPLOYMENT, self.scheme, host=self.host, parts=(number, place.name))
        if subject is None:
            return RecordUnreadable("unnameable", "an environment has a name that is none")
        status, dropped = status_of(found.status, GITLAB_DEPLOYMENTS)
        over = place.state in STOPPED
        kind = TIERS.get(place.tier or "") or class_of(place.name, self.environments)
        facts = {
            "platform": self.scheme,
            "name": stated(page.path or None),
            "environment": place.name,
            "environment_class": stated(kind),
            "repository": repository,
            "commit": commit_of(found.sha),
            "build": self._build(number, pipeline.id),
            "endpoint": stated(place.external_url),
            "status": "stopped" if over else "unknown" if found.status is None else status,
            "deployed_by": stated(found.user.username),
            "created_at": stated(read_moment(found.created_at)),
            "ended_at": stated(read_moment(place.updated_at)) if over else ...,
        }
        url = f"{page.url}/-/environments/{place.id}" if page.url and place.id else None
        return state(
            subject, facts, at=page.at, raw=record, url=url, dropped=dropped, inferred=("ended_at",)
        )

    def _build(self, number: str, pipeline: int | None) -> Any:
        if pipeline is None:
            return ...
        return stated(hosted(Kind.BUILD, self.scheme, host=self.host, parts=(number, pipeline)))

    def _numbered(self, number: int | None) -> Identifier | None:
        if number is None:
            return None
        return hosted(Kind.REPOSITORY, self.scheme, host=self.host, parts=(number,))


def read_deployment(record: Any) -> tuple[Deployment | None, EnvironmentRead | None]:
    """A deployment and the environment that it is of."""
    if not isinstance(record, Mapping):
        return None, None
    if isinstance(record.get("deployment"), Mapping):
        return read(Deployment, record["deployment"]), read(
            EnvironmentRead, record.get("environment")
        )
    found = read(Deployment, record)
    return found, None if found is None else found.environment
