"""Fold what all sources say about one entry into its fields. Pure; the file to open first."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from schemas.digest import as_set, canonical_json
from schemas.values import Merge

Json = object  # one fact's value: any JSON
Precedence = Callable[[str, str], int]  # (source, field) -> rank, higher wins

ACCOUNTABLE: Final = "accountable"
NARROWED: Final = "one_of"
SILENT: Final = ""  # no canonical JSON is empty
ONE_VALUE: Final = frozenset({Merge.TOP, Merge.LATEST})


class Statement(NamedTuple):
    """What one source currently says about one subject of an entry.

    `since` is when the source was first seen to say just this: it orders statements. `confirmed`
    is when it was last seen to, which decides nothing here: two sources that disagree, each
    harvested in its turn, would else take turns. `facts` holds stated fields only; None or [] is
    stated empty. A pin is `joined` when it says that all others are right: it adds no value.
    """

    source: str
    facts: Mapping[str, Json]
    since: datetime
    confirmed: datetime | None = None
    digest: str = ""
    subject: str = ""
    inferred: frozenset[str] = frozenset()
    pinned: bool = False
    joined: bool = False
    below: int = 0  # how far it ranks below what else its source says


class Folded(NamedTuple):
    """One field's value, the statements behind it (strongest first), and how it was decided."""

    value: Json
    ranked: tuple[Statement, ...]
    conflict: bool = False

    @property
    def candidates(self) -> tuple[Json, ...]:
        """The possible values of a narrowed field; empty when it has one value."""
        value = self.value  # a map of names that people give may hold this one too
        if isinstance(value, Mapping) and value.keys() == {NARROWED}:
            return tuple(_items(value[NARROWED]))
        return ()


def reconcile(
    statements: Iterable[Statement], rules: Mapping[str, Merge], *, precedence: Precedence
) -> dict[str, Folded]:
    """Fold what is said about one entry, in any order. No session, clock or settings.

    Expired pins stay outside. A field that nobody states is absent, not empty; a field without a
    rule (of a facts version that this release no longer knows) is left out.
    """
    stated: dict[str, list[Statement]] = {}
    for statement in statements:
        for name in statement.facts:
            if name in rules:
                stated.setdefault(name, []).append(statement)
    return {
        name: _decide(name, stated[name], rule=rules[name], precedence=precedence)
        for name in sorted(stated)
        if not all(said.joined for said in stated[name])
    }


def _decide(
    name: str, contenders: list[Statement], *, rule: Merge, precedence: Precedence
) -> Folded:
    pin = max((said for said in contenders if said.pinned), key=_age, default=None)
    if pin is not None:
        contenders = [said for said in contenders if said is pin or not said.joined]
    if pin is not None and pin.joined:
        rule, whole = Merge.UNION, False
    else:
        whole = rule in ONE_VALUE or pin is not None
    if whole and len(contenders) == 1:
        return Folded(contenders[0].facts[name], tuple(contenders))
    claims = [
        _claim(
            name,
            said,
            rule=rule,
            whole=whole,
            rank=max(precedence(said.source, name) - said.below, 0),
        )
        for said in contenders
    ]
    top = max(claim.tier for claim in claims)
    disputing = [claim for claim in claims if claim.tier == top]
    decided = max(disputing, key=lambda claim: (claim.said.since, claim.strength)).answer
    # Time stands in no other comparison: statements that agree keep their places.
    claims.sort(key=lambda c: (c.tier, c.answer == decided, c.strength), reverse=True)
    ranked = tuple(claim.said for claim in claims)
    return Folded(
        ranked[0].facts[name] if whole else _together(name, ranked, rule=rule),
        ranked,
        conflict=rule is not Merge.LATEST and _dispute(name, claims, rule=rule),
    )


def _dispute(name: str, claims: Sequence["_Claim"], *, rule: Merge) -> bool:
    """Do statements answer differently?

    Who is concluded to own something, from code owners or commits, does not dispute who is named.
    """
    first = claims[0].said
    if rule is Merge.OWNERS and not first.pinned and name not in first.inferred:
        claims = [claim for claim in claims if name not in claim.said.inferred]
    return len({claim.answer for claim in claims} - {SILENT}) > 1


def _age(said: Statement) -> tuple[datetime, str, str]:
    """Of several pins of one field, which come together when entries merge, the newest holds."""
    return said.since, said.digest, said.subject


class _Claim(NamedTuple):
    """One statement about one field: what it answers, and how much that weighs."""

    said: Statement
    answer: str  # canonical; equal answers do not dispute
    tier: tuple[bool, bool, bool, int]  # within the highest one, the newest answer decides
    strength: tuple[int, str, str, str]  # breaks every tie alike, whatever the order of arrival


def _claim(name: str, said: Statement, *, rule: Merge, whole: bool, rank: int) -> _Claim:
    value = said.facts[name]
    if whole:
        answer = canonical_json(value)
    else:
        answer = _accountable(value) if rule is Merge.OWNERS else SILENT
    tier = (
        said.pinned,
        answer != SILENT,
        name not in said.inferred,
        0 if rule is Merge.LATEST else rank,
    )
    return _Claim(said, answer, tier, (rank, said.digest, said.source, said.subject))


def _together(name: str, ranked: tuple[Statement, ...], *, rule: Merge) -> list[Json]:
    """The union of sets; of owners, the accountable ones are the strongest statement's alone."""
    items = [item for said in ranked for item in _items(said.facts[name])]
    if rule is Merge.OWNERS:
        accountable = [o for o in _items(ranked[0].facts[name]) if _role(o) == ACCOUNTABLE]
        items = accountable + [o for o in items if _role(o) != ACCOUNTABLE]
    return as_set(items)


def _accountable(owners: Json) -> str:
    """Who is accountable, by one source; one that names developers only leaves that open.

    One that states an empty list says that nobody is.
    """
    answer = as_set(o for o in _items(owners) if _role(o) == ACCOUNTABLE)
    return canonical_json(answer) if answer or not _items(owners) else SILENT


def _items(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list | tuple) else ()


def _role(ownership: Json) -> Json:
    return ownership.get("role", ACCOUNTABLE) if isinstance(ownership, Mapping) else ACCOUNTABLE
