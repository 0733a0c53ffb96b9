"""Examples of requests about receivers, for the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

BODIES: Final[Mapping[str, Any]] = {  # by operation
    "create_receiver": {
        "name": "risk-desk",
        "url": "https://hooks.acme.example/model-catalog",
        "types": ["tier.changed", "review.overdue"],
        "namespaces": ["retail"],
        "reason": "the desk files a ticket for each",
    },
    "change_receiver": {
        "url": "https://hooks.acme.example/model-catalog/v2",
        "types": [],
        "namespaces": None,
        "enabled": True,
        "reason": "the desk wants all of them",
    },
    "rotate_receiver": {"reason": "the secret stood in a log"},
    "test_receiver": {"reason": "the proxy is new"},
    "replay_outgoing_delivery": {"reason": "the ticket was lost"},
    "replay_outgoing_deliveries": {
        "since": "2026-11-20T00:00:00Z",
        "until": "2026-11-21T00:00:00Z",
        "failed_only": True,
        "reason": "the desk was down for a day",
    },
}
