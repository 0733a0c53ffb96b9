"""`model-catalog init`: what it says of what it found and does not write."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.yaml_walk import read_yaml
from tests.cli.conftest import Command
from tests.support.init_repositories import CARD, MLMODEL, REPOSITORIES, repository


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, and no tracking server."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written() -> Any:
    """What the file says, as YAML."""
    return read_yaml(Path("model.yaml").read_bytes()).value


def test_init_names_other_models(command: Command) -> None:
    """At the root of many models, their folders are told; those of a tracking store are not."""
    files = {"models/churn/MLmodel": MLMODEL, "models/fraud/README.md": CARD,
             "docs/README.md": "# Docs\n", "mlruns/0/abc/MLmodel": MLMODEL,
             "spam/MLproject": "name: spam\n"}  # fmt: skip
    repository(files)

    made = command("init", "--dry-run")
    told = json.loads(command("init", "--dry-run", "--json").out)

    assert told["elsewhere"] == ["models/churn", "models/fraud", "spam"]
    assert "models/fraud holds what looks like a model (README.md)" in made.err
    assert json.loads(command("init", "spam", "--dry-run", "--json").out)["elsewhere"] == []


def test_init_of_one_model_names_no_other(command: Command) -> None:
    """The only one below is what the manifest is about."""
    repository(REPOSITORIES["mlflow"])

    assert json.loads(command("init", "--dry-run", "--json").out)["elsewhere"] == []


def test_init_says_what_is_left_out(command: Command) -> None:
    """A value that no manifest holds is shown; of several values of a label none is a guess."""
    card = "---\nlanguage: [de, no]\ntags: [german]\n---\n"
    project = '[project]\nname = "churn"\nlicense = "Our own: ask us"\n'
    repository({"README.md": card, "pyproject.toml": project})
    command("init")

    text = Path("model.yaml").read_text(encoding="utf-8")
    assert (
        '# license is left out, a manifest cannot hold "Our own: ask us", from pyproject.toml\n'
        in text
    )
    assert "there are de, no, from README.md; the catalog reads them there\n" in text
    assert "german: null  # a tag without a value, from README.md\n" in text
    assert written()["metadata"]["labels"] == {"german": None}


def test_init_drops_credentials(command: Command) -> None:
    """LEAK-06: who signs in to a store of data is not written down, in small letters neither."""
    key = "AKIA" + "A" * 16
    addresses = (f"s3://{key}:a/pw123@lake/y", "s3://u:pw123@lake/z", f"s3://{key}/x",
                 "s3://u:pw123@lake/a b")  # fmt: skip
    deps = "".join(f"    - path: '{one}'\n" for one in addresses)
    repository({"dvc.lock": f"stages:\n  train:\n    deps:\n{deps}",
                "README.md": f"---\ndatasets: ['{addresses[0]}']\n---\n"})  # fmt: skip
    made = command("init", "--json")

    assert "pw123" not in made.out
    assert key.lower() not in made.out.lower()
    assert {one["uri"] for one in written()["spec"]["datasets"]} == {"s3://lake/y", "s3://lake/z"}


def test_init_proposes_code_owners(command: Command) -> None:
    """A team of the host is proposed by its name; the comment says what the harvest knows."""
    repository({"CODEOWNERS": "* @acme/ds\n"})
    command("init")

    text = Path("model.yaml").read_text(encoding="utf-8")
    assert (
        "proposed from CODEOWNERS: the harvest knows @acme/ds as git.acme.example/acme/ds" in text
    )
    assert written()["spec"]["owners"] == [{"ref": "team:ds"}]
