"""What the catalog answers about one thing: its facts, where they come from, what it is beside."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.catalog import DeploymentRow, EntryRow, ModelRow, OwnerRow, Paging, UseRow, VersionRow
from schemas.deployments import Judgement
from schemas.identifiers import Kind
from schemas.pins import Pin
from schemas.queries import AnyOf, Dialect, Moment, Several
from schemas.strict import Closed, Count, Instant, Line
from schemas.values import Merge


class Contender(Closed):
    """What one source said about one field, and how much it counts there."""

    value: JsonValue
    source: Line
    subject: Line
    observed_at: Instant
    evidence: JsonValue = None
    inferred: bool = False
    stale: bool = False  # its source is late or disabled
    precedence: Count


class FieldProvenance(Contender):
    """Where a field's value comes from; the contenders lost, strongest first.

    `rule` decided: `top` is the highest precedence, what was read before what was inferred, then
    the newest; `latest` the newest, then the highest; `union` joins sets; `owners` takes the
    accountable ones as one value by `top`, the others by `union`. A `pin` decides before all of
    them; the source is called `pin` then.
    """

    confirmed_at: Instant
    conflict: bool = False
    rule: Merge
    contenders: tuple[Contender, ...] = ()
    pin: Pin | None = None


class SourcePage(Closed):
    """Where a person sees the thing in its source."""

    source: Line
    url: Line


class Related(Closed):
    """Another entry, and the fact that names it."""

    fact: Line
    id: UUID
    kind: Kind
    name: Line | None
    identifier: Line | None
    url: Line | None
    gone_since: Instant | None


class Detail(Closed):
    """What a detail says beside the members of its row in a list.

    `links` lead to its pages in the sources, `references` are what its facts name, `referred_by`
    counts by kind what names it. Only what the caller may see is in them.
    """

    identifiers: tuple[Line, ...]
    links: tuple[SourcePage, ...]
    references: tuple[Related, ...]
    referred_by: dict[Kind, Count]
    replaced_by: UUID | None
    provenance: dict[str, FieldProvenance] | None = None


class EntryDetail(Detail, EntryRow):
    """One entry of a kind that has nothing more in lists."""

    kind: Kind


class UseDetail(Detail, UseRow):
    """One use of a model."""

    kind: Kind


class OwnerDetail(Detail, OwnerRow):
    """One owner."""

    kind: Kind


class DeploymentDetail(Detail, DeploymentRow):
    """One deployment; `judgement` says what is wrong with it now, null once it does not run."""

    kind: Kind
    judgement: Judgement | None = None


class ModelDetail(Detail, ModelRow):
    """One model: its uses, and which version each alias stands for, beside what all details say."""

    uses: tuple[Related, ...]
    aliases: dict[str, Line]


class VersionDetail(Detail, VersionRow):
    """One version with its identifiers and, if asked for, where each field comes from."""


class AtMoment(Closed):
    """Of which moment: as it stood then, by the name that it had; without it, as it is."""

    as_of: Moment | None = None


class DetailQuery(AtMoment):
    """How much of an entry to answer."""

    provenance: bool = False


class Replaced(Closed):
    """A value that another one took the place of."""

    old: JsonValue
    new: JsonValue


class Difference(Closed):
    """How two sets of named values differ, by name.

    Only the first has what was `removed`, only the second what was `added`.
    """

    same: dict[str, JsonValue]
    changed: dict[str, Replaced]
    removed: dict[str, JsonValue]
    added: dict[str, JsonValue]


class Compared(Closed):
    """One of two versions."""

    id: UUID
    name: Line | None
    number: Line | None
    url: Line | None
    training_run: UUID | None


class RunDifference(Closed):
    """How the training runs of two versions differ; empty for a run that nobody described."""

    params: Difference
    metrics: Difference
    tags: Difference


class Comparison(Closed):
    """Two versions of a model, field by field; datasets, metrics and tags member by member."""

    model: Line
    first: Compared
    second: Compared
    facts: Difference
    datasets: Difference
    metrics: Difference
    tags: Difference
    training_runs: RunDifference | None


class Actor(Closed):
    """Who did it: a source, a person, the software itself."""

    kind: Line
    id: Line
    authn: Line
    token: Line | None
    on_behalf_of: Line | None


class Change(Closed):
    """One change as the ledger keeps it: what, from what to what, when, and because of what.

    `create` and `describe` hold all first values in `new`; a long value stands as its digest and
    length.
    """

    id: Count
    seq: Count | None = None  # its place in the sealed order; none yet for a moment
    cursor: Line | None = None  # goes on after it, in the feed
    recorded_at: Instant
    v: Count = 1
    op: Line
    kind: Line
    entry: UUID | None = None
    field: Line | None = None
    old: JsonValue = None
    new: JsonValue = None
    actor: Actor | None = None
    reason: str | None = None
    request: Line | None = None
    source: Line | None = None
    harvest: UUID | None = None
    observation: JsonValue = None


class Because(StrEnum):
    """What a change of an entry comes from.

    `harvest` and `observation`: a source said so, in a harvest or by a push; `person`: somebody
    decided, pinned, entered; `policy`: precedence changed; `software`: what follows by itself, such
    as a pin that expired, entries that merged because their identifiers met, a repair.
    """

    HARVEST = "harvest"
    OBSERVATION = "observation"
    PERSON = "person"
    POLICY = "policy"
    SOFTWARE = "software"


class Event(Change):
    """One change in an entry's history: what the ledger keeps, and what it comes from.

    `evidence` is where the source shows what it said, `harvest_url` the harvest that brought it.
    """

    cause: Because
    harvest_url: Line | None = None
    evidence: JsonValue = None


class HistoryFilters(AtMoment):
    """Which changes of an entry: from `since` on, before `until`.

    With `as_of` until that moment, of what had the name then.
    """

    field: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    since: Moment | None = None
    until: Moment | None = None
    cause: AnyOf[Because] | None = None
    actor: Several | None = None


class HistoryQuery(HistoryFilters, Paging):
    """All query parameters of a history."""


class HistoryExport(HistoryFilters):
    """All query parameters of an export of a history."""

    dialect: Dialect = "plain"


class ChangePage(Closed):
    """A part of the change feed; ask again with `next` as `since`, now or at any later time."""

    items: tuple[Change, ...]
    next: Line
