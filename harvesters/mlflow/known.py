"""What a sweep knows of the models so far: listed, or asked for by name."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from harvesters.mlflow.rows import Absent, KnownModel, ModelRow, is_prompt

COLLISION: Final = "name_collision"


class KnownModels:
    """Models by name; one that was not listed is asked for once."""

    def __init__(self, find: Callable[[str], ModelRow | Absent], *, exclude: Sequence[str]) -> None:
        """`find` asks the server; `exclude` are globs on names."""
        self._find, self.exclude = find, exclude
        self.models: dict[str, KnownModel | Absent] = {}
        self.asked: dict[str, ModelRow] = {}
        self.left_out: Counter[str] = Counter()
        self.colliding: list[str] = []
        self._written: dict[str, str] = {}  # names in normal form, as identifiers hold them
        self._born: defaultdict[str | None, list[KnownModel]] = defaultdict(list)
        self._previous_names: dict[str, str] = {}

    def add(self, row: ModelRow) -> KnownModel | None:
        """Take a row; None for one that an insertion between pages repeated."""
        if row.name in self.models:
            return None
        reason = self._why_not(row)
        if reason is not None:
            self.left_out[reason] += 1
        known = self.models[row.name] = KnownModel.of(row, kept=reason is None)
        if known.kept and known.created:
            self._born[str(known.created)].append(known)
        return known

    def leave_out_prompts(self, count: int) -> None:
        """So many there are; an old server lists them among the models, too."""
        self.left_out["prompts_left_out"] = max(count, self.left_out["prompts_left_out"])

    def look_up(self, name: str) -> KnownModel | Absent:
        """A listed model, else what the server answers when asked by name."""
        if name not in self.models:
            found = self._find(name)
            if isinstance(found, Absent):
                self.models[name] = found
            else:
                self.asked[name] = found
                self.add(found)
        return self.models[name]

    def written(self, name: str) -> str:
        """A name as the server writes it; the catalog knows its normal form."""
        return self._written.get(name, name)

    def keeps(self, name: str) -> bool:
        """Is it there, and not left out?"""
        model = self.look_up(name)
        return isinstance(model, KnownModel) and model.kept

    def _why_not(self, row: ModelRow) -> str | None:
        """Why a row is left out, if it is; of two names with one normal form the first is kept."""
        if is_prompt(row):
            return "prompts_left_out"
        if any(fnmatchcase(row.name, glob) for glob in self.exclude):
            return "excluded"
        if not row.name.isascii():
            first = self._written.setdefault(unicodedata.normalize("NFC", row.name), row.name)
            if first != row.name:
                self.colliding.append(row.name)
                return COLLISION
        return None

    def renamed(self, old: str, marker: str | None, *, changed_since: int) -> str | None:
        """What a missing model is called now, if exactly one can be it.

        A rename keeps the time of creation and counts as a change. Two models may have been
        created in one millisecond: one that has not changed since the last sweep was there before.
        """
        born = self._born.get(marker, ())
        candidates = [model.name for model in born if model.updated >= changed_since]
        if len(candidates) != 1:
            return None
        new = candidates[0]
        return new if self._previous_names.setdefault(new, old) == old else None
