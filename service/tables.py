"""Every table of the service, registered by importing their modules; which ones keep history."""

from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa

import service.exports.jobs.tables as exports
import service.operation.tables as operation
from service.access import tables as access
from service.catalog import tables as catalog
from service.catalog.typed import TYPED, reference_columns
from service.db import Table
from service.deployments import tables as deployments
from service.history import history_table
from service.hooks import tables as hooks
from service.ingest import tables as ingest
from service.ledger import tables as ledger
from service.lineage import tables as lineage
from service.outgoing import tables as outgoing
from service.risk import decided_tables as decided
from service.risk import hold_tables as holds
from service.risk import sample_tables as samples
from service.risk import tables as risk

METADATA: Final = Table.metadata

RISK: Final[tuple[sa.Table, ...]] = (  # of the second migration
    risk.PolicyRow.__table__,
    risk.ControlPackRow.__table__,
    risk.AssessmentRow.__table__,
    risk.ModelRiskRow.__table__,
    risk.ControlResultRow.__table__,
    decided.ReviewRow.__table__,
    decided.ConditionRow.__table__,
    decided.FindingRow.__table__,
    decided.WaiverRow.__table__,
    decided.RiskExceptionRow.__table__,
    decided.TierOverrideRow.__table__,
    decided.ExemptionRow.__table__,
)
RISK_APPEND_ONLY: Final = (
    decided.DecisionRow.__table__.name,
    decided.ChangeClassRow.__table__.name,
    decided.AttestationRow.__table__.name,
)
VERSIONED: Final[tuple[sa.Table, ...]] = (
    catalog.Entry.__table__,
    catalog.EntryNamespace.__table__,
    catalog.Link.__table__,
    *TYPED.values(),
    ingest.SourceRow.__table__,
    ingest.AbsenceRow.__table__,
    ingest.IdentityDecision.__table__,
    ingest.PinRow.__table__,
    catalog.SubjectRow.__table__,
    access.AccountRow.__table__,
    access.RoleGrantRow.__table__,
    access.OwnerMappingRow.__table__,
    *RISK,
)
APPEND_ONLY: Final = (
    ledger.ChangeRow.__table__.name,
    ingest.ObservationRow.__table__.name,
    ledger.LeafRow.__table__.name,
    ledger.TileRow.__table__.name,
    ledger.CheckpointRow.__table__.name,
    *RISK_APPEND_ONLY,
)
FOUND_BY: Final[Mapping[str, Iterable[sa.Index | tuple[str, ...]]]] = {  # what the past is asked
    "entry": (
        ("kind", "natural_key"),
        ("kind", "namespace"),
        catalog.in_place("entry_history", "valid_from", "valid_to"),
    ),
    "subject": (("kind", "scheme", "value"), ("entry_id", "id")),
    "link": (("target_id",),),
    "identity_decision": (("entry_id",), ("other_id",)),
    "assessment": (("model_id",),),
    **{table.name: (("model_id",),) for table in RISK if "id" in table.c and "model_id" in table.c},
    **{
        kind.value: tuple((column,) for column in reference_columns(kind).values())
        for kind in TYPED
    },
}
HISTORY: Final = tuple(history_table(table, *FOUND_BY.get(table.name, ())) for table in VERSIONED)
TOKENS: Final[sa.Table] = access.TokenRow.__table__
TURNS: Final[sa.Table] = operation.TurnRow.__table__
HINTS: Final[sa.Table] = hooks.HintRow.__table__
DECISIONS: Final[sa.Table] = deployments.DeploymentDecisionRow.__table__
LINEAGE: Final = lineage.INDEXES
SAMPLES: Final[sa.Table] = samples.SampleCycleRow.__table__
HOLDS: Final[sa.Table] = holds.LegalHoldRow.__table__
EVENTS: Final[sa.Table] = outgoing.EventRow.__table__
EXPORTS: Final[sa.Table] = exports.ExportRow.__table__
