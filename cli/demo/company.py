"""The demo's company: five models in a real MLflow registry, as teams would leave them there."""

import sys
from typing import Any, NamedTuple


class Sample(NamedTuple):
    """One registered model of the company."""

    name: str
    description: str
    tags: dict[str, str]
    versions: int
    champion: int | None


MODELS = (
    Sample(
        "churn",
        "Monthly score per contract: how likely the customer leaves.",
        {
            "catalog.owner": "team:retention-ds",
            "domain": "retention",
            "catalog.task": "classification",
        },
        3,
        2,
    ),
    Sample(
        "demand-forecast",
        "Units sold per shop and article for the next eight weeks.",
        {"catalog.owner": "team:supply", "catalog.task": "forecasting"},
        2,
        2,
    ),
    Sample("basket-ranking", "", {"domain": "shop"}, 2, None),
    Sample(
        "fraud",
        "Marks payments that a person should look at.",
        {"catalog.owner": "owner@example.com", "catalog.lifecycle": "production"},
        1,
        1,
    ),
    Sample("price-elasticity", "Registered, never trained.", {}, 0, None),
)


def fill(uri: str) -> None:
    """Register the models, with a training run for each version."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    for sample in MODELS:
        client.create_registered_model(sample.name, sample.tags, sample.description or None)
        experiment = client.create_experiment(sample.name)
        for number in range(1, sample.versions + 1):
            _train(client, experiment, name=sample.name, number=number)
        if sample.champion:
            client.set_registered_model_alias(sample.name, "champion", str(sample.champion))


def _train(client: Any, experiment: str, *, name: str, number: int) -> None:
    run = client.create_run(experiment, run_name=f"{name}-{number}")
    client.log_param(run.info.run_id, "depth", 3 + number)
    client.log_metric(run.info.run_id, "auc", 0.7 + number / 100)
    client.set_terminated(run.info.run_id)
    source = f"{run.info.artifact_uri}/model"
    client.create_model_version(name, source, run.info.run_id, await_creation_for=0)


if __name__ == "__main__":
    fill(sys.argv[1])
