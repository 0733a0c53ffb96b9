"""What GitLab says of a pipeline. Pure.

https://docs.gitlab.com/api/pipelines/
"""

from typing import Annotated, Any, Final

from harvesters.base import Told
from harvesters.ci.builds import GITLAB_BUILDS, OPEN, commit_of, hosted, stated, status_of
from harvesters.ci.host import Build
from harvesters.ci.pages import CiPage
from harvesters.ci.payloads import AsObject, Id, LooseNumber, LooseText, Payload, read
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.stating import state
from schemas.canonical import canonical_commit
from schemas.identifiers import Identifier, Kind

MERGE_REQUEST: Final = "refs/merge-requests/"  # a ref, and no branch
PIPELINE_ADDRESS: Final = "/-/pipelines/"


class Account(Payload):
    """Somebody, or a bot."""

    username: LooseText = None


class Pipeline(Payload):
    """A pipeline; lists tell less of it than it does alone."""

    id: Id
    project_id: LooseNumber = None
    sha: LooseText = None
    ref: LooseText = None
    status: LooseText = None
    source: LooseText = None
    name: LooseText = None
    created_at: LooseText = None
    updated_at: LooseText = None  # null while an external one runs
    started_at: LooseText = None
    finished_at: LooseText = None
    web_url: LooseText = None
    user: Annotated[Account, AsObject] = Account()

    @property
    def is_pipeline(self) -> bool:
        """Jobs, deployments and projects have an id too."""
        told = self.source is not None or PIPELINE_ADDRESS in (self.web_url or "")
        return self.sha is not None and told


class PipelineTeller:
    """Pipelines of one GitLab."""

    version = "gitlab-pipelines/1"
    scheme = "gitlab"

    def __init__(self, host: str) -> None:
        """The host as identifiers have it."""
        self.host = host

    def look(self, record: Any) -> Build | None:
        """What a pipeline is. `workflow: name:` is its name, where it has one."""
        found = read(Pipeline, record)
        if found is None or not found.is_pipeline:
            return None
        status, _ = status_of(found.status, GITLAB_BUILDS)
        names = (found.name,) if found.name else ()
        return Build(str(found.id), canonical_commit(found.sha or ""), names, status in OPEN)

    def tell(self, record: Any, page: CiPage) -> Told:
        """A pipeline as a build: its jobs may run again, it stays the same."""
        found = read(Pipeline, record)
        if found is None or not found.is_pipeline:
            return RecordUnreadable("no_build", "what is listed as a pipeline is none")
        repository = page.repository or self._numbered(found.project_id)
        if repository is None:
            return RecordUnreadable("no_repository", "a pipeline names no project")
        number = repository.value.rpartition("/")[2]
        subject = hosted(Kind.BUILD, self.scheme, host=self.host, parts=(number, found.id))
        if subject is None:
            return RecordUnreadable("unnameable", "a pipeline has a number that is none")
        status, dropped = status_of(found.status, GITLAB_BUILDS)
        merging = (found.ref or "").startswith(MERGE_REQUEST)
        facts = {
            "repository": repository,
            "commit": commit_of(found.sha),
            "ref": stated(found.ref),
            "on_protected_branch": False if merging else ...,
            "workflow": stated(found.name),
            "event": stated(found.source),
            "status": status,
            "started_at": stated(read_moment(found.started_at)),
            "finished_at": stated(read_moment(found.finished_at)),
            "url": stated(found.web_url),
            "actor": stated(found.user.username),
        }
        return state(
            subject, facts, at=page.at, raw=record, url=found.web_url, dropped=dropped,
            inferred=("on_protected_branch",),
        )  # fmt: skip

    def _numbered(self, number: int | None) -> Identifier | None:
        if number is None:
            return None
        return hosted(Kind.REPOSITORY, self.scheme, host=self.host, parts=(number,))
