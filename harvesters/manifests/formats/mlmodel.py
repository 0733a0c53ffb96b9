"""`MLmodel`: what a model that was logged and committed says of itself."""

from collections.abc import Sequence
from typing import Final

from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.texts import refusal
from harvesters.mlmodel import read_mlmodel
from schemas.identifiers import Kind
from schemas.yaml_walk import YamlRefused

NAME: Final = "MLmodel"


def read(raw: bytes, path: str) -> Sequence[Found]:
    """A version: framework, schemas, size, and the class of model concluded from the flavor."""
    del path
    try:
        said = read_mlmodel(raw)
    except YamlRefused as refused:
        raise refusal(raw, refused) from None
    if not said.is_model:
        raise FileRefused("other_format", "names no flavor and no signature, as MLflow does")
    return [
        Found(
            Kind.VERSION,
            {**said.stated, **said.inferred},
            inferred=tuple(sorted(said.inferred)),
            dropped=tuple(one.about for one in said.dropped),
            run_id=said.run_id,
        )
    ]


MLMODEL: Final = Format("mlmodel", lambda path: path.rpartition("/")[2] == NAME, read)
