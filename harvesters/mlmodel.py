"""`MLmodel` files: what a logged model says of itself, as facts about a version."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped, reason
from schemas.yaml_walk import YamlRefused, read_yaml

GENERIC: Final = "python_function"  # beside nearly every other flavor
FLAVORS: Final = frozenset(  # of MLflow itself, past ones among them
    {
        "catboost", "crewai", "diffusers", "dspy", "fastai", "gluon", "h2o", "johnsnowlabs",
        "keras", "langchain", "lightgbm", "llama_index", "mleap", "onnx", "openai", "paddle",
        "pmdarima", "promptflow", "prophet", "pytorch", "sentence_transformers", "shap", "sklearn",
        "spacy", "spark", "statsmodels", "tensorflow", "transformers", "xgboost", GENERIC,
    }
)  # fmt: skip
CLASSES: Final[Mapping[str, str]] = {
    "xgboost": "tree_or_ensemble",
    "lightgbm": "tree_or_ensemble",
    "catboost": "tree_or_ensemble",
    "pytorch": "deep_learning",
    "tensorflow": "deep_learning",
    "keras": "deep_learning",
}
MEMBERS: Final = {"flavors", "mlflow_version", "signature"}  # MLflow writes one of them at least
RUN: Final = re.compile(r"[\w.-]{1,256}", re.ASCII)


class Mlmodel(NamedTuple):
    """What a file says; without a signature its schemas are stated empty."""

    stated: Mapping[str, Any]
    inferred: Mapping[str, Any] = {}
    run_id: str | None = None  # as other trackers write them, too
    own_flavor: bool = True  # one of MLflow's
    dropped: tuple[Dropped, ...] = ()
    is_model: bool = True  # has any of the members that MLflow writes


def read_mlmodel(raw: bytes) -> Mlmodel:
    """Read a file; a value that no fact can hold is dropped alone. Raises `YamlRefused`."""
    read = read_yaml(raw).value
    if not isinstance(read, dict):
        raise YamlRefused("an MLmodel file holds names and values")
    signature = read.get("signature")
    signature = signature if isinstance(signature, dict) else {}
    framework = _framework(read.get("flavors"))
    said: dict[str, Any] = {
        "input_schema": signature.get("inputs") or None,
        "output_schema": signature.get("outputs") or None,
    }
    if framework is not None:
        said["framework"] = framework
    if (size := read.get("model_size_bytes")) is not None:
        said["size_bytes"] = int(size) if isinstance(size, str) and _is_number(size) else size
    stated, dropped = _checked(said)
    concluded = CLASSES.get(framework or "")
    run_id = read.get("run_id")
    return Mlmodel(
        stated,
        {"model_class": concluded} if concluded else {},
        run_id if isinstance(run_id, str) and RUN.fullmatch(run_id) else None,
        framework in FLAVORS,
        dropped,
        bool(MEMBERS & read.keys()),
    )


def _framework(flavors: Any) -> str | None:
    """The flavor that says the most: one of MLflow's own, then another, then the generic one."""
    if not isinstance(flavors, dict):
        return None
    ranked = sorted(flavors, key=lambda name: (name == GENERIC, name not in FLAVORS))
    return next(iter(ranked), None)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < len(str(2**63))


def _checked(said: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[Dropped, ...]]:
    from schemas.facts import VersionFacts  # noqa: PLC0415  # slow, and of no use to most checks

    stated: dict[str, Any] = {}
    dropped: list[Dropped] = []
    for fact, value in said.items():
        try:
            VersionFacts(**{fact: value})
        except ValueError as error:
            dropped.append(Dropped("mlmodel_value_dropped", f"MLmodel, {fact}: {reason(error)}"))
        else:
            stated[fact] = value
    return stated, tuple(dropped)
