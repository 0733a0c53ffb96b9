"""Who may do what: every route with what each kind of caller is answered.

A new route needs a row. The requests are complete and change nothing that another row needs, so a
status says what became of the caller, not of the request.
"""

from typing import Any, Final, NamedTuple

ROLES: Final = ("anonymous", "reader", "elsewhere", "source", "other_source", "admin", "bootstrap")
HARVEST: Final = "0193a0f4-0000-7000-8000-000000000000"
UNOPENED: Final = "0193a0f4-0000-7000-8000-000000000001"
SOURCE: Final = {"name": "mlflow-prod", "kind": "mlflow", "namespace": "retail"}
OPEN: Final = {
    "harvest": HARVEST, "scope": "registry/x", "coverage": "full", "harvester_version": "tests",
}  # fmt: skip


class Row(NamedTuple):
    """One route: a request to it, and the statuses in the order of `ROLES`."""

    method: str
    path: str
    statuses: tuple[int, ...]
    asked: str = ""  # the address, where the path has parameters
    body: Any = None


PUBLIC: Final = (200,) * 7
READ: Final = (401, 200, 200, 403, 403, 200, 403)
FOUND: Final = (401, 200, 404, 403, 403, 200, 403)  # of namespace retail
ADMIN: Final = (401, 403, 403, 403, 403, 200, 403)
OWN_SOURCE: Final = (401, 403, 403, 200, 403, 200, 403)
POSTED: Final = (401, 403, 403, 200, 403, 403, 403)
IN_HARVEST: Final = (401, 403, 403, 404, 404, 403, 403)
NO_SUCH: Final = (401, 403, 403, 403, 403, 404, 403)
MADE: Final = (401, 403, 403, 403, 403, 201, 201)
OPENED: Final = (401, 403, 403, 201, 403, 403, 403)

MODEL: Final = "/api/v1/models/{namespace}/{name}"
CHURN: Final = "/api/v1/models/retail/churn"
BELOW: Final = "/api/v1/harvests/{harvest}"
NOTHING: Final = f"/api/v1/harvests/{UNOPENED}"
SOURCES: Final = "/api/v1/sources/{source}"
PROD: Final = "/api/v1/sources/mlflow-prod"
PLURALS: Final = (
    "builds", "datasets", "deployments", "owners", "repositories", "training-runs", "uses",
)  # fmt: skip
NOBODY: Final = "0193a0f4-0000-7000-8000-000000000002"
ABSENT: Final = (401, 404, 404, 403, 403, 404, 403)
ENTERED: Final = (401, 403, 403, 403, 403, 201, 403)
UNASKED: Final = (401, 403, 403, 403, 403, 422, 403)  # it lacks what a changing request needs
FILE_ALONE: Final = (401, 403, 403, 403, 403, 415, 403)
UNSEEN: Final[dict[str, list[Any]]] = {"observations": []}

