"""Examples for the OpenAPI document: one that works for every parameter and every body."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.identifiers import Kind
from service.exports.jobs.examples import BODIES as EXPORTS
from service.exports.jobs.examples import PARAMETERS as OF_EXPORTS
from service.outgoing.examples import BODIES as RECEIVERS

HARVEST: Final = "0193a0f4-0000-7000-8000-000000000000"
CHURN: Final = {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"}
DIGEST: Final = f"sha256:{'9f' * 32}"
OBSERVATIONS: Final = {
    "observations": [
        {
            "subject": CHURN,
            "observed_at": "2026-11-20T09:13:22.104Z",
            "evidence": {"url": "https://mlflow.acme.example/#/models/churn"},
            "facts": {
                "namespace": "retail",
                "name": "churn",
                "description": "Who will leave within a month",
                "tags": ["pii"],
                "owners": [
                    {"owner": {"kind": "owner", "scheme": "handle", "value": "team:retention-ds"}}
                ],
            },
        }
    ]
}
ENTERED: Final = {
    "facts": {"description": "Scores bought from a vendor", "vendor_name": "Acme Scores"},
    "reason": "in the contract register since 2024",
}

DECISION: Final = {
    "outcome": "REVIEWED_WITH_CONDITIONS",
    "version_digest": DIGEST,
    "content_digest": DIGEST,
    "tier_confirmed": True,
    "comment": "Sound for its purpose; the limits of its data have to be described.",
    "conditions": [{"text": "Describe the limits", "due_at": "2027-01-31T00:00:00Z"}],
    "evidence": [{"url": "https://wiki.acme.example/reviews/churn-7", "digest": DIGEST}],
}
ENTRY: Final = "0193a0f4-1111-7000-8000-000000000000"
LINEAGE_EVENT: Final = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-20T09:13:22.104Z",
    "run": {
        "runId": "ea041791-68bc-4ae1-bd89-4c8106a157e4",
        "facets": {"mlflow": {"run_id": "0123456789abcdef0123456789abcdef"}},
    },
    "job": {"namespace": "airflow-prod", "name": "churn.train"},
    "inputs": [{"namespace": "s3://lake", "name": "churn/features"}],
    "outputs": [{"namespace": "s3://lake", "name": "churn/scores"}],
    "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.40.1/client/python",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
}
CLOUD_EVENT: Final = {
    "specversion": "1.0",
    "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
    "source": "/tekton/prod",
    "type": "dev.cdevents.service.deployed.0.2.0",
    "time": "2026-11-20T09:13:22.104Z",
    "datacontenttype": "application/json",
    "data": {
        "context": {
            "version": "0.4.1",
            "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
            "source": "/tekton/prod",
            "type": "dev.cdevents.service.deployed.0.2.0",
            "timestamp": "2026-11-20T09:13:22.104Z",
        },
        "subject": {
            "id": "churn",
            "type": "service",
            "content": {
                "environment": {"id": "production"},
                "artifactId": f"pkg:oci/churn@sha256%3A{'9f' * 32}",
            },
        },
    },
}
MANY: Final = (
    "models", "versions", "uses", "training_runs", "datasets", "owners", "repositories", "builds",
    "deployments",
)  # fmt: skip
PIN: Final = {"value": "Who will leave", "reason": "as agreed in the weekly"}
OF_EACH_KIND: Final[Mapping[str, Any]] = {
    **{
        f"merge_{many}": {"other": ENTRY, "reason": "the same thing in two registries"}
        for many in MANY
    },
    **{f"unmerge_{many}": {"reason": "they only sound alike"} for many in MANY},
    **{f"set_{kind}_pin": PIN for kind in Kind},
}
BODIES: Final[Mapping[str, Any]] = {  # by operation
    **OF_EACH_KIND,
    "put_precedence": {"rank": 80, "reason": "the repository knows best"},
    "add_owner_alias": {"identifier": "email:anna@acme.example", "reason": "she said so"},
    "resolve_deployment": {
        "decision": "link",
        "model": "retail/churn",
        "version": "7",
        "reason": "the release notes name it",
    },
    "preview_tier": {"use": "offers", "facts": {"exposure": "offline_batch"}},
    "confirm_tier": {"facts_digest": f"sha256:{'0' * 64}", "comment": "read with the owner"},
    "answer_use": {"value": "assists", "reason": "the call centre decides"},
    "classify_change": {
        "path": "model.origin",
        "change_class": "minor",
        "reason": "the same team, under another company's name",
    },
    "record_finding": {
        "model": "retail/churn",
        "version": "7",
        "category": "performance",
        "severity": "medium",
        "title": "Precision fell below the agreed limit",
        "description": "0.61 in October, 0.70 is agreed.",
        "assignee": "anna",
    },
    "acknowledge_finding": {"reason": "we look at it this week"},
    "plan_finding": {"reason": "trained again with the data of October"},
    "start_finding": {"reason": "training runs"},
    "submit_finding": {
        "reason": "version 8 keeps to the limit",
        "evidence": [{"url": "https://mlflow.acme.example/#/models/churn/versions/8"}],
    },
    "close_finding": {"reason": "0.74 on the test set, as shown"},
    "rebut_finding": {"reason": "the limit is for another segment"},
    "withdraw_finding": {"reason": "the limit is for another segment indeed"},
    "reopen_finding": {"reason": "the evidence is of another version"},
    "accept_risk_finding": {
        "reason": "few customers, and replaced in spring",
        "until": "2027-03-31T00:00:00Z",
    },
    "extend_finding": {"reason": "the vendor is late", "due_at": "2027-03-31T00:00:00Z"},
    "assign_finding": {"assignee": "anna", "reason": "she trained it"},
    "attest_models": {
        "statements": "1.0.0",
        "models": ["retail/churn"],
        "answers": {
            **{
                statement: {"answer": "yes"}
                for statement in (
                    "models",
                    "purpose",
                    "changes",
                    "performance",
                    "limitations",
                    "exceptions",
                    "roles",
                    "policy",
                    "escalation",
                )
            },
            "restrictions": {"answer": "no", "comment": "letters went out automatically in May"},
        },
    },
    "ask_waiver": {
        "model": "retail/churn",
        "control": "BLD-01",
        "reason": "moves to CI in March",
        "compensating": "two people look at each upload",
        "expires_at": "2027-03-31T00:00:00Z",
    },
    "ask_exception": {
        "model": "retail/churn",
        "version": "7",
        "reason": "the old version fails on the new tariff",
        "limits": "new customers alone, no automatic letters",
        "monitoring": "precision, daily",
        "informed": ["head of retail"],
        "expires_at": "2027-01-31T00:00:00Z",
    },
    "ask_override": {
        "tier": "HIGH",
        "reason": "regulators asked about it",
        "expires_at": "2027-06-30T00:00:00Z",
    },
    "ask_exemption": {"reason": "sorts the canteen's menu"},
    **{
        f"{verb}_{sort}": body
        for sort in ("waiver", "exception", "override", "exemption")
        for verb, body in {
            "approve": {"reason": "as discussed in the committee"},
            "reject": {"reason": "the controls can be met"},
            "renew": {"reason": "two months more", "expires_at": "2027-05-31T00:00:00Z"},
            "revoke": {"reason": "it is not needed any more"},
        }.items()
    },
    "decide_contested_claim": {"decision": "same", "reason": "it moved to another repository"},
    "resolve_conflict": {
        "kind": "model",
        "entry": ENTRY,
        "field": "description",
        "joined": False,
        **PIN,
    },
    "exchange_identity": {"source": "ci-retail", "identity_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6…"},
    "create_token": {"role": "reader", "namespaces": ["retail"], "days": 90},
    "create_account": {"name": "anna", "reason": "joined the retention team"},
    "change_account": {"display_name": "Anna Berg", "reason": "as she is called"},
    "disable_account": {"reason": "left the company"},
    "enable_account": {"reason": "is back"},
    "grant_role": {
        "account": "anna",
        "role": "reviewer",
        "namespace": "retail",
        "reason": "on the rota",
    },
    "map_owner": {
        "owner": "handle:team:retention-ds",
        "account": "anna",
        "reason": "leads the team",
    },
    "put_source": {
        "name": "mlflow-prod",
        "kind": "mlflow",
        "namespace": "retail",
        "expected_interval": "1h",
        "credential": "MLFLOW_PROD",
        "settings": {"uri": "https://mlflow.acme.example", "exclude": ["tmp-*"]},
    },
    "end_source": {"reason": "the server was switched off"},
    "release_plan_held_back": {"reason": "the team deleted its experiments"},
    "drop_quarantined": {"reason": "the listing was cut off by a proxy"},
    "retry_quarantined": {"reason": "the namespace is allowed now"},
    "retry_refused_records": {"reason": "the namespace is allowed now"},
    "open_harvest": {
        "harvest": HARVEST,
        "scope": "registry/default",
        "coverage": "full",
        "harvester_version": "mlflow-registry/1",
    },
    "post_sightings": {"sightings": [{"subject": CHURN, "digest": DIGEST}]},
    "post_observations": OBSERVATIONS,
    "push_observations": OBSERVATIONS,
    "preview_observations": OBSERVATIONS,
    "post_lineage": LINEAGE_EVENT,
    "post_lineage_batch": [LINEAGE_EVENT],
    "post_events": CLOUD_EVENT,
    "close_harvest": {"outcome": "complete", "cursor": None, "counts": {"excluded": 3}},
    "receive_delivery": {"ref": "refs/heads/main", "repository": {"id": 486325809}},
    "replay_delivery": {"reason": "the release that reads it is installed"},
    "open_review": {
        "model": "retail/churn",
        "version": "7",
        "kind": "TRIGGERED",
        "reason": "complaints from the call centre",
    },
    "assign_review": {"reviewer": "anna"},
    "identify_review": {
        "identity": "svc-training",
        "person": "Ann Lee",
        "reason": "the nightly job is hers",
    },
    "request_changes_review": {"comment": "The limits of the data are not described."},
    "answer_review": {"comment": "They stand in the description now."},
    **dict.fromkeys(("recommend_review", "decide_review"), DECISION),
    "return_review": {"reason": "the second condition is unclear"},
    "hold_review": {"reason": "its owner is away until Monday"},
    "release_review": {"reason": "its owner is back"},
    "cancel_review": {"reason": "the model is not used any more"},
    "meet_condition": {
        "evidence": [{"url": "https://wiki.acme.example/churn/limits"}],
        "comment": "described in chapter 3",
    },
    "verify_condition": {"comment": "read, and complete"},
    "reopen_condition": {"comment": "the data of 2025 are missing"},
    "state_absence": {
        "delegate": "anna",
        "from_at": "2026-12-20T00:00:00Z",
        "until_at": "2027-01-07T00:00:00Z",
        "reason": "leave",
    },
    "end_absence": {"reason": "back earlier"},
    "place_legal_hold": {"model": "retail/churn", "reason": "claim 2026-118"},
    "lift_legal_hold": {"reason": "the claim is settled"},
    "drop_delivery": {"reason": "sent by a test of somebody else's"},
    **RECEIVERS,
    **EXPORTS,
    "enter_model": {"namespace": "retail", "name": "credit-bureau-score", **ENTERED},
    "replace_entered": ENTERED,
    "upload_policy": "policy: default-tiering\nversion: 1.1.0\n# and so on\n",
    "upload_control_pack": "pack: default\nversion: 1.1.0\n# and so on\n",
    "activate_policy": {"effective_from": "2027-01-01T00:00:00Z", "reason": "as decided"},
    "activate_control_pack": {"effective_from": None, "reason": "as decided"},
    "import_models": "model,owner,description\r\nretail/score,team:risk,Bought from a vendor\r\n",
}

PARAMETERS: Final[Mapping[str, Any]] = {  # by name; what is missing follows from the schema
    "type": ["tier.changed"],
    "account": "anna",
    "as_of": "2026-09-30T00:00:00Z",
    "code": "not_found",
    "cycle": "2026Q4",
    "dataset": "s3://lake/churn",
    "digest": DIGEST,
    "event": ENTRY,
    "cause": ["person"],
    "entry": ENTRY,
    "field": "description",
    "harvest": HARVEST,
    "identifier": "uri:s3://lake/churn",
    "image": "registry.acme.example/churn@" + DIGEST,
    "kind": ["model"],
    "mlflow": "mlflow-prod/default/churn",
    "model": "retail/churn",
    "name": "churn",
    "namespace": "retail",
    "other": "@champion",
    "owner": ["team:retention-ds"],
    "public_id": "a1b2c3d4",
    "q": "churn",
    "reason": "entered by mistake",
    "repository": "https://github.com/acme/churn",
    "scope": ["registry/default"],
    "since": "2026-11-01T00:00:00Z",
    "source": "mlflow-prod",
    "tags__has": ["pii"],
    "version": "7",
    **OF_EXPORTS,
}
OF_OPERATION: Final[Mapping[tuple[str, str], Any]] = {  # where one name means two things
    **{
        (operation, "version"): "default@1.1.0" if "pack" in operation else "default-tiering@1.1.0"
        for of in ("policy", "control_pack")
        for operation in (
            f"get_{of}",
            f"ask_{of}_preview",
            f"get_{of}_preview",
            f"export_{of}_preview",
            f"activate_{of}",
        )
    },
    ("list_accounts", "kind"): ["person"],
    ("list_mappings", "owner"): ["handle:team:retention-ds"],
    ("unmap_owner", "owner"): "handle:team:retention-ds",
    ("list_changes", "since"): "0-0",
    ("export_changes", "since"): "0-0",
    ("list_unseen", "page_token"): "0",
    ("list_known", "page_token"): "0",
    ("list_quarantine", "code"): ["unknown_fact"],
    ("list_samples", "cycle"): ["2026Q4"],
    ("export_samples", "cycle"): ["2026Q4"],
    ("retry_refused_records", "code"): ["namespace_not_allowed"],
}


def example_of(operation: str, name: str, *, schema: Mapping[str, Any]) -> Any:
    """An example of one parameter."""
    schema = _stated(schema)
    chosen = "enum" in schema or "enum" in schema.get("items", ())
    found = OF_OPERATION.get((operation, name), None if chosen else PARAMETERS.get(name))
    if found is None:
        found = _from_schema(schema)
    if schema.get("type") == "array":
        return found if isinstance(found, list) else [found]
    return found[0] if isinstance(found, list) else found


def _stated(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without the case that it is left out."""
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    return {**schema, **choices[0]} if choices else schema


def _from_schema(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("default") is not None:
        return schema["default"]
    if schema.get("type") == "array":
        return [_from_schema(schema.get("items", {}))]
    if schema.get("format") == "date-time":
        return "2026-01-01T00:00:00Z"
    if schema.get("format") == "uuid":
        return HARVEST
    return {"boolean": True, "integer": 1, "number": 1}.get(schema.get("type", ""), "churn")
