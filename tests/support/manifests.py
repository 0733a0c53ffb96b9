"""Manifests as people write them: the shortest one, and one that states everything."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

MINIMAL: Final = b"""\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owners: [{ref: "team:retention-ds"}]
  registered_as: [{source: mlflow-prod, name: churn}]
"""
FULL: Final = b"""\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn, title: Churn propensity,
  description: Monthly score per contract.,
  labels: {domain: retention}, annotations: {wiki: RET-1}}
spec:
  asset_kind: model
  lifecycle: production
  owners: [{ref: "team:retention-ds"}, {ref: owner@example.com, role: developer}]
  registered_as: [{source: mlflow-prod, name: churn}]
  repositories: [{url: "https://github.com/acme/churn-serving", role: serving}]
  datasets:
    - {uri: "s3://lake/churn", role: training, data_sensitivity: personal}
    - {uri: "s3://lake/churn-eval", role: test, digest: "md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d"}
  task: classification
  model_class: tree_or_ensemble
  origin: in_house
  license: Apache-2.0
  base_model: null
  update_mode: scheduled_retrain
  explainability: post_hoc
  data_sensitivity: personal
  exposure: offline_batch
  uses:
    - name: retention-offers
      purpose: Chooses which customers the call centre offers a discount.
      jurisdictions: [DE, AT]
      decision_role: assists
      people_affected_per_year: 120000
      financial_exposure_per_year: 100k_1m
      regulatory_use: none
      harm_reversibility: trivial
      regulated_purposes: []
      human_oversight: in_loop
  limitations: [Not calibrated for contracts under three months.]
  assumptions: [{text: Prices change quarterly., severity: low}]
  monitoring:
    interval_days: 30
    thresholds: [{metric: auc, warn: 0.74, breach: 0.70, direction: below}]
  waivers: [{control: BLD-01, reason: Moves to CI in March., expires_on: 2027-03-31}]
  blueprint: batch-scoring@2
  card: models/churn/CARD.md
  links: [{title: Runbook, url: "https://wiki.example.com/churn"}]
"""
EVERYTHING: Final[Mapping[str, Any]] = {  # every field once, as JSON, which is YAML too
    "apiVersion": "model-catalog/v1",
    "kind": "Model",
    "metadata": {
        "namespace": "retail",
        "name": "churn",
        "title": "Churn propensity",
        "description": "Monthly score per contract.",
        "labels": {"domain": "retention"},
        "annotations": {"wiki": "RET-1"},
    },
    "spec": {
        "asset_kind": "model",
        "lifecycle": "production",
        "owners": [{"ref": "team:retention-ds", "role": "accountable"}],
        "registered_as": [
            {"source": "mlflow-prod", "name": "churn", "workspace": "team-b"},
            {"scheme": "hf", "value": "hf://acme/churn"},
        ],
        "repositories": [{"url": "https://github.com/acme/churn-serving", "role": "serving"}],
        "datasets": [
            {
                "uri": "s3://lake/churn",
                "role": "training",
                "digest": "delta:42",
                "version": "1.10",
                "data_sensitivity": "personal",
                "description": "Contracts of three years.",
            }
        ],
        "task": "classification",
        "model_class": {"one_of": ["tree_or_ensemble", "deep_learning"]},
        "origin": "vendor_black_box",
        "vendor": {"name": "Acme AI", "contract": "C-117", "disclosed": ["method"]},
        "license": "MIT OR Apache-2.0",
        "base_model": "hf://acme/encoder@main",
        "update_mode": "static",
        "explainability": "none",
        "data_sensitivity": "personal",
        "downstream_dependents": 3,
        "depends_on": ["retail/prices"],
        "exposure": "offline_batch",
        "uses": [
            {
                "name": "retention-offers",
                "purpose": "Chooses offers.",
                "line_of_business": "Contracts",
                "jurisdictions": ["DE", "NO"],
                "user_groups": "Call centre",
                "restrictions": ["not for prices"],
                "operating_boundaries": "Contracts over three months.",
                "human_oversight": "in_loop",
                "appeal_route": "The call centre.",
                "fallback": "Random offers.",
                "exposure": "internal_api",
                "decision_role": "assists",
                "people_affected_per_year": 120000,
                "financial_exposure_per_year": "100k_1m",
                "regulatory_use": "none",
                "harm_reversibility": "trivial",
                "regulated_purposes": {"us_high_impact": False},
                "eu_role": "deployer",
                "annex_iii_point": "5(b)",
                "profiling": False,
                "art6_3_basis": "narrow_procedural_task",
                "art6_3_ref": "https://wiki.example.com/art6",
                "writes_system_of_record": False,
                "per_action_approval": True,
            }
        ],
        "limitations": ["Not calibrated for short contracts."],
        "assumptions": [{"text": "Prices change quarterly.", "severity": "low"}],
        "monitoring": {
            "interval_days": 30,
            "url": "https://wiki.example.com/board",
            "thresholds": [{"metric": "auc", "warn": 0.74, "breach": 0.7, "direction": "below"}],
        },
        "waivers": [
            {
                "control": "BLD-01",
                "reason": "Moves to CI.",
                "expires_on": "2027-03-31",
                "compensating": "Reviewed by hand.",
            }
        ],
        "blueprint": "batch-scoring@2",
        "card": "models/churn/CARD.md",
        "links": [{"title": "Runbook", "url": "https://wiki.example.com/churn"}],
    },
}
MISSING: Final = object()


def manifest(**spec: Any) -> dict[str, Any]:
    """A manifest with these fields of `spec`."""
    named = {"namespace": "retail", "name": "churn"}
    return {"apiVersion": "model-catalog/v1", "kind": "Model", "metadata": named, "spec": spec}


def written(document: Any) -> bytes:
    """A document as a file, a value a line."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def changed(document: Mapping[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a place; `MISSING` removes it."""
    whole = copy.deepcopy(dict(document))
    *parts, last = pointer.strip("/").split("/")
    at: Any = whole
    for part in parts:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if value is MISSING:
        del at[last]
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value
    return whole


def fields(document: Any, below: str = "") -> Iterator[str]:
    """The place of every member of every group, in lists that of the first item that has it."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            yield f"{below}/{key}"
            yield from fields(value, f"{below}/{key}")
    elif isinstance(document, Sequence) and not isinstance(document, str):
        for index, item in enumerate(document):
            yield from fields(item, f"{below}/{index}")
