"""Prompts share the registry's tables with models: how many are left out of a sweep."""

from typing import Final

from harvesters.mlflow.client import MODELS_A_PAGE, Registry
from harvesters.mlflow.rows import is_prompt

PROMPTS: Final = "tag.`mlflow.prompt.is_prompt` = 'true'"  # else the client asks for the others


def count_prompts(registry: Registry) -> int:
    """How many prompts there are: no listing of models shows them, and none is a model."""
    pages = registry._walk(  # noqa: SLF001  # one more of its calls
        "search_registered_models", max_results=MODELS_A_PAGE, filter_string=PROMPTS
    )
    return sum(is_prompt(row) for page in pages for row in page)
