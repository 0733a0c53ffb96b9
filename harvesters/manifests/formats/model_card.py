"""Front matter of READMEs and model cards, as Hugging Face writes it. The text is not read."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from harvesters.manifests.formats.datasets import named_dataset
from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import hold, mappings, one_line, text_of, texts
from harvesters.manifests.formats.tasks import task_of
from harvesters.manifests.formats.texts import TEMPLATE, front_matter, one_document
from schemas.identifiers import Kind

NAMES: Final = (
    "readme.md", "readme.markdown", "modelcard.md", "model_card.md", "model-card.md",
    "*_model_card.md", "*-model-card.md", "*.modelcard.md",
)  # fmt: skip
OF_DATASETS: Final = {
    "annotations_creators", "config_names", "configs", "dataset_info", "multilinguality",
    "pretty_name", "size_categories", "source_datasets", "task_categories", "task_ids",
}  # fmt: skip
OF_MODELS: Final = {"base_model", "library_name", "model-index", "pipeline_tag"}
OF_SPACES: Final = {"app_file", "app_port", "sdk"}
HUB: Final = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)
UNNAMED: Final = {"other", "unknown"}  # a licence that another member names
PLACEHOLDER: Final = re.compile(r"\{[\w ]{1,60}\}", re.ASCII)


def read(raw: bytes, path: str) -> Sequence[Found]:
    """What the front matter says of a model, or of a dataset; nothing without one."""
    del path
    matter = front_matter(raw)
    if matter is None or not matter.strip():
        return []
    try:
        card = one_document(matter, what="front matter")
    except FileRefused as refused:
        if refused.code != "template" and PLACEHOLDER.search(matter.decode(errors="replace")):
            raise FileRefused("template", f"is a template: {refused.message}") from None
        raise
    if TEMPLATE.search(matter) or _is_template(card):
        raise FileRefused("template", "is a template: its front matter holds placeholders")
    if OF_SPACES & card.keys():
        return []  # an application
    if OF_DATASETS & card.keys() and not OF_MODELS & card.keys():
        return [_dataset(card)]
    return _model(card)


def _is_template(card: Mapping[str, Any]) -> bool:
    """`{license}` reads as a mapping of one name to nothing."""
    values = [item for value in card.values() for item in (value, *_inner(value))]
    return any(isinstance(one, dict) and len(one) == 1 and None in one.values() for one in values)


def _inner(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _model(card: Mapping[str, Any]) -> list[Found]:
    lost: list[str] = []
    bases = texts(card.get("base_model"))
    tasks = texts(card.get("pipeline_tag"))
    tags = [*texts(card.get("tags"))]
    tags += [f"language={text}" for text in texts(card.get("language"))]
    tags += [f"library={text}" for text in texts(card.get("library_name"))]
    if len(bases) > 1:  # a merge of several, and a fact holds one
        tags += [f"base_model={text}" for text in bases]
    said = {
        "license": _licence(card),
        "base_model": _base(bases[0]) if len(bases) == 1 else None,
        "task": task_of(tasks[0]) if len(tasks) == 1 else None,
        "tags": [_one_line(text) for text in tags],
        "display_name": _title(card),
        "description": text_of(card.get("description")),
    }
    if tasks and said["task"] is None:
        lost.append(f"task: {tasks[0][:60]} is no task that the catalog has a word for")
    facts, dropped = hold(Kind.MODEL, said, dropped=lost)
    datasets = [named_dataset(text, role="training") for text in texts(card.get("datasets"))]
    if not facts and not dropped:
        return datasets
    return [Found(Kind.MODEL, facts, name=_title(card), dropped=dropped), *datasets]


def _dataset(card: Mapping[str, Any]) -> Found:
    name = one_line(card.get("pretty_name"))
    facts, dropped = hold(Kind.DATASET, {"name": name, "license": _licence(card)})
    return Found(Kind.DATASET, facts, name=name, dropped=dropped, links=({},))


def _licence(card: Mapping[str, Any]) -> str | None:
    """As it is written; `other` is named by another member. How several combine is not said."""
    stated = texts(card.get("license"))
    named = texts(card.get("license_name"))
    if named and (not stated or stated[0].lower() in UNNAMED):
        stated = named
    return _one_line(", ".join(stated)) if stated else None


def _base(text: str) -> str:
    """A model of the hub by its address, anything else as it is written."""
    return f"hf://{text}" if HUB.fullmatch(text) else text


def _title(card: Mapping[str, Any]) -> str | None:
    named = [one_line(card.get("model_name")), one_line(card.get("title"))]
    named += [one_line(one.get("name")) for one in mappings(card.get("model-index"))]
    return next((name for name in named if name), None)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def matches(path: str) -> bool:
    """Is it a README or called a model card?"""
    name = path.rpartition("/")[2].lower()
    return any(fnmatchcase(name, glob) for glob in NAMES)


MODEL_CARD: Final = Format("model_card", matches, read)
