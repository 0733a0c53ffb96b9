"""`manifest upgrade` and `manifest schema`: older files become v1, editors get their schema."""

import json
from pathlib import Path
from typing import Final

import pytest

from cli.exits import Exit
from harvesters.manifests.model_yaml import read_manifest
from schemas.manifest_schema import manifest_schema
from tests.cli.conftest import Command, Served

OLD: Final = """\
# kept
apiVersion: model-catalog/v1alpha1
kind: Model
metadata: {namespace: retail, name: churn}
spec:
  owner: team:retention-ds  # who answers
  uses: [retention-offers]
"""
NEW: Final = """\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: fraud}
spec: {owners: [{ref: "team:fraud"}]}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: an older manifest, one of today, one of somebody else."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("old", OLD), ("new", NEW), ("other", "name: not ours\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def test_upgrade_below_a_folder(command: Command, folder: Path) -> None:
    """Only older files are rewritten; comments stay, the result passes, again changes nothing."""
    (folder / "old/model.yaml").chmod(0o640)

    ran = command("manifest", "upgrade")

    upgraded = folder / "old/model.yaml"
    text = upgraded.read_text(encoding="utf-8")
    assert ran.code == 0
    assert {line.split("\t")[0] for line in ran.lines} == {"old/model.yaml"}
    assert [line.split("\t")[2] for line in ran.lines][:1] == ["changed"]
    assert "1 manifest upgraded." in ran.err
    assert text.startswith("# kept\napiVersion: model-catalog/v1\n")
    assert "# who answers" in text
    assert read_manifest(upgraded.read_bytes()).manifest is not None
    assert upgraded.stat().st_mode & 0o777 == 0o640
    assert (folder / "new/model.yaml").read_text(encoding="utf-8") == NEW
    assert sorted(path.name for path in (folder / "old").iterdir()) == ["model.yaml"]

    again = command("manifest", "upgrade")
    assert (again.code, again.out) == (0, "")
    assert "no manifests upgraded." in again.err


def test_upgrade_dry_run(command: Command, folder: Path) -> None:
    """A dry run tells the same and writes nothing; so does JSON."""
    dry = command("manifest", "upgrade", "old", "--dry-run", "--json")
    untouched = (folder / "old/model.yaml").read_text(encoding="utf-8")
    done = command("manifest", "upgrade", "old", "--json")

    first, second = json.loads(dry.out), json.loads(done.out)
    assert untouched == OLD
    assert (first["written"], second["written"]) == (False, True)
    assert first["changes"] == second["changes"]
    assert first["changes"][0] == {"line": 2, "message": "apiVersion is model-catalog/v1"}
    assert any("decision_role" in one["message"] for one in first["look_at"])


def test_upgrade_named_files(command: Command, folder: Path) -> None:
    """Of a file that is named it is said why it stays as it is; what cannot be is a finding."""
    (folder / "broken.model.yaml").write_text(OLD + "  uses: twice\n", encoding="utf-8")
    (folder / "link.model.yaml").symlink_to(folder / "old/model.yaml")

    today = command("manifest", "upgrade", "new/model.yaml")
    others = [
        command("manifest", "upgrade", name)
        for name in ("broken.model.yaml", "other/model.yaml", "link.model.yaml")
    ]
    found = command("manifest", "upgrade", ".", "--dry-run")

    assert today.code == 0
    assert "new/model.yaml: the file is written in model-catalog/v1 already." in today.err
    assert [one.code for one in others] == [Exit.FINDINGS] * 3
    assert "mend that first" in others[0].err
    assert "is no manifest of an older version" in others[1].err
    assert "symbolic link" in others[2].err
    assert found.code == Exit.FINDINGS
    assert "broken.model.yaml" in found.err
    assert (folder / "old/model.yaml").read_text(encoding="utf-8") == OLD


@pytest.mark.parametrize("draft", ["2020-12", "07"])
def test_schema_of_the_package(command: Command, draft: str) -> None:
    """Both drafts come from the package, without a server, for people and as one line."""
    ran = command("manifest", "schema", "--draft", draft)
    line = command("manifest", "schema", "--draft", draft, "--json")

    expected = manifest_schema(draft="07" if draft == "07" else "2020-12")
    assert (ran.code, json.loads(ran.out)) == (0, expected)
    assert len(line.lines) == 1
    assert json.loads(line.out) == expected
    assert command("manifest", "schema", "--draft", "04").code == Exit.WRONG_USE


def test_schema_of_a_catalog(catalog: Served, ask: Command) -> None:
    """With a server, its namespaces are the ones that can be chosen."""
    catalog.source("naming", namespace="credit-risk", may_name=["credit-risk"])
    ran = ask("manifest", "schema", "--server", catalog.url, "--draft", "07")

    found = json.loads(ran.out)
    assert "draft-07" in found["$schema"]
    named = found["properties"]["metadata"]["properties"]["namespace"]["enum"]
    assert "credit-risk" in named
