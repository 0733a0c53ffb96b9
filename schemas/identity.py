"""Decisions of people about identity: merges, un-merges, contested claims, aliases of owners."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.catalog import Paging
from schemas.harvest import PlannedChange
from schemas.queries import AnyOf, Dialect, Several
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

Named = Annotated[Line, Field(min_length=1, max_length=1_200)]
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class MergeEntries(Closed):
    """Two entries are one thing.

    `other` is an entry's id, `scheme:value` of one of its identifiers, or of a model its name.
    `lift` ends an earlier decision that the two are not the same.
    """

    other: Named
    reason: Reason
    lift: Flag = False


class UnmergeEntries(Closed):
    """What was merged is two things after all.

    `other` names what leaves: its id, or an identifier that was its own. It may be left out where
    only one entry was merged.
    """

    other: Named | None = None
    reason: Reason


class DecisionQuery(Closed):
    """Answer what would change, keep nothing."""

    dry_run: bool = False


class IdentityChange(Closed):
    """What a decision about identity did, or would do: field by field, at most 1,000 fields.

    `stays` is the entry that stands for both, `other` the one that joins it or leaves it. `also`
    counts the versions and uses below the two that were merged, or un-merged, with them.
    """

    stays: UUID
    other: UUID
    stays_name: Line
    other_name: Line
    also: Count
    dry_run: Flag
    total: Count
    changes: tuple[PlannedChange, ...]


ClaimKind = Literal["manifest", "name", "proposal", "unsupported", "apart", "collision"]
ClaimState = Literal["open", "decided"]


class ClaimQuery(Paging):
    """Which claims: of which kind, namespace and source; open ones unless asked otherwise."""

    kind: AnyOf[ClaimKind] | None = None
    namespace: Several | None = None
    source: Several | None = None
    state: AnyOf[ClaimState] | None = None


class ClaimExport(ClaimQuery):
    """All query parameters of an export of the claims."""

    dialect: Dialect = "plain"


class ContestedClaim(Closed):
    """Something that says to be what another one is.

    `entry` is the one that holds the name or stands, `claimant` who claims to be it: an identifier
    or another entry. `decisions` are those that a person may take.
    """

    id: Word
    kind: ClaimKind
    state: ClaimState
    namespace: Word | None
    entry: UUID | None
    entry_name: Line | None
    other: UUID | None
    claimant: Text | None
    source: Word | None
    since: Instant
    decisions: tuple[Word, ...]
    decision: Word | None
    reason: Text | None


class DecideClaim(Closed):
    """What a person decides about a claim, and why."""

    decision: Literal["same", "transfer", "reject", "merge", "keep", "unmerge"]
    reason: Reason


class ClaimDecided(Closed):
    """A decided claim, and what became of the claimant's record where it was tried again."""

    claim: ContestedClaim
    retried: Literal["recorded", "refused", "not_tried"]
    dry_run: Flag


class AddAlias(Closed):
    """An identifier of an owner that no source knows yet: `email:…`, `github:github.com/…`."""

    identifier: Named
    reason: Reason


class Alias(Closed):
    """An identifier that a person gave to an owner."""

    owner: UUID
    identifier: Line
    added_by: Line
    added_at: Instant
    reason: Text


class WithdrawAlias(Closed):
    """Why an identifier is taken back."""

    reason: Reason
