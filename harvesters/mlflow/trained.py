"""What a training run says of the versions that it made: a statement apart from the registry's."""

from datetime import datetime
from typing import Any, Final

from harvesters.errors import RecordUnreadable
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import unreadable
from harvesters.mlflow.references import Reference
from harvesters.mlflow.rows import RunRow
from schemas.facts import TrainingRunFacts, VersionFacts
from schemas.observation import Observation
from schemas.values import Metric

ESTIMATOR: Final = "estimator_class"  # set by autologging
CLASSES: Final = {
    "sklearn.ensemble": "tree_or_ensemble",
    "sklearn.tree": "tree_or_ensemble",
    "xgboost": "tree_or_ensemble",
    "lightgbm": "tree_or_ensemble",
    "catboost": "tree_or_ensemble",
    "sklearn.linear_model": "rules_or_linear",
    "sklearn.dummy": "rules_or_linear",
    "sklearn.neural_network": "deep_learning",
    "torch": "deep_learning",
    "tensorflow": "deep_learning",
    "keras": "deep_learning",
}


def observe_trained(
    version: Reference, row: RunRow, *, facts: TrainingRunFacts, place: Place, at: datetime
) -> Observation | RecordUnreadable:
    """A version by what its training run says; what that lacks is left to others to state.

    A subject of its own: neither this nor the registry's sweep overwrites what the other says.
    """
    try:
        subject = place.version(version.name, version.number)
        stated, inferred = _stated(version, row, facts=facts)
        return Observation(
            subject=place.trained_version(version.name, version.number),
            observed_at=at,
            same_as=(subject,),
            facts=VersionFacts(**stated),
            inferred=inferred,
            evidence=place.run_evidence(row.info.experiment_id, row.info.run_id),
        )
    except ValueError as error:
        return unreadable(error, f"{version.name} {version.number}", subject=None)


def _stated(
    version: Reference, row: RunRow, *, facts: TrainingRunFacts
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Facts, and the names of those that are concluded."""
    stated: dict[str, Any] = {
        "source_commit": None if version.commit_stated else facts.source_commit,
        "source_branch": facts.source_branch,
        "repository": facts.repository,
        "datasets": facts.datasets,
        "metrics": tuple(  # validated with the training run
            Metric.model_construct({"name", "value"}, name=name, value=value)
            for name, value in (facts.metrics or {}).items()
        ),
    }
    concluded = {"origin": "in_house", "model_class": model_class(row.data.tags.get(ESTIMATOR, ""))}
    concluded = {name: value for name, value in concluded.items() if value}
    return {n: v for n, v in stated.items() if v} | concluded, tuple(sorted(concluded))


def model_class(estimator: str) -> str | None:
    """By the module that an estimator stands in: `sklearn.ensemble._forest.RandomForest…`."""
    parts = estimator.split(".")
    named = (".".join(parts[:length]) for length in (2, 1))
    return next((CLASSES[name] for name in named if name in CLASSES), None)
