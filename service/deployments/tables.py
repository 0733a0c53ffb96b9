"""The table of decisions about deployments: accepted, linked, registered."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from service.db import Table, Timestamp


class DeploymentDecisionRow(Table, table=True):
    """What a person decided about a deployment, and on what that rests; one of each kind stands.

    A link holds by the pin that was made with it: this row changes no entry.
    """

    __tablename__ = "deployment_decision"
    __table_args__: Any = (
        sa.Index(
            "uq_deployment_decision_entry_id_decision_standing",
            "entry_id",
            "decision",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index(None, "entry_id", "id"),
        sa.CheckConstraint("decision IN ('register', 'link', 'accept')", name="decision_known"),
        sa.CheckConstraint(
            "(decision = 'accept') = (expires_at IS NOT NULL)", name="acceptance_ends"
        ),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    entry_id: UUID = Field(foreign_key="entry.id")
    decision: str
    reason: str
    decided_by: str  # the account's name
    decided_at: datetime = Field(sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    running: dict[str, Any] = Field(sa_type=JSONB)  # what ran: digest, artifact, claims
    version_id: UUID | None = Field(default=None, foreign_key="entry.id")  # that it served, or does
    grounds: list[str] = Field(sa_column=sa.Column(ARRAY(sa.Text), nullable=False))  # the causes
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
