"""What the controls of a pack find about a model: pure, from one snapshot. RISK.md section 5.

A model's snapshot is a document of `snapshot_schema.py`, with real times. Nothing here raises: what
a control cannot cope with is its own defect, and the model's result is UNKNOWN.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from schemas.controls import Result, Severity
from service.risk.controls.expressions import Answer, Expression
from service.risk.controls.expressions import evaluate as evaluate_in
from service.risk.controls.packed import Control, Pack
from service.risk.controls.snapshot_schema import (
    ITEMS,
    find_member,
    item_name,
    read_at,
)
from service.risk.controls.waived import Waived, find_waiver
from service.risk.controls.words import BLAME, defective, rendered, to_state, undecided

MOST_ITEMS: Final = 10_000
PARAMS: Final = "params"
NOW: Final = "now"
Snapshot = Mapping[str, object]


class Missing(NamedTuple):
    """What is not stated, and who could."""

    path: str
    who: str


class ControlResult(NamedTuple):
    """What one control finds. It stays so until `recheck_at` unless the snapshot changes."""

    control: str
    severity: Severity
    result: Result
    items: tuple[str, ...] = ()  # that fail, or that too little is known of
    missing: tuple[Missing, ...] = ()
    message: str = ""
    fix: str = ""
    recheck_at: datetime | None = None
    waiver: str | None = None
    waived_until: datetime | None = None
    pack_defect: str | None = None


class _Verdict(NamedTuple):
    result: Result
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    missing: frozenset[str] = frozenset()
    defect: str | None = None
    due: datetime | None = None

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(sorted({*self.failed, *self.unknown}))


def evaluate(pack: Pack, snapshot: Snapshot) -> tuple[ControlResult, ...]:
    """What every control finds, in the pack's order."""
    return tuple(evaluate_one(control, snapshot) for control in pack.controls)


def evaluate_one(control: Control, snapshot: Snapshot) -> ControlResult:
    """What one control finds."""
    severity = control.severity_at(read_at(snapshot, ("risk", "workflow_tier"))[1])
    if severity is Severity.NONE:
        return ControlResult(control.text.id, severity, Result.NOT_APPLICABLE)
    within = {**snapshot, PARAMS: control.text.params}
    now = snapshot.get(NOW)
    if not isinstance(now, datetime) or now.tzinfo is None:
        verdict = _Verdict(Result.UNKNOWN, defect="now: the snapshot has no time")
        return _told(control, verdict, severity=severity, within=within)
    asked = _Asked(within, now)
    verdict = _decide(control, asked)
    found = _told(control, verdict, severity=severity, within=within)
    if verdict.result not in {Result.FAIL, Result.UNKNOWN}:
        return found
    _, waivers = read_at(snapshot, ("risk", "waivers"))
    waived = find_waiver(control.text.id, items=verdict.items, waivers=waivers, now=now)
    return found if waived is None else _under(waived, found)


class _Asked(NamedTuple):
    """What conditions are evaluated in: the snapshot, the parameters, and an item by its name."""

    within: dict[str, object]
    now: datetime

    def of(self, control: Control, item: object) -> "_Asked":
        return self._replace(within={**self.within, control.text.alias or "": item})


def _under(waived: Waived, found: ControlResult) -> ControlResult:
    return found._replace(
        result=Result.WAIVED,
        waiver=waived.id,
        waived_until=waived.until,
        recheck_at=min(filter(None, (found.recheck_at, waived.until))),
    )


def _decide(control: Control, asked: _Asked) -> _Verdict:
    """Does it apply; is what it needs stated; does it hold: in this order."""
    applies = control.applies_when
    early = None
    if applies is not None:
        answer = evaluate_in(applies, asked.within)
        if answer.value is False:
            early = _Verdict(Result.NOT_APPLICABLE)
        elif answer.value is not True:
            early = _of_answer(control, answer, condition=applies, asked=asked)
    lacking = [path for path in control.needs if not read_at(asked.within, path)[0]]
    if early is None and lacking:
        early = _Verdict(Result.UNKNOWN, missing=frozenset(map(".".join, lacking)))
    if early is not None:
        timed = applies is not None and (NOW,) in applies.syntax.reads
        return early._replace(due=_first_due(control, asked) if timed else None)
    if control.over is not None:
        return _over_items(control, asked)
    return _of_one(control, asked)


def _of_one(control: Control, asked: _Asked) -> _Verdict:
    """What the model, or one item, comes out as; and until when."""
    answer = evaluate_in(control.expression, asked.within)
    verdict = _of_answer(control, answer, condition=control.expression, asked=asked)
    return verdict._replace(due=_due(control, asked))


