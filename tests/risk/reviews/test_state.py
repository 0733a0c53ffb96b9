"""What is said of a version and of a model: the first that holds, and never more than is known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.risk.reviews.plan import add_months, reminders
from service.risk.reviews.state import Case, Held, ReviewState, cover, model_state, version_state

NOW = datetime(2026, 11, 28, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=9), NOW + timedelta(days=9)


def held(outcome: str, use: str | None = None, at: datetime = BEFORE) -> Held:
    """A decision."""
    return Held(outcome, use, at)


def case(tier: str = "MEDIUM", *, in_use: bool | None = True, **more: Any) -> Case:
    """A version."""
    return Case(tier, in_use, **more)


@pytest.mark.parametrize(("about", "expected"), [
    (case(), "IN_USE_UNREVIEWED"),
    (case(review_open=True), "IN_USE_PENDING_REVIEW"),
    (case(in_use=False, review_open=True), "NOT_IN_USE"),
    (case(in_use=None, review_open=True), None),
    (case("NEGLIGIBLE"), "EXEMPT"),
    (case("HIGH", exception=True, review_open=True), "EXCEPTION"),
    (case(decisions=[held("REVIEWED")]), "REVIEWED"),
    (case(in_use=None, decisions=[held("REVIEWED")]), "REVIEWED"),
    (case(decisions=[held("REVIEWED_WITH_CONDITIONS")]), "REVIEWED_WITH_CONDITIONS"),
    (case("HIGH", decisions=[held("APPROVED")]), "APPROVED"),
    (case("HIGH", decisions=[held("APPROVED")], exception=True), "APPROVED"),
    (case(decisions=[held("REVIEWED")], triggered_at=NOW, review_open=True),
     "IN_USE_PENDING_REVIEW"),
    (case(decisions=[held("REVIEWED", at=NOW)], triggered_at=BEFORE), "REVIEWED"),
    (case(decisions=[held("REVIEWED")], grace_end=NOW), "IN_USE_UNREVIEWED"),
    (case(decisions=[held("REVIEWED")], grace_end=AFTER), "REVIEWED"),
    (case(blocked=True, in_use=False), "RESTRICTED"),
    (case("LOW", overdue=True, review_open=True), "IN_USE_PENDING_REVIEW"),
    (case("MEDIUM", overdue=True, review_open=True), "RESTRICTED"),
    (case("HIGH", overdue=True, decisions=[held("APPROVED")]), "RESTRICTED"),
    (case("HIGH", exception_ended=True), "RESTRICTED"),
    (case("HIGH", exception_ended=True, in_use=False), "NOT_IN_USE"),
    (case(decisions=[held("REVIEWED_WITH_CONDITIONS")], condition_unmet=True), "RESTRICTED"),
    (case(decisions=[held("OBJECTED")]), "RESTRICTED"),
    (case(decisions=[held("REJECTED")], in_use=False), "NOT_IN_USE"),
    (case(decisions=[held("REJECTED")], triggered_at=NOW), "RESTRICTED"),
    (case(uses=frozenset("ab"), decisions=[held("REVIEWED", "a")]), "IN_USE_UNREVIEWED"),
    (case(uses=frozenset("ab"),
          decisions=[held("REVIEWED", "a"), held("REVIEWED_WITH_CONDITIONS", "b")]),
     "REVIEWED_WITH_CONDITIONS"),
])  # fmt: skip
def test_version(about: Case, expected: str | None) -> None:
    """One state, by the order of the list."""
    found = version_state(about, now=NOW)
    assert (None if found is None else found.value) == expected


def test_never_approved() -> None:
    """What nobody decided about is never called reviewed or approved, whatever else is so."""
    for tier in ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"):
        for in_use in (True, False, None):
            for exception in (True, False):
                about = case(tier, in_use=in_use, exception=exception, review_open=True)
                found = version_state(about, now=NOW)
                assert found is None or not found.value.startswith(("APPROVED", "REVIEWED"))


@pytest.mark.parametrize(("about", "expected"), [
    (case("HIGH", decisions=[held("REVIEWED")]), "nothing"),  # a review is no approval there
    (case("HIGH", decisions=[held("APPROVED_WITH_CONDITIONS")]), "approval"),
    (case("MEDIUM", decisions=[held("REVIEWED")]), "approval"),
    (case("HIGH", exception=True, review_open=True), "exception"),
    (case("NEGLIGIBLE"), "exemption"), (case(review_open=True), "open_review"),
    (case(decisions=[held("OBJECTED")]), "nothing"),
])  # fmt: skip
def test_cover(about: Case, expected: str) -> None:
    """By what controls find a version covered."""
    assert cover(about, now=NOW) == expected


def test_model() -> None:
    """Its worst live version; what is unknown of one is unknown of it, unless that is worse."""
    state = ReviewState
    assert model_state([state.APPROVED, state.IN_USE_UNREVIEWED]) is state.IN_USE_UNREVIEWED
    assert model_state([state.IN_USE_PENDING_REVIEW, state.RESTRICTED]) is state.RESTRICTED
    assert model_state([state.APPROVED, None]) is None
    assert model_state([state.RESTRICTED, None]) is state.RESTRICTED
    assert model_state([state.NOT_IN_USE, state.REVIEWED]) is state.REVIEWED
    assert model_state([]) is None


def test_months() -> None:
    """Calendar months: the same day, or the last one of a shorter month."""
    assert add_months(datetime(2027, 1, 31, tzinfo=UTC), 1).day == 28
    assert add_months(datetime(2026, 11, 28, tzinfo=UTC), 24) == datetime(2028, 11, 28, tzinfo=UTC)
    assert add_months(datetime(2026, 12, 1, tzinfo=UTC), 12).year == 2027


def test_reminders() -> None:
    """At half, three quarters and all of the time; weekly where asked; never without a date."""
    row = {"opened_at": NOW, "due_at": NOW + timedelta(days=8)}
    days = [(one - NOW).days for one in reminders(row, weekly=True, now=NOW)]
    assert days == [4, 6, 8]
    late = reminders(row, weekly=True, now=NOW + timedelta(days=16))
    assert [(one - NOW).days for one in late] == [4, 6, 8, 15, 22]
    assert len(reminders(row, weekly=False, now=NOW + timedelta(days=16))) == 3
    assert reminders(row | {"due_at": None}, weekly=True, now=NOW) == []
    past = {"opened_at": NOW, "due_at": BEFORE}  # overdue when it was opened
    assert reminders(past, weekly=False, now=NOW) == [BEFORE] * 3
