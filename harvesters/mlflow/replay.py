"""How harvests of MLflow are recorded, and who observes their pages again; asks no server."""

from typing import Any, Final

from harvesters.base import Harvester
from harvesters.codec import Codec, PageUnreadable, Shape
from harvesters.mlflow import namespace_of, read_settings, scopes
from harvesters.mlflow.artifacts import NoFile
from harvesters.mlflow.client import Registry
from harvesters.mlflow.model_files import FilesPage, Wanted
from harvesters.mlflow.names import Place
from harvesters.mlflow.references import Reference
from harvesters.mlflow.rows import (
    Absent,
    DatasetInputRow,
    DatasetRow,
    KnownModel,
    ModelOutputRow,
    ModelRow,
    RunDataRow,
    RunInfoRow,
    RunInputsRow,
    RunOutputsRow,
    RunRow,
    TagRow,
    VersionRow,
)
from harvesters.mlflow.run_pages import RunPage
from harvesters.mlflow.sweep import RegistryPage
from harvesters.registry import Replays
from schemas.sources import SourceSettings

CODEC: Final = Codec(
    RegistryPage, RunPage, FilesPage, KnownModel, Reference, Wanted,
    choices=(Absent,),
    foreign={  # the client's classes, by what is read of them
        "RegisteredModel": ModelRow,
        "ModelVersion": VersionRow,
        "Run": RunRow,
        "RunInfo": RunInfoRow,
        "RunData": RunDataRow,
        "RunInputs": RunInputsRow,
        "RunOutputs": RunOutputsRow,
        "DatasetInput": DatasetInputRow,
        "Dataset": DatasetRow,
        "InputTag": TagRow,
        "LoggedModelOutput": ModelOutputRow,
    },
    shapes=(Shape("NoFile", ("reason", "message"), NoFile),),
)  # fmt: skip


def harvester(source: SourceSettings, scope: str) -> Harvester[Any]:
    """The harvester of a recorded scope. Raises `PageUnreadable` when there is none."""
    settings = read_settings(source)
    _, _, workspace = scope.partition("/")
    place = Place(source.name, workspace, namespace_of(source, workspace), settings.uri)
    registry = Registry(settings.uri, workspace=workspace)
    everything = settings.model_copy(update={"training_runs": "all"})
    for one in scopes(registry, place, settings=everything):
        if one.scope == scope:
            return one
    message = f"sources of kind {source.kind} have no scope {scope[:100]!r}"
    raise PageUnreadable(message)


REPLAYS: Final = Replays(CODEC, harvester)
