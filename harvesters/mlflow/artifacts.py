"""`MLmodel` files of logged models, from the tracking server and from nowhere else."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.mlflow.client import (
    DEFAULT_WORKSPACE,
    LOGGED_MODELS_BY_NAME,
    Registry,
    quoted,
)
from harvesters.mlflow.failures import NotAllowed, NotThere, translated
from schemas.yaml_walk import LARGEST

FILE: Final = "MLmodel"
SERVED: Final = re.compile(r"mlflow-artifacts:/(?!/)[^?#]+")  # two slashes would name a host


class NoFile(Exception):  # travels between these modules only
    """There is no file to read; why, as a report counts it."""

    def __init__(self, reason: str, message: str) -> None:
        """Say why."""
        super().__init__(message)
        self.reason, self.message = reason, message


def locate(registry: Registry, model_ids: Sequence[str]) -> dict[str, str]:
    """Where logged models, at most 200, have their files, of those that the server shows."""
    where = f"model_id IN ({quoted(model_ids)})"
    experiments = registry.experiments()
    if not experiments or not model_ids:
        return {}
    pages: Iterator[Sequence[Any]] = registry._walk(  # noqa: SLF001  # one more of its calls
        "search_logged_models",
        experiment_ids=experiments,
        filter_string=where,
        max_results=LOGGED_MODELS_BY_NAME,
    )
    return {str(one.model_id): str(one.artifact_location or "") for page in pages for one in page}


def read_file(registry: Registry, model_id: str, *, location: str | None) -> bytes:
    """The `MLmodel` file of a logged model. Raises `NoFile`, or that the server is not there.

    One file that the server fails on must not stop the others for ever.
    """
    if location is None:
        raise NoFile("logged_model_missing", "the server does not show its logged model")
    if not SERVED.fullmatch(location):
        raise NoFile("mlmodel_elsewhere", "its files are not kept by the tracking server")
    try:
        listed = registry._call("list_logged_model_artifacts", model_id)  # noqa: SLF001  # likewise
        size = next((one.file_size for one in listed if one.path == FILE), None)
        if size is None:
            raise NoFile("mlmodel_missing", "its logged model has no MLmodel file")
        if int(size) > LARGEST:
            raise NoFile("mlmodel_too_large", f"its MLmodel file is larger than {LARGEST} bytes")
        return _download(registry, f"{location.rstrip('/')}/{FILE}")
    except NotThere:
        raise NoFile("mlmodel_missing", "the server has no such files") from None
    except NotAllowed:
        raise NoFile("not_readable", "the server does not let this credential read it") from None
    except SourceRefused as refused:
        raise NoFile("mlmodel_unreadable", str(refused)) from None
    except SourceUnavailable as unavailable:
        registry.probe()  # raises when it is not the file alone
        raise NoFile("mlmodel_unreadable", str(unavailable)) from None


def _download(registry: Registry, uri: str) -> bytes:
    """By way of the client, whose credential goes to the tracking server only."""
    import mlflow  # noqa: PLC0415  # slow, prepared

    named = None if registry.workspace == DEFAULT_WORKSPACE else registry.workspace
    with TemporaryDirectory() as folder:
        try:
            mlflow.set_workspace(named)
            found = mlflow.artifacts.download_artifacts(
                artifact_uri=uri, tracking_uri=registry.uri, dst_path=folder
            )
        except Exception as error:  # noqa: BLE001  # raised again, as what it means
            asked = "download_artifacts"
            raise translated(error, asked=asked, secrets=registry.secrets) from None
        with Path(found).open("rb") as file:
            return file.read(LARGEST + 1)
