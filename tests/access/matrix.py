"""Who may do what: every route with what each kind of caller is answered.

A new route needs a row. The requests are complete and change nothing that another row needs, so a
status says what became of the caller, not of the request.
"""

from typing import Final

from tests.access.asked import (
    ABSENT,
    ACCOUNT,
    ADMIN,
    AUDITED,
    BELOW,
    CHURN,
    ENTERED,
    FILE_ALONE,
    FOUND,
    HELD,
    IN_HARVEST,
    ITEM,
    MADE,
    MODEL,
    NO_SUCH,
    NO_TAG,
    NOBODY,
    NOT_ENTERED,
    NOTHING,
    OPEN,
    OPENED,
    ORDERED,
    OWN_SOURCE,
    PINNED,
    PLURALS,
    POSTED,
    PROD,
    PUBLIC,
    READ,
    READERS,
    SOURCE,
    SOURCES,
    UNASKED,
    UNPINNED,
    UNPROVED,
    UNSEEN,
    WHY,
    Row,
    answers,
)
from tests.access.matrix_risk import RISK

MATRIX: Final = (
    *RISK,
    Row("GET", "/livez", PUBLIC),
    Row("GET", "/readyz", PUBLIC),
    Row("GET", "/errors/{code}", PUBLIC, "/errors/not_found"),
    Row("GET", "/schemas/model/v1.json", PUBLIC),
    Row("GET", "/version", READ),
    Row("GET", "/metrics", READ),
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
    Row("GET", f"{MODEL}/history.{{form}}", FOUND, f"{CHURN}/history.csv"),
    Row(
        "GET", f"{MODEL}/versions/{{version}}/history.{{form}}", FOUND,
        f"{CHURN}/versions/1/history.jsonl",
    ),
    *(
        Row("GET", f"/api/v1/{kind}/{{entry}}/history.{{form}}", ABSENT,
            f"/api/v1/{kind}/{NOBODY}/history.csv")
        for kind in PLURALS
    ),
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
    *(Row("GET", f"/api/v1/{name}", READ) for name in ("time-to-catalog", "unknowns")),
    *(
        Row("GET", f"/api/v1/{name}.{{form}}", READ, f"/api/v1/{name}.csv")
        for name in ("coverage", "time-to-catalog", "unknowns")
    ),
    *(
        Row("GET", f"/api/v1/{name}.{{form}}", AUDITED, f"/api/v1/{name}.csv")
        for name in ("sources", "quarantine")
    ),
    Row("GET", f"{SOURCES}/harvests.{{form}}", OWN_SOURCE, f"{PROD}/harvests.csv"),
    Row("GET", "/api/v1/succession", READ),
    Row("GET", f"{MODEL}/succession", FOUND, f"{CHURN}/succession"),
    Row("GET", "/api/v1/namespaces", READ),
    Row("GET", "/docs", PUBLIC),
    Row("GET", "/docs/page.{kind}", PUBLIC, "/docs/page.js"),
    Row("POST", "/api/v1/models", ENTERED, "", {
        "namespace": "retail", "name": "entered", "reason": "tests",
    }),
    Row("GET", f"{MODEL}/entered", ABSENT, f"{CHURN}/entered"),
    Row("PUT", f"{MODEL}/entered", NOT_ENTERED, f"{CHURN}/entered", {"reason": "tests"}),
    Row("DELETE", f"{MODEL}/entered", UNASKED, f"{CHURN}/entered"),
    Row("POST", "/api/v1/imports", FILE_ALONE, "", {}),
    Row("GET", "/api/v1/changes", READ),
    Row("GET", "/api/v1/changes.{form}", READ, "/api/v1/changes.jsonl"),
    Row("GET", "/api/v1/exports/keys", READ),
    Row("GET", "/api/v1/review-files/{file}.csv", READ, "/api/v1/review-files/waivers.csv"),
    Row("GET", "/api/v1/explain-cell", ABSENT, "/api/v1/explain-cell?model=no/such&column=tier"),
    Row("POST", "/api/v1/exports", ORDERED, "", {"profile": "sox"}),
    *(
        Row("GET", f"/api/v1/{name}", READ)
        for name in ("exports", "export-schedules", "export-log")
    ),
    *(
        Row("GET", f"/api/v1/{name}.{{form}}", READ, f"/api/v1/{name}.csv")
        for name in ("exports", "export-log")
    ),
    *(
        Row(method, f"/api/v1/exports/{{export:uuid}}{below}", ABSENT,
            f"/api/v1/exports/{NOBODY}{below}")
        for method, below in (("GET", ""), ("GET", "/bundle.zip"), ("POST", ":cancel"))
    ),
    *(
        Row(method, "/api/v1/export-schedules/{schedule}", statuses,
            "/api/v1/export-schedules/none", body)
        for method, statuses, body in (
            ("GET", ABSENT, None), ("PUT", ORDERED, {"every": "day"}), ("DELETE", ABSENT, None),
        )
    ),
    *(
        row
        for place, here in (
            (MODEL, CHURN), (f"{MODEL}/versions/{{version}}", f"{CHURN}/versions/1"),
        )
        for row in (
            Row("GET", f"{place}/pins", FOUND, f"{here}/pins"),
            Row("GET", f"{place}/pins/{{field}}", FOUND, f"{here}/pins/description"),
            Row("PUT", f"{place}/pins/{{field}}", NO_TAG, f"{here}/pins/description", PINNED),
            Row("DELETE", f"{place}/pins/{{field}}", UNPINNED, f"{here}/pins/description"),
        )
    ),
    *(
        Row(method, f"/api/v1/{kind}/{{entry}}/pins{field}", statuses,
            f"/api/v1/{kind}/{NOBODY}/pins{field and ('/purpose' if kind == 'uses' else '/name')}",
            body)
        for kind in PLURALS
        for method, field, statuses, body in (
            ("GET", "", ABSENT, None), ("GET", "/{field}", ABSENT, None),
            ("PUT", "/{field}", UNPINNED, PINNED), ("DELETE", "/{field}", UNPINNED, None),
        )
    ),
    *(
        row
        for name in ("unregistered-deployments", "ghosts")
        for row in (
            Row("GET", f"/api/v1/{name}", READ),
            Row("GET", f"/api/v1/{name}.{{form}}", READ, f"/api/v1/{name}.csv"),
        )
    ),
    Row("POST", "/api/v1/unregistered-deployments/{entry}:resolve",
        answers(404, "reviewer", "admin"), f"/api/v1/unregistered-deployments/{NOBODY}:resolve",
        {"decision": "reopen", **WHY}),
    Row("GET", "/api/v1/conflicts", READ),
    Row("GET", "/api/v1/conflicts.{form}", READ, "/api/v1/conflicts.csv"),
    Row("POST", "/api/v1/conflicts:resolve", UNPINNED, "", {
        "kind": "model", "entry": NOBODY, "field": "description", "value": "x", "reason": "tests",
    }),
    Row("PUT", f"{SOURCES}/precedence/{{field}}", ADMIN, f"{PROD}/precedence/name",
        {"rank": 40, "reason": "tests"}),
    Row("DELETE", f"{SOURCES}/precedence/{{field}}", NO_SUCH, f"{PROD}/precedence/license"),
    Row("GET", "/api/v1/sources", AUDITED),
    Row("GET", SOURCES, OWN_SOURCE, PROD),
    Row("PUT", SOURCES, ADMIN, PROD, SOURCE),
    Row("GET", f"{SOURCES}/harvests", OWN_SOURCE, f"{PROD}/harvests"),
    Row("GET", f"{SOURCES}/hints", OWN_SOURCE, f"{PROD}/hints"),
    Row("GET", f"{SOURCES}/commits", OWN_SOURCE, f"{PROD}/commits"),
    Row("GET", f"{SOURCES}/deliveries", AUDITED, f"{PROD}/deliveries"),
    *(
        Row("POST", f"/api/v1/deliveries/{{delivery}}:{what}", NO_SUCH,
            f"/api/v1/deliveries/99:{what}", WHY)
        for what in ("replay", "drop")
    ),
    Row("POST", "/hooks/{source}", UNPROVED, "/hooks/mlflow-prod", {}),
    Row("POST", f"{SOURCES}/harvests", OPENED, f"{PROD}/harvests", OPEN),
    *(
        Row("POST", path, answers(422, "source", "other_source"), "", body)
        for path, body in (
            ("/api/v1/lineage", {}), ("/api/v1/lineage/batch", {}),
            ("/api/v1/events", {"context": {"source": "x"}}),
        )
    ),
    *(
        Row("GET", f"{place}/lineage{form}", FOUND, f"{here}/lineage{form.format(form='csv')}")
        for place, here in (
            (MODEL, CHURN), (f"{MODEL}/versions/{{version}}", f"{CHURN}/versions/1"),
        )
        for form in ("", ".{form}")
    ),
    *(
        Row("GET", f"/api/v1/{kind}/{{entry}}/lineage{form}", ABSENT,
            f"/api/v1/{kind}/{NOBODY}/lineage{form.format(form='jsonl')}")
        for kind in ("builds", "datasets", "deployments", "repositories", "training-runs")
        for form in ("", ".{form}")
    ),
    Row("POST", f"{SOURCES}/observations", POSTED, f"{PROD}/observations", UNSEEN),
    Row("POST", f"{SOURCES}/observations:preview", FOUND, f"{PROD}/observations:preview", UNSEEN),
    Row("POST", f"{BELOW}/sightings", IN_HARVEST, f"{NOTHING}/sightings", {
        "sightings": [{
            "subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"},
            "digest": f"sha256:{'0' * 64}",
        }],
    }),
    Row("POST", f"{BELOW}/observations", IN_HARVEST, f"{NOTHING}/observations", UNSEEN),
    Row(
        "GET", "/api/v1/harvests/{harvest:uuid}",
        answers(404, "source", "other_source", "admin", "auditor"), NOTHING,
    ),
    Row("GET", f"{BELOW}/unseen", IN_HARVEST, f"{NOTHING}/unseen"),
    Row("GET", f"{BELOW}/known", IN_HARVEST, f"{NOTHING}/known"),
    Row("POST", f"{BELOW}:heartbeat", IN_HARVEST, f"{NOTHING}:heartbeat"),
    Row("POST", f"{BELOW}:close", IN_HARVEST, f"{NOTHING}:close", {"outcome": "failed"}),
    Row("POST", f"{MODEL}:merge", NO_SUCH, f"{CHURN}:merge", {"other": "retail/x", **WHY}),
    Row("POST", f"{MODEL}:unmerge", answers(409, "admin"), f"{CHURN}:unmerge", WHY),
    Row("POST", f"{MODEL}/versions/{{version}}:merge", NO_SUCH, f"{CHURN}/versions/1:merge", {
        "other": NOBODY, **WHY,
    }),
    Row(
        "POST", f"{MODEL}/versions/{{version}}:unmerge", answers(409, "admin"),
        f"{CHURN}/versions/1:unmerge", WHY,
    ),
    *(
        Row("POST", f"/api/v1/{kind}/{{entry}}:{verb}", NO_SUCH, f"/api/v1/{kind}/{NOBODY}:{verb}",
            {"other": NOBODY, **WHY})
        for kind in PLURALS
        for verb in ("merge", "unmerge")
    ),
    Row("GET", "/api/v1/contested-claims", READ),
    Row("GET", "/api/v1/contested-claims.{form}", READ, "/api/v1/contested-claims.csv"),
    Row("POST", "/api/v1/contested-claims/{claim}:decide", NO_SUCH,
        "/api/v1/contested-claims/manifest-99:decide", {"decision": "same", **WHY}),
    Row("GET", "/api/v1/owners/{entry}/aliases", ABSENT, f"/api/v1/owners/{NOBODY}/aliases"),
    Row("POST", "/api/v1/owners/{entry}/aliases", NO_SUCH, f"/api/v1/owners/{NOBODY}/aliases", {
        "identifier": "handle:anna", **WHY,
    }),
    Row("DELETE", "/api/v1/owners/{entry}/aliases/{identifier}", NO_SUCH,
        f"/api/v1/owners/{NOBODY}/aliases/handle:anna?reason=tests"),
    Row("GET", "/api/v1/quarantine", AUDITED),
    Row("GET", f"{ITEM}", answers(404, "admin", "auditor"), "/api/v1/quarantine/99"),
    Row("GET", f"{ITEM}/plan", answers(404, "admin", "auditor"), "/api/v1/quarantine/99/plan"),
    *(
        Row("POST", f"{ITEM}:{what}", NO_SUCH, f"/api/v1/quarantine/99:{what}", WHY)
        for what in ("release", "drop", "retry")
    ),
    Row("POST", "/api/v1/quarantine:retry", NO_SUCH, "/api/v1/quarantine:retry?source=nobody", WHY),
    Row("POST", f"{SOURCES}:retire", NO_SUCH, "/api/v1/sources/nobody:retire", WHY),
    Row("GET", "/api/v1/accounts", AUDITED),
    Row("POST", "/api/v1/accounts", answers(201, "admin"), "", {
        "name": "somebody", "reason": "tests",
    }),
    Row("GET", ACCOUNT, AUDITED, "/api/v1/accounts/anna"),
    Row("PUT", ACCOUNT, answers(428, "admin"), "/api/v1/accounts/anna", {
        "display_name": "Anna", "reason": "tests",
    }),
    Row("POST", f"{ACCOUNT}:disable", NO_SUCH, "/api/v1/accounts/nobody:disable", WHY),
    Row("POST", f"{ACCOUNT}:enable", NO_SUCH, "/api/v1/accounts/nobody:enable", WHY),
    Row("GET", "/api/v1/role-grants", READ),
    Row("POST", "/api/v1/role-grants", NO_SUCH, "", {"account": "nobody", "role": "admin", **WHY}),
    Row("DELETE", "/api/v1/role-grants/{grant}", NO_SUCH, "/api/v1/role-grants/99?reason=tests"),
    Row("GET", "/api/v1/owner-mappings", AUDITED),
    Row("POST", "/api/v1/owner-mappings", NO_SUCH, "", {
        "account": "nobody", "owner": "handle:anna", **WHY,
    }),
    Row(
        "DELETE", "/api/v1/owner-mappings/{owner}/{account}", NO_SUCH,
        "/api/v1/owner-mappings/handle:anna/nobody?reason=tests",
    ),
    Row("GET", "/api/v1/me", HELD),
    Row("GET", "/api/v1/tokens", READ),
    Row(
        "DELETE", "/api/v1/tokens/{public_id}", answers(404, *READERS, "elsewhere"),
        "/api/v1/tokens/nobodys1",
    ),
    Row("POST", "/api/v1/tokens:exchange", UNPROVED, "", {
        "source": "mlflow-prod", "identity_token": "x",
    }),
    Row("POST", "/api/v1/tokens", MADE, "", {"role": "reader"}),  # last: it ends the bootstrap's
)  # fmt: skip
