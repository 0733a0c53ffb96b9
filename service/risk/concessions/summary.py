"""Waivers, exceptions, overrides and exemptions, for the rest of risk: read, and ended."""

from service.risk.concessions.ends import end_for_triggers, lapse
from service.risk.concessions.manifest_waivers import follow_manifest_waivers
from service.risk.concessions.reading import (
    Concessions,
    InForce,
    VersionException,
    WaiverSide,
    read_concessions,
    read_waiver_snapshot,
)

__all__ = [
    "Concessions", "InForce", "VersionException", "WaiverSide", "end_for_triggers",
    "follow_manifest_waivers", "lapse", "read_concessions", "read_waiver_snapshot",
]  # fmt: skip
