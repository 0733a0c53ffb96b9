"""Which versions refer to which training run, as far as versions were listed."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from harvesters.mlflow.rows import VersionRow

LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
COMMIT_TAG: Final = "catalog.commit"


class Reference(NamedTuple):
    """A version that says which training run made it. Times are the server's milliseconds."""

    name: str
    number: str
    created: int
    commit_stated: bool  # by a tag on the version itself, which a person set

    @classmethod
    def of(cls, row: VersionRow) -> "Reference":
        """What is kept of a row: there may be a million."""
        created = row.creation_timestamp or 0
        return cls(row.name, str(row.version), created, COMMIT_TAG in row.tags)


class References:
    """Versions by training run; those that name only a logged model, by that.

    Filled by whoever lists versions, so that one walk of them serves all scopes of a workspace.
    """

    def __init__(self) -> None:
        """No version was listed."""
        self.first_names: dict[str, str] = {}
        self.clear()

    def clear(self) -> None:
        """Begin anew: a walk begins."""
        self.by_run: defaultdict[str, list[Reference]] = defaultdict(list)
        self.by_logged_model: defaultdict[str, list[Reference]] = defaultdict(list)
        self.newest = 0  # when the newest version was created
        self.complete = False  # every version was listed
        self.walked = False  # what was read of all training runs was told of their versions too
        self.all_read = False  # and that was every training run that the server shows
        self.settled = 0  # what those read that began before was told; in milliseconds
        self.open: dict[str, int] = {}  # training runs that have not ended, by when they began

    def add(self, rows: Iterable[VersionRow]) -> None:
        """Take what a page lists."""
        for row in rows:
            self.newest = max(self.newest, row.creation_timestamp or 0)
            if not self.is_first(row.name):
                continue
            if row.run_id:
                self.by_run[row.run_id].append(Reference.of(row))
            elif logged := LOGGED_MODEL.fullmatch(row.source or ""):
                self.by_logged_model[logged[1]].append(Reference.of(row))

    def is_first(self, name: str) -> bool:
        """Of models whose names have one normal form the first listed is cataloged, no other."""
        if name.isascii():
            return True
        return self.first_names.setdefault(unicodedata.normalize("NFC", name), name) == name

    def of(self, run_id: str) -> Iterable[Reference]:
        """The versions that refer to a training run; an insertion between pages repeats one."""
        return dict.fromkeys(self.by_run.get(run_id, ()))

    def runs_since(self, created: int) -> Iterator[str]:
        """Training runs of versions that are not older than that."""
        return _since(self.by_run, created)

    def logged_models_since(self, created: int) -> Iterator[str]:
        """Logged models of versions that name no training run, likewise."""
        return _since(self.by_logged_model, created)

    def resolve(self, logged_model: str, run_id: str) -> None:
        """A logged model was found to be made by a training run."""
        self.by_run[run_id] += self.by_logged_model.pop(logged_model, ())

    def settle(self, run_ids: Iterable[str], *, all_read: bool, at: int) -> None:
        """These were read and told, together with their versions; `at` is when that began."""
        self.walked, self.all_read, self.settled = True, all_read, at
        for run_id in run_ids:
            self.by_run.pop(run_id, None)


def _since(references: Mapping[str, Iterable[Reference]], created: int) -> Iterator[str]:
    return (name for name, by in references.items() if any(r.created >= created for r in by))
