"""Asks a registry by name for what its listing lacked: gone, renamed, or there after all."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.client import Registry
from harvesters.mlflow.known import KnownModels
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import Told, observe_model, observe_version
from harvesters.mlflow.rows import Absent, VersionRow
from schemas.harvest import KnownSubject
from schemas.identifiers import Identifier
from schemas.observation import Observation

SLACK: Final = timedelta(minutes=5)  # the last sweep took a while


class Inquiry:
    """What became of subjects that a sweep did not see."""

    def __init__(
        self, registry: Registry, place: Place, *, known: KnownModels, at: datetime, last: int
    ) -> None:
        """Observe as of `at`; `last` is the newest change that the last complete sweep saw."""
        self.registry, self.place, self.known, self.at = registry, place, known, at
        self.changed_since = last - int(SLACK.total_seconds() * 1_000)

    def answers(self, unseen: KnownSubject) -> Iterator[Told]:
        """What is there is observed; what was renamed states its old subject before that is gone.

        A model that is listed but cannot be observed, or is left out now, answers nothing.
        """
        names = self.place.names_in(unseen.subject)
        if names is None:
            return
        model = self.known.look_up(names[0])
        if model is Absent.NOT_READABLE:
            yield Told(not_readable(unseen.subject))
        elif model is Absent.MISSING:
            yield from self._renamed(unseen, *names)
            yield self._gone(unseen.subject)
        elif model.kept:
            yield from self._found(unseen.subject, *names)

    def _renamed(self, unseen: KnownSubject, old: str, /, *numbers: str) -> Iterator[Told]:
        """A version's marker is its model's, so that each subject is answered alone."""
        new = self.known.renamed(old, unseen.marker, changed_since=self.changed_since)
        if new is None:
            return
        if numbers:
            row = self.registry.find_version(new, *numbers)
            if not isinstance(row, Absent):
                yield self._version(row, same_as=(unseen.subject,))
            return
        renamed = self.registry.find_model(new)
        if not isinstance(renamed, Absent):
            yield observe_model(renamed, self.place, at=self.at, same_as=(unseen.subject,))

    def _found(self, subject: Identifier, name: str, /, *numbers: str) -> Iterator[Told]:
        """The model is there; a version of it may not be."""
        if not numbers:
            if row := self.known.asked.get(name):
                yield observe_model(row, self.place, at=self.at)
            return
        version = self.registry.find_version(name, *numbers)
        if version is Absent.MISSING:
            yield self._gone(subject)
        elif version is Absent.NOT_READABLE:
            yield Told(not_readable(subject))
        else:
            yield self._version(version)

    def _version(self, row: VersionRow, *, same_as: tuple[Identifier, ...] = ()) -> Told:
        model = self.known.models[row.name]  # it was listed, or asked for just now
        if isinstance(model, Absent):
            raise SourceRefused("the server shows a version of a model that it does not show")
        return observe_version(row, self.place, at=self.at, model=model, same_as=same_as)

    def _gone(self, subject: Identifier) -> Told:
        return Told(Observation(subject=subject, observed_at=self.at, gone=True))


def not_readable(subject: Identifier | None) -> RecordUnreadable:
    """The server does not show it to this credential, which says nothing about its existence."""
    message = "the server does not let this credential read it"
    return RecordUnreadable("not_readable", message, "", subject)
