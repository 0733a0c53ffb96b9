"""Tries a control on its examples, and on what would have to give the same.

An example comes out as it says. What is not stated never helps: taking a fact away makes no failed
control pass. The order of lists changes nothing, and neither does time before `recheck_at`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Final

from schemas.controls import Example, PackProblem, Result
from schemas.strict import LATEST
from service.risk.controls.judging import ControlResult, evaluate_one
from service.risk.controls.pack_checks import reads_of
from service.risk.controls.packed import Control
from service.risk.controls.snapshot_schema import ITEMS, faults_of, read_at, three_state

MOST_WORK: Final = 2_000_000  # values read and parts of conditions; the default pack takes 83,000
MOST_MOMENTS: Final = 8  # of one example
MOST_PROBLEMS: Final = 5  # of one control that are told
TICK: Final = timedelta(microseconds=1)
STEP: Final = re.compile(r"([a-z][a-z0-9_]*)((?:\[[0-9]{1,4}\])*)", re.ASCII)
BETTER: Final = frozenset({Result.PASS, Result.NOT_APPLICABLE})

Place = tuple[str | int, ...]
Document = dict[str, object]


class TooMuchWork(ValueError):  # reads as a sentence
    """Trying the examples of a pack takes too long."""


class Trial:
    """Tries the examples of one pack; all of them together may cost so much and no more."""

    def __init__(self, base: Mapping[str, object], *, most: int = MOST_WORK) -> None:
        self.base, self.left = base, most

    def problems(self, control: Control) -> Iterator[PackProblem]:
        """What the examples of a control show. Raises `TooMuchWork`."""
        examples = control.text.examples
        for result in (Result.PASS, Result.FAIL):
            if not any(example.expect is result for example in examples):
                fix = f"add a change of the base with which the control finds {result}"
                yield PackProblem(
                    control=control.text.id, where="examples",
                    message=f"none of them expects {result}", fix=fix,
                )  # fmt: skip
        found = (
            PackProblem(
                control=control.text.id, where=f"examples[{index}]", message=reason, fix=fix
            )
            for index, example in enumerate(examples)
            for reason, fix in self._of_example(control, example)
        )
        yield from islice(found, MOST_PROBLEMS)

    def _of_example(self, control: Control, example: Example) -> Iterator[tuple[str, str]]:
        try:
            snapshot = changed(self.base, example)
        except LookupError as error:
            yield f"{error.args[0]} leads nowhere", "change a place that the base has"
            return
        faults = [f"{path} {why}" for path, why in islice(faults_of(snapshot), 3)]
        if faults:
            yield f"is no snapshot: {'; '.join(faults)}", "write it as the snapshot schema says"
            return
        found = self._find(control, snapshot)
        if found.pack_defect is not None:
            yield found.pack_defect, "mend the condition, or ask for null before comparing"
        elif found.result is not example.expect:
            said = f": {found.message}" if found.message else ""
            yield f"expects {example.expect}, and finds {found.result}{said}", "mend one of them"
        else:
            yield from self._if_less_is_stated(control, snapshot, found=found)
            yield from self._if_reversed(control, snapshot, found=found)
            yield from self._if_time_passes(control, snapshot, found=found)

    def _if_less_is_stated(
        self, control: Control, snapshot: Document, *, found: ControlResult
    ) -> Iterator[tuple[str, str]]:
        """Each fact that may lack is taken away, and then all of them."""
        read = reads_of(control)
        places = [
            place for path in three_state() if path in read for place in _places(snapshot, path)
        ]
        for taken in [[place] for place in places] + [places]:
            less = _without(snapshot, taken)
            result = self._find(control, less)
            what = ", ".join(map(_written, taken))
            if result.pack_defect is not None:
                yield f"breaks without {what}: {result.pack_defect}", "add it to needs"
            elif found.result is Result.FAIL and result.result in BETTER:
                yield (
                    f"finds {result.result} in place of FAIL when {what} is not stated",
                    "what is not stated must not help: add it to needs, or ask otherwise",
                )

    def _if_reversed(
        self, control: Control, snapshot: Document, *, found: ControlResult
    ) -> Iterator[tuple[str, str]]:
        other = self._find(control, _reversed(snapshot))
        if (other.result, other.items) != (found.result, found.items):
            yield (
                f"finds {other.result} in place of {found.result} when lists are reversed",
                "run over the items of the list in place of comparing it",
            )

    def _if_time_passes(
        self, control: Control, snapshot: Document, *, found: ControlResult
    ) -> Iterator[tuple[str, str]]:
        """Nothing changes before the moment that was told, and so on from each of them."""
        for _ in range(MOST_MOMENTS):
            due = found.recheck_at
            before = LATEST if due is None else due - TICK
            later = self._find(control, {**snapshot, "now": before})
            if later.result is not found.result:
                changes = f"finds {later.result} in place of {found.result}"
                yield (
                    f"{changes} at {before:%Y-%m-%d %H:%M}, which clock does not tell",
                    "write now < moment, and the moment under clock",
                )
            if due is None or later.result is not found.result:
                return
            found = self._find(control, {**snapshot, "now": due})

    def _find(self, control: Control, snapshot: Document) -> ControlResult:
        self.left -= _size(snapshot) + _steps(control, snapshot)
        if self.left < 0:
            raise TooMuchWork("trying the examples takes too long")
        return evaluate_one(control, snapshot)


def changed(base: Mapping[str, object], example: Example) -> Document:
    """The base as an example changes it. Raises `LookupError` with a path that leads nowhere."""
    document = _copied(base)
    for path, value in example.set.items():
        held, last = _holder(document, path)
        if isinstance(held, dict) and isinstance(last, str):
            held[last] = _copy(value)
        else:
            _replace(held, last, value=_copy(value), path=path)
    for path in example.unset:
        held, last = _holder(document, path)
        if not isinstance(held, dict) or last not in held:
            raise LookupError(path)
        del held[last]
    return document


def _replace(held: object, index: str | int, *, value: object, path: str) -> None:
    """Lists hold what they already have: an example writes a longer one out."""
    if not isinstance(held, list) or not isinstance(index, int) or index >= len(held):
        raise LookupError(path)
    held[index] = value


def _holder(document: Document, path: str) -> tuple[object, str | int]:
    """What holds the last step of a path, and that step."""
    place = _place(path)
    held: object = document
    for step in place[:-1]:
        held = _at(held, step, path=path)
    return held, place[-1]


def _place(path: str) -> Place:
    place: list[str | int] = []
    for step in path.split("."):
        found = STEP.fullmatch(step)
        if found is None:
            raise LookupError(path)
        place += [found[1], *(int(index) for index in re.findall(r"[0-9]+", found[2]))]
    return tuple(place)


def _at(held: object, step: str | int, *, path: str) -> object:
    if isinstance(held, dict) and isinstance(step, str) and step in held:
        return held[step]
    if isinstance(held, list) and isinstance(step, int) and step < len(held):
        return held[step]
    raise LookupError(path)


def _places(document: object, path: Sequence[str], *, base: Place = ()) -> Iterator[Place]:
    """Where a path of the schema stands in a document; `[]` is every item."""
    if not path:
        yield base
    elif path[0] == ITEMS:
        for index, item in enumerate(document if isinstance(document, list) else ()):
            yield from _places(item, path[1:], base=(*base, index))
    elif isinstance(document, dict) and path[0] in document:
        yield from _places(document[path[0]], path[1:], base=(*base, path[0]))


def _without(document: Document, taken: Sequence[Place]) -> Document:
    """A copy without some places; what holds a place may be gone before it."""
    left = _copied(document)
    for place in taken:
        held: object = left
        for step in place[:-1]:
            held = held.get(step) if isinstance(held, dict) else _item(held, step)
        if isinstance(held, dict):
            held.pop(place[-1], None)
    return left


def _item(held: object, step: str | int) -> object:
    return held[step] if isinstance(held, list) and isinstance(step, int) else None


def _written(place: Place) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in place]
    return "".join(parts).lstrip(".")


def _reversed(value: Document) -> Document:
    return {name: _backwards(member) for name, member in value.items()}


def _backwards(value: object) -> object:
    if isinstance(value, dict):
        return _reversed(value)
    return [_backwards(item) for item in reversed(value)] if isinstance(value, list) else value


def _copied(document: Mapping[str, object]) -> Document:
    return {name: _copy(member) for name, member in document.items()}


def _copy(value: object) -> object:
    if isinstance(value, dict):
        return _copied(value)
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _size(value: object) -> int:
    """How many values it holds; long texts count as several."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(_size, value))
    return 1 + len(value) // 64 if isinstance(value, str) else 1


def _steps(control: Control, snapshot: Document) -> int:
    """How much the conditions take: all parts, for every item."""
    items = read_at(snapshot, control.over)[1] if control.over else None
    asked = [c for c in (control.applies_when, control.expression, control.clock) if c]
    patterns = sum(len(one.syntax.patterns) for one in asked)
    parts = sum(one.syntax.parts for one in asked) + 200 * patterns
    return parts * max(1, len(items) if isinstance(items, list) else 1)
