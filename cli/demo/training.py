"""Trains the demo's models: small, and real ones that can be loaded from MLflow again."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, NamedTuple

ROWS: Final = 200
SEED: Final = 7  # the demo is the same every time
ONE_THIRD: Final = 1 / 3


class Maker(NamedTuple):
    """An estimator of scikit-learn, and what it is made with for the n-th version."""

    place: str
    options: Callable[[int], dict[str, Any]]
    problem: str = "classification"
    score: str = "accuracy"


class Trained(NamedTuple):
    """A fitted estimator, and what its training says of itself."""

    model: Any
    features: Any
    params: dict[str, Any]
    metrics: dict[str, float]


MAKERS: Final = {
    "logistic": Maker("linear_model:LogisticRegression", lambda number: {"C": 1 / number}),
    "forest": Maker(
        "ensemble:RandomForestClassifier",
        lambda number: {"n_estimators": 5 * number, "random_state": SEED},
    ),
    "bayes": Maker("naive_bayes:GaussianNB", lambda number: {"var_smoothing": 10.0**-number}),
    "ridge": Maker("linear_model:Ridge", lambda number: {"alpha": 1 / number}, "regression", "r2"),
}


def train(kind: str, number: int) -> Trained:
    """One more version on made-up data."""
    maker = MAKERS[kind]
    made = _sklearn(f"datasets:make_{maker.problem}")
    features, target = made(ROWS, n_features=6, random_state=SEED)
    options = maker.options(number)
    model = _sklearn(maker.place)(**options).fit(features, target)
    metrics = {maker.score: float(model.score(features, target))}
    return Trained(model, features, {"rows": ROWS} | options, metrics)


def too_expensive(model_input: list[float]) -> list[bool]:
    """A model that nobody trained, a rule of the house: more than a third of an income is."""
    return [share > ONE_THIRD for share in model_input]


def _sklearn(place: str) -> Any:
    """Imported when it is used, and without types of its own."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"sklearn.{module}"), name)
