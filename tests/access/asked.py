"""The words of the matrix: roles, what they are answered, and what is asked."""

from typing import Any, Final, NamedTuple

ROLES: Final = (
    "anonymous", "reader", "elsewhere", "owner", "reviewer", "auditor", "source", "other_source",
    "ci", "admin", "bootstrap",
)  # fmt: skip
READERS: Final = ("reader", "owner", "reviewer", "auditor", "admin")  # of namespace retail
HARVEST: Final = "0193a0f4-0000-7000-8000-000000000000"
UNOPENED: Final = "0193a0f4-0000-7000-8000-000000000001"
SOURCE: Final = {"name": "mlflow-prod", "kind": "mlflow", "namespace": "retail"}
OPEN: Final = {
    "harvest": HARVEST, "scope": "registry/x", "coverage": "full", "harvester_version": "tests",
}  # fmt: skip


class Row(NamedTuple):
    """One route: a request to it, and the statuses in the order of `ROLES` (see `answers`)."""

    method: str
    path: str
    statuses: tuple[int, ...]
    asked: str = ""  # the address, where the path has parameters
    body: Any = None


def answers(status: int, *roles: str, **others: int) -> tuple[int, ...]:
    """Some roles are answered this, others what is named; the rest 403, and 401 without a token.

    `answers(200, *READERS, elsewhere=404)`: readers of namespace retail may, others see nothing.
    """
    told = {"anonymous": 401} | dict.fromkeys(roles, status) | others
    assert set(told) <= set(ROLES), sorted(set(told) - set(ROLES))
    return tuple(told.get(role, 403) for role in ROLES)


PUBLIC: Final = answers(200, *ROLES)
UNPROVED: Final = answers(401, *ROLES)  # no token is asked for: what is sent proves itself
READ: Final = answers(200, *READERS, "elsewhere")
FOUND: Final = answers(200, *READERS, elsewhere=404)
ADMIN: Final = answers(200, "admin")
AUDITED: Final = answers(200, "admin", "auditor")
OWN_SOURCE: Final = answers(200, "source", "admin", "auditor")
POSTED: Final = answers(200, "source")
IN_HARVEST: Final = answers(404, "source", "other_source")
NO_SUCH: Final = answers(404, "admin")
MADE: Final = answers(201, *READERS, "elsewhere", "bootstrap")
HELD: Final = answers(200, *(role for role in ROLES if role != "anonymous"))
OPENED: Final = answers(201, "source")

MODEL: Final = "/api/v1/models/{namespace}/{name}"
CHURN: Final = "/api/v1/models/retail/churn"
BELOW: Final = "/api/v1/harvests/{harvest}"
NOTHING: Final = f"/api/v1/harvests/{UNOPENED}"
SOURCES: Final = "/api/v1/sources/{source}"
PROD: Final = "/api/v1/sources/mlflow-prod"
ACCOUNT: Final = "/api/v1/accounts/{account}"
WHY: Final = {"reason": "tests"}
RECEIVER: Final = "/api/v1/receivers/{name}"
SAMPLES: Final = "/api/v1/samples/{cycle}"
NO_SAMPLE: Final = answers(404, *READERS, "elsewhere")
NO_FRAME: Final = answers(404, "admin", "auditor")  # the others do not read every namespace
NO_RECEIVER: Final = answers(404, "admin", "auditor")
ITEM: Final = "/api/v1/quarantine/{item}"
PLURALS: Final = (
    "builds", "datasets", "deployments", "owners", "repositories", "training-runs", "uses",
)  # fmt: skip
NOBODY: Final = "0193a0f4-0000-7000-8000-000000000002"
ABSENT: Final = answers(404, *READERS, "elsewhere")
ENTERED: Final = answers(201, "reviewer", admin=200)  # the same again changes nothing
NOT_ENTERED: Final = answers(404, "admin", "reviewer")
ORDERED: Final = answers(422, *READERS, "elsewhere")  # it may, and asks for what there is not
UNASKED: Final = answers(422, "admin", "reviewer")  # it lacks what a changing request needs
FILE_ALONE: Final = answers(415, "admin", "reviewer")
UNSEEN: Final[dict[str, list[Any]]] = {"observations": []}
PINNED: Final = {"value": "x", "reason": "tests"}
REVIEW: Final = "/api/v1/reviews/{review}"
COMMENT: Final = {"comment": "tests"}
DECIDED: Final = {
    "outcome": "REVIEWED",
    "version_digest": None,
    "content_digest": f"sha256:{'0' * 64}",
    "tier_confirmed": True,
    **COMMENT,
}
NO_TAG: Final = answers(428, "owner", elsewhere=404)  # it may, and has not said what it read
UNPINNED: Final = answers(404, "reader", "elsewhere", "owner", "reviewer", "admin")

CONCEDED: Final = ("findings", "waivers", "exceptions", "overrides", "exemptions")
DECIDERS: Final = ("owner",)  # who has an account: what nobody stands for decides nothing
NO_REVIEW: Final = answers(404, *DECIDERS)
PAST: Final = {"reason": "tests", "expires_at": "2020-01-01T00:00:00Z"}  # refused by its end
FINDING: Final = {
    "model": "retail/churn", "category": "tests", "severity": "low", "title": "tests",
    "description": "tests",
}  # fmt: skip
FINDING_STEPS: Final[dict[str, Any]] = {
    "acknowledge": {},
    "start": {},
    **dict.fromkeys(("plan", "close", "rebut", "withdraw", "reopen"), WHY),
    "submit": {**WHY, "evidence": [{"digest": "sha256:0"}]},
    "accept_risk": {**WHY, "until": "2027-01-01T00:00:00Z"},
    "extend": {**WHY, "due_at": "2027-01-01T00:00:00Z"},
    "assign": {"assignee": "anna"},
}
