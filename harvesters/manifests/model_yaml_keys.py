"""The keys of a manifest: which are known where, and what is said of one that is not."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, get_args

from pydantic import BaseModel

from harvesters.errors import shown
from harvesters.manifests import model_yaml_edits as edits
from harvesters.manifests.problems import Edit
from schemas.manifest import ALSO_COMPUTED, COMPUTED, Manifest, Metadata, Spec
from schemas.manifest_use import Use
from schemas.yaml_walk import Document, Path

USE_KEYS: Final = tuple(Use.model_fields)
HOMES: Final[Mapping[str, Sequence[str]]] = {
    "metadata": tuple(Metadata.model_fields),
    "spec": tuple(Spec.model_fields),
}
TOP: Final = ("apiVersion", "kind", *HOMES)
OTHER_WORDS: Final[Mapping[str, tuple[str, str]]] = {  # by which others know what a group has
    "display_name": ("metadata", "title"),
    "displayname": ("metadata", "title"),
    "summary": ("metadata", "description"),
    "tags": ("metadata", "labels"),
    "stage": ("spec", "lifecycle"),
    "status": ("spec", "lifecycle"),
}


class Told(NamedTuple):
    """What is said of one value."""

    code: str
    message: str
    fix: str
    edit: Edit | None = None


def named(path: Path) -> str:
    """A place, as a sentence begins."""
    if not path:
        return "the manifest"
    if isinstance(path[-1], int):
        around = next((part for part in reversed(path) if isinstance(part, str)), "")
        return f"item {path[-1] + 1} of `{_word(around)}`"
    return f"`{_word(path[-1])}`"


def known_keys(path: Path) -> Sequence[str]:
    """The keys that a group may have; none where any may stand."""
    model: type[BaseModel] | None = Manifest
    for part in path:
        if isinstance(part, str) and model is not None:
            field = {_alias(model, name): name for name in model.model_fields}.get(part)
            model = _model_in(model.model_fields[field].annotation) if field else None
    return [_alias(model, name) for name in model.model_fields] if model else ()


@cache
def every_key() -> frozenset[str]:
    """The keys of all groups together."""
    return frozenset(_keys_below(Manifest))


def value_at(value: Any, path: Path) -> Any:
    """What stands at a place; None where nothing does."""
    for part in path:
        value = value[part] if has(value, part) else None
    return value


def has(value: Any, part: str | int) -> bool:
    """Does a list or a group hold this?"""
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def unknown(path: Path, document: Document) -> tuple[Told, Path | None]:
    """A key that is not known here, and the place of the one that it means."""
    key, around = str(path[-1]), path[:-1]
    if _is_computed(key):
        message = f"{named(path)} is computed by the catalog and cannot be stated"
        fix = "remove the key; what it is computed from stands in spec and its uses"
        return Told("computed_field", message, fix, _without_line(path, document)), None
    known = known_keys(around)
    message = f"{named(path)} is not known in {named(around)}"
    if key.isdecimal() and value_at(document.value, path) is None:  # `{warn: 0,74}`
        fix = "write decimals with a point, like 0.74: a comma in braces begins the next key"
        return Told("unknown_key", message, fix), None
    if found := _elsewhere(key, around, document=document):
        fix, meant = found
        return Told("unknown_key", message, fix), meant
    if near := edits.nearest(key, known):
        edit = None
        if near not in value_at(document.value, around) and edits.is_spelling(key, near):
            edit = edits.rename_key(document, path, meant=near)
        return Told("unknown_key", message, f"write `{near}`", edit), (*around, near)
    fix = f"remove it, or begin it with x-; known here: {', '.join(known)}"
    return Told("unknown_key", message, fix), None


def _is_computed(key: str) -> bool:
    near = edits.nearest(key, COMPUTED)
    slip = near is not None and edits.is_spelling(key, near)
    return slip or edits.same(key, ALSO_COMPUTED) is not None


def _elsewhere(key: str, around: Path, *, document: Document) -> tuple[str, Path | None] | None:
    """What to do with a key that is known in another group, or by another word, and where it goes.

    Only in the groups that a key can stray from and into.
    """
    if around not in {(), ("metadata",), ("spec",)}:
        return None
    if key in TOP and around:
        if key in document.value:
            return f"move what it holds into `{key}` of the top level", None
        return "move it to the top level: begin its line, and those below it, further left", (key,)
    home, meant = OTHER_WORDS.get(key.lower().replace("-", "_"), (None, key))
    if home is not None:
        fix = f"write `{meant}`" if around == (home,) else f"move it into {home} as `{meant}`"
        return fix, (home, meant)
    if key in USE_KEYS and key not in HOMES["metadata"]:
        return f"move it into {'spec' if key in HOMES['spec'] else 'an item of uses'}", None
    home = next((one for one, keys in HOMES.items() if key in keys and around != (one,)), None)
    return (f"move it into {home}", (home, key)) if home else None


def _alias(model: type[BaseModel], name: str) -> str:
    return model.model_fields[name].alias or name


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The group that a field holds, directly, in a list or as one of several forms."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_in(one))), None)


def _keys_below(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield _alias(model, name)
        if (inner := _model_in(field.annotation)) is not None:
            yield from _keys_below(inner)


def _word(part: str | int) -> str:
    """A key of the author's, as it can be shown."""
    return shown(part)[:60]


def _without_line(path: Path, document: Document) -> Edit | None:
    """Remove a key with its text, where they stand on a line of their own in a block."""
    if path not in document.ends:
        return None
    begin, end = document.keys[path], document.ends[path]
    beside = value_at(document.value, path[:-1])
    shared = [one for one in beside if document.keys[(*path[:-1], one)].line == begin.line]
    if begin.line != end.line or len(shared) > 1 or len(beside) == 1:
        return None
    if document.key_of(path[:-1]).line == begin.line:
        return None
    return Edit(begin.line, 1, begin.line + 1, 1, "")
