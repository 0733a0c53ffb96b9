"""Manifests of an older version become v1 where they stand, with comments and order."""

import pytest

from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.upgrade import Note, NotUpgraded, upgrade_manifest
from tests.support.manifests import MINIMAL

OLD = b"""\
# What we sell with.
apiVersion: model-catalog/v1alpha1  # the first try
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owner: team retention-ds   # all of us
  mlflow: 'mlflow-prod/churn'
  uses: [offers, "win back"]
  datasets:
    # three years
    - s3://lake/churn
    - {uri: s3://lake/test, role: test}
  x-ours: {owner: nobody}
"""
NEW = b"""\
# What we sell with.
apiVersion: model-catalog/v1  # the first try
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owners: [{ref: "team:retention-ds"}]   # all of us
  registered_as: [{source: mlflow-prod, name: churn}]
  uses: [{name: offers}, {name: "win back"}]
  datasets:
    # three years
    - {uri: "s3://lake/churn"}
    - {uri: s3://lake/test, role: test}
  x-ours: {owner: nobody}
"""
HEAD = (
    b"apiVersion: model-catalog/v1alpha1\nkind: Model\nmetadata: {namespace: a, name: b}\nspec:\n"
)


def test_upgrade() -> None:
    """Only what means something else in v1 is rewritten; nothing else moves."""
    upgraded = upgrade_manifest(OLD)

    assert upgraded.raw == NEW
    assert [change.line for change in upgraded.changes] == [2, 6, 7, 8, 8, 11]
    assert upgraded.changes[1] == Note(6, "owner is now owners, a list")
    assert [look.line for look in upgraded.look_at] == [8]  # the uses say nothing of their risk
    reading = read_manifest(upgraded.raw)
    assert (reading.problems, reading.manifest is not None) == ((), True)


def test_upgrade_keeps_windows_text() -> None:
    """A file from elsewhere is written as the others are: UTF-8, LF, no mark."""
    upgraded = upgrade_manifest(b"\xef\xbb\xbf" + OLD.replace(b"\n", b"\r\n"))
    assert upgraded.raw == NEW


@pytest.mark.parametrize(
    ("spec", "line", "left"),
    [
        (b"  owner: team:a\n  owners: []\n", 5, "owner stands beside owners"),
        (b"  mlflow: churn\n", 5, "mlflow cannot be rewritten"),
        (b"  owner: [team:a, team:b]\n", 5, "owner cannot be rewritten"),
        (b"  owner: Anna\n", 5, "`ref` must be team"),
        (b"  licence: MIT\n", 5, "`licence` is not known in `spec`"),
        (b"  uses:\n    - >\n      offers\n", 6, "an item of uses spans lines"),
        (b"  owner:\n", 5, "no owner answers"),
        (b"  uses: [offers]\n", 5, "a use says not how far"),
    ],
)
def test_upgrade_to_look_at(spec: bytes, line: int, left: str) -> None:
    """What no program can decide is listed with its line."""
    upgraded = upgrade_manifest(HEAD + spec)

    assert upgraded.raw.startswith(b"apiVersion: model-catalog/v1\n")
    assert [one for one in upgraded.look_at if one.message.startswith(left) and one.line == line]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (MINIMAL, "already"), (b"a: b\n", "no manifest of an older version"),
        (b"- a\n", "no manifest"), (b"a: 'b\n", "mend that first"), (b"", "empty"),
        (b"apiVersion: model-catalog/v0\n", "no manifest of an older version"),
    ],
)  # fmt: skip
def test_upgrade_refused(raw: bytes, why: str) -> None:
    """Anything else is left alone, and it is said why."""
    with pytest.raises(NotUpgraded, match=why):
        upgrade_manifest(raw)
