"""What runs and is not accounted for, what is said to run and is not seen, and what was decided."""

from typing import Annotated, Final, Literal, Self, get_args
from uuid import UUID

from pydantic import Field, model_validator

from schemas.catalog import Paging
from schemas.identifiers import Kind
from schemas.queries import AnyOf, Dialect, Several, YesNo
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word
from schemas.values import Environment

CauseCode = Literal[
    "unknown_model", "unknown_version", "digest_differs", "retired_but_running", "no_build",
    "no_owner", "not_by_pipeline", "blueprint_not_approved",
]  # fmt: skip
CAUSES: Final[tuple[str, ...]] = get_args(CauseCode)
Step = Literal["pinned", "digest", "artifact", "build", "stated", "commit", "label"]
STEPS: Final[tuple[str, ...]] = get_args(Step)  # of "Which version?", in their order
DeploymentState = Literal["open", "accepted", "resolved"]
DecisionKind = Literal["register", "link", "accept"]
DeploymentSort = Literal[
    "first_seen_at", "-first_seen_at", "name", "-name", "namespace", "-namespace",
    "environment_class", "-environment_class",
]  # fmt: skip
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]
Named = Annotated[Line, Field(min_length=1, max_length=1_200)]


class Matched(Closed):
    """How a reference came about: by which step, by what; `several` fit where none was chosen."""

    by: Word
    value: Line | None = None
    several: Count | None = None


class Cause(Closed):
    """One thing that is wrong with a deployment, and what would mend it."""

    code: CauseCode
    why: Text
    todo: Text


class Stated(Closed):
    """What is said of a deployment that tells what it serves, and by whom."""

    fact: Word
    value: Line
    source: Word


class LookedFor(Closed):
    """One step of "Which version?": what was looked for, and what came of it.

    `found` decided, `several` fitted and none was chosen, `nothing` fitted; `not_stated`: there was
    nothing to look for; `not_needed`: an earlier step had decided.
    """

    step: Step
    value: Line | None
    outcome: Literal["found", "several", "nothing", "not_stated", "not_needed"]


class DeploymentDecision(Closed):
    """What a person decided about a deployment.

    `ended_at` is there when it holds no more: reopened, expired, or what runs has changed since.
    """

    decision: DecisionKind
    reason: Text
    decided_by: Line
    decided_at: Instant
    expires_at: Instant | None
    ended_at: Instant | None


class UnregisteredFilters(Closed):
    """Which deployments: open ones unless asked otherwise.

    `unregistered` chooses those that nothing accounts for, or those that are accounted for and
    wrong. `unproved=true` lists those that a label alone accounts for, whatever else is wrong.
    """

    namespace: Several | None = None
    source: Several | None = None
    owner: Several | None = None
    environment_class: AnyOf[Environment] | None = None
    cause: AnyOf[CauseCode] | None = None
    state: AnyOf[DeploymentState] | None = None
    unregistered: YesNo | None = None
    unproved: YesNo | None = None
    sort: AnyOf[DeploymentSort] | None = None


class UnregisteredQuery(UnregisteredFilters, Paging):
    """All query parameters of the list's pages."""


class UnregisteredExport(UnregisteredFilters):
    """All query parameters of the list's files."""

    dialect: Dialect = "plain"


class Judgement(Closed):
    """What is wrong with a deployment, by what is known now.

    `unregistered`: no registry, manifest or build accounts for what it serves. `unproved`: a label
    alone does. `evidence` is the digest of what this rests on: an acceptance names it.
    """

    unregistered: Flag
    unproved: Flag
    causes: tuple[Cause, ...]
    matched: dict[str, Matched]
    stated: tuple[Stated, ...]
    looked_for: tuple[LookedFor, ...]
    evidence: Line
    state: DeploymentState | None
    decision: DeploymentDecision | None


