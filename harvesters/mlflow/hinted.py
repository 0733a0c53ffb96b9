"""What webhooks of a server hinted at: a few models are read by name, all others stay unread."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from harvesters.mlflow.cursor import SweepCursor
from harvesters.mlflow.names import Place
from harvesters.mlflow.rows import Absent, KnownModel, ModelRow, VersionRow
from schemas.hooks import About, Hint

FOLLOWS: Final[Sequence[About]] = ("model",)
MOST_BY_NAME: Final = 50  # models; beyond that the usual sweep costs less
TAME: Final = re.compile(r"[^'\"\\\x00-\x1f]{1,250}")  # every server's filters take it


class ModelHints:
    """The open hints about one workspace's models, and which of them were followed."""

    def __init__(self, place: Place) -> None:
        """Nothing was hinted at."""
        self.place = place
        self._names: dict[int, tuple[str, ...]] = {}  # of each hint: (model,) or (model, number)
        self._any, self._all = False, False
        self._seen: set[tuple[str, ...]] = set()

    def take(self, hints: Sequence[Hint]) -> None:
        """Those about other workspaces are theirs; one that names nothing is about all."""
        self._any = bool(hints)
        self._names, self._all, self._seen = {}, False, set()
        for one in hints:
            if one.about not in FOLLOWS:
                continue
            named = self.place.names_in(one.thing) if one.thing is not None else ()
            if named is not None:
                self._names[one.id] = named
                self._all = self._all or not named

    @property
    def models(self) -> tuple[str, ...]:
        """The models by name, in the order in which they were told."""
        return tuple(dict.fromkeys(names[0] for names in self._names.values() if names))

    def suffice(self, last: SweepCursor | None, *, now: datetime, within: timedelta) -> bool:
        """Is it enough to read these? None, where all hints are about other places."""
        if not self._any or self._all or len(self.models) > MOST_BY_NAME:
            return False
        fresh = last is not None and now - last.last_full < within
        return fresh and all(TAME.fullmatch(name) for name in self.models)

    def see(self, models: Iterable[ModelRow], versions: Iterable[VersionRow] = ()) -> None:
        """What the server shows."""
        if self._names:
            self._seen.update((row.name,) for row in models)
            self._seen.update((row.name, str(row.version)) for row in versions)

    def settled(self, known: dict[str, KnownModel | Absent]) -> tuple[int, ...]:
        """Those that were followed.

        Of what is not there nobody can tell whether it is gone or has not arrived yet: its hint
        stays open. What is left out, or not shown to this credential, is waited for in vain.
        """
        return tuple(
            number for number, names in self._names.items()
            if not names or names in self._seen or _is_withheld(known.get(names[0]))
        )  # fmt: skip


def _is_withheld(model: KnownModel | Absent | None) -> bool:
    if isinstance(model, KnownModel):
        return not model.kept
    return model is Absent.NOT_READABLE
