"""The published schema drives completion and hints in yaml-language-server, as editors run it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest

from schemas.manifest_schema import Draft, manifest_schema
from tests.support.language_server import MISSING, LanguageServer

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}")
HEAD: Final = (
    "apiVersion: model-catalog/v1\nkind: Model\nmetadata: {namespace: retail, name: churn}\n"
)


@pytest.fixture(scope="module", params=get_args(Draft))
def editor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LanguageServer]:
    """A server that was told of the schema, with two teams and two namespaces, in each draft."""
    schema = manifest_schema(
        draft=request.param,
        teams=["team:retention-ds", "team:risk"],
        namespaces=["lending", "retail"],
    )
    file = tmp_path_factory.mktemp("schema") / "v1.json"
    Path(file).write_text(json.dumps(schema))
    with LanguageServer.running(file.as_uri()) as server:
        yield server


def test_complete_first_keys(editor: LanguageServer) -> None:
    """At the margin: what a manifest begins with."""
    offered = editor.complete("kind: Model\n|")
    assert {"apiVersion", "metadata", "spec"} <= set(offered)
    assert "kind" not in offered


def test_complete_spec_keys(editor: LanguageServer) -> None:
    """Below spec: every field that is not there yet, with its description."""
    offered = editor.complete(f"{HEAD}spec:\n  license: MIT\n  |")
    known = manifest_schema()["properties"]["spec"]["properties"]

    assert set(offered) == set(known) - {"license"}
    assert offered["lifecycle"]["documentation"] == known["lifecycle"]["description"]


def test_complete_values(editor: LanguageServer) -> None:
    """Behind a key with fixed values: those."""
    offered = editor.complete(f"{HEAD}spec:\n  update_mode: |")
    assert set(offered) == {"static", "scheduled_retrain", "self_learning"}


def test_complete_in_list(editor: LanguageServer) -> None:
    """In an item of a list: the keys of a use, then the values of one of them."""
    offered = editor.complete(f"{HEAD}spec:\n  uses:\n    - name: offers\n      |")
    assert {"purpose", "decision_role", "regulated_purposes"} <= set(offered)
    assert not {"name", "owners", "tier"} & set(offered)
    values = editor.complete(f"{HEAD}spec:\n  uses:\n    - name: a\n      decision_role: |")
    assert set(values) == {"informational", "assists", "principal_basis", "automated"}


def test_complete_own_names(editor: LanguageServer) -> None:
    """Behind namespace and ref: what this installation has."""
    namespaces = editor.complete("metadata:\n  namespace: |")
    teams = editor.complete(f"{HEAD}spec:\n  owners:\n    - ref: |")

    assert set(namespaces) == {"lending", "retail"}
    assert set(teams) == {"team:retention-ds", "team:risk"}


def test_hover(editor: LanguageServer) -> None:
    """Over a key: what it is for."""
    shown = editor.hover(f"{HEAD}spec:\n  lifecycle|: pilot\n")
    assert "Where the model is in its life" in shown


def test_diagnose(editor: LanguageServer) -> None:
    """What is wrong is marked, what is right is not."""
    wrong = "spec:\n  licence: MIT\n  lifecycle: live\n  tier: LOW\n"
    right = "spec:\n  uses: [{name: a, jurisdictions: [NO], people_affected_per_year: 12}]\n"
    waived = "  waivers: [{control: A, reason: B, expires_on: 2027-03-31}]\n"

    assert len(editor.diagnose(HEAD + wrong)) == 3
    assert editor.diagnose(HEAD + right + waived) == []
