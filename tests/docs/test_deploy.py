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

FILES: Final = ("docker-compose.yml", "deploy/crontab", "deploy/cronjob.yaml", "deploy/Dockerfile")
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


def services() -> Iterator[tuple[str, Any]]:
    """The services of docker-compose.yml that are ours."""
    for name, service in parsed("docker-compose.yml")["services"].items():
        if "build" in service:
            yield name, service


def test_compose_hardened() -> None:
    """OPS-06: ours run without capabilities, on a read-only file system, with no secret written."""
    for name, service in services():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    ports = [port for one in parsed("docker-compose.yml")["services"].values()
             for port in one.get("ports", ())]  # fmt: skip
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_compose_lock_files() -> None:
    """The images are built from lock files that exist."""
    locks = {service["build"].get("args", {}).get("LOCK") for _, service in services()}
    default = re.findall(r"^ARG LOCK=(\S+)$", read("deploy/Dockerfile"), re.MULTILINE)

    assert [lock for lock in {*locks, *default} - {None} if not (ROOT / lock).exists()] == []


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
