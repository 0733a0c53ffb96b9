"""MLflow: some harvesters a workspace. The client is imported when the first one begins."""

import contextlib
import importlib.util
import tempfile
from collections.abc import Iterator, MutableMapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from harvesters.base import Harvester
from harvesters.errors import SourceRefused
from harvesters.mlflow.client import DEFAULT_WORKSPACE, Registry
from harvesters.mlflow.environment import check_plain_http, check_uri, prepare_environment
from harvesters.mlflow.experiments import ExperimentWalk
from harvesters.mlflow.model_files import FILES_A_HARVEST, ModelFiles
from harvesters.mlflow.names import Place
from harvesters.mlflow.sweep import USUAL, RegistrySweep
from harvesters.mlflow.training import TrainingSweep
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings
from schemas.strict import Closed, Count, Line, Word

__all__ = ["MlflowSettings", "harvesters", "namespace_of", "read_settings", "scopes"]


class MlflowSettings(Closed):
    """What a source of this kind is told, in `settings` of the sources file."""

    uri: Line
    workspaces: Literal["all"] | Annotated[tuple[Word, ...], Field(min_length=1)] = (
        DEFAULT_WORKSPACE,
    )
    exclude: tuple[Word, ...] = ()
    training_runs: Literal["all", "referenced"] = "all"
    training_run_days: Annotated[Count, Field(ge=1, le=36_500)] | None = None
    mlmodel_files: Count = FILES_A_HARVEST
    ca_file: Line | None = None


def harvesters(  # noqa: PLR0917  # what every kind's factory is called with
    source: SourceSettings, secret: Secret | None, environ: MutableMapping[str, str]
) -> Iterator[Harvester[Any]]:
    """Harvesters of a source's workspaces.

    Changes the process: `environ` becomes the client's environment for good, and the working
    directory an empty folder until the last one. Whoever calls this has guarded the sockets.
    Raises `SourceRefused` for settings that cannot be read safely.
    """
    settings = read_settings(source)
    if importlib.util.find_spec("mlflow") is None:
        raise SourceRefused("the MLflow client is not installed; it comes with the extra `mlflow`")
    uri = check_uri(settings.uri)
    check_plain_http(uri, environ.get(VARIABLE, ""))
    with tempfile.TemporaryDirectory(prefix="mlflow-harvest-") as home, contextlib.chdir(home):
        prepared = prepare_environment(
            environ, home=home, uri=uri, secret=secret, ca_file=settings.ca_file
        )
        environ.clear()
        environ.update(prepared)
        secrets = [secret.text] if secret else []
        for workspace in _workspaces(settings, uri, secrets=secrets):
            place = Place(source.name, workspace, namespace_of(source, workspace), uri)
            registry = Registry(uri, workspace=workspace, secrets=secrets)
            within = timedelta(seconds=source.expected_interval)
            yield from scopes(registry, place, settings=settings, within=within)


def scopes(
    registry: Registry, place: Place, *, settings: MlflowSettings, within: timedelta = USUAL
) -> Iterator[Harvester[Any]]:
    """Harvesters of one workspace, in an order in which nothing is read twice.

    The registry lists the versions for all; all training runs come before those that versions
    refer to.
    """
    yield RegistrySweep(registry, place, exclude=settings.exclude, within=within)
    if settings.training_runs == "all":
        days = settings.training_run_days
        yield ExperimentWalk(registry, place, exclude=settings.exclude, days=days)
    yield TrainingSweep(registry, place, exclude=settings.exclude)
    yield ModelFiles(registry, place, exclude=settings.exclude, most=settings.mlmodel_files)


def read_settings(source: SourceSettings) -> MlflowSettings:
    """What a source is told. Raises `SourceRefused`."""
    try:
        return MlflowSettings.model_validate(source.settings)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"settings.{where} of source {source.name}: {first['msg']}"
        raise SourceRefused(message) from None


def _workspaces(settings: MlflowSettings, uri: str, *, secrets: Sequence[str]) -> Sequence[str]:
    if settings.workspaces != "all":
        return settings.workspaces
    return Registry(uri, workspace=DEFAULT_WORKSPACE, secrets=secrets).workspaces()


def namespace_of(source: SourceSettings, workspace: str) -> str | None:
    """`default` belongs to the source's namespace, others to what the map says."""
    if workspace in source.namespaces:
        return source.namespaces[workspace]
    return source.namespace if workspace == DEFAULT_WORKSPACE else None
