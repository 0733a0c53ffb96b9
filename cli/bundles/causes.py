"""Says what a difference comes from: the newest change of the ledger that its cell rests on."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from cli.bundles.store import Difference, Store, Told
from schemas.resting import RATED
from schemas.review_columns import CONTROLLED, LINKED_BY
from schemas.strict import instant_text

CLOCK: Final = "clock"
POLICY: Final = "policy"
RULES: Final = ("policy", "control_pack")
MERGE: Final = "merge"
UNKNOWN: Final = "unknown"
PASSED: Final = "time passed"
LIFE: Final = (
    "",
    "gone_since",
    "natural_key",
    "namespace",
    "merged_into",
)  # fields: its begin, its end
MODEL: Final = ("model",)
OF_ROWS: Final[Mapping[str, tuple[str, ...]]] = {  # what a row's being there rests on
    "uses": ("use", "assessment", *MODEL),
    "versions": ("version", *MODEL),
    "deployments": ("deployment", "version", *MODEL),
    "datasets": (*LINKED_BY, "dataset", "deployment", *MODEL),
    "findings": ("finding", *MODEL),
    "controls": (*CONTROLLED, *MODEL),
    "reviews": ("review", "decision", *MODEL),
    "waivers": ("waiver", *MODEL),
}
OF_UNKNOWNS: Final[Mapping[str, tuple[str, ...]]] = {  # by `what_kind`
    "field": ("model", "use", "version", "deployment", *RATED),
    "floor": RATED,
    "control": CONTROLLED,
    "identity": ("review", "decision", "version", "owner", "clock"),
}
BY_RULES: Final = frozenset({"policy_version", "pack_version"})  # columns: rules, before all else
KINDS: Final[Mapping[str, str]] = {  # what the rows of a file are
    "uses": "use", "versions": "version", "deployments": "deployment", "datasets": "dataset",
    "findings": "finding", "controls": "control", "reviews": "review", "waivers": "waiver",
}  # fmt: skip
IDENTIFIED: Final = frozenset({"deployments", "datasets"})  # by `scheme:value`

NARROW: Final[Mapping[str, tuple[str, ...]]] = {  # kinds whose changes name what they are of
    **{file: (kind,) for file, kind in KINDS.items()},
    "uses": ("use", "assessment"),
    "unknowns": ("control", "assessment"),
}
FILTERED: Final = ("assessment", "model", "review", "policy")  # what may move a model in or out


class Cause(NamedTuple):
    """What a difference comes from; `why` says why that is unknown."""

    kind: str
    cause: str
    told: Told | None = None
    why: str = ""

    def members(self) -> dict[str, Any]:
        """For programs."""
        told = self.told
        return {
            "cause_kind": self.kind,
            "cause": self.cause,
            "change": told and told.id,
            "at": told and told.at,
            "entry_kind": told and told.kind,
            "entry": told and told.entry,
            "field": told and told.field,
            "evidence": told and told.evidence,
            "why": self.why or None,
        }


class Causes:
    """Finds what differences come from.

    `rests` are those of the columns of each file; `read_at` says when each source was last read
    completely; `silent` says why nothing is told of the time
    between the bundles, where that is so; `beside` what else may explain a difference.
    """

    def __init__(
        self,
        store: Store,
        *,
        rests: Mapping[str, Mapping[str, tuple[str, ...]]],
        read_at: Mapping[str, datetime] = {},
        silent: str = "",
        beside: Sequence[str] = (),
    ) -> None:
        """Nothing has been explained yet."""
        self.store, self.rests, self.read_at = store, rests, read_at
        self.silent, self.beside = silent, beside
        self.counted = Counter[str]()

    def of(self, difference: Difference) -> Cause:
        """The cause of one difference."""
        found = self._of_cell(difference) if difference.name else self._of_row(difference)
        self.counted[found.kind] += 1
        return found

    def _of_cell(self, one: Difference) -> Cause:
        if not one.model_id:
            return self._unknown("the file does not say of which model its records are")
        if "withheld" in (one.old, one.new):
            return self._unknown("it is withheld from the reader of one of the bundles")
        rests = self.rests.get(one.file, {}).get(one.name, ())
        if one.name in BY_RULES:
            rests = (POLICY, *rests)
        if rests[:1] == (CLOCK,):
            return Cause(CLOCK, PASSED)
        return self._first(one, rests)

    def _of_row(self, one: Difference) -> Cause:
        """The begin or the end of what the row is; else what a row of its kind rests on."""
        if one.kind == "source":
            return self._of_source(one)
        if not one.model_id:
            return self._unknown("the file does not say of which model its records are")
        rests, kinds = self._of_kind(one), NARROW.get(one.file, ())
        found = self._begun(one)
        found = found or self._narrow(one, [rest for rest in rests if rest in kinds])
        found = found or self.store.merged("model", names=(one.model_id, one.model))
        return _told(found) if found else self._first(one, rests)

    def _of_source(self, one: Difference) -> Cause:
        """A source is unknown until it was read completely, and again once that is long ago."""
        at = self.read_at.get(one.key["what"])
        if one.what == "gone" and at is not None:
            return Cause("harvest", f"{one.key['what']}, read completely {instant_text(at)}")
        return Cause(CLOCK, PASSED)

    def _begun(self, one: Difference) -> Told | None:
        if one.file == "unknowns":
            return None
        kind = KINDS.get(one.file, "model")
        return self.store.newest(one.model_id, kind, fields=LIFE, own=one.own)

    def _of_kind(self, one: Difference) -> tuple[str, ...]:
        if one.file == "unknowns":
            what = one.key["what"]
            exact = (what, what.partition(".")[0]) if one.kind == "field" else ()
            return (*exact, *OF_UNKNOWNS.get(one.kind, ()), *MODEL)
        return OF_ROWS.get(one.file, FILTERED)

    def _first(self, one: Difference, rests: Sequence[str]) -> Cause:
        """The first of what it rests on that changed; time, where nothing did."""
        found = self._narrow(one, rests)
        for rest in rests:
            found = found or self._newest(one, rest)
        if found is not None:
            return _told(found)
        if CLOCK in rests:
            return Cause(CLOCK, PASSED)
        return self._unknown("nothing is told of what it rests on")

    def _narrow(self, one: Difference, rests: Sequence[str]) -> Told | None:
        """The same, where changes that name what they are of name this row."""
        kinds = NARROW.get(one.file, ())
        for rest in rests:
            own = one.own if rest.partition(".")[0] in kinds else ()
            if found := self._newest(one, rest, own=own):
                return found
        return None

    def _newest(self, one: Difference, rest: str, *, own: Sequence[str] = ()) -> Told | None:
        kind, _, fact = rest.partition(".")
        model = one.model_id
        if kind == CLOCK:
            return None
        if kind == POLICY:
            return self._of_rules(one)
        found = self.store.newest(model, kind, fields=(fact,) if fact else (), own=own)
        if found is None and fact:  # what began stated its facts at once
            found = self.store.newest(model, kind, fields=("",), own=own)
        return found

    def _of_rules(self, one: Difference) -> Told | None:
        """Of controls their pack comes first, of all else the policy."""
        by_pack = one.file == "controls" or "control" in one.name or one.kind == "control"
        first, second = reversed(RULES) if by_pack else RULES
        return self.store.newest("", first) or self.store.newest("", second)

    def _unknown(self, why: str) -> Cause:
        reasons = (self.silent or why, *self.beside)
        return Cause(UNKNOWN, "unknown", why="; ".join(one for one in reasons if one))


def _told(found: Told) -> Cause:
    return Cause(found.cause_kind or UNKNOWN, found.cause or found.cause_kind, found)


def own_names(file: str, cells: Mapping[str, str]) -> Iterator[str]:
    """The names under which the ledger may know what a row is of."""
    model = cells.get("model", "")
    if file == "versions":
        yield f"{model}/{cells['version'].removeprefix('v')}"
    elif file == "unknowns":
        yield cells["what"].partition(" ")[0]
        yield from (cells["use"], cells["use"].removeprefix(f"{model}/"))
    elif file in KINDS:
        called = cells[KINDS[file]]
        yield called
        if file in IDENTIFIED:
            yield called.partition(":")[2]  # the ledger knows it without its scheme
        if file == "uses":
            yield cells["use"].removeprefix(f"{model}/")
    elif model:
        yield from (model, cells["model_id"])
