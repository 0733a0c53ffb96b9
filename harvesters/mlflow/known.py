"""What a sweep knows of the models so far: listed, or asked for by name."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from harvesters.mlflow.rows import Absent, KnownModel, ModelRow, is_prompt


class KnownModels:
    """Models by name; one that was not listed is asked for once."""

    def __init__(self, find: Callable[[str], ModelRow | Absent], *, exclude: Sequence[str]) -> None:
        """`find` asks the server; `exclude` are globs on names."""
        self._find, self.exclude = find, exclude
        self.models: dict[str, KnownModel | Absent] = {}
        self.asked: dict[str, ModelRow] = {}
        self.left_out: Counter[str] = Counter()
        self._born: defaultdict[str | None, list[KnownModel]] = defaultdict(list)
        self._previous_names: dict[str, str] = {}

    def add(self, row: ModelRow) -> KnownModel | None:
        """Take a row; None for one that an insertion between pages repeated."""
        if row.name in self.models:
            return None
        reason = "prompts_left_out" if is_prompt(row) else None
        if reason is None and any(fnmatchcase(row.name, glob) for glob in self.exclude):
            reason = "excluded"
        if reason is not None:
            self.left_out[reason] += 1
        known = self.models[row.name] = KnownModel.of(row, kept=reason is None)
        if known.kept and known.created:
            self._born[str(known.created)].append(known)
        return known

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

    def keeps(self, name: str) -> bool:
        """Is it there, and not left out?"""
        model = self.look_up(name)
        return isinstance(model, KnownModel) and model.kept

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
