"""Reads MLflow tracking servers: registered models and their versions."""

from collections.abc import Iterator, Mapping
from typing import Any

from harvesters.errors import SourceRefused
from harvesters.mlflow.environment import check_uri, prepare
from harvesters.registry import Secret
from schemas.sources import SourceSettings

DEFAULT = "default"


def harvesters(
    source: SourceSettings, secret: Secret | None, environ: dict[str, str]
) -> Iterator[Any]:
    """One harvester a workspace, in a process that is prepared for MLflow's client."""
    uri = check_uri(str(source.settings.get("uri", "")), secret)
    prepare(environ, secret)
    from harvesters.mlflow.client import Registry  # noqa: PLC0415  # after the environment
    from harvesters.mlflow.sweep import RegistrySweep  # noqa: PLC0415

    wanted = source.settings.get("workspaces", [DEFAULT])
    registry = Registry(uri)
    names = registry.workspaces() if wanted == "all" else wanted
    for workspace in names if isinstance(names, list) else [names]:
        yield RegistrySweep(
            registry,
            source=source.name,
            workspace=str(workspace),
            namespace=_namespace(source, str(workspace)),
            uri=uri,
            exclude=_globs(source.settings),
        )


def _namespace(source: SourceSettings, workspace: str) -> str:
    if workspace in source.namespaces:
        return source.namespaces[workspace]
    if workspace != DEFAULT:
        message = (
            f"namespace_unmapped: workspace {workspace} of source {source.name} has no namespace; "
            f"add it to the source's namespaces"
        )
        raise SourceRefused(message)
    return source.namespace


def _globs(settings: Mapping[str, Any]) -> tuple[str, ...]:
    given = settings.get("exclude", [])
    return tuple(str(glob) for glob in given) if isinstance(given, list) else ()
