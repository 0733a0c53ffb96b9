"""Asks a registry by name for what its listing lacked: gone, renamed, or there after all."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.mlflow.client import Registry
from harvesters.mlflow.known import KnownModels
from harvesters.mlflow.names import Place
from harvesters.mlflow.observe import Told, model_created, observe_model, observe_version
from harvesters.mlflow.rows import Absent, VersionRow
from harvesters.mlflow.uses import model_in
from schemas.harvest import KnownSubject
from schemas.identifiers import Identifier, Kind
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
        if unseen.subject.kind is Kind.USE:
            yield from self._use(unseen)
            return
        names = self.place.names_in(unseen.subject)
        if names is None:
            return
        model = self.known.look_up(self.known.written(names[0]))
        if model is Absent.NOT_READABLE:
            yield Told(not_readable(unseen.subject))
        elif model is Absent.MISSING:
            yield from self._renamed(unseen, *names)
            yield self._gone(unseen.subject)
        elif model.kept:
            yield from self._found(unseen.subject, model.name, *names[1:])

    def _renamed(self, unseen: KnownSubject, old: str, /, *numbers: str) -> Iterator[Told]:
        """A version's marker is its model's, so that each subject is answered alone."""
        born = model_created(unseen.marker)
        new = self.known.renamed(old, born, changed_since=self.changed_since)
        if new is None:
            return
        if numbers:
            row = self.registry.find_version(new, *numbers)
            if not isinstance(row, Absent):
                yield self._version(row, same_as=(unseen.subject,))
            return
        renamed = self.registry.find_model(new)
        if not isinstance(renamed, Absent):
            told = observe_model(renamed, self.place, at=self.at, same_as=(unseen.subject,))
            yield told._replace(uses=())  # each answers for itself

    def _use(self, unseen: KnownSubject) -> Iterator[Told]:
        """A use stands on tags of its model, which is asked for once more.

        Without a marker, for a name that is too long, nobody can tell: it was not seen.
        """
        if (named := model_in(unseen.marker)) is None:
            return
        created, name = named
        model = self.known.look_up(name)
        if model is Absent.NOT_READABLE:
            yield Told(not_readable(unseen.subject))
        elif model is Absent.MISSING:
            new = self.known.renamed(name, created, changed_since=self.changed_since)
            said = self._uses_of(new) if new is not None else ()
            for use in said or ():
                if use.subject.value.rpartition("/")[2] == unseen.subject.value.rpartition("/")[2]:
                    yield Told(use.model_copy(update={"same_as": (unseen.subject,)}))
            yield self._gone(unseen.subject)
        elif model.kept and (said := self._uses_of(model.name)) is not None:
            found = [Told(use) for use in said if use.subject == unseen.subject]
            yield from found or [self._gone(unseen.subject)]

    def _uses_of(self, name: str) -> Sequence[Observation] | None:
        """What a model says of its uses; None when it does not say what it is."""
        row = self.registry.find_model(name)
        if isinstance(row, Absent):
            return None
        told = observe_model(row, self.place, at=self.at)
        return told.uses if isinstance(told.said, Observation) else None

    def _found(self, subject: Identifier, name: str, /, *numbers: str) -> Iterator[Told]:
        """The model is there; a version of it may not be."""
        if not numbers:
            if row := self.known.asked.get(name):  # else it was listed, and could not be observed
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
