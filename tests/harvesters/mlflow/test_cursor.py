"""What a cursor remembers, and which later sweeps it believes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from harvesters.mlflow.cursor import REMEMBERED, Changes, SweepCursor
from schemas.harvest import LONGEST_CURSOR

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LAST = {"a": 10, "b": 20, "c": 30}
MANY = {f"m{number}": number for number in range(1, REMEMBERED + 6)}


def changes(models: Mapping[str, int]) -> Changes:
    """What a sweep of these saw."""
    seen = Changes()
    rows: Any = [SimpleNamespace(name=n, last_updated_timestamp=at) for n, at in models.items()]
    seen.add(rows)
    return seen


def cursor(models: Mapping[str, int]) -> SweepCursor:
    """What the next sweep of a registry is given."""
    read = SweepCursor.read(changes(models).cursor(NOON, versions=7))
    assert read
    return read


def old(newest: Mapping[str, str]) -> SweepCursor:
    """A cursor of an earlier form."""
    text = {"format": 1, "max_updated": 30, "last_full": "2026-11-23T14:00:00Z", **newest}
    read = SweepCursor.read(json.dumps(text))
    assert read
    return read


@pytest.mark.parametrize(
    ("before", "now", "went_back"),
    [
        (cursor(LAST), LAST, False),
        (cursor(LAST), {"a": 10, "b": 20}, False),  # the newest was deleted
        (cursor(LAST), {"a": 10}, False),
        (cursor(LAST), {"a": 9, "b": 20}, True),
        (cursor(LAST), {"a": 9, "new": 31}, False),  # it moved on
        (cursor(LAST), {"x": 5}, True),  # known to nobody, and older
        (cursor(LAST), {}, False),  # the listing is empty, which others refuse
        (cursor(MANY), {name: at for name, at in MANY.items() if at < REMEMBERED}, False),
        (cursor(MANY), {name: at for name, at in MANY.items() if at <= 5}, True),
        (old({"newest": "c"}), LAST, False),
        (old({"newest": "c"}), {"c": 29}, True),
        (old({"newest": "c"}), {"a": 10}, True),
        (old({"newest": ""}), {"a": 10}, True),
        (old({}), {"a": 10}, True),
        (old({}), {"a": 30}, False),
    ],
)
def test_cursor_went_back(before: SweepCursor, now: dict[str, int], *, went_back: bool) -> None:
    """Only deletions make a registry's newest change older, and they leave the others alone."""
    assert before.is_ahead_of(changes(now)) is went_back


def test_cursor_newest_of_each_model() -> None:
    """A model's versions count as the model: they are deleted with it."""
    seen = changes({"a": 5, "b": 7})
    rows: Any = [SimpleNamespace(name="a", last_updated_timestamp=at) for at in (9, None, 3)]
    seen.add(rows)
    read = SweepCursor.read(seen.cursor(NOON, versions=3))
    assert read == SweepCursor(
        format=1, max_updated=9, newest={"a": 9, "b": 7}, last_full=NOON, versions=3
    )


def test_cursor_size() -> None:
    """Names of any length and form leave a cursor that can be stored and read again."""
    names = {f"{number:03}" + "\U0001f600" * 240: number + 1 for number in range(50)}
    hostile = {"x" * 100_000: 60, "\ud800": 61, "a\nb": 62}
    text = changes(names | hostile).cursor(NOON, versions=0)
    read = SweepCursor.read(text)
    assert len(text) <= LONGEST_CURSOR
    assert read
    assert read.max_updated == 62
    assert read.newest == {name: at for name, at in names.items() if at > 50 - REMEMBERED}
