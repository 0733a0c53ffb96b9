"""Examples of requests about bundles, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

SCHEDULE: Final = "retail-monthly"
BODIES: Final[Mapping[str, Any]] = {  # by operation
    "request_export": {
        "profile": "osfi-e23",
        "filters": {"namespace": "retail", "lifecycle": "production"},
        "as_of": "2026-09-30T00:00:00Z",
        "since": "2026-07-01T00:00:00Z",
    },
    "put_export_schedule": {
        "profile": "models",
        "filters": {"namespace": "retail"},
        "dialect": "excel",
        "every": "month",
    },
}
PARAMETERS: Final[Mapping[str, Any]] = {"schedule": [SCHEDULE], "who": "anna"}  # by name
