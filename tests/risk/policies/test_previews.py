"""A preview of many uses goes on by the clock, from where it was; the one before is gone."""

import pytest

from service.db import Database
from service.risk.rules.previews import continue_previews
from service.risk.rules.rule_sets import POLICIES
from tests.risk.policies.rules import policy_of, preview, stricter, upload
from tests.support.catalog import rows

LINES = "SELECT use_id, before, after, differences FROM policy_preview_line ORDER BY use_id"
STATE = (
    "SELECT total, rated, changed, counts, done_at IS NULL FROM policy_preview ORDER BY asked_at"
)


class Interrupted(Exception):  # what happens, no error
    """Somebody stops the worker."""


def stop(_evaluated: int) -> None:
    """After the first step that did something."""
    raise Interrupted


def test_preview_goes_on(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after each step, it finds what it finds at once, each use once."""
    upload(fleet, POLICIES, policy_of(change=stricter))
    preview(fleet, POLICIES, "2.0.0")
    at_once, lines = rows(fleet, STATE)[0], rows(fleet, LINES)

    monkeypatch.setattr("service.risk.rules.previews.AT_ONCE", 0)
    shown = preview(fleet, POLICIES, "2.0.0").preview
    assert shown is not None
    assert (shown.rated, shown.done_at) == (0, None)
    assert rows(fleet, LINES) == []
    stopped = 0
    while rows(fleet, STATE)[-1][-1]:
        try:
            continue_previews(fleet, step=70, advance=stop)
        except Interrupted:
            stopped += 1
    assert stopped > 3
    assert rows(fleet, STATE)[-1] == at_once
    assert rows(fleet, LINES) == lines


def test_unfinished_preview_is_forgotten(fleet: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for again, it begins anew; nobody goes on with the one before."""
    monkeypatch.setattr("service.risk.rules.previews.AT_ONCE", 0)
    upload(fleet, POLICIES, policy_of(change=stricter))
    preview(fleet, POLICIES, "2.0.0")
    with pytest.raises(Interrupted):
        continue_previews(fleet, step=70, advance=stop)
    preview(fleet, POLICIES, "2.0.0")
    assert rows(fleet, "SELECT rated FROM policy_preview") == [(0,)]
    total = rows(fleet, "SELECT count(*) FROM assessment")[0][0]
    assert continue_previews(fleet, dry_run=True) == 0
    assert continue_previews(fleet) == total
