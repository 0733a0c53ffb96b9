"""What GitHub Actions says of a workflow run. Pure.

https://docs.github.com/en/rest/actions/workflow-runs
"""

from typing import Annotated, Any, Final

from harvesters.base import Told
from harvesters.ci.builds import GITHUB_BUILDS, OPEN, commit_of, hosted, stated, status_of
from harvesters.ci.host import Build
from harvesters.ci.pages import CiPage
from harvesters.ci.payloads import AsObject, Id, LooseNumber, LooseText, Payload, read
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.stating import state
from schemas.canonical import canonical_commit
from schemas.identifiers import Identifier, Kind

COMPLETED: Final = "completed"


class Repository(Payload):
    """The repository in which a run runs."""

    id: LooseNumber = None


class Account(Payload):
    """Somebody, or a bot."""

    login: LooseText = None


class Run(Payload):
    """A workflow run."""

    id: Id
    name: LooseText = None
    path: LooseText = None
    head_branch: LooseText = None
    head_sha: LooseText = None
    event: LooseText = None
    status: LooseText = None
    conclusion: LooseText = None
    run_attempt: LooseNumber = None
    html_url: LooseText = None
    created_at: LooseText = None
    run_started_at: LooseText = None
    updated_at: LooseText = None
    actor: Annotated[Account, AsObject] = Account()
    repository: Annotated[Repository, AsObject] = Repository()

    @property
    def workflow(self) -> str | None:
        """Where the workflow is written, without the ref that follows it; else its name."""
        return (self.path or "").partition("@")[0] or self.name

    @property
    def word(self) -> str | None:
        """How it ended, else how it stands."""
        return self.conclusion or (None if self.status == COMPLETED else self.status)

    @property
    def is_run(self) -> bool:
        """Other things have an id too: jobs, deployments, repositories."""
        return self.head_sha is not None and (self.event is not None or self.path is not None)


class RunTeller:
    """Workflow runs of one GitHub."""

    version = "github-actions/1"
    scheme = "github"

    def __init__(self, host: str) -> None:
        """The host as identifiers have it."""
        self.host = host

    def look(self, record: Any) -> Build | None:
        """What a run is."""
        run = read(Run, record)
        if run is None or not run.is_run:
            return None
        path = (run.path or "").partition("@")[0]
        names = (path, path.rpartition("/")[2], run.name or "")
        status, _ = status_of(run.word, GITHUB_BUILDS)
        commit = canonical_commit(run.head_sha or "")
        return Build(str(run.id), commit, tuple(filter(None, names)), status in OPEN)

    def tell(self, record: Any, page: CiPage) -> Told:
        """A run as a build: run again it is the same one, at another attempt."""
        run = read(Run, record)
        if run is None or not run.is_run:
            return RecordUnreadable("no_build", "what is listed as a workflow run is none")
        repository = page.repository or self._numbered(run.repository.id)
        if repository is None:
            return RecordUnreadable("no_repository", "a workflow run names no repository")
        number = repository.value.rpartition("/")[2]
        subject = hosted(Kind.BUILD, self.scheme, host=self.host, parts=(number, run.id))
        if subject is None:
            return RecordUnreadable("unnameable", "a workflow run has a number that is none")
        status, dropped = status_of(run.word, GITHUB_BUILDS)
        ended = run.status == COMPLETED or status not in {*OPEN, ...}
        facts = {
            "repository": repository,
            "commit": commit_of(run.head_sha),
            "ref": stated(run.head_branch),
            "workflow": stated(run.workflow),
            "event": stated(run.event),
            "attempt": stated(run.run_attempt),
            "status": status,
            "started_at": stated(read_moment(run.run_started_at or run.created_at)),
            "finished_at": stated(read_moment(run.updated_at)) if ended else ...,
            "url": stated(run.html_url),
            "actor": stated(run.actor.login),
        }
        return state(
            subject, facts, at=page.at, raw=record, url=run.html_url, dropped=dropped,
            inferred=("finished_at",),  # the last time that anything of it changed
        )  # fmt: skip

    def _numbered(self, number: int | None) -> Identifier | None:
        if number is None:
            return None
        return hosted(Kind.REPOSITORY, self.scheme, host=self.host, parts=(number,))
