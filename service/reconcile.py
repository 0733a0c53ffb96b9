"""Fold what all sources say about one entry into its fields. Pure; the file to open first."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from schemas.digest import canonical_json
from schemas.values import Merge

Json = object  # one fact's value: any JSON
Precedence = Callable[[str, str], int]  # (source, field) -> rank, higher wins

ACCOUNTABLE: Final = "accountable"
NARROWED: Final = "one_of"


class Statement(NamedTuple):
    """What one source currently says about one subject of an entry.

    `when` orders statements: the later of `observed_at` and the opening of the last complete full
    harvest that saw the subject. `facts` holds stated fields only; None or [] is stated empty.
    """

    source: str
    facts: Mapping[str, Json]
    when: datetime
    digest: str = ""
    subject: str = ""
    inferred: frozenset[str] = frozenset()
    pinned: bool = False


class Folded(NamedTuple):
    """One field's value, the statements behind it (strongest first), and how it was decided."""

    value: Json
    ranked: tuple[Statement, ...]
    conflict: bool = False
    by_time: bool = False  # a later confirmation by another source would decide otherwise

    @property
    def candidates(self) -> tuple[Json, ...]:
        """The possible values of a narrowed field; empty when it has one value."""
        if isinstance(self.value, Mapping) and self.value.keys() == {NARROWED}:
            return tuple(self.value[NARROWED])
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
    }


def _decide(
    name: str, contenders: list[Statement], *, rule: Merge, precedence: Precedence
) -> Folded:
    if len(contenders) == 1 and rule in {Merge.TOP, Merge.LATEST}:
        return Folded(contenders[0].facts[name], tuple(contenders))
    ranked = _ranked(name, contenders, rule=rule, precedence=precedence)
    values = [statement.facts[name] for statement in ranked]
    disputed = [canonical_json(value) for value in values]
    by_time = any(
        _rank(name, one, precedence=precedence)[:3] == _rank(name, other, precedence=precedence)[:3]
        or rule is Merge.LATEST
        for one, other in zip(ranked, ranked[1:], strict=False)
        if canonical_json(one.facts[name]) != canonical_json(other.facts[name])
    )
    if ranked[0].pinned or rule in {Merge.TOP, Merge.LATEST}:
        conflict = rule is not Merge.LATEST and len(set(disputed)) > 1
        return Folded(values[0], ranked, conflict=conflict, by_time=by_time)
    if rule is Merge.OWNERS:
        return _owners(name, ranked, by_time=by_time)
    return Folded(_united(values), ranked)


def _ranked(
    name: str, contenders: list[Statement], *, rule: Merge, precedence: Precedence
) -> tuple[Statement, ...]:
    """Strongest first; every tie falls alike, whatever the order of arrival."""

    def strength(s: Statement) -> tuple[object, ...]:
        pinned, stated, rank = _rank(name, s, precedence=precedence)
        decisive = (s.when, rank) if rule is Merge.LATEST else (rank, s.when)
        return pinned, stated, *decisive, s.digest, s.source, s.subject

    return tuple(sorted(contenders, key=strength, reverse=True))


def _rank(name: str, said: Statement, *, precedence: Precedence) -> tuple[bool, bool, int]:
    return said.pinned, name not in said.inferred, precedence(said.source, name)


def _united(values: Iterable[Json]) -> list[Json]:
    items = {canonical_json(item): item for value in values for item in _items(value)}
    return [items[key] for key in sorted(items)]


def _items(value: Json) -> Iterable[Json]:
    return value if isinstance(value, list | tuple) else ()


def _owners(name: str, ranked: tuple[Statement, ...], *, by_time: bool) -> Folded:
    """The accountable ones are one value, so that sources can disagree; the rest add up.

    A source that names developers only says nothing about who is accountable; one that states
    an empty list says that nobody is.
    """

    def accountable(statement: Statement) -> list[Json]:
        return _united([[o for o in _items(statement.facts[name]) if _role(o) == ACCOUNTABLE]])

    speaking = [s for s in ranked if accountable(s) or not _items(s.facts[name])]
    answers = [accountable(s) for s in speaking]
    others = _united([o for o in _items(s.facts[name]) if _role(o) != ACCOUNTABLE] for s in ranked)
    conflict = len({canonical_json(answer) for answer in answers}) > 1
    value = _united([answers[0] if answers else [], others])
    return Folded(value, ranked, conflict=conflict, by_time=by_time and conflict)


def _role(ownership: Json) -> Json:
    return ownership.get("role", ACCOUNTABLE) if isinstance(ownership, Mapping) else ACCOUNTABLE
