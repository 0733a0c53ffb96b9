"""The ordered columns of the lists of bundles and of the export log."""

from collections.abc import Mapping
from typing import Final

from schemas.columns import Column


def _named(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, meaning) for name, meaning in meanings.items())


EXPORT_REPORTS: Final[Mapping[str, tuple[Column, ...]]] = {  # by the name of the report
    "exports": _named(
        id="its id",
        state="QUEUED, RUNNING, DONE, FAILED, CANCELLED or EXPIRED",
        profile="models, osfi-e23 or omb-2025",
        dialect="how its cells are written: plain, excel or raw",
        filters="which models it is of; empty: all",
        as_of="the moment that it shows",
        known_at="until when was learned of that moment",
        since="since when changes are told; empty: they are not",
        file_name="what the file is called",
        schedule="the schedule that asked for it; empty: a person did",
        period="the period that it is of",
        asked_by="whose rights it has",
        asked_at="when it was asked for",
        begun_at="when its last try began",
        done_at="when it was finished, cancelled or given up",
        expires_at="when its file is deleted",
        tries="how often it was begun",
        size="bytes of its file",
        sha256="digest of its file",
        content_digest="digest of what its files say; equal for equal orders",
        error="why its last try failed",
    ),
    "export-log": _named(
        id="the ledger row's number",
        at="when it was recorded",
        op="request, cancel, build, download, stream, schedule or unschedule",
        who="who did it, or in whose name it was done",
        who_kind="person, machine or software",
        export="the bundle's id; empty: it was a list's file",
        file="what the file is called",
        asked="filters, and the namespaces that its reader may see",
        as_of="the moment that it shows",
        rows="records that went out",
        bytes="bytes that went out",
        sha256="their digest",
        complete="false: it broke off, or could not be built",
        reason="why it could not be built",
        request="the request's trace id",
    ),
}
