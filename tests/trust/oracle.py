"""What a catalog of a few models should say, in the plainest form: no SQL, no batches, no locks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

ONE: Final = ("description", "display_name", "task", "name")  # fields of which one value holds
PRECEDENCE: Final = {"mlflow-prod": 40, "mlflow-staging": 41, "git": 70}


@dataclass
class Said:
    """What a source says of a model, and when it said it last."""

    facts: dict[str, Any]
    turn: int
    gone: bool = False


@dataclass
class Pinned:
    """A person's value; the later one of two holds."""

    value: Any
    turn: int


@dataclass
class Oracle:
    """Models by the name under which they began; merged ones stand in pairs, the older first."""

    said: dict[tuple[str, str], Said] = field(default_factory=dict)  # by source and model
    pins: dict[tuple[str, str], Pinned] = field(default_factory=dict)  # by model and field
    born: list[str] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)  # the younger → the older
    apart: set[frozenset[str]] = field(default_factory=set)

    def say(self, source: str, model: str, *, facts: dict[str, Any], turn: int) -> None:
        """A source states a model, perhaps for the first time or again."""
        if model not in self.born:
            self.born.append(model)
        self.said[source, model] = Said({"name": model} | facts, turn)

    def entries(self) -> list[str]:
        """The entries that stand for themselves."""
        return [model for model in self.born if model not in self.merged]

    def single(self) -> list[str]:
        """Those that nothing was merged into."""
        return [model for model in self.entries() if model not in self.merged.values()]

    def merge(self, one: str, other: str) -> None:
        """The younger joins the older."""
        older, younger = sorted((one, other), key=self.born.index)
        self.merged[younger] = older

    def part(self, younger: str) -> None:
        """Take a merge back for good."""
        self.apart.add(frozenset({younger, self.merged.pop(younger)}))

    def unpin(self, entry: str, field: str) -> None:
        """A person lets a field go: all pins of it, or another one would take its place."""
        for part in self.parts(entry):
            self.pins.pop((part, field), None)

    def parts(self, entry: str) -> list[str]:
        """The models that an entry stands for."""
        return [entry, *(younger for younger, older in self.merged.items() if older == entry)]

    def speaking(self, entry: str) -> list[tuple[str, Said]]:
        """Live statements; of a retired entry its last ones."""
        parts = self.parts(entry)
        every = [(source, said) for (source, model), said in self.said.items() if model in parts]
        return [one for one in every if not one[1].gone] or every

    def is_gone(self, entry: str) -> bool:
        """Does no source show it any more?"""
        return all(said.gone for _, said in self.speaking(entry))

    def shown(self, entry: str) -> dict[str, Any]:
        """The fields of an entry; one that nobody states is left out."""
        fields: dict[str, Any] = {}
        speaking = self.speaking(entry)
        for name in ONE:
            claims = [(PRECEDENCE[source], one.turn, one.facts[name])
                      for source, one in speaking if name in one.facts]  # fmt: skip
            if claims:
                fields[name] = max(claims, key=lambda claim: claim[:2])[2]
        tags = [one.facts["tags"] for _, one in speaking if "tags" in one.facts]
        if tags:
            fields["tags"] = sorted({tag for each in tags for tag in each})
        return fields | self._pinned(self.parts(entry))

    def _pinned(self, parts: Iterable[str]) -> dict[str, Any]:
        held: dict[str, Pinned] = {}
        for (model, name), pin in self.pins.items():
            if model in parts and (name not in held or held[name].turn < pin.turn):
                held[name] = pin
        return {name: pin.value for name, pin in held.items()}
