"""Uses of a model, as tags on it name them: each is an entry of its own below the model."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from harvesters.dropped import Dropped
from harvesters.mlflow.names import identifier
from harvesters.mlflow.tags import PREFIX, USE, read_catalog_tags, split_list
from schemas.facts import UseFacts
from schemas.identifiers import Identifier, Kind, encode_segment, fold_name
from schemas.observation import Evidence, Observation
from schemas.values import Line

NAMES: Final = "use"  # the tag that lists them
UNDECLARED: Final = "(undeclared)"  # the use that facts belong to while none is named
LONGEST_MARKER: Final = 200
KEYS: Final = frozenset({NAMES, *USE.by_key})


class Uses(NamedTuple):
    """What the tags of one model say about its uses."""

    declared: tuple[str, ...] | None  # None: there is no such tag
    stated: Mapping[str, Any]  # facts of the only use
    dropped: tuple[Dropped, ...] = ()

    def named(self) -> tuple[str, ...]:
        """The uses that become entries: the declared ones, or the implicit one of stated facts."""
        return self.declared or ((UNDECLARED,) if self.stated else ())


class UsedModel(NamedTuple):
    """The model that uses stand below."""

    subject: Identifier
    natural: str
    marker: str | None
    evidence: Evidence | None


def read_uses(tags: Mapping[str, str]) -> Uses:
    """Facts of a use go to the one that is declared; of several it is not known which."""
    about_uses = {key: text for key, text in tags.items() if key.removeprefix(PREFIX) in KEYS}
    stated, dropped = read_catalog_tags(about_uses, USE, beside={NAMES})
    tag = tags.get(f"{PREFIX}{NAMES}")
    if tag is None:
        return Uses(None, stated, tuple(dropped))
    declared: dict[str, str] = {}
    for name in split_list(tag):
        try:
            TypeAdapter(Line).validate_python(name)
        except ValidationError as error:
            why = error.errors(include_url=False, include_input=False)[0]["msg"]
            dropped.append(Dropped("catalog_tag_unusable", f"{PREFIX}{NAMES}: {why}"))
        else:
            declared.setdefault(fold_name(encode_segment(name)), name)
    if len(declared) > 1:
        keys = [key for key in sorted(about_uses) if key != f"{PREFIX}{NAMES}"]
        dropped = [one for one in dropped if one.about.startswith(f"{PREFIX}{NAMES}:")]
        dropped += (_ambiguous(key, uses=tuple(declared.values())) for key in keys)
        stated = {}
    return Uses(tuple(declared.values()), stated, tuple(dropped))


def observe_uses(uses: Uses, model: UsedModel, *, at: Any) -> Sequence[Observation]:
    """An observation for each use. Raises `ValueError` for names that no identifier can hold."""
    return [
        Observation(
            subject=identifier(Kind.USE, "name", value=f"{model.natural}/{encode_segment(name)}"),
            observed_at=at,
            facts=UseFacts(model=model.subject, name=name, **uses.stated),
            evidence=model.evidence,
            marker=model.marker,
        )
        for name in uses.named()
    ]


def marker_of_use(created: int | None, name: str) -> str | None:
    """By which the use of a model is found when it is not seen: the model, as its server has it."""
    marker = f"{created or ''} {name}"
    return marker if len(marker) <= LONGEST_MARKER else None


def model_in(marker: str | None) -> tuple[str | None, str] | None:
    """(when it was created, what it is called) in the marker of a use."""
    created, _, name = (marker or "").partition(" ")
    return (created or None, name) if name else None


def _ambiguous(key: str, *, uses: Sequence[str]) -> Dropped:
    of = ", ".join(uses)[:200]
    return Dropped("ambiguous_use", f"{key}: says not which of the uses it is about: {of}")
