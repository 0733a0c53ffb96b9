"""Examples for the OpenAPI document: one that works for every parameter and every body."""

from collections.abc import Mapping
from typing import Any, Final

from schemas.identifiers import Kind

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
    "drop_delivery": {"reason": "sent by a test of somebody else's"},
    "enter_model": {"namespace": "retail", "name": "credit-bureau-score", **ENTERED},
    "replace_entered": ENTERED,
    "import_models": "model,owner,description\r\nretail/score,team:risk,Bought from a vendor\r\n",
}

PARAMETERS: Final[Mapping[str, Any]] = {  # by name; what is missing follows from the schema
    "account": "anna",
    "as_of": "2026-09-30T00:00:00Z",
    "code": "not_found",
    "dataset": "s3://lake/churn",
    "digest": DIGEST,
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
}
OF_OPERATION: Final[Mapping[tuple[str, str], Any]] = {  # where one name means two things
    ("list_accounts", "kind"): ["person"],
    ("list_mappings", "owner"): ["handle:team:retention-ds"],
    ("unmap_owner", "owner"): "handle:team:retention-ds",
    ("list_changes", "since"): "0-0",
    ("export_changes", "since"): "0-0",
    ("list_unseen", "page_token"): "0",
    ("list_known", "page_token"): "0",
    ("list_quarantine", "code"): ["unknown_fact"],
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
