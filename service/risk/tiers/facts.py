"""The facts that tier a use, built from what the catalog knows of its model. Pure.

What is counted is a statement only after a complete look; until then it is at least so much, and
nothing found is not stated. This is the one place that decides it for tiers.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.policies import PolicyDocument
from service.risk.picture import Part, Picture, Said
from service.risk.rules.active import ActivePolicy
from service.risk.tiering import feeds_high_model, readable

ONE_OF: Final = "one_of"
OF_USE: Final = (
    "decision_role", "people_affected_per_year", "financial_exposure_per_year", "regulatory_use",
    "harm_reversibility", "regulated_purposes", "profiling", "art6_3_basis",
    "writes_system_of_record", "per_action_approval",
)  # fmt: skip
OF_MODEL: Final = ("update_mode", "explainability")
CONSUMED: Final = "downstream_dependents"
PURPOSES: Final = "regulated_purposes"
CATALOG: Final = "catalog"  # the source of what is computed
Scale = Mapping[str, int]  # the points of each value of a factor


class Fact(NamedTuple):
    """What a tier reads of one fact: a value, or `one_of`; who says so, of which entry."""

    value: Any
    source: str
    observed_at: str | None
    entry: UUID | None


class UseFacts(NamedTuple):
    """Everything that a use is rated by, and values that the policy does not know, as they came."""

    facts: Mapping[str, Fact]
    outside: Mapping[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        """As the policy reads them: what is absent is not stated."""
        return {name: one.value for name, one in sorted(self.facts.items())}


def use_facts(
    picture: Picture, use: Part | None, *, rules: ActivePolicy, red_signal: bool
) -> UseFacts:
    """What is known of a use; None is the use that nobody declared."""
    document = rules.document
    scales: dict[str, Scale] = {**document.axes.materiality, **document.axes.inherent}
    found = dict(_stated(picture, use, scales=scales, rules=document))
    if (answered := found.get(PURPOSES)) is not None:
        found[PURPOSES] = answered._replace(value=_each_purpose(answered, rules=rules))
    found["red_signal_open"] = Fact(red_signal, CATALOG, None, None)
    read = readable(rules.compiled, {name: one.value for name, one in found.items()})
    known = {name: found[name]._replace(value=value) for name, value in read.facts.items()}
    strange = {
        name: values[0] if len(values) == 1 else values
        for name, parts in _wholes(picture)
        if name in scales
        and (values := _strange(name, parts, model=picture.model, scale=scales[name]))
    }
    return UseFacts(known, {**read.outside, **strange})


def _each_purpose(answered: Fact, *, rules: ActivePolicy) -> Any:
    """A list states every purpose that was asked for when it was given, and no later one."""
    said = [] if answered.value is None else answered.value
    purposes = rules.document.purposes
    if not isinstance(said, list) or not purposes.keys() >= set(said):
        return said
    given = answered.observed_at
    asked = [one for one in purposes if _asked(rules.asked_since.get(one), given)]
    return {one: one in said for one in sorted({*asked, *said})}


def _asked(since: str | None, given: str | None) -> bool:
    """Was a purpose asked for when the answer was given?"""
    if since is None:
        return True
    return bool(given) and datetime.fromisoformat(since) <= datetime.fromisoformat(given or "")


def _stated(
    picture: Picture, use: Part | None, *, scales: Mapping[str, Scale], rules: PolicyDocument
) -> Iterator[tuple[str, Fact]]:
    model = picture.model
    for part, names in ((use, OF_USE), (model, OF_MODEL)):
        for name in names:
            if part is not None and (said := part.said(name)) is not None:
                yield name, _as_fact(said, part)
    if use is not None and (reference := use.said("art6_3_ref")) is not None:
        assessed = reference._replace(value=bool(reference.value), candidates=())
        yield "art6_3_assessed", _as_fact(assessed, use)
    for part in (use, model):
        if part is not None and (said := part.said("exposure")) is not None:
            yield "exposure", _as_fact(said, part)
            break
    for name, parts in _wholes(picture):
        yield from _whole(name, parts, model=model, scale=scales.get(name, {}))
    yield from _consumed(picture, limits=rules.numeric.get(CONSUMED, {}))


def _as_fact(said: Said, part: Part) -> Fact:
    value = {ONE_OF: list(said.candidates)} if said.candidates else said.value
    return Fact(value, said.source, said.observed_at, part.id)


def _wholes(picture: Picture) -> Iterator[tuple[str, Sequence[Part]]]:
    """Facts that a model has from its parts."""
    yield "origin", picture.live
    yield "model_class", picture.live
    yield "data_sensitivity", [link.target for _, link in picture.datasets]


def _whole(
    name: str, parts: Sequence[Part], *, model: Part, scale: Scale
) -> Iterator[tuple[str, Fact]]:
    """A whole is as risky as its riskiest part; of parts that nobody describes, as any could be.

    What is said of the model speaks for those. Every value is possible whose points lie between
    the greatest lower and the greatest upper end of the parts. A value that the policy does not
    know may be any.
    """
    stated = [(part, said) for part in (model, *parts) if (said := part.said(name)) is not None]
    ended = [(ends, part, said) for part, said in stated if (ends := _ends(said, scale=scale))]
    if not ended:
        return
    described = model.stated(name) or all(part.stated(name) for part in parts)
    low = max(least for (least, _), _, _ in ended)
    open_ones = not described or len(ended) < len(stated)
    high = max(scale.values()) if open_ones else max(most for (_, most), _, _ in ended)
    possible = [value for value, points in scale.items() if low <= points <= high]
    _, part, one = max(ended, key=itemgetter(0))
    value = possible[0] if len(possible) == 1 else {ONE_OF: possible}
    if len(possible) < len(scale):
        yield name, Fact(value, one.source, one.observed_at, part.id)


def _ends(said: Said, *, scale: Scale) -> tuple[int, int] | None:
    """The least and the most points that it may have; None if the policy knows not all of it."""
    points = [scale[value] for value in said.possible if value in scale]
    return (min(points), max(points)) if len(points) == len(said.possible) else None


def _strange(name: str, parts: Sequence[Part], *, model: Part, scale: Scale) -> list[Any]:
    """What is said of a whole that the policy does not know, raw."""
    said = [one for part in (model, *parts) if (one := part.said(name)) is not None]
    raw = [
        {ONE_OF: list(one.candidates)} if one.candidates else one.value
        for one in said
        if _ends(one, scale=scale) is None
    ]
    return [one for at, one in enumerate(raw) if one not in raw[:at]]


def _consumed(picture: Picture, *, limits: Mapping[str, int]) -> Iterator[tuple[str, Fact]]:
    """How many consume its output, and whether one of them is HIGH."""
    counted, looks = len(picture.consumers), picture.looks
    stated = picture.model.said(CONSUMED)
    if stated is not None and stated.value is not None and counted <= stated.value:
        yield CONSUMED, Fact(stated.value, stated.source, stated.observed_at, picture.id)
    elif limits and (looks.consumers or counted):  # a policy without limits reads no counts
        least = limits[_band(counted, limits)]
        possible = [one for one, limit in limits.items() if limit >= least]
        narrowed = possible if not looks.consumers and len(possible) > 1 else None
        value = {ONE_OF: narrowed} if narrowed else counted
        if narrowed is None or len(narrowed) < len(limits):
            yield CONSUMED, Fact(value, CATALOG, None, picture.id)
    ends = [(one.own_low or "LOW", one.own_high or "HIGH") for one in picture.consumers]
    fed = feeds_high_model(ends)
    if fed or (fed is False and (looks.consumers or not looks.observed)):
        yield "feeds_high_model", Fact(fed, CATALOG, None, picture.id)


def _band(number: int, limits: Mapping[str, int]) -> str:
    """The value whose lower limit is the greatest one not above the number; else the least one."""
    ascending = sorted((limit, value) for value, limit in limits.items())
    return max([one for one in ascending if one[0] <= number], default=ascending[0])[1]