MATRIX: Final = (
    Row("GET", "/livez", PUBLIC),
    Row("GET", "/readyz", PUBLIC),
    Row("GET", "/errors/{code}", PUBLIC, "/errors/not_found"),
    Row("GET", "/version", (401, 200, 200, 403, 403, 200, 403)),
    Row("GET", "/metrics", (401, 200, 200, 403, 403, 200, 403)),
    Row("GET", "/api/v1/openapi.json", PUBLIC),
    *(Row("GET", f"/api/v1/{name}", READ) for name in ("models", "versions", *PLURALS)),
    *(
        Row("GET", f"/api/v1{place}/{name}.{{form}}", READ, f"/api/v1{place}/{name}.csv")
        for place in ("", "/exports")
        for name in ("models", "versions", *PLURALS)
    ),
    *(
        Row("GET", f"{MODEL}/{name}.{{form}}", FOUND, f"{CHURN}/{name}.jsonl")
        for name in ("versions", "uses", "deployments", "owners")
    ),
    *(
        Row("GET", f"/api/v1/{kind}/{{entry}}/models.{{form}}", ABSENT,
            f"/api/v1/{kind}/{NOBODY}/models.xlsx")
        for kind in PLURALS if kind != "uses"
    ),
    Row("GET", MODEL, FOUND, CHURN),
    *(
        Row("GET", f"{MODEL}/{name}", FOUND, f"{CHURN}/{name}")
        for name in ("versions", "uses", "deployments", "owners")
    ),
    Row("GET", f"{MODEL}/versions/{{version}}", FOUND, f"{CHURN}/versions/1"),
    Row(
        "GET", f"{MODEL}/versions/{{version}}/compare/{{other}}", FOUND,
        f"{CHURN}/versions/1/compare/1",
    ),
    Row("GET", f"{MODEL}/history", FOUND, f"{CHURN}/history"),
    Row("GET", f"{MODEL}/versions/{{version}}/history", FOUND, f"{CHURN}/versions/1/history"),
    *(
        Row("GET", f"/api/v1/{kind}/{{entry}}{below}", ABSENT, f"/api/v1/{kind}/{NOBODY}{below}")
        for kind in PLURALS
        for below in ("", "/history")
    ),
    *(
        Row("GET", f"/api/v1/{kind}/{{entry}}/models", ABSENT, f"/api/v1/{kind}/{NOBODY}/models")
        for kind in PLURALS if kind != "uses"
    ),
    Row("GET", "/api/v1/explain", READ, "/api/v1/explain?model=retail/churn"),
    Row("GET", "/api/v1/coverage", READ),
    Row("GET", "/api/v1/namespaces", READ),
    Row("GET", "/docs", PUBLIC),
    Row("GET", "/docs/page.{kind}", PUBLIC, "/docs/page.js"),
    Row("POST", "/api/v1/models", ENTERED, "", {
        "namespace": "retail", "name": "entered", "reason": "tests",
    }),
    Row("GET", f"{MODEL}/entered", ABSENT, f"{CHURN}/entered"),
    Row("PUT", f"{MODEL}/entered", NO_SUCH, f"{CHURN}/entered", {"reason": "tests"}),
    Row("DELETE", f"{MODEL}/entered", UNASKED, f"{CHURN}/entered"),
    Row("POST", "/api/v1/imports", FILE_ALONE, "", {}),
    Row("GET", "/api/v1/changes", READ),
    Row("GET", "/api/v1/changes.{form}", READ, "/api/v1/changes.jsonl"),
    Row("GET", "/api/v1/sources", ADMIN),
    Row("GET", SOURCES, OWN_SOURCE, PROD),
    Row("PUT", SOURCES, ADMIN, PROD, SOURCE),
    Row("GET", f"{SOURCES}/harvests", OWN_SOURCE, f"{PROD}/harvests"),
    Row("POST", f"{SOURCES}/harvests", OPENED, f"{PROD}/harvests", OPEN),
    Row("POST", f"{SOURCES}/observations", POSTED, f"{PROD}/observations", UNSEEN),
    Row("POST", f"{BELOW}/sightings", IN_HARVEST, f"{NOTHING}/sightings", {
        "sightings": [{
            "subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"},
            "digest": f"sha256:{'0' * 64}",
        }],
    }),
    Row("POST", f"{BELOW}/observations", IN_HARVEST, f"{NOTHING}/observations", UNSEEN),
    Row(
        "GET", "/api/v1/harvests/{harvest:uuid}", (401, 403, 403, 404, 404, 404, 403), NOTHING,
    ),
    Row("GET", f"{BELOW}/unseen", IN_HARVEST, f"{NOTHING}/unseen"),
    Row("GET", f"{BELOW}/known", IN_HARVEST, f"{NOTHING}/known"),
    Row("POST", f"{BELOW}:heartbeat", IN_HARVEST, f"{NOTHING}:heartbeat"),
    Row("POST", f"{BELOW}:close", IN_HARVEST, f"{NOTHING}:close", {"outcome": "failed"}),
    Row("GET", "/api/v1/quarantine", ADMIN),
    Row("GET", "/api/v1/tokens", ADMIN),
    Row("DELETE", "/api/v1/tokens/{public_id}", NO_SUCH, "/api/v1/tokens/nobodys1"),
    Row("POST", "/api/v1/tokens", MADE, "", {"role": "reader"}),  # last: it ends the bootstrap's
)  # fmt: skip
