"""Repositories of all kinds, for tests of what a first manifest is made of."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

REMOTE: Final = "https://bot:t0ps3cret@git.acme.example/Retail/Churn.git"
PYPROJECT: Final = """\
[project]
name = "churn-model"
description = "Scores every contract once a month."
license = {text = "Apache-2.0"}
authors = [{name = "Anna", email = "anna@acme.example"}]
"""
CARD: Final = """\
---
license: mit
tags: [churn, no, "a: b"]
language: no
base_model: acme/encoder
pipeline_tag: tabular-classification
datasets: [acme/contracts]
---
# Churn
"""
MLMODEL: Final = """\
artifact_path: model
flavors:
  xgboost: {model_class: xgboost.sklearn.XGBClassifier}
  python_function: {loader_module: mlflow.xgboost}
"""
DVC: Final = """\
schema: '2.0'
stages:
  train:
    cmd: python train.py
    deps:
    - path: data/churn.csv
      md5: 3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d
    - path: s3://lake/churn
      md5: 4f2a9c0de1b24f6c8a7d5e4b9c0f1a2d
"""
CITATION: Final = """\
cff-version: 1.2.0
title: Churn
message: Please cite it.
license: BSD-3-Clause
authors: [{given-names: Anna, family-names: Berg, email: anna@acme.example}]
"""
CATALOG_INFO: Final = """\
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: churn-scores, title: Churn scores}
spec: {type: ai-model, owner: retention, lifecycle: production}
"""
REPOSITORIES: Final[Mapping[str, Mapping[str, str]]] = {
    "bare": {},
    "package": {"pyproject.toml": PYPROJECT, ".github/CODEOWNERS": "* @acme/retention-ds"},
    "mlflow": {"MLproject": "name: Churn Propensity\n", "model/MLmodel": MLMODEL},
    "card": {"README.md": CARD},
    "pipeline": {"dvc.lock": DVC, "pyproject.toml": PYPROJECT},
    "research": {"CITATION.cff": CITATION, "README.md": "# Churn\n"},
    "backstage": {"catalog-info.yaml": CATALOG_INFO},
    "gitlab": {".gitlab-ci.yml": "", "CODEOWNERS": "[Models] @retail/retention\n*.yaml\n"},
    "all": {
        "pyproject.toml": PYPROJECT, "MLproject": "name: Churn Propensity\n", "README.md": CARD,
        "model/MLmodel": MLMODEL, "dvc.lock": DVC, "CITATION.cff": CITATION,
        "CODEOWNERS": "* anna@acme.example @acme/retention-ds @bob",
    },
    "broken": {
        "pyproject.toml": "[project\n", "README.md": "---\nlicense: {{ license }}\n---\n",
        "MLproject": "- no\n", "dvc.lock": "stages: [1]\n", "CODEOWNERS": "\x00",
    },
    "other_manifests": {"model.yml": "name: not ours\n"},
}  # fmt: skip
HOSTILE: Final = (
    'say "no": #1', "line\nbreak: {x}", "a\tb", "- item", "{a: b}", "&anchor *alias !tag", "no",
    "1.10", "0123456", "2026-11-20", "~", "'", "\\", "%TAG", "@at", "`", "| block", "> fold",
    "\u2028x", "\x85x", "\ufeffx", "# comment", "x # comment", ": ", "?", "🚗 ü", "a" * 300,
)  # fmt: skip


def repository(files: Mapping[str, str], remote: str | None = REMOTE) -> None:
    """Make the working folder a git repository with these files."""
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
    git("init", "-q", ".")
    if remote is not None:
        git("config", "remote.origin.url", remote)


def git(*words: str) -> None:
    """Run git in the working folder."""
    subprocess.run(["git", *words], check=True, capture_output=True)  # noqa: S603, S607
