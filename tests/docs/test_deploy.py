"""The files in deploy/ and docker-compose.yml use commands and settings that exist."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest
import typer
import yaml

from cli.main import app
from service.settings import PREFIX
from tests.architecture.source import ROOT
from tests.docs.tables import documented, section
from tests.docs.test_tables import commands

FILES: Final = (
    "docker-compose.yml", "deploy/crontab", "deploy/cronjob.yaml", "deploy/worker.yaml",
    "deploy/Dockerfile", "deploy/alerts.yaml", "deploy/github/check/action.yml",
    "deploy/gitlab/check.yml", "deploy/github/push/action.yml", "deploy/gitlab/push.yml",
)  # fmt: skip
VARIABLE: Final = re.compile(rf"\b{PREFIX}[A-Z_]+")
CREDENTIAL: Final = f"{PREFIX}SECRET_"
FILE_OF: Final = "_FILE"


def read(name: str) -> str:
    """A file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(name: str) -> Any:
    """A YAML file of ours, with its anchors."""
    return yaml.SafeLoader(read(name)).get_single_data()


@pytest.mark.parametrize("name", FILES)
def test_deploy_settings(name: str) -> None:
    """Every variable is one that docs/settings.md has."""
    tables = ("The service", "The commands and the harvesters")
    known = {one for table in tables for one in documented(section("settings.md", table))}
    known |= {
        f"{one}{FILE_OF}" for one in ("MODEL_CATALOG_DATABASE_URL", "MODEL_CATALOG_SECRET_KEY")
    }
    used = set(VARIABLE.findall(read(name)))

    assert {one for one in used - known if not one.startswith(CREDENTIAL)} == set()


@pytest.mark.parametrize("name", [*FILES, "README.md", "CONTRIBUTING.md"])
def test_deploy_commands(name: str) -> None:
    """Every `model-catalog …` that is written down exists."""
    known = {command for command, _ in commands(typer.main.get_command(app), prefix="")}
    written = re.findall(
        r"(?:/model-catalog|\bmodel-catalog|cli\.main) ([a-z]+(?: [a-z]+)?)", read(name)
    )

    assert {one for one in written if one not in known and one.split()[0] not in known} == set()


def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    found: dict[str, Any] = parsed("docker-compose.yml")["services"]
    return found


def ours() -> Iterator[tuple[str, Any]]:
    """Those that are built from this repository."""
    return ((name, service) for name, service in services().items() if "build" in service)


def checked(document: Any) -> None:
    """Read it as the specification says; raises `ValueError` for any other key or form."""
    compose_spec = pytest.importorskip("compose_spec", reason="no wheel for this machine")
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(document)).validate()


def test_compose_specification() -> None:
    """docker-compose.yml is what the Compose specification says, references among its parts too."""
    checked(parsed("docker-compose.yml"))


@pytest.mark.parametrize(
    "path",
    ["services.worker.dependson", "services.postgres.healthcheck.intervall", "service", "nets"],
)
def test_compose_specification_refuses(path: str) -> None:
    """The check would find a misspelt key, wherever it stands."""
    document = parsed("docker-compose.yml")
    *parents, name = path.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[name] = {}

    with pytest.raises(ValueError, match=name):
        checked(document)


def test_compose_services() -> None:
    """A database, its migration that ends, the API, a worker, and on demand an MLflow server."""
    found = services()

    assert list(found) == ["postgres", "migrate", "service", "worker", "mlflow"]
    assert {name for name, one in found.items() if "profiles" in one} == {"mlflow"}
    assert {name for name, one in found.items() if "healthcheck" not in one} == {"migrate"}
    waits = {name: one.get("depends_on", {}) for name, one in found.items()}
    assert waits["service"]["migrate"] == {"condition": "service_completed_successfully"}
    assert waits["worker"] == {"service": {"condition": "service_healthy"}}


def test_compose_hardened() -> None:
    """OPS-06: ours run without capabilities, on a read-only file system; nothing is open to all."""
    for name, service in ours():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    ports = [port for one in services().values() for port in one.get("ports", ())]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_pinned() -> None:
    """Every image names one release, also where it is built from."""
    images = {name: one["image"] for name, one in services().items()}
    images["base"] = re.findall(r"^FROM (\S+)$", read("deploy/Dockerfile"), re.MULTILINE)[0]

    loose = [image for image in images.values() if not re.search(r":v?\d+\.\d+[\w.-]*$", image)]
    assert loose == []


def test_compose_no_secrets() -> None:
    """No secret is written down; the worker gets none of the service's own."""
    document = parsed("docker-compose.yml")

    assert all(set(secret) == {"environment"} for secret in document["secrets"].values())
    assert "${DATABASE_PASSWORD:?" in document["configs"]["database_url"]["content"]
    worker = document["services"]["worker"]
    assert "secrets" not in worker
    assert not [name for name in worker["environment"] if "SECRET" in name or "TOKEN" in name]


def test_compose_lock_files() -> None:
    """The images are built from lock files that exist and that the recipe copies."""
    recipe = read("deploy/Dockerfile")
    given = [service["build"].get("args", {}).get("LOCKS", "") for _, service in ours()]
    given += re.findall(r"^ARG LOCKS=(\S+)$", recipe, re.MULTILINE)
    (copied,) = re.findall(r"^COPY (requirements.*) \./$", recipe, re.MULTILINE)
    named = {lock for locks in given for lock in locks.split()}

    assert named == set(copied.split())
    assert [lock for lock in named if not (ROOT / lock).exists()] == []


def test_dockerfile_packages() -> None:
    """The image holds every package of the distribution, and runs as nobody in particular."""
    text = read("deploy/Dockerfile")
    wheel = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = set(re.findall(r"^COPY (\w+) \w+$", text, re.MULTILINE))

    assert copied == {*wheel["packages"], "alembic"}
    assert re.search(r"^USER \d{4,}", text, re.MULTILINE)


def test_cronjob() -> None:
    """It runs `harvest` for one source, as nobody, on a read-only file system."""
    pod = parsed("deploy/cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert container["args"] == ["harvest", "mlflow-prod"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    secret = [one["name"] for one in container["env"] if "valueFrom" in one]
    assert secret == ["MODEL_CATALOG_TOKEN", "MODEL_CATALOG_SECRET_MLFLOW_PROD"]


def test_worker_deployment() -> None:
    """It runs `worker`, hardened as the CronJob, with time to end its harvests."""
    pod = parsed("deploy/worker.yaml")["spec"]["template"]["spec"]
    job = parsed("deploy/cronjob.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,), (other,) = pod["containers"], job["containers"]

    assert container["args"][0] == "worker"
    assert container["securityContext"] == other["securityContext"]
    assert pod["securityContext"] == job["securityContext"]
    assert pod["terminationGracePeriodSeconds"] >= 20
    assert not [one["name"] for one in container["env"] if "SECRET_KEY" in one["name"]]
