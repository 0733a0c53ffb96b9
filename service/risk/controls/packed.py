"""A pack of controls that is ready to be evaluated."""

from datetime import datetime
from typing import NamedTuple

from schemas.controls import ControlText, Severity
from service.risk.controls.expressions import Expression
from service.risk.controls.snapshot_schema import Path


class Control(NamedTuple):
    """A control whose conditions are ready."""

    text: ControlText
    expression: Expression
    applies_when: Expression | None = None
    clock: Expression | None = None
    needs: tuple[Path, ...] = ()
    over: Path | None = None

    def severity_at(self, tier: object) -> Severity:
        """How much it matters at a tier; one that nobody knows counts as the greatest."""
        weighs = self.text.severity
        return {"NEGLIGIBLE": weighs.LOW, "LOW": weighs.LOW, "MEDIUM": weighs.MEDIUM}.get(
            tier if isinstance(tier, str) else "", weighs.HIGH
        )


class Pack(NamedTuple):
    """A pack that can be used: every example of it came out as it says."""

    name: str
    version: str
    digest: str
    effective_from: datetime | None
    controls: tuple[Control, ...]
