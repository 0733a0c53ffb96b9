"""Who may do what about risk: tiers, controls, rules, reviews, findings, samples, receivers."""

from typing import Final

from tests.access.asked import (
    ABSENT,
    AUDITED,
    CHURN,
    COMMENT,
    CONCEDED,
    DECIDED,
    DECIDERS,
    FINDING,
    FINDING_STEPS,
    FOUND,
    MODEL,
    NO_FRAME,
    NO_RECEIVER,
    NO_REVIEW,
    NO_SAMPLE,
    NO_SUCH,
    NOBODY,
    PAST,
    PINNED,
    READ,
    RECEIVER,
    REVIEW,
    SAMPLES,
    UNPINNED,
    WHY,
    Row,
    answers,
)

RISK: Final = (
    Row("GET", f"{MODEL}/tier", FOUND, f"{CHURN}/tier"),
    Row("POST", f"{MODEL}/tier:preview", FOUND, f"{CHURN}/tier:preview", {"facts": {}}),
    Row("POST", f"{MODEL}/tier:confirm", answers(409, "owner"), f"{CHURN}/tier:confirm", {
        "facts_digest": "sha256:0",
    }),
    Row("GET", f"{MODEL}/uses/{{use}}/pins/{{field}}", ABSENT, f"{CHURN}/uses/none/pins/purpose"),
    Row("PUT", f"{MODEL}/uses/{{use}}/pins/{{field}}", UNPINNED, f"{CHURN}/uses/none/pins/purpose",
        PINNED),
    *(Row("GET", f"/api/v1/controls{form}", READ, f"/api/v1/controls{asked}")
      for form, asked in (("", ""), (".{form}", ".csv"))),
    Row("GET", f"{MODEL}/controls", FOUND, f"{CHURN}/controls"),
    Row("GET", f"{MODEL}/controls/{{control}}/history", FOUND, f"{CHURN}/controls/OWN-01/history"),
    *(Row("GET", f"/api/v1/reviews{form}", READ, f"/api/v1/reviews{asked}")
      for form, asked in (("", ""), (".{form}", ".csv"))),
    Row("POST", "/api/v1/reviews", NO_REVIEW, "", {
        "model": "retail/churn", "version": "99", "kind": "TRIGGERED", **WHY,
    }),
    *(Row("GET", f"{REVIEW}{part}", ABSENT, f"/api/v1/reviews/{NOBODY}{part}")
      for part in ("", "/diff")),
    *(
        Row("POST", f"{REVIEW}:{verb}", NO_REVIEW, f"/api/v1/reviews/{NOBODY}:{verb}", body)
        for verb, body in (
            ("assign", {}), ("start", None), ("identify", {"identity": "x", "person": "X", **WHY}),
            ("request_changes", COMMENT), ("answer", COMMENT), ("recommend", DECIDED),
            ("decide", DECIDED), ("return", WHY), ("hold", WHY), ("release", WHY), ("cancel", WHY),
        )
    ),
    Row("GET", "/api/v1/conditions/{condition}", ABSENT, f"/api/v1/conditions/{NOBODY}"),
    *(
        Row("POST", f"/api/v1/conditions/{{condition}}:{verb}", NO_REVIEW,
            f"/api/v1/conditions/{NOBODY}:{verb}", body)
        for verb, body in (
            ("meet", {"evidence": [{"url": "https://x.example"}], **COMMENT}),
            ("verify", COMMENT), ("reopen", COMMENT),
        )
    ),
    Row("GET", f"{MODEL}/versions/{{version}}/changes", FOUND, f"{CHURN}/versions/1/changes"),
    Row("POST", f"{MODEL}/versions/{{version}}/changes:classify", answers(403),
        f"{CHURN}/versions/1/changes:classify",
        {"path": "model.origin", "change_class": "minor", **WHY}),
    Row("GET", f"{MODEL}/versions/{{version}}/clearance", FOUND, f"{CHURN}/versions/1/clearance"),
    Row("GET", "/api/v1/absences", READ),
    Row("POST", "/api/v1/absences",
        answers(422, *DECIDERS), "", {
            "delegate": "nobody", "from_at": "2026-01-01T00:00:00Z",
            "until_at": "2099-01-01T00:00:00Z", **WHY,
        }),
    Row("POST", "/api/v1/absences/{absence}:end", NO_REVIEW, "/api/v1/absences/99:end", WHY),
    Row("GET", "/api/v1/legal-holds", answers(200, "reviewer", "auditor")),
    Row("POST", "/api/v1/legal-holds", answers(403), "", {"model": "retail/churn", **WHY}),
    Row("POST", "/api/v1/legal-holds/{hold}:lift", answers(403), "/api/v1/legal-holds/99:lift",
        WHY),
    Row("GET", "/api/v1/revaluations", READ),
    *(
        row
        for rules in ("policies", "control-packs")
        for place, here in ((f"/api/v1/{rules}/{{version}}", f"/api/v1/{rules}/1.0.0"),)
        for row in (
            Row("GET", f"/api/v1/{rules}", READ),
            Row("POST", f"/api/v1/{rules}", answers(403), "", {}),
            Row("GET", place, READ, here),
            Row("GET", f"{place}/preview", ABSENT, f"{here}/preview"),
            Row("GET", f"{place}/preview.{{form}}", ABSENT, f"{here}/preview.csv"),
            Row("POST", f"{place}:preview", answers(403), f"{here}:preview"),
            Row("POST", f"{place}:activate", answers(403), f"{here}:activate", WHY),
        )
    ),
    *(Row("GET", f"/api/v1/{name}", READ) for name in (
        *CONCEDED, "attestations", "attestations:due", "attestations:statements",
    )),
    *(
        Row("GET", f"/api/v1/{name}.{{form}}", READ, f"/api/v1/{name}.csv")
        for name in (*CONCEDED, "attestations")
    ),
    Row("POST", "/api/v1/attestations", answers(409, *DECIDERS), "", {
        "statements": "0.0.0", "answers": {},
    }),
    Row("POST", "/api/v1/findings", answers(403), "", FINDING),
    Row("GET", "/api/v1/findings/{finding}", ABSENT, f"/api/v1/findings/{NOBODY}"),
    *(
        Row("POST", f"/api/v1/findings/{{finding}}:{step}", answers(404, *DECIDERS),
            f"/api/v1/findings/{NOBODY}:{step}", body)
        for step, body in FINDING_STEPS.items()
    ),
    Row("POST", "/api/v1/waivers", answers(422, "owner"), "", {
        "model": "retail/churn", "control": "BLD-01", "compensating": "tests", **PAST,
    }),
    Row("POST", "/api/v1/exceptions", answers(422, "owner"), "", {
        "model": "retail/churn", "version": "1", "limits": "tests", "monitoring": "tests",
        "informed": ["tests"], **PAST,
    }),
    *(
        Row("POST", f"{MODEL}/uses/{{use}}/{name}",
            answers(422, "owner"), f"{CHURN}/uses/(undeclared)/{name}", body)
        for name, body in (("overrides", {"tier": "HIGH", **PAST}), ("exemptions", WHY))
    ),
    *(
        Row("GET", f"{MODEL}/uses/{{use}}/{name}", FOUND, f"{CHURN}/uses/(undeclared)/{name}")
        for name in ("overrides", "exemptions")
    ),
    *(
        Row("GET", f"/api/v1/{name}/{{one}}", ABSENT, f"/api/v1/{name}/{NOBODY}")
        for name in CONCEDED if name != "findings"
    ),
    *(
        Row("POST", f"/api/v1/{name}/{{one}}:{step}", answers(404, *DECIDERS),
            f"/api/v1/{name}/{NOBODY}:{step}", body)
        for name in CONCEDED if name != "findings"
        for step, body in (
            ("approve", {}), ("reject", WHY), ("renew", PAST), ("revoke", WHY),
        )
    ),
    Row("GET", "/api/v1/receivers", AUDITED),
    Row("POST", "/api/v1/receivers", answers(201, "admin"), "", {
        "name": "desk", "url": "https://hooks.acme.example/", **WHY,
    }),
    Row("GET", RECEIVER, NO_RECEIVER, "/api/v1/receivers/nobody"),
    Row("PUT", RECEIVER, NO_SUCH, "/api/v1/receivers/nobody", {
        "url": "https://hooks.acme.example/", **WHY,
    }),
    Row("DELETE", RECEIVER, NO_SUCH, "/api/v1/receivers/nobody?reason=tests"),
    *(
        Row("POST", f"{RECEIVER}:{verb}", NO_SUCH, f"/api/v1/receivers/nobody:{verb}", WHY)
        for verb in ("rotate", "test")
    ),
    *(
        Row("GET", f"{RECEIVER}/{place}", NO_RECEIVER, f"/api/v1/receivers/nobody/{asked}")
        for place, asked in (("deliveries", "deliveries"), ("deliveries.{form}", "deliveries.csv"))
    ),
    Row("POST", f"{RECEIVER}/deliveries/{{event}}:replay", NO_SUCH,
        f"/api/v1/receivers/nobody/deliveries/{NOBODY}:replay", WHY),
    Row("POST", f"{RECEIVER}/deliveries:replay", NO_SUCH,
        "/api/v1/receivers/nobody/deliveries:replay", {
            "since": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z", **WHY,
        }),
    *(Row("GET", f"/api/v1/samples{form}", READ, f"/api/v1/samples{asked}")
      for form, asked in (("", ""), (".{form}", ".csv"))),
    *(Row("GET", f"/api/v1/kpis{form}", READ, f"/api/v1/kpis{asked}")
      for form, asked in (("", ""), (".{form}", ".csv"), ("/shared", "/shared"),
                          ("/shared.{form}", "/shared.csv"))),
    Row("GET", SAMPLES, NO_SAMPLE, "/api/v1/samples/2020Q1"),
    *(
        Row("GET", f"{SAMPLES}/draws{form}", READ, f"/api/v1/samples/2020Q1/draws{asked}")
        for form, asked in (("", ""), (".{form}", ".csv"))
    ),
    *(
        Row("GET", f"{SAMPLES}/frame{form}", NO_FRAME, f"/api/v1/samples/2020Q1/frame{asked}")
        for form, asked in (("", ""), (".{form}", ".csv"))
    ),
)  # fmt: skip