class UnregisteredRow(Judgement):
    """One deployment that runs and is not accounted for, or is and is wrong."""

    id: UUID
    name: Line | None
    url: Line
    namespace: Word | None
    platform: Line | None
    environment: Line | None
    environment_class: Environment | None
    status: Line | None
    endpoint: Line | None
    deployed_by: Line | None
    sources: tuple[Word, ...]
    model: Line | None
    version: Line | None
    first_seen_at: Instant


class UnregisteredLine(Closed):
    """A row of the list in a file: the same, each member as one cell shows it."""

    id: UUID
    name: Line | None
    url: Line
    namespace: Word | None
    platform: Line | None
    environment: Line | None
    environment_class: Environment | None
    status: Line | None
    endpoint: Line | None
    deployed_by: Line | None
    sources: tuple[Word, ...]
    model: Line | None
    version: Line | None
    unregistered: Flag
    unproved: Flag
    causes: tuple[Word, ...]
    why: tuple[Text, ...]
    todo: tuple[Text, ...]
    matched: dict[str, Line]
    stated: tuple[Line, ...]
    looked_for: tuple[Line, ...]
    evidence: Line
    state: DeploymentState | None
    decision: DecisionKind | None
    reason: Text | None
    decided_by: Line | None
    decided_at: Instant | None
    expires_at: Instant | None
    ended_at: Instant | None
    first_seen_at: Instant


class ResolveDeployment(Closed):
    """What a person decides about a deployment, and why.

    `link`: it serves this version, which the catalog knows. `register`: likewise, and the catalog
    learns model and version from the person. `accept`: it may run as it is until `expires_at`, at
    most a year from now; `evidence` is that of the row which was read. `reopen` ends what was
    decided.
    """

    decision: Literal["register", "link", "accept", "reopen"]
    reason: Reason
    model: Named | None = None
    version: Named | None = None
    expires_at: Instant | None = None
    evidence: Line | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        needed = NEEDED[self.decision]
        given = {n for n in ("model", "version", "expires_at", "evidence") if getattr(self, n)}
        if missing := sorted(needed - given):
            message = f"needs {' and '.join(missing)} to {self.decision}"
            raise ValueError(message)
        if beyond := sorted(given - needed):
            message = f"takes no {' and '.join(beyond)} to {self.decision}"
            raise ValueError(message)
        return self


NEEDED: Final = {
    "register": {"model", "version"},
    "link": {"model", "version"},
    "accept": {"expires_at", "evidence"},
    "reopen": set[str](),
}


class DeploymentResolved(Closed):
    """A deployment after a decision, or as it would be after it."""

    deployment: UnregisteredRow
    dry_run: Flag


GhostKind = Literal["deployment", "model", "version"]
GhostState = Literal["ghost", "not_observable"]
Unobserved = Literal["nobody_looks", "nobody_looked_in_time", "not_comparable"]


class GhostFilters(Closed):
    """Which things said to be in production; ghosts unless asked otherwise."""

    what: AnyOf[GhostKind] | None = None
    state: AnyOf[GhostState] | None = None
    namespace: Several | None = None
    source: Several | None = None


class GhostQuery(GhostFilters, Paging):
    """All query parameters of the list's pages."""


class GhostExport(GhostFilters):
    """All query parameters of the list's files."""

    dialect: Dialect = "plain"


class GhostRow(Closed):
    """Something that is said to be in production and that no serving source sees.

    A `ghost` was not seen for two intervals by those who look there. `not_observable`: nobody looks
    there, nobody did in time, or the record names nothing that could be seen; `reason` says which.
    `said` is the fact that says so; `since` when the catalog heard of it, `looking` who looks.
    """

    what: GhostKind
    state: GhostState
    reason: Unobserved | None
    kind: Kind
    id: UUID
    name: Line | None
    url: Line | None
    namespace: Word | None
    said: Line
    sources: tuple[Word, ...]
    model: Line | None
    version: Line | None
    environment: Line | None
    since: Instant
    last_seen_at: Instant | None
    looking: tuple[Word, ...]
    why: Text
    todo: Text
