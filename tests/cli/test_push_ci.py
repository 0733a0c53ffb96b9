"""`push --ci` in the environment of each CI, against the service over real HTTP."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from service.db import Database
from tests.cli.conftest import Command, Ran
from tests.support.catalog import make_source
from tests.support.ci_variables import AZURE, COMMIT, GITHUB, GITLAB, JENKINS, OURS, PROJECT
from tests.support.http import HOST, Service, opened
from tests.support.identity_provider import LOOPBACK

SOURCE: Final = "ci-retail"
HEX: Final = "ab" * 32
BUILD: Final = "github:github.com/486325809/9001"
VERSION: Final = "models/retail/churn/versions/7"
THIS: Final = ("--model", "retail/churn", "--version", "7")
COUNTED: Final = ("subject", "observation", "entry", "entry_history", "link", "change")
LOGGED: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
Push = Callable[..., Ran]


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The service, with a source that builds push for."""
    make_source(database, SOURCE, kind="ci", settings={"environments": {"prod*": "production"}})
    make_source(database, "mlflow-prod")
    with opened(database, outbound_allow=LOOPBACK) as found:
        yield found


@pytest.fixture
def push(
    service: Service, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Push:
    """Runs `push` in an empty folder and in the environment of a CI, with a token of its source."""
    for name in (*OURS, "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    token = speaking(service, SOURCE)

    def pushed(*words: str, ci: Mapping[str, str] = GITHUB, **variables: str) -> Ran:
        with monkeypatch.context() as during:
            for name, text in ci.items():
                during.setenv(name, text)
            known = {"URL": f"http://{HOST}:{service.port}", "TOKEN": token}
            return without_log(command("push", SOURCE, *words, **(known | variables)))

    return pushed


def without_log(ran: Ran) -> Ran:
    """The service runs in this process too, and writes its log to standard output."""
    kept = [line for line in ran.out.splitlines(keepends=True) if not LOGGED.match(line)]
    return ran._replace(out="".join(kept))


def speaking(service: Service, source: str) -> str:
    """A token that speaks for a source."""
    return service.token("source", source_name=source)


def mlflow(service: Service, number: str = "7") -> None:
    """What a harvest of the registry posts of a version."""
    model = {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/churn"}
    version = {"kind": "version", "scheme": "mlflow", "value": f"{model['value']}/{number}"}
    said: Sequence[Any] = (
        {"subject": model, "facts": {"namespace": "retail", "name": "churn"}},
        {"subject": version, "facts": {"model": model, "number": number, "aliases": ["champion"]}},
    )
    body = {"observations": [one | {"observed_at": "2026-11-20T12:00:00Z"} for one in said]}
    token = speaking(service, "mlflow-prod")
    answer = service.ask("POST", "sources/mlflow-prod/observations", token, json=body)
    assert answer.json()["refused"] == []


def only(service: Service, kind: str) -> Any:
    """The only entry of a kind."""
    (found,) = service.get(kind)["items"]
    return service.get(found["url"])


def counts(database: Database) -> dict[str, int]:
    """Rows of what is written when something changes."""
    with database.reading() as session:
        return {
            table: session.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608  # names above
            for table in COUNTED
        }


def facts(service: Service, path: str) -> Any:
    """The facts of an entry."""
    return service.get(path)["facts"]


@pytest.mark.parametrize(
    ("ci", "build", "repository", "deployment"),
    [
        (GITHUB, "github:github.com/486325809/9001", "github:github.com/486325809",
         "github:github.com/486325809/prod/eu".replace("/eu", "%2Feu")),
        (GITLAB, "gitlab:gitlab.acme.example/20/574", "gitlab:gitlab.acme.example/20",
         "gitlab:gitlab.acme.example/20/prod%2Feu"),
        (JENKINS, "jenkins:ci.acme.example/jenkins/shop/churn/feature%2Fx#21",
         "url:https://github.com/acme/churn",
         f"ci:{SOURCE}/github.com/acme/churn#prod%2Feu/retail%2Fchurn"),
        (AZURE, f"azure:dev.azure.com/{PROJECT}/12",
         "azure:dev.azure.com/1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8",
         f"ci:{SOURCE}/dev.azure.com/1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8#prod%2Feu/retail%2Fchurn"),
    ],
    ids=["github", "gitlab", "jenkins", "azure"],
)  # fmt: skip
def test_systems(
    service: Service, push: Push, tmp_path: Path, ci: Mapping[str, str], build: str,
    repository: str, deployment: str,
) -> None:  # fmt: skip
    """Build, version, data and deployment hold together; repeated, nothing changes."""
    (tmp_path / "model.pkl").write_bytes(b"weights")
    words = (
        "--ci", *THIS, "--artifact", "model.pkl", "--metric", "auc=0.9", "--dataset",
        f"s3://lake/churn,digest=md5:{'0' * 32}", "--deployed", "prod/eu", "--image",
        f"ghcr.io/acme/churn@sha256:{HEX}", "--traffic", "25", "--role", "canary",
    )  # fmt: skip

    ran = push(*words, ci=ci)
    before = counts(service.database)
    again = push(*words, ci=ci)

    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [f"{build}: 9 recorded, 0 unchanged"]
    assert again.code == 0
    assert counts(service.database) == before
    made, version, served = (only(service, one) for one in ("builds", "versions", "deployments"))
    assert made["name"] == build.partition(":")[2]
    assert build in made["identifiers"]
    assert (made["facts"]["commit"], made["facts"]["status"]) == (COMMIT, "running")
    assert [one["name"] for one in made["facts"]["artifacts"]] == ["model.pkl"]
    assert repository in only(service, "repositories")["identifiers"]
    assert version["name"] == "retail/churn/7"
    assert version["facts"]["source_commit"] == COMMIT
    assert version["facts"]["build"] == made["name"]
    assert version["facts"]["metrics"] == [{"name": "auc", "value": 0.9}]
    assert version["facts"]["datasets"][0]["digest"] == "md5:" + "0" * 32
    assert len(version["facts"]["digests"]) == 1
    assert deployment in served["identifiers"]
    assert served["version"] == "retail/churn/7"
    said = served["facts"]
    assert (said["environment"], said["environment_class"]) == ("prod/eu", "production")
    assert (said["digest"], said["traffic_percent"]) == (f"sha256:{HEX}", 25)
    assert (said["role"], said["commit"], said["build"]) == ("canary", COMMIT, made["name"])
    assert only(service, "datasets")["name"] == "s3://lake/churn"
    assert service.get("conflicts")["items"] == []


@pytest.mark.parametrize("first", ["push", "harvest"])
@pytest.mark.parametrize("by", ["name", "registry"])
def test_registry_order(service: Service, push: Push, first: str, by: str) -> None:
    """A pushed version is the registry's, whichever comes first; no source disputes another."""
    named = THIS if by == "name" else ("--mlflow", "mlflow-prod", "--model-uri", "models:/churn/7")

    if first == "harvest":
        mlflow(service)
    ran = push("--ci", *named, "--metric", "auc=0.9", "--artifact", f"model=sha256:{HEX}")
    if first == "push":
        mlflow(service)

    assert (ran.code, ran.err) == (0, "")
    version = only(service, "versions")
    assert version["name"] == "retail/churn/7"
    assert "mlflow:mlflow-prod/default/churn/7" in version["identifiers"]
    assert version["facts"]["aliases"] == ["champion"]
    assert version["facts"]["metrics"] == [{"name": "auc", "value": 0.9}]
    assert version["facts"]["digests"] == [f"sha256:{HEX}"]
    assert version["facts"]["build"] == "github.com/486325809/9001"
    assert version["conflicts"] == []
    assert only(service, "models")["name"] == "retail/churn"
    assert only(service, "builds")["references"][-1]["name"] == "retail/churn/7"


def test_registry_gone(service: Service, push: Push) -> None:
    """What builds say of a version does not keep it: the registry says when it is gone."""
    mlflow(service)
    push("--ci", *THIS, "--metric", "auc=0.9")
    gone = {
        "subject": {"kind": "version", "scheme": "mlflow", "value": "mlflow-prod/default/churn/7"},
        "observed_at": "2026-11-20T13:00:00Z", "gone": True,
    }  # fmt: skip
    token = speaking(service, "mlflow-prod")

    service.ask("POST", "sources/mlflow-prod/observations", token, json={"observations": [gone]})

    assert service.get(VERSION)["gone_since"] is not None


def test_parts_add_up(service: Service, push: Push) -> None:
    """Several pushes of one run add up; the same part said again is replaced, not kept beside."""
    push("--ci", *THIS, "--artifact", f"model=sha256:{HEX}", "--metric", "auc=0.8")
    push("--ci", *THIS, "--artifact", f"card=sha256:{'cd' * 32}", "--dataset", "s3://lake/churn")
    push("--ci", "--deployed", "staging")
    push("--ci", *THIS, "--artifact", f"model=sha256:{'ef' * 32}", "--metric", "auc=0.9")

    made, version = only(service, "builds")["facts"], facts(service, VERSION)

    assert {one["name"]: one["digest"][-2:] for one in made["artifacts"]} == {
        "model": "ef", "card": "cd",
    }  # fmt: skip
    assert sorted(one[-2:] for one in version["digests"]) == ["cd", "ef"]
    assert version["metrics"] == [{"name": "auc", "value": 0.9}]
    assert [one["dataset"]["value"] for one in version["datasets"]] == ["s3://lake/churn"]


def test_deployed_elsewhere(service: Service, push: Push) -> None:
    """A run that only deploys is not taken for the build of the version that it deploys."""
    push("--ci", *THIS, "--artifact", f"model=sha256:{HEX}")
    later = {**GITHUB, "GITHUB_RUN_ID": "9002", "GITHUB_SHA": "1" * 40}

    push("--ci", *THIS, "--deployed", "production", ci=later)
    push("--ci", *THIS, "--metric", "fairness=1", "--not-built-here", ci=later)

    version, served = facts(service, VERSION), only(service, "deployments")
    assert (version["source_commit"], version["build"]) == (COMMIT, "github.com/486325809/9001")
    assert version["metrics"] == [{"name": "fairness", "value": 1}]
    assert (served["version"], served["facts"]["build"]) == (
        "retail/churn/7", "github.com/486325809/9002",
    )  # fmt: skip


def test_targets(service: Service, push: Push) -> None:
    """Several things in one environment are told apart; a serving platform's name is its own."""
    for target in ("api", "batch", "kserve:prod/retail/churn"):
        assert push("--ci", *THIS, "--deployed", "production", "--target", target).code == 0
    bad = push("--ci", *THIS, "--deployed", "production", "--target", "github:\x07")

    found = sorted(one["name"] for one in service.get("deployments")["items"])
    assert found == [
        f"{SOURCE}/github.com/486325809#production/api",
        f"{SOURCE}/github.com/486325809#production/batch",
        "prod/retail/churn",
    ]
    assert (bad.code, bad.err.splitlines()[-1]) == (2, "Nothing was sent.")


def test_without_ci(service: Service, push: Push) -> None:
    """Where no CI is known, options say what the build is; repository and all may be new."""
    ran = push(
        "--build", "night/7", "--repository", "git@git.acme.example:ml/churn.git", "--commit",
        COMMIT, "--workflow", "nightly", "--status", "succeeded", "--finished-at",
        "2026-11-20T12:00:00Z", *THIS, ci={},
    )  # fmt: skip

    assert (ran.code, ran.err) == (0, "")
    made = only(service, "builds")
    assert made["identifiers"][0] == f"ci:{SOURCE}/night%2F7"
    assert made["facts"]["repository"] == "https://git.acme.example/ml/churn"
    assert made["facts"]["finished_at"] == "2026-11-20T12:00:00.000000Z"
    assert facts(service, VERSION)["build"] == f"{SOURCE}/night%2F7"


def test_odd_variables(service: Service, push: Push) -> None:
    """No commit, a short one, a workflow called nothing, an odd time: left out, told, and kept."""
    odd = {**GITHUB, "GITHUB_SHA": "9f2c1a7", "GITHUB_WORKFLOW_REF": "", "GITHUB_WORKFLOW": ""}

    ran = push("--ci", "--started-at", "yesterday", ci=odd)

    assert (ran.code, len(ran.lines)) == (0, 1)
    assert "build: commit: must be a full commit of 40 or 64 hex digits" in ran.err
    said = only(service, "builds")["facts"]
    assert said.keys() & {"commit", "workflow", "started_at"} == set()
    assert len(said["warnings"]) == 2
    without = {name: text for name, text in GITHUB.items() if name != "GITHUB_SHA"}
    assert push("--ci", ci={**without, "GITHUB_RUN_ID": "9002"}).err == ""


def test_secrets(service: Service, push: Push, tmp_path: Path) -> None:
    """Keys and passwords, wherever they stand, are in no table, answer or output."""
    key, word = "ghp_" + "c" * 36, "hunter2canary"
    (tmp_path / "card.md").write_text(f"---\nlicense: mit\ndescription: {key}\n---\n")
    jenkins = JENKINS | {"GIT_URL": f"https://bot:{word}@github.com/acme/churn.git"}

    ran = push(
        "--ci", *THIS, "--model-card", "card.md", "--dataset", f"https://u:{word}@h.example/x",
        "--build-url", f"https://u:{word}@ci.example/1", "--workflow", f"deploy {key}",
        "--deployed", "staging", "--image", f"u:{word}@ghcr.io/acme/x@sha256:{HEX}",
        "--endpoint", f"https://u:{word}@h.example/predict",
        "--artifact-uri", f"https://{word}@h.example/model", ci=jenkins,
    )  # fmt: skip

    assert ran.code == 0, ran.err
    with service.database.reading() as session:
        for table in ("observation", "subject", "build", "version", "model", "deployment"):
            text = session.execute(sa.text(f"SELECT {table}::text FROM {table}")).scalars()  # noqa: S608
            stored = "\n".join(text)
            assert key not in stored, table
            assert word not in stored, table
    assert key not in ran.out + ran.err
    assert word not in ran.out + ran.err


def test_documents(service: Service, push: Push, tmp_path: Path) -> None:
    """A card and a bill of materials describe the model; data that they name are the version's."""
    (tmp_path / "card.md").write_text("---\nlicense: mit\ndatasets: [acme/reviews]\n---\n")
    (tmp_path / "bom.json").write_text(json.dumps({
        "bomFormat": "CycloneDX", "components": [{
            "type": "machine-learning-model", "name": "churn", "version": "7",
            "hashes": [{"alg": "SHA-256", "content": HEX}],
            "modelCard": {"modelParameters": {"task": "classification", "datasets": [
                {"type": "dataset", "name": "churn", "contents": {"url": "s3://lake/churn"}},
            ]}, "considerations": {"technicalLimitations": ["Short contracts."]}},
        }],
    }))  # fmt: skip

    ran = push("--ci", *THIS, "--model-card", "card.md", "--ml-bom", "bom.json")

    assert ran.code == 0, ran.err
    model, version = facts(service, "models/retail/churn"), facts(service, VERSION)
    assert (model["license"], model["task"]) == ("mit", "classification")
    assert model["limitations"] == [{"text": "Short contracts."}]
    assert model["card"] == "card.md"
    assert version["digests"] == [f"sha256:{HEX}"]
    assert sorted(one["dataset"]["value"] for one in version["datasets"]) == [
        "hf://datasets/acme/reviews", "s3://lake/churn",
    ]  # fmt: skip


def test_refused(service: Service, push: Push) -> None:
    """A namespace that the source may not name: refused with the reason, the build is kept; 1."""
    ran = push("--ci", "--model", "wholesale/churn", "--version", "7")
    as_json = push("--ci", "--model", "wholesale/churn", "--version", "7", "--json")

    assert ran.code == 1
    assert "namespace_not_allowed" in ran.err
    assert "refused, the others are recorded." in ran.err
    assert only(service, "builds")["name"] == "github.com/486325809/9001"
    (receipt,) = map(json.loads, as_json.lines)
    assert (receipt["source"], receipt["build"]) == (SOURCE, BUILD)
    assert {one["code"] for one in receipt["refused"]} == {"namespace_not_allowed"}


def test_dry_run(service: Service, push: Push) -> None:
    """A dry run shows what would change and keeps nothing."""
    before = counts(service.database)

    ran = push("--ci", *THIS, "--dry-run")

    assert (ran.code, ran.err) == (0, "")
    assert any("\tversion\t" in line for line in ran.lines)
    assert counts(service.database) == before
    assert service.get("builds")["items"] == []


def test_best_effort(service: Service, push: Push) -> None:
    """A catalog that is away, or refuses, does not fail a build that says so."""
    away = {"URL": "http://127.0.0.1:1"}
    cases: Sequence[tuple[Mapping[str, str], int]] = (
        (away, 6), ({"TOKEN": "mcatr_" + "x" * 46}, 4), ({"TOKEN": service.reader}, 4),
    )  # fmt: skip
    for variables, code in cases:
        ran = push("--ci", *THIS, **variables)
        spared = push("--ci", *THIS, "--best-effort", **variables)
        assert (ran.code, spared.code) == (code, 0)
        assert spared.err.startswith("warning: the catalog did not take it, and the build goes on.")
        assert ran.err.strip() in spared.err


def test_source_of_token(service: Service, push: Push, command: Command) -> None:
    """The token says whose it is where nothing else does; a variable may."""
    url = f"http://{HOST}:{service.port}"
    token = speaking(service, SOURCE)
    told = ("push", "--build", "1")

    by_token = without_log(command(*told, URL=url, TOKEN=token))
    by_name = command(*told, URL=url, TOKEN=token, SOURCE=SOURCE)
    reader = command(*told, URL=url, TOKEN=service.reader)
    other = command(*told, URL=url, TOKEN=token, SOURCE="mlflow-prod")

    assert by_token.lines == [f"ci:{SOURCE}/1: 1 recorded, 0 unchanged"]
    assert (by_name.code, reader.code, other.code) == (0, 4, 4)
    assert "The token speaks for no source" in reader.err
    del push
