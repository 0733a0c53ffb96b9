"""What training runs say, as observations: pure, one run at a time."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from sys import float_info
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped, reason, warnings_of
from harvesters.errors import RecordUnreadable, shown
from harvesters.mlflow.datasets import ReadDataset, read_datasets
from harvesters.mlflow.names import Place, identifier
from harvesters.mlflow.observe import unreadable
from harvesters.mlflow.rows import RunRow
from harvesters.mlflow.tags import (
    TRAINING_RUN,
    read_catalog_tags,
    read_tags,
)
from harvesters.mlflow.texts import is_line, is_text, read_moment
from schemas.canonical import canonical_commit
from schemas.facts import TrainingRunFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation

MOST_LOGGED: Final = 200  # parameters, metrics
ENDED: Final = {"FINISHED", "FAILED", "KILLED"}
USE: Final = "use"
GIT: Final = "mlflow.source.git."
USERINFO: Final = re.compile(r"https?://[^/@\s]+@")


class RunTold(NamedTuple):
    """What a training run says, the datasets that it read, and what was left out."""

    said: Observation | RecordUnreadable
    datasets: tuple[ReadDataset, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def is_open(row: RunRow) -> bool:
    """May more be logged to it?"""
    return row.info.status not in ENDED


def observe_run(row: RunRow, place: Place, *, at: datetime) -> RunTold:
    """A training run; what cannot be held of it is dropped alone, and counted."""
    subject: Identifier | None = None
    info = row.info
    try:
        subject = place.training_run(info.run_id)
        reading = _Reading(row, place, at=at)
        datasets, unread = read_datasets(
            row.inputs.dataset_inputs if row.inputs else (), place, experiment=info.experiment_id
        )
        dropped = (*reading.dropped, *unread)
        observation = Observation(
            subject=subject,
            observed_at=at,
            facts=TrainingRunFacts(
                **reading.facts,
                datasets=tuple(one.link for one in datasets),
                warnings=warnings_of(dropped),
            ),
            evidence=place.run_evidence(info.experiment_id, info.run_id),
        )
    except ValueError as error:
        return RunTold(unreadable(error, info.run_id, subject=subject))
    return RunTold(observation, tuple(datasets), dropped)


class _Reading:
    """Reads one training run; collects its facts and what was dropped."""

    def __init__(self, row: RunRow, place: Place, *, at: datetime) -> None:
        self.place, self.at = place, at
        self.dropped: list[Dropped] = []
        self.facts: dict[str, Any] = {}
        tags = row.data.tags
        self._info(row)
        self._tags(tags)
        self._code(tags)
        self._logged(row)

    def _info(self, row: RunRow) -> None:
        info = row.info
        self.facts |= {
            "name": self._line(info.run_name, "run name"),
            "experiment": info.experiment_id or None,
            "status": info.status or None,
            "lifecycle": info.lifecycle_stage or None,
        }
        self._moment("started_at", info.start_time or 0)
        if info.end_time is None:
            self.facts["ended_at"] = None
        else:
            self._moment("ended_at", info.end_time)

    def _tags(self, tags: Mapping[str, str]) -> None:
        self.facts["created_by"] = self._line(tags.get("mlflow.user"), "mlflow.user")
        self.facts["source_name"] = self._line(tags.get("mlflow.source.name"), "mlflow.source.name")
        self.facts["parent"] = self._thing(
            "parent", tags.get("mlflow.parentRunId", ""), read=self.place.training_run
        )
        self.facts["tags"], odd = read_tags(tags)
        self.dropped += odd

    def _code(self, tags: Mapping[str, str]) -> None:
        """`catalog.commit` outranks what the client found out by itself."""
        address = tags.get(f"{GIT}repoURL", "")
        if USERINFO.match(address):
            self.dropped.append(Dropped("userinfo_dropped", f"{GIT}repoURL holds a credential"))
        self.facts["repository"] = self._thing("repository", address, read=_repository)
        self.facts["source_branch"] = self._line(tags.get(f"{GIT}branch"), f"{GIT}branch")
        self.facts["source_commit"] = canonical_commit(tags.get(f"{GIT}commit", ""))
        tagged, unread = read_catalog_tags(tags, TRAINING_RUN, beside={USE})
        self.facts |= tagged
        self.dropped += unread
        if f"catalog.{USE}" in tags:
            why = "a training run has no use; set the tag on its registered model"
            self.dropped.append(Dropped("catalog_tag_not_read", f"catalog.{USE}: {why}"))

    def _logged(self, row: RunRow) -> None:
        params = self._first("param", row.data.params, fits=is_text)
        metrics = self._first("metric", row.data.metrics)
        self.facts["params"] = params
        self.facts["metrics"] = {key: self._finite(key, value) for key, value in metrics.items()}
        outputs = row.outputs.model_outputs if row.outputs else ()
        self.facts["logged_models"] = tuple(
            self.place.logged_model(one.model_id) for one in outputs if is_line(one.model_id)
        )

    def _first(
        self,
        what: str,
        logged: Mapping[str, Any],
        *,
        fits: Callable[[Any], bool] = lambda _: True,
    ) -> dict[str, Any]:
        """By name, as many as are kept; those that no fact can hold are dropped."""
        kept: dict[str, Any] = {}
        for key in sorted(logged):
            if not is_line(key) or not fits(logged[key]):
                why = "is too long, or holds a character that no text may hold"
                self.dropped.append(Dropped(f"{what}_dropped", f"{what} {shown(key)[:100]} {why}"))
            elif len(kept) < MOST_LOGGED:
                kept[key] = logged[key]
            else:
                why = f"there are more than {MOST_LOGGED} {what}s; the first by name are kept"
                self.dropped.append(Dropped(f"{what}_beyond_{MOST_LOGGED}", why))
        return kept

    def _finite(self, key: str, value: float) -> float | None:
        """Infinity arrives as the largest number there is."""
        if isfinite(value) and abs(value) < float_info.max:
            return float(value)
        why = f"metric {shown(key)[:100]} is not a finite number"
        self.dropped.append(Dropped("metric_not_finite", why))
        return None

    def _line(self, text: str | None, what: str) -> str | None:
        if not text or is_line(text):
            return text or None
        why = f"{what} is too long, not on one line, or holds a character that no text may hold"
        self.dropped.append(Dropped("text_dropped", why))
        return None

    def _moment(self, fact: str, milliseconds: int) -> None:
        moment = read_moment(milliseconds, at=self.at)
        if moment is not None:
            self.facts[fact] = moment
        else:
            why = f"{fact}: {milliseconds} is no time between 1990 and tomorrow, in milliseconds"
            self.dropped.append(Dropped("time_dropped", why))

    def _thing(
        self, fact: str, text: str, *, read: Callable[[str], Identifier]
    ) -> Identifier | None:
        """Another thing that a tag names."""
        try:
            return read(text) if text else None
        except ValueError as error:
            self.dropped.append(Dropped(f"{fact}_dropped", f"{fact} {reason(error)}"))
            return None


def _repository(text: str) -> Identifier:
    return identifier(Kind.REPOSITORY, "url", value=text)
