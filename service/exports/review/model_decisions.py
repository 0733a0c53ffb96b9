"""The cells of a model's record that tell what people decided and what controls found."""

from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.identifiers import Kind
from service.exports.review.approval import approvals_of
from service.exports.review.confirmed import confirmed_of
from service.exports.review.gathering import count_where, together
from service.exports.review.model_record import USE, ModelRecord
from service.exports.review.required import completeness
from service.exports.statement import EMPTY, Text, Value, constant, moment
from service.risk.decided_tables import (
    AttestationRow,
    ConditionRow,
    DecisionRow,
    FindingRow,
    ReviewRow,
    RiskExceptionRow,
    WaiverRow,
)
from service.risk.findings.opened import INCIDENT
from service.risk.picture import UNDECLARED
from service.risk.reviews.rows import UNMET
from service.risk.tables import ControlResultRow

ATTESTATION, CONDITION, DECISION, FINDING, REVIEW, EXCEPTION, WAIVER, RESULT = (
    table.__table__
    for table in (
        AttestationRow, ConditionRow, DecisionRow, FindingRow, ReviewRow, RiskExceptionRow,
        WaiverRow, ControlResultRow,
    )
)  # fmt: skip
DAY: Final = constant(86_400)
CLOSED: Final = ("CLOSED", "WITHDRAWN")
DONE: Final = ("DECIDED", "CANCELLED", "SUPERSEDED")
SEVERITIES: Final = ("high", "medium", "low")
RESULTS: Final = ("PASS", "FAIL", "UNKNOWN", "WAIVED", "NOT_APPLICABLE")


def days(since: Value, until: Value) -> Value:
    """Whole days from one time to another."""
    seconds = sa.extract("epoch", until - since)
    return sa.cast(sa.func.floor(seconds / DAY), sa.BigInteger)


