"""Inventories as tests write them: any columns, any encoding, any line ends."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from harvesters.errors import RecordUnreadable
from harvesters.inventory.harvest import InventoryHarvest
from schemas.identifiers import Kind
from schemas.observation import Observation
from schemas.omb_words import BY_NAME
from schemas.sources import SourceSettings

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
AGENCIES: Final = ("us", "d", "e", "dox")
CHURN: Final = {
    "agency": "DOX", "agency_name": "Department of Examples", "id": "DOX-1",
    "use_case_name": "Letter sorter", "agency_bureau": "Mail Office",
    "contact_email": "AI@dox.example", "is_withheld": "No", "development_stage": "Deployed",
    "is_high_impact": "High-impact", "HI_justification": "It decides who gets a letter.",
    "topic_area": "Service Delivery", "classification": "Agentic AI",
    "problem_solved": "Letters reach the right desk.", "benefits": "Faster answers.",
    "system_outputs": "A desk for every letter.", "operational_date": "2024-10-01",
    "contracting_usage": "Vendor Purchased", "vendor_name": "Sorters", "have_ato": "Yes",
    "system_name_ato": "MAIL", "data_description": "Old letters.",
    "link_to_data": "https://data.example/letters", "has_pii": "Yes",
    "pia_url": "https://dox.example/pia", "demographic_features": "['b) Sex', 'c) Age']",
    "has_custom_code": "Yes", "code_url": "https://github.com/dox/sorter",
    "hi_testing_conducted": "Yes", "hi_assessment_completed": "In-progress",
    "hi_potential_impacts": "A letter is late.", "hi_independent_review": "CAIO Waived",
    "hi_ongoing_monitoring": "Yes - Monitoring Established",
    "hi_training_established": "Training Established", "hi_failsafe_presence": "Not Applicable",
    "hi_appeal_process": "Appeal Precluded by Law", "hi_public_consultation": "['In-progress']",
}  # fmt: skip


def written(
    *records: Mapping[str, str],
    columns: Sequence[str] = tuple(BY_NAME),
    end: str = "\r\n",
    encoding: str = "utf-8",
) -> bytes:
    """A file of records; what a record does not say is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, "", "ignore", quoting=csv.QUOTE_ALL, lineterminator=end)
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode(encoding)


def reading(raw: bytes, may_name: Sequence[str] = AGENCIES, **settings: Any) -> InventoryHarvest:
    """A harvester of a file."""
    declared = {
        "name": "omb", "kind": "omb-inventory", "namespace": "us", "may_name": list(may_name),
        "settings": {"path": "/inventory.csv"} | settings,
    }  # fmt: skip
    source = SourceSettings.model_validate(declared)
    return InventoryHarvest(source, lambda: raw, clock=lambda: NOON)


class Said:
    """What a file says, and what is refused of it."""

    def __init__(self, raw: bytes, **settings: Any) -> None:
        """Read it."""
        harvest = reading(raw, **settings)
        told = [one for page in harvest.pages(None) for one in harvest.observe(page)]
        self.observations = [one for one in told if isinstance(one, Observation)]
        self.refused = [one.message for one in told if isinstance(one, RecordUnreadable)]
        self.counts = harvest.counts

    def facts(self, kind: Kind) -> list[dict[str, Any]]:
        """The facts about everything of a kind, as they travel."""
        about = [one for one in self.observations if one.subject.kind is kind]
        return [one.model_dump(mode="json", exclude_unset=True)["facts"] for one in about]

    def known_as(self, kind: Kind) -> list[str]:
        """The identifiers of everything of a kind."""
        return [one.subject.value for one in self.observations if one.subject.kind is kind]

    def cells(self) -> dict[str, Any]:
        """The cells that the first record's use keeps, by column."""
        kept = self.facts(Kind.USE)[0].get("cells", [])
        return {one.pop("column"): one for one in kept}
