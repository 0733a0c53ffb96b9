"""`model-catalog init`: what it writes passes the check, whatever stands in the repository."""

import json
import socket
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.exits import Exit
from cli.init_draft import Draft, Named, Read, Said, draft_of, holds, slug
from cli.init_text import comment, scalar, write_manifest
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.found import FileRefused
from harvesters.manifests.model_yaml import read_manifest
from schemas.yaml_walk import read_yaml
from tests.cli.conftest import Command, Ran
from tests.support.init_repositories import (
    CARD,
    HOSTILE,
    MLMODEL,
    PYPROJECT,
    REPOSITORIES,
    git,
    repository,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, no tracking server, and no way out of this machine."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    made = tmp_path / "churn-repo"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects fails."""

    def refused(*_: object) -> NoReturn:
        pytest.fail("init must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def written() -> Any:
    """What the file says, as YAML."""
    return read_yaml(Path("model.yaml").read_bytes()).value


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", REPOSITORIES)
def test_init_passes_check(command: Command, name: str) -> None:
    """The first manifest of any repository has no error, and says the same when made again."""
    repository(REPOSITORIES[name])

    made = command("init")
    again = command("init", "--stdout")
    checked = command("check", "model.yaml")

    assert (made.code, made.lines) == (0, ["model.yaml"])
    assert Path("model.yaml").read_text(encoding="utf-8") == again.out
    assert (checked.code, checked.out) == (0, checked.out)
    assert "no errors" in checked.err
    assert "t0ps3cret" not in again.out


def test_init_says_where_from(command: Command) -> None:
    """Every value has its origin behind it; what disagrees, or is local, stands beside it."""
    repository(REPOSITORIES["all"])
    command("init")

    said = written()
    assert said["metadata"] == {
        "namespace": "retail", "name": "churn-propensity", "title": "Churn Propensity",
        "description": "Scores every contract once a month.",
        "labels": {"a: b": None, "churn": None, "language": "no", "no": None},
    }  # fmt: skip
    spec = said["spec"]
    assert spec["owners"] == [
        {"ref": "anna@acme.example"}, {"ref": "team:retention-ds"}, {"ref": "user:bob"},
    ]  # fmt: skip
    assert (spec["license"], spec["model_class"], spec["task"], spec["base_model"]) == (
        "mit", "tree_or_ensemble", "classification", "hf://acme/encoder",
    )  # fmt: skip
    assert {one["uri"] for one in spec["datasets"]} == {
        "hf://datasets/acme/contracts", "s3://lake/churn",
    }  # fmt: skip
    text = Path("model.yaml").read_text(encoding="utf-8")
    assert "  license: mit  # from README.md\n" in text
    assert "  # license: Apache-2.0  # from pyproject.toml" in text
    assert "  model_class: tree_or_ensemble  # from model/MLmodel, concluded: check it\n" in text
    assert "# datasets: data/churn.csv, md5:3f2a9c0de1b24f6c8a7d5e4b9c0f1a2d: from dvc.lock" in text
    values = [line for line in text.splitlines() if line.strip() and not line.strip().endswith(":")]
    fixed = ("#", "apiVersion", "kind", "role", "digest")
    assert [v for v in values if "  # " not in v and not v.strip().startswith(fixed)] == []


def test_init_asks_people(command: Command) -> None:
    """What only a person knows stands there as a comment with its values, and is told."""
    repository({})
    made = command("init")

    text = Path("model.yaml").read_text(encoding="utf-8")
    assert "  # asset_kind: ...  # model, ai_system, rule_engine, vendor_service" in text
    assert (
        "  #     decision_role: ...  # informational, assists, principal_basis, automated" in text
    )
    assert "of the model: owners, asset_kind, task" in made.err
    assert "of each use: name, purpose, jurisdictions, decision_role" in made.err
    answered = text.replace("# asset_kind: ...", "asset_kind: model").replace(
        "  # owners:", "  owners:"
    )
    answered = answered.replace("  #   - ref: ...", '    - ref: "team:x"')
    assert read_manifest(answered.encode()).problems == ()


def test_init_monorepo(command: Command, folder: Path) -> None:
    """In a folder of a repository, what speaks for all that lies below is read from above."""
    files = {"pyproject.toml": PYPROJECT, "models/churn/MLmodel": MLMODEL, "README.md": CARD,
             "CODEOWNERS": "/models/churn/ @acme/churners\n"}  # fmt: skip
    repository(files)

    made = command("init", "models/churn")

    said = read_yaml((folder / "models/churn/model.yaml").read_bytes()).value
    assert made.lines == ["models/churn/model.yaml"]
    assert said["spec"]["license"] == "Apache-2.0"  # the card above is that of something else
    assert said["spec"]["owners"][0] == {"ref": "team:churners"}
    assert said["spec"]["model_class"] == "tree_or_ensemble"


def test_init_never_overwrites(command: Command, folder: Path) -> None:
    """What is there stays, links too, unless --force says otherwise; --dry-run writes nothing."""
    repository({})
    assert command("init", "--dry-run").code == 0
    assert not Path("model.yaml").exists()
    Path("model.yaml").write_text("mine", encoding="utf-8")

    refused = command("init")
    assert (refused.code, refused.out) == (Exit.CONFLICT, "")
    assert Path("model.yaml").read_text(encoding="utf-8") == "mine"
    assert command("init", "--force").code == 0
    assert written()["kind"] == "Model"

    other, link = folder / "other", folder / "b.model.yaml"
    link.symlink_to(other)
    assert command("init", "b.model.yaml").code != 0
    assert not other.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("init", "nowhere/model.yaml"), Exit.NOT_FOUND),
        (("init", "card.yaml"), Exit.WRONG_USE),
        (("init", "--name", "No Name"), Exit.WRONG_USE),
        (("init", "--namespace", "a.b"), Exit.WRONG_USE),
        (("init",), Exit.WRONG_USE),  # without a remote nothing says which namespace
    ],
)
def test_init_wrong_use(command: Command, arguments: tuple[str, ...], code: Exit) -> None:
    """Every refusal says what to do."""
    ran = command(*arguments)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err
    assert not Path("model.yaml").exists()


