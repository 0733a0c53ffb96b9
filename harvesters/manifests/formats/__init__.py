"""Files in formats of others: each module reads one and knows nothing of the catalog's models."""

from collections.abc import Sequence
from typing import Final

from harvesters.manifests.formats.backstage import BACKSTAGE
from harvesters.manifests.formats.citation import CITATION
from harvesters.manifests.formats.croissant import CROISSANT
from harvesters.manifests.formats.cyclonedx import CYCLONEDX
from harvesters.manifests.formats.dbt import DBT
from harvesters.manifests.formats.dvc import DVC
from harvesters.manifests.formats.found import Format
from harvesters.manifests.formats.mlmodel import MLMODEL
from harvesters.manifests.formats.mlproject import MLPROJECT
from harvesters.manifests.formats.model_card import MODEL_CARD
from harvesters.manifests.formats.pyproject import PYPROJECT

FORMATS: Final[Sequence[Format]] = (
    MLMODEL, MLPROJECT, MODEL_CARD, BACKSTAGE, CITATION, PYPROJECT, CROISSANT, DVC, DBT, CYCLONEDX,
)  # fmt: skip
