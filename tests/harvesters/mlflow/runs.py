"""A workspace's training runs, read by both of their scopes into a catalog that remembers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from harvesters.mlflow.client import Registry
from harvesters.mlflow.experiments import ExperimentWalk
from harvesters.mlflow.names import Place
from harvesters.mlflow.training import TrainingSweep
from harvesters.runner import harvest
from schemas.harvest import HarvestReport
from tests.harvesters.mlflow.conftest import Catalog

GIT = "mlflow.source.git."


class Runs:
    """Harvests `experiments` and `training_runs` one after the other, as the factory does."""

    def __init__(
        self,
        place: Place,
        *,
        exclude: Sequence[str] = (),
        secrets: Sequence[str] = (),
        days: int | None = None,
    ) -> None:
        """Nothing is known in the catalog of either scope."""
        self.days = days
        self.place, self.exclude, self.secrets = place, exclude, secrets
        self.walked, self.referenced = Catalog(), Catalog()
        self.ticks, self.later = count(), timedelta()

    def harvest(
        self, *, later: timedelta = timedelta(), listed: bool = True, walk: bool = True
    ) -> list[HarvestReport]:
        """Harvest so much later than last time; `listed` is what the registry's sweep does."""
        self.later += later
        registry = Registry(self.place.uri, workspace=self.place.workspace, secrets=self.secrets)
        if listed:
            for _ in registry.versions():
                pass
        options: Mapping[str, Any] = {"exclude": self.exclude, "clock": self.now}
        done = []
        if walk:
            done.append(
                harvest(
                    ExperimentWalk(registry, self.place, days=self.days, **options), self.walked
                )
            )
        done.append(harvest(TrainingSweep(registry, self.place, **options), self.referenced))
        return done

    def now(self) -> datetime:
        """A clock that never stands still."""
        return datetime.now(UTC) + self.later + timedelta(microseconds=next(self.ticks))

    def posted(self) -> list[str]:
        """What the last harvest sent, without source and workspace."""
        said = [*self.walked.posted, *self.referenced.posted]
        return sorted(f"{one.subject.scheme}:{self.short(one.subject.value)}" for one in said)

    def facts(self, value: str) -> dict[str, Any]:
        """What is stated about the thing whose identifier ends so."""
        facts = self.said(value).facts.model_dump(mode="json", exclude_unset=True)
        assert isinstance(facts, dict)
        return facts

    def said(self, value: str) -> Any:
        """What is current about it, in either scope."""
        known = self.walked.current | self.referenced.current
        return next(one for subject, one in known.items() if subject.value.endswith(value))

    def short(self, value: str) -> str:
        """An identifier without source and workspace."""
        return value.removeprefix(f"{self.place.source}/{self.place.workspace}/")