def test_init_given_names(command: Command) -> None:
    """Given names win, and a file may have another name; there need be no repository."""
    ran = command("init", "b.model.yaml", "--name", "b", "--namespace", "risk", "--json")

    told = json.loads(ran.out)
    said = read_yaml(Path("b.model.yaml").read_bytes()).value
    assert said["metadata"] == {"namespace": "risk", "name": "b"}
    assert (told["file"], told["written"]) == ("b.model.yaml", True)
    assert {one["field"]: one["from"] for one in told["stated"]} == {
        "metadata.name": "given as --name", "metadata.namespace": "given as --namespace",
        "spec.lifecycle": "as every new model",
    }  # fmt: skip
    assert "decision_role" in told["asked"]["use"]


def test_init_runs_nothing(command: Command, folder: Path) -> None:
    """No program that a repository's configuration names is started (HOOK)."""
    repository({})
    trap, fell = folder / "trap", folder / "fell"
    trap.write_text(f"#!/bin/sh\ntouch {fell}\n", encoding="utf-8")
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor",
                 "credential.helper",
                 "diff.external", "core.gitProxy", "alias.config", "core.askPass"):  # fmt: skip
        git("config", name, str(trap))
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (folder / ".git/hooks" / hook).symlink_to(trap)

    assert command("init").code == 0
    assert not fell.exists()


def test_init_follows_no_link(command: Command, folder: Path) -> None:
    """A link in a repository is not read, wherever it leads (GIT)."""
    secret = folder.parent / "secret.toml"
    secret.write_text(PYPROJECT, encoding="utf-8")
    repository({})
    Path("pyproject.toml").symlink_to(secret)
    Path("CODEOWNERS").symlink_to(secret)

    command("init")

    text = Path("model.yaml").read_text(encoding="utf-8")
    assert "anna@acme" not in text
    assert "license: Apache" not in text


