"""What a batch of observations would change if its source said it: nothing of it is kept."""

from pydantic import JsonValue

from schemas.identifiers import Kind
from schemas.observation import Receipt
from schemas.strict import Closed, Line


class Known(Closed):
    """A value that is stated; null is stated empty."""

    value: JsonValue


class FieldPreview(Closed):
    """One field that would change; `before` or `after` is null where nobody states it."""

    field: Line
    before: Known | None
    after: Known | None


class Missing(Closed):
    """Facts that a tier depends on and that nobody would have stated, by what they are about.

    A use without a name stands for a model of which no use is declared.
    """

    kind: Kind
    name: Line | None
    facts: tuple[Line, ...]


class ModelPreview(Closed):
    """What of a model would stay unknown, and how risky it would be.

    An owner is known when some source describes it: a name alone may be misspelled. `tier` is null
    where so many models would be concerned that the worker rates them; `tier_before` where nobody
    has rated it yet.
    """

    owner_known: bool
    missing: tuple[Missing, ...]
    tier: Line | None = None
    tier_status: Line | None = None
    tier_before: Line | None = None
    tier_status_before: Line | None = None


class EntryPreview(Closed):
    """One entry that would begin or change, as readers would see it.

    A model that the batch speaks of is there also if it would stay as it is, others if their tier
    would be another.

    `subject` is the observation's that speaks of it, if one does. `conflicts` are fields about
    which sources would newly disagree. `joined` names entries that would become one with it.
    `retired` says whether it would end, `stub` whether it would only be mentioned.
    """

    kind: Kind
    name: Line | None
    subject: Line | None
    created: bool
    retired: bool
    stub: bool
    fields: tuple[FieldPreview, ...]
    conflicts: tuple[Line, ...]
    joined: tuple[Line, ...]
    model: ModelPreview | None = None


class Preview(Closed):
    """What pushing the batch would do; only of what the caller may see.

    `receipt` is the answer that the push would get. With `more`, further entries would change
    of which the batch says nothing: at most 1,000 of these are listed. `undeclared` names the
    registries by which models are called and that no source of the catalog has the name of; who
    is bound to namespaces is not told.
    """

    receipt: Receipt
    entries: tuple[EntryPreview, ...]
    more: bool = False
    undeclared: tuple[Line, ...] = ()
