"""Plays the demo's company towards a real MLflow server: what teams do in it, step by step."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from cli.demo.samples import CREDIT, SAMPLES, Sample
from cli.demo.training import too_expensive, train

TREE: Final = "sklearn.tree._tree.Tree"  # MLflow wants to be told that this file may be believed


def fill(client: Any) -> None:
    """Register the models with their versions, and try out what is never registered."""
    import mlflow

    client.create_workspace(CREDIT)
    for sample in SAMPLES:
        mlflow.set_workspace(sample.workspace)
        _register(client, sample)
    mlflow.set_workspace(None)
    _explore(client)


def change(client: Any) -> None:
    """What happens in a month: a model goes, one is renamed, one begins anew, one is promoted."""
    import mlflow

    mlflow.set_workspace(None)
    client.delete_registered_model("coupon-uplift")
    client.rename_registered_model("fraud", "payment-fraud")
    client.delete_registered_model("delivery-time")
    anew = next(sample for sample in SAMPLES if sample.name == "delivery-time")
    _register(client, anew._replace(description="Days until the parcel arrives, second attempt."))
    client.set_registered_model_alias("churn", "champion", "3")


def release(client: Any, commit: str) -> dict[str, str]:
    """One more version of churn, trained at a commit; answers what a CI job passes on."""
    import mlflow

    mlflow.set_workspace(None)
    churn = SAMPLES[0]
    experiment = client.get_experiment_by_name(churn.name).experiment_id
    number = churn.versions + 1
    run = _log(churn, experiment, number=number, commit=commit)
    client.set_registered_model_alias(churn.name, "champion", str(number))
    version = client.get_model_version(churn.name, str(number))
    logged = client.get_logged_model(version.source.rpartition("/")[2])
    return {"version": str(number), "run": run, "location": logged.artifact_location}


def _register(client: Any, sample: Sample) -> None:
    client.create_registered_model(sample.name, dict(sample.tags), sample.description or None)
    if sample.versions:
        found = client.get_experiment_by_name(sample.name)
        experiment = found.experiment_id if found else client.create_experiment(sample.name)
        for number in range(1, sample.versions + 1):
            _log(sample, experiment, number=number)
    if sample.champion:
        client.set_registered_model_alias(sample.name, "champion", str(sample.champion))


def _log(sample: Sample, experiment: str, *, number: int, commit: str | None = None) -> str:
    """One training run that logs a model and registers it as a version; answers its id."""
    import mlflow
    from mlflow.data.numpy_dataset import from_numpy

    options: dict[str, Any] = {
        "name": "model", "registered_model_name": sample.name, "await_registration_for": 0,
        "pip_requirements": ["mlflow"],  # else it takes half a minute to find out
    }  # fmt: skip
    named = f"{sample.name}-{number}"
    tags = _origin(sample, commit)
    with mlflow.start_run(experiment_id=experiment, run_name=named, tags=tags) as run:
        if sample.kind == "rule":
            mlflow.pyfunc.log_model(python_model=too_expensive, **options)
            return str(run.info.run_id)
        trained = train(sample.kind, number)
        mlflow.log_params(trained.params)
        mlflow.log_metrics(trained.metrics)
        if sample.dataset:
            named = Path(sample.dataset).stem
            table = from_numpy(trained.features, source=sample.dataset, name=named)
            said = {"catalog.uri": sample.dataset}
            mlflow.log_input(table, context="training", tags=said)
        signature = mlflow.models.infer_signature(trained.features)
        mlflow.sklearn.log_model(
            trained.model, signature=signature, skops_trusted_types=[TREE], **options
        )
    return str(run.info.run_id)


def _origin(sample: Sample, commit: str | None) -> dict[str, str]:
    """What MLflow notes by itself of a run that is started in a clone of a repository."""
    url, commits = json.loads(sys.argv[2])
    if not sample.repository:
        return {}
    return {
        "mlflow.source.git.repoURL": f"{url}/{sample.repository}.git",
        "mlflow.source.git.commit": commit or commits[sample.repository],
        "mlflow.source.git.branch": "main",
    }


def _explore(client: Any) -> None:
    """Training runs that no version came of: three tried sizes, and one that failed."""
    experiment = client.create_experiment("basket-ranking-tuning")
    for size in (1, 2, 3):
        run = client.create_run(experiment, run_name=f"size-{size}")
        client.log_param(run.info.run_id, "size", size)
        client.log_metric(run.info.run_id, "accuracy", 0.7 + size / 100)
        client.set_terminated(run.info.run_id, "FAILED" if size == 3 else "FINISHED")  # noqa: PLR2004


def main() -> None:
    """Take each step when standard input says so, and say on standard output when it is done."""
    import mlflow.pyfunc
    import mlflow.sklearn

    mlflow.set_tracking_uri(sys.argv[1])
    client = mlflow.MlflowClient(sys.argv[1], sys.argv[1])
    steps: dict[str, Any] = {"fill": fill, "change": change, "release": release}
    for line in sys.stdin:
        step, *told = line.split()
        said = steps[step](client, *told)
        print("done", json.dumps(said), flush=True)  # noqa: T201  # the demo waits for it


if __name__ == "__main__":
    main()