def test_init_tracking_server(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's address is told without its credential; its name only the catalog knows."""
    repository({})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://u:hunter2@mlflow.acme.example/")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "churn\nevil: true")
    ran = command("init", "--stdout")

    assert "hunter2" not in ran.out + ran.err
    assert "# MLFLOW_TRACKING_URI is https://mlflow.acme.example, MLFLOW_EXP" in ran.out
    assert "MLFLOW_EXPERIMENT_NAME is churn evil: true;" in ran.out
    assert "registered_as" not in str(read_yaml(ran.out.encode()).value)


@pytest.mark.parametrize("text", HOSTILE)
def test_init_hostile_sources(command: Command, text: str) -> None:
    """What other files say can be anything: it is written so that it reads back, or left out."""
    quoted = json.dumps(text)
    repository(
        {
            "pyproject.toml": f"[project]\nname = {quoted}\ndescription = {quoted}\n"
            f"license = {quoted}\n",
            "README.md": f"---\nlicense: {quoted}\ntags: [{quoted}]\nmodel_name: {quoted}\n---\n",
            "MLproject": f"name: {quoted}\n",
        }
    )
    ran = command("init")

    assert ran.code == 0, ran.err
    reading = read_manifest(Path("model.yaml").read_bytes())
    assert [one for one in reading.problems if one.severity == "error"] == []
    assert reading.manifest is not None
    said = reading.manifest.metadata.description
    assert said in {None, " ".join(text.split()), " ".join(text.split()).replace("\ufeff", "")}


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(HOSTILE)


@given(TEXTS, st.dictionaries(TEXTS, TEXTS | st.none(), max_size=4), TEXTS)
def test_init_text_reads_back(text: str, labels: dict[str, str | None], told: str) -> None:
    """Whatever is to be written reads back as it was, whatever is told of its origin."""
    draft = Draft(
        fields={
            "metadata.namespace": [Said("retail", told)],
            "metadata.name": [Said("churn", told), Said(text, told)],
            "metadata.title": [Said(text, told)],
        },
        labels={key: Said(value, told) for key, value in labels.items() if key},
        datasets=[Said({"uri": text, "role": text}, told)],
        local_datasets=[Said(text, told)],
        owners={text: Said("developer", told)},
        limitations=[Said({"text": text}, told)],
        registered=Said(None, told),
        notes=[text, told],
    )  # fmt: skip
    said = read_yaml(write_manifest(draft).encode()).value

    metadata = {"namespace": "retail", "name": "churn", "title": text}
    kept = {key: value for key, value in labels.items() if key}
    assert said["metadata"] == metadata | ({"labels": kept} if kept else {})
    assert said["spec"] == {
        "owners": [{"ref": text, "role": "developer"}],
        "datasets": [{"uri": text, "role": text}],
        "limitations": [{"text": text}],
    }


@given(TEXTS)
def test_init_scalar_one_line(text: str) -> None:
    """A value and a comment never leave their line."""
    for written_line in (scalar(text), comment(text)):
        assert written_line.isprintable()


@given(TEXTS)
def test_init_slug(text: str) -> None:
    """What is left of any name is a name, or nothing."""
    assert not (name := slug(text)) or holds("metadata", {"name": name})
    assert not (space := slug(text, 63, dots=False)) or holds("metadata", {"namespace": space})


def test_init_corpora(corpora: Path) -> None:
    """A first manifest made from any real file passes the check."""
    read = refused = 0
    for path in sorted(corpora.rglob("*")):
        inside = path.name.rpartition("__")[2] if path.is_file() else ""
        form = next((one for one in FORMATS if inside and one.matches(inside)), None)
        if form is None:
            continue
        try:
            found = form.read(path.read_bytes(), inside)
        except FileRefused:
            refused += 1
            continue
        read += 1
        named = Named(
            "churn", Said("retail", "given"), "https://git.acme.example/retail/churn", "x"
        )
        text = write_manifest(draft_of(named, [Read(form.name, inside, found, inside)], owners=()))
        problems = read_manifest(text.encode()).problems
        assert [one for one in problems if one.severity == "error"] == [], (path, problems)
    assert read > 100, (read, refused)


def test_init_is_deterministic(command: Command) -> None:
    """The order in which a folder lists its files makes no difference."""
    repository(REPOSITORIES["all"])
    first: Ran = command("init", "--stdout")
    for path in sorted(REPOSITORIES["all"], reverse=True):
        text = Path(path).read_bytes()
        Path(path).unlink()
        Path(path).write_bytes(text)
    assert command("init", "--stdout").out == first.out


@pytest.mark.parametrize(
    "remote",
    ["--upload-pack=touch fell", "ext::sh -c 'touch fell'", "/srv/git/x", "file:///x", "\n"],
)
def test_init_hostile_remote(command: Command, remote: str) -> None:
    """A remote that is no address names nothing, and nothing comes of it."""
    repository({}, remote)

    ran = command("init", "--namespace", "retail")

    assert ran.code == 0
    assert "Repository:" not in Path("model.yaml").read_text(encoding="utf-8")
    assert written()["metadata"]["name"] == "churn-repo"
    assert not Path("fell").exists()
