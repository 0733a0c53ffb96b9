"""The whole route: a real MLflow server, the real harvester, a served catalog, PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from service.db import Database
from tests.e2e.proxy import Proxy, proxied
from tests.e2e.site import Site, Workspace, served
from tests.support.mlflow_server import (
    MlflowServer,
    empty_database,
    prepared_client,
    run_mlflow_server,
)


@pytest.fixture(scope="session")
def mlflow_template(pytestconfig: pytest.Config) -> Path:
    """An MLflow database without content."""
    return empty_database(pytestconfig.cache.mkdir("mlflow"))


@pytest.fixture(scope="session")
def mlflow_server(
    mlflow_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """This worker's server; every test has a workspace of its own in it."""
    with run_mlflow_server(tmp_path_factory.mktemp("mlflow"), mlflow_template) as running:
        yield running


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[None]:
    """MLflow's client in this process asks only whom it is told to."""
    with prepared_client(tmp_path):
        yield


@pytest.fixture
def registry(mlflow_server: MlflowServer, prepared: None) -> Workspace:
    """An empty registry."""
    del prepared
    return make_workspace(mlflow_server)


@pytest.fixture
def other_registry(mlflow_server: MlflowServer, prepared: None) -> Workspace:
    """Another one."""
    del prepared
    return make_workspace(mlflow_server)


@pytest.fixture
def site(database: Database) -> Iterator[Site]:
    """A served catalog that knows nothing."""
    with served(database) as serving:
        yield serving


@pytest.fixture
def way_in(site: Site) -> Iterator[Proxy]:
    """A way to the catalog on which something happens."""
    with proxied(site.url) as proxy:
        yield proxy


@pytest.fixture
def way_out(mlflow_server: MlflowServer) -> Iterator[Proxy]:
    """A way to the MLflow server on which something happens."""
    with proxied(mlflow_server.uri) as proxy:
        yield proxy


@pytest.fixture
def churn(registry: Workspace, site: Site) -> Workspace:
    """A declared registry of two models; `churn` has two versions, the first is its champion."""
    registry.create_registered_model("churn", {"domain": "retention"}, "Monthly.")
    for number in (1, 2):
        registry.create_model_version("churn", f"s3://models/churn/{number}")
    registry.set_registered_model_alias("churn", "champion", "1")
    registry.create_registered_model("fraud")
    site.declare(registry)
    return registry


def make_workspace(server: MlflowServer) -> Workspace:
    """A new workspace with one experiment: an empty one may be a wrong address."""
    made = Workspace(server.uri, f"t-{uuid4().hex[:12]}")
    Workspace(server.uri, "default").create_workspace(made.name)
    made.create_experiment("first")
    return made
