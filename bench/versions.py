"""Made-up models and versions as bodies of requests: 12 facts and 4 references a version."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from bench.catalog import SOURCE

AT: Final = "2026-11-20T12:00:00Z"
A_MODEL: Final = 20  # versions
REPOSITORIES, DATASETS = 250, 1_000
BATCH: Final = 1_000


class Part(NamedTuple):
    """The models that one client speaks about."""

    models: range

    @property
    def observations(self) -> int:
        """Of models and versions together."""
        return len(self.models) * (1 + A_MODEL)

    def bodies(self) -> list[bytes]:
        """Requests of at most 1,000 observations: all models, then all versions, as a sweep."""
        models = [model(number) for number in self.models]
        versions = (version(m, n) for m in self.models for n in range(1, A_MODEL + 1))
        return [*_bodies(models), *_bodies(versions)]


def parts(versions: int, *, clients: int) -> list[Part]:
    """So many versions, shared out by model."""
    return [Part(range(n, versions // A_MODEL, clients)) for n in range(clients)]


def model(number: int) -> dict[str, Any]:
    """A registered model."""
    name = f"model-{number:06}"
    return {
        "subject": _identifier("model", "mlflow", value=f"{SOURCE}/default/{name}"),
        "observed_at": AT,
        "same_as": [_identifier("model", "name", value=f"retail/{name}")],
        "facts": {
            "namespace": "retail",
            "name": name,
            "description": f"{name}: how likely a customer leaves, by contract and month.",
            "tags": [f"domain={number % 40}", f"team={number % 300}"],
        },
    }


def version(of_model: int, number: int) -> dict[str, Any]:
    """A version of it, with a training run of its own; models share repositories and datasets."""
    place = of_model * A_MODEL + number
    of = f"{SOURCE}/default/model-{of_model:06}"
    dataset = _identifier("dataset", "uri", value=f"s3://lake/tables/{of_model % DATASETS}")
    repository = f"https://github.com/acme/models-{of_model % REPOSITORIES}"
    return {
        "subject": _identifier("version", "mlflow", value=f"{of}/{number}"),
        "observed_at": AT,
        "facts": {
            "model": _identifier("model", "mlflow", value=of),
            "training_run": _identifier(
                "training_run", "mlflow", value=f"{SOURCE}/default/{place:032x}"
            ),
            "repository": _identifier("repository", "url", value=repository),
            "datasets": [{"dataset": dataset, "role": "training", "digest": f"mlflow:{place:08x}"}],
            "number": str(number),
            "description": f"Trained on everything until month {number}.",
            "stage": "Staging" if number % 3 else None,
            "status": "READY",
            "tags": [f"auc=0.{place % 10_000:04}", f"seed={place % 97}"],
            "source_uri": f"mlflow-artifacts:/{of_model}/{place:032x}/artifacts/model",
            "source_commit": f"{place:040x}",
            "source_branch": "main",
            "framework": "sklearn",
            "size_bytes": 1_000_000 + place,
            "created_by": f"trainer-{of_model % 50}",
            "created_at": f"2026-{1 + number % 12:02}-15T08:00:00Z",
        },
    }


def _identifier(kind: str, scheme: str, *, value: str) -> dict[str, str]:
    return {"kind": kind, "scheme": scheme, "value": value}


def _bodies(observations: Iterable[Any]) -> Iterator[bytes]:
    left = iter(observations)
    while batch := list(islice(left, BATCH)):
        yield json.dumps({"observations": batch}).encode()