def _of_answer(
    control: Control, answer: Answer, *, condition: Expression, asked: _Asked
) -> _Verdict:
    where = "applies_when" if condition is control.applies_when else "expression"
    if answer.unstated is not None:
        lacking = frozenset(_lacking(control, condition, asked=asked))
        return _Verdict(Result.UNKNOWN, missing=lacking or frozenset({answer.unstated}))
    if answer.defect is not None:
        return _Verdict(Result.UNKNOWN, defect=f"{where}: {answer.defect}")
    if not isinstance(answer.value, bool):
        return _Verdict(Result.UNKNOWN, defect=f"{where}: answers neither true nor false")
    return _Verdict(Result.PASS if answer.value else Result.FAIL)


def _items_of(control: Control, asked: _Asked) -> tuple[Sequence[object], _Verdict | None]:
    """The items that the control runs over; or why it cannot."""
    path = control.over or ()
    stated, items = read_at(asked.within, path)
    if not stated:
        return (), _Verdict(Result.UNKNOWN, missing=frozenset({".".join(path)}))
    if not isinstance(items, list | tuple):
        return (), _Verdict(Result.UNKNOWN, defect=f"over: {'.'.join(path)} is no list")
    if len(items) > MOST_ITEMS:
        return (), _Verdict(Result.UNKNOWN, defect=f"over: has more than {MOST_ITEMS} items")
    return items, None


def _over_items(control: Control, asked: _Asked) -> _Verdict:
    """One answer an item, folded here: what a list macro answers depends on the order of items."""
    items, hindered = _items_of(control, asked)
    if hindered is not None:
        return hindered
    if not items:
        return _Verdict(control.text.empty or Result.NOT_APPLICABLE)
    found = [(item_name(item), _of_one(control, asked.of(control, item))) for item in items]
    return _folded(found, enough=control.text.holds_for == "any")


def _folded(found: Sequence[tuple[str, _Verdict]], *, enough: bool) -> _Verdict:
    """One that passes is enough, or all have to."""
    results = {one.result for _, one in found}
    decisive, else_ = (Result.PASS, Result.FAIL) if enough else (Result.FAIL, Result.PASS)
    result = next((one for one in (decisive, Result.UNKNOWN) if one in results), else_)
    due = min((one.due for _, one in found if one.due is not None), default=None)
    defect = min((one.defect for _, one in found if one.defect is not None), default=None)
    if result is Result.PASS:
        return _Verdict(result, defect=defect, due=due)
    return _Verdict(
        result,
        failed=tuple(sorted({name for name, one in found if one.result is Result.FAIL})),
        unknown=tuple(sorted({name for name, one in found if one.result is Result.UNKNOWN})),
        missing=frozenset().union(*(one.missing for _, one in found)),
        defect=defect,
        due=due,
    )


def _first_due(control: Control, asked: _Asked) -> datetime | None:
    """The first moment of all items, where the expression was not asked."""
    if control.over is None:
        return _due(control, asked)
    items, _ = _items_of(control, asked)
    moments = (_due(control, asked.of(control, item)) for item in items)
    return min((moment for moment in moments if moment is not None), default=None)


def _due(control: Control, asked: _Asked) -> datetime | None:
    """When the control may find something else; a moment that is not stated is none."""
    if control.clock is None:
        return None
    moment = evaluate_in(control.clock, asked.within).value
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return None
    return moment if moment > asked.now else None


def _lacking(control: Control, condition: Expression, *, asked: _Asked) -> Iterable[str]:
    """Which of the paths that a condition reads are not stated."""
    for path in condition.syntax.reads - condition.syntax.checks:
        if read_at(asked.within, path)[0]:
            continue
        if control.over is not None and path[0] == control.text.alias:
            *outer, last = control.over
            yield ".".join((*outer, last + ITEMS, *path[1:]))
        else:
            yield ".".join(path)


def who_states(path: str) -> str:
    """Who could state what stands at a path; `[]` stands for items."""
    outer, _, inner = path.partition(f"{ITEMS}.")
    member = find_member(tuple(outer.split(".")))
    if inner and member is not None:
        member = find_member(tuple(inner.split(".")), member.members or {})
    return (member.who if member else "") or "the catalog, which always states it"


def _told(
    control: Control, verdict: _Verdict, *, severity: Severity, within: Snapshot
) -> ControlResult:
    text = control.text
    missing = tuple(Missing(path, who_states(path)) for path in sorted(verdict.missing))
    message = fix = ""
    if verdict.result is Result.FAIL:
        message = rendered(text.message, within=within, items=verdict.failed)
        fix = rendered(text.fix, within=within, items=verdict.failed)
    elif verdict.result is Result.UNKNOWN and missing:
        message = undecided(text.title, missing=missing, items=verdict.unknown)
        fix = to_state(missing)
    elif verdict.result is Result.UNKNOWN:
        message, fix = defective(text.title), BLAME
    return ControlResult(
        text.id,
        severity,
        verdict.result,
        items=verdict.items,
        missing=missing,
        message=message,
        fix=fix,
        recheck_at=verdict.due,
        pack_defect=verdict.defect,
    )
