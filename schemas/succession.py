"""Who might answer for a model next: proposals from what people did, never a decision."""

from typing import Literal
from uuid import UUID

from schemas.strict import Closed, Count, Flag, Instant, Line, Word

Why = Literal["owner_unknown", "owner_empty", "owner_departed"]
Role = Literal["accountable", "developer", "delegate"]
What = Literal["training_run", "version", "build", "deployment"]


class NamedOwner(Closed):
    """An owner as the model states it; `departed` is null where nobody says."""

    id: UUID
    name: Line
    role: Role
    departed: Flag | None
    url: Line


class Did(Closed):
    """How often somebody did something for the model, and the latest time."""

    what: What
    count: Count
    last_at: Instant | None  # null: no source says when
    url: Line  # of the latest one


class Candidate(Closed):
    """Somebody who did something for the model, or is named beside it.

    `recognised_by` are the identifiers that were compared, as they are; without any, `name` is what
    a source called them. `owner` is the entry that one of them belongs to.
    """

    rank: Count
    name: Line
    display_name: Line | None
    kind: Word | None
    owner: UUID | None
    url: Line | None
    recognised_by: tuple[Line, ...]
    named: tuple[Role, ...]
    did: tuple[Did, ...]
    total: Count
    last_active_at: Instant | None


class LeftOut(Closed):
    """Who did something and cannot be proposed."""

    departed: Count = 0
    bots: Count = 0
    owners: Count = 0  # who answer for it already
    beyond: Count = 0  # more than are shown


class Succession(Closed):
    """Proposals for one model, the strongest first. To accept one is to pin `owners`."""

    model: Line
    model_id: UUID
    as_of: Instant
    needed: Flag
    why: Why | None
    owners: tuple[NamedOwner, ...]
    candidates: tuple[Candidate, ...]
    left_out: LeftOut