class DecidedRecord(ModelRecord):
    """Adds decisions, findings, controls, waivers, exceptions, attestations."""

    def newest(self, table: sa.FromClause, *shown: Any, at: Value, name: str) -> Any:
        """The newest row of a model and of what was merged into it."""
        joined, home = self.of_home(table)
        rows = (
            sa.select(home.label("of"), *shown)
            .select_from(joined)
            .ext(distinct_on(home))
            .order_by(home, at.desc(), table.c.id.desc())
        )
        return rows.subquery(name)

    def latest(self, newest: Any) -> Any:
        """Join it."""
        return self.joined_by(newest, newest.c.of, to=self.entry.c.id)

    @cached_property
    def decided(self) -> Any:
        """The last decision, and in which kind of review."""
        kind = sa.select(REVIEW.c.kind).where(REVIEW.c.id == DECISION.c.review_id).scalar_subquery()
        then = sa.select(DECISION).where(self.reading.past(DECISION.c.decided_at))
        table = then.add_columns(kind.label("kind")).subquery("decided_then")
        shown = table.c["outcome", "reviewer", "approver", "decided_at", "kind"]
        return self.latest(self.newest(table, *shown, at=table.c.decided_at, name="decided"))

    @cached_property
    def conditions(self) -> Any:
        """The conditions that nobody has verified."""
        condition = self.reading.at(CONDITION)
        joined, home = self.of_home(condition)
        text = together(condition.c.text + constant(" until ") + moment(condition.c.due_at))
        shown: list[Any] = [sa.func.count().label("open"), text.label("texts")]
        rows = sa.select(*shown).select_from(joined).where(condition.c.state.in_(UNMET))
        return self.gathered(rows, home, name="asked_for")

    @cached_property
    def exception(self) -> Any:
        """The exception that holds longest."""
        table = self.reading.at(EXCEPTION)
        holds = sa.and_(table.c.state == "IN_FORCE", table.c.expires_at > self.reading.now)
        then = sa.select(table).where(holds).subquery("excepted_then")
        shown = then.c["id", "expires_at", "limits"]
        return self.latest(self.newest(then, *shown, at=then.c.expires_at, name="excepted"))

    @cached_property
    def attested(self) -> Any:
        """The last attestation."""
        then = sa.select(ATTESTATION).where(self.reading.past(ATTESTATION.c.attested_at))
        table = then.subquery("attested_then")
        shown = table.c["attested_at", "result"]
        return self.latest(self.newest(table, *shown, at=table.c.attested_at, name="attested"))

    @cached_property
    def late(self) -> Any:
        """For how many days its latest open review is overdue."""
        review = self.reading.at(REVIEW)
        joined, home = self.of_home(review)
        open_late = sa.and_(review.c.state.not_in(DONE), review.c.due_at <= self.reading.now)
        since = days(sa.func.min(review.c.due_at), self.reading.now)
        rows = sa.select(since.label("days")).select_from(joined).where(open_late)
        return self.gathered(rows, home, name="late")

    @cached_property
    def findings(self) -> Any:
        """Open findings by severity, the oldest, and those whose time is over."""
        finding, now = self.reading.at(FINDING), self.reading.now
        joined, home = self.of_home(finding)
        counts = [count_where(finding.c.severity == one).label(one) for one in SEVERITIES]
        due = sa.func.greatest(finding.c.due_at, finding.c.accepted_until) <= now
        severe = sa.and_(finding.c.category == INCIDENT, finding.c.severity == "high")
        rows = (
            sa.select(
                *counts,
                days(sa.func.min(finding.c.opened_at), now).label("oldest"),
                count_where(due).label("past_due"),
                count_where(sa.and_(due, finding.c.severity == "high")).label("severe_late"),
                sa.func.bool_or(severe).label("red"),
            )
            .select_from(joined)
            .where(finding.c.state.not_in(CLOSED))
        )
        return self.gathered(rows, home, name="found")

    @cached_property
    def controls(self) -> Any:
        """How many controls came out how, and which fail or are unknown."""
        result = self.reading.at(RESULT)
        counts = [count_where(result.c.result == one).label(one) for one in RESULTS]
        listed = [
            together(result.c.control, where=result.c.result == one).label(f"{one}_listed")
            for one in ("FAIL", "UNKNOWN")
        ]
        weighed = [
            count_where(
                sa.and_(result.c.result.in_(found), result.c.severity.in_(severities))
            ).label(name)
            for name, found, severities in (
                ("severe", ("FAIL",), ("high",)),
                ("middling", ("FAIL", "UNKNOWN"), ("high", "medium")),
            )
        ]
        rows = sa.select(*counts, *listed, *weighed).select_from(result)
        return self.gathered(rows, result.c.model_id, name="controlled")

    @cached_property
    def approved(self) -> Any:
        """The uses that people said yes to."""
        approval, use = approvals_of(self.reading), self.reading.at(USE).alias("approved_use")
        named = sa.func.coalesce(use.c.name, constant(UNDECLARED))
        rows = (
            sa.select(together(named).label("uses"))
            .select_from(approval.outerjoin(use, use.c.id == approval.c.stands_as))
            .where(approval.c.approved)
        )
        return self.gathered(rows, approval.c.model_id, name="said_yes")

    @cached_property
    def complete(self) -> Any:
        """The share of what its tier requires that somebody states."""
        table = completeness(self.reading)
        return self.joined_by(table, table.c.model_id, to=self.entry.c.id)

    @cached_property
    def confirmed(self) -> Any:
        """When a source last confirmed it."""
        table = confirmed_of(self.reading, Kind.MODEL)
        return self.joined_by(table, table.c.of, to=self.entry.c.id)

    @cached_property
    def waivers(self) -> Any:
        """Waivers that hold."""
        waiver = self.reading.at(WAIVER)
        joined, home = self.of_home(waiver)
        holds = sa.and_(waiver.c.state == "IN_FORCE", waiver.c.expires_at > self.reading.now)
        rows = sa.select(sa.func.count().label("holding")).select_from(joined).where(holds)
        return self.gathered(rows, home, name="waived")

    def number(self, value: Value) -> Text:
        """A number; none of it is 0."""
        return sa.cast(sa.func.coalesce(value, constant(0)), sa.Text)

    def listed(self, value: Value) -> Text:
        """Names that are gathered; without any, nothing."""
        return sa.func.coalesce(self.cells.words(value), EMPTY)
